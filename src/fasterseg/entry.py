"""Where the command begins, before anything is imported that takes a moment or is not there.

Until the command itself can tell what stopped it, that is told here.
"""

from __future__ import annotations

import sys

from fasterseg.current_folder import require_here
from fasterseg.errors import EnvironmentFault, Interrupted
from fasterseg.platforms import require_supported


def main() -> int:
    """Run the command that this process's words name; return the exit code."""
    try:
        require_supported()
        require_here()
        from fasterseg.cli import main as answer
    except EnvironmentFault as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("Stopped on request.\n  why:   nothing had begun yet\n")
        return Interrupted.exit_code
    return answer()
