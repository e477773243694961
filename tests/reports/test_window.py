from datetime import UTC, datetime, timedelta, timezone

import pytest

from reports.window import midnight, point

_INDIA = timezone(timedelta(hours=5, minutes=30))
_NOW = datetime(2026, 11, 23, 15, 45, 12, tzinfo=_INDIA)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("today", datetime(2026, 11, 22, 18, 30, tzinfo=UTC)),  # midnight in India
        ("2026-11-01", datetime(2026, 10, 31, 18, 30, tzinfo=UTC)),
        ("2026-11-01T12:00", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00:00+01:00", datetime(2026, 11, 1, 11, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 16, 10, 15, 12, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 22, 10, 15, 12, tzinfo=UTC)),
    ],
)
def test_points_in_time(text: str, moment: datetime) -> None:
    assert point(text, _NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7 days", "2026-13-01", "99999d9", "99999d"])
def test_what_names_no_moment_is_refused(text: str) -> None:
    if text == "99999d":  # 273 years ago is a moment
        assert point(text, _NOW).year == 1753
        return
    with pytest.raises(ValueError, match=r"^not a date: .*; write 2026-11-23"):
        point(text, _NOW)


def test_midnight_is_local() -> None:
    assert midnight(_NOW) == datetime(2026, 11, 23, tzinfo=_INDIA)
