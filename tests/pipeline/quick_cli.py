"""The command line, with whole networks timed for milliseconds where it would take seconds."""

import sys

from fasterseg.cli import main


def hurry() -> None:
    """Time in few and short windows; nothing that is checked here depends on the figures."""
    from fasterseg.deploy.benchmark import on_target
    from fasterseg.searching import procedure

    on_target.WINDOWS, on_target.WINDOW_SECONDS, on_target.ATTEMPTS = 3, 0.01, 1
    assert procedure.search.__kwdefaults__["random_subnets"] == procedure.RANDOM_SUBNETS
    procedure.search.__kwdefaults__["random_subnets"] = 1


if __name__ == "__main__":
    if "--unhurried" in sys.argv:
        sys.argv.remove("--unhurried")
    else:
        hurry()
    sys.exit(main())
