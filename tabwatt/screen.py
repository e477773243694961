"""The live screen with its two sources."""

import signal
import sys
from datetime import datetime
from pathlib import Path

from tabwatt.errors import UsageError
from tabwatt.look import live_source, snapshot_source
from tabwatt.settings import Settings


def show(home: Path, settings: Settings, endpoint: str | None) -> None:
    """Show the screen until it is left; raises `UsageError` where there is no terminal."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise UsageError("the screen needs a terminal; use 'tabwatt serve' without one")
    from tui.app import LiveApp

    read = snapshot_source(
        settings.store_url or home / "ledger.db", lambda: datetime.now().astimezone()
    )
    live = live_source(endpoint, settings.token) if endpoint else lambda: None
    app = LiveApp(
        read=read,
        live=live,
        endpoint=endpoint,
        ascii_only=(sys.stdout.encoding or "").lower() not in {"utf-8", "utf8"},
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: app.exit())  # give the terminal back as it was
    app.run()
