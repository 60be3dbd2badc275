"""The command line, with whole networks timed for milliseconds where it would take seconds."""

import sys

from fasterseg.cli import main


def hurry() -> None:
    """Time in few and short windows; nothing that is checked here depends on the figures."""
    from fasterseg.deploy.benchmark import on_target
    from fasterseg.pipeline import searching

    on_target.WINDOWS, on_target.WINDOW_SECONDS, on_target.ATTEMPTS = 3, 0.01, 1
    searching.RANDOM_SUBNETS = 1


if __name__ == "__main__":
    if "--unhurried" in sys.argv:
        sys.argv.remove("--unhurried")
    else:
        hurry()
    sys.exit(main())
