"""Points in time as people type them: `2026-11-23`, `2026-11-23T10:00`, `today`, `7d`."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,5})([dh])")


def midnight(now: datetime) -> datetime:
    """The start of the day that `now` lies in, in the time zone of `now`."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def point(text: str, now: datetime) -> datetime:
    """The moment that `text` names, in UTC; ValueError when it names none.

    A date is its first moment and a time without a zone is local, both in the zone of `now`
    (aware). `7d` and `24h` are that long before `now`.
    """
    ago = _AGO.fullmatch(text)
    try:
        if text == "today":
            return midnight(now).astimezone(UTC)
        if ago is not None:
            amount = int(ago[1])
            step = timedelta(days=amount) if ago[2] == "d" else timedelta(hours=amount)
            return (now - step).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else _local(found, now)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"not a date: {text!r}; write 2026-11-23, 2026-11-23T10:00, today, 7d or 24h"
        ) from None


def _local(naive: datetime, now: datetime) -> datetime:
    return naive.replace(tzinfo=now.tzinfo)
