"""``python -m fasterseg``: the same as the command."""

from __future__ import annotations

import sys

from fasterseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
