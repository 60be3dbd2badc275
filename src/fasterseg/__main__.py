"""``python -m fasterseg``: the same as the command.

``-m`` lets Python import from the current folder before all else, where files of strangers may lie.
What it imports before it comes here cannot be helped: ``fasterseg``, ``python -P -m fasterseg`` and
``python -I -m fasterseg`` never look there.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        here = sys.path.pop(0)
        if os.path.realpath(f"{here}/fasterseg/__main__.py") == os.path.realpath(__file__):
            sys.path.append(here)  # where the package itself lies
    from fasterseg.entry import main

    sys.exit(main())
