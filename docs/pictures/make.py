"""Makes the README's picture of the live screen from the demo: `make pictures`."""

import asyncio
import os
import sys
import tempfile
import threading
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tabwatt.child import proxy
from tabwatt.demo.stage import Stage, upstream_flags
from tabwatt.look import live_source, snapshot_source
from tui.app import LiveApp
from tui.picture import svg

SECONDS = 45.0
SIZE = (100, 30)


def main() -> None:
    """Let the demo's editors work for a while, then take the picture while they go on."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        env = {k: v for k, v in os.environ.items() if not k.startswith("TABWATT_")}
        stage = Stage(seconds=None, rate=2.0, seed=7)
        flags = upstream_flags
        with stage, proxy(["--port", "0", *flags(stage.url)], env | {"TABWATT_HOME": folder}) as up:
            assert up.reverse is not None
            stage.play(up.reverse)
            threading.Event().wait(SECONDS)
            app = LiveApp(
                read=snapshot_source(home / "ledger.db", lambda: datetime.now().astimezone()),
                live=live_source(up.reverse, None),
                endpoint="http://127.0.0.1:8229",
            )
            picture = asyncio.run(svg(app, *SIZE, looks=2))
    target = Path(__file__).with_name("live.svg")
    target.write_text(picture, encoding="utf-8")
    print(f"{target.name}: {len(picture) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
