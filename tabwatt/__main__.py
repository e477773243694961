"""The front door: puts our packages first on the path and calls the command line.

In a wheel they live in `tabwatt/lib/`, so that a user's own `proxy.py` cannot take the place of
ours; in a checkout they stand beside this package. Importing this module does neither.
"""

import sys
from pathlib import Path


def main() -> int:
    """Run the command line; the exit code is the answer."""
    here = Path(__file__).resolve().parent
    lib = here / "lib"
    sys.path.insert(0, str(lib if lib.is_dir() else here.parent))
    from tabwatt.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
