"""The command line, with whole networks timed for milliseconds where it would take seconds."""

import sys
from dataclasses import replace

from fasterseg.cli import main

SLOW_MS = 200.0
"""A network of so many milliseconds an image is run once a window."""


def hurry() -> None:
    """Time in few and short windows; nothing that is checked here depends on the figures."""
    from fasterseg.deploy.benchmark import on_target
    from fasterseg.deploy.benchmark.measuring import Meter, WindowSettings
    from fasterseg.searching import procedure

    on_target.WINDOWS, on_target.WINDOW_SECONDS, on_target.ATTEMPTS = 3, 0.01, 1
    usual, once = on_target.windows_for, WindowSettings(windows=3, queries=1, warmup_runs=1)
    on_target.windows_for = lambda ms: usual(ms) if ms < SLOW_MS else once
    defaults = Meter.session.__kwdefaults__
    defaults["settings"] = replace(defaults["settings"], queries=2)
    assert procedure.search.__kwdefaults__["random_subnets"] == procedure.RANDOM_SUBNETS
    procedure.search.__kwdefaults__["random_subnets"] = 1


if __name__ == "__main__":
    if "--unhurried" in sys.argv:
        sys.argv.remove("--unhurried")
    else:
        hurry()
    sys.exit(main())
