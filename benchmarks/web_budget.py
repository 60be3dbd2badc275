"""Searches a network for a browser's budget, with a headless Chromium as the device.

The run waits for each kit as it would for a person who carries it to a browser and back; here a
browser is started for it.  Printed is whether what was measured there meets the budget, which is
the exit code too.

    python benchmarks/web_budget.py --run runs/browser --recipe demo --budget 40ms
    python benchmarks/web_budget.py --run /tmp/tiny --recipe tests/pipeline/tiny.yaml --budget 60%
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fasterseg.cli import main as fasterseg
from fasterseg.errors import Interrupted
from fasterseg.kit.hosts import answered
from fasterseg.kit.kept import kit_of
from fasterseg.kit.manifest import MANIFEST_FILE
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from browser_device import measure_in_browser

MOST_ROUNDS = 8
TARGET = ("target.backend=onnxruntime-web", "target.threads=1", "target.tail=graph")


def main() -> int:
    """Run to the end, one kit after the other; 0 where the student meets its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--budget", default="40ms")
    parser.add_argument("more", nargs="*", help="further words of fasterseg run, after --")
    given = parser.parse_args()
    words = ["run", "--recipe", given.recipe, "--run", str(given.run), "--device", "kit"]
    words += ["--budget", given.budget, *given.more]
    words += [word for one in TARGET for word in ("--set", one)]
    run = RunFolder(given.run)
    for _ in range(MOST_ROUNDS):
        code = fasterseg(words)
        if code != Interrupted.exit_code:
            break
        measure_what_is_waited_for(run)
    return code or told(run)


def measure_what_is_waited_for(run: RunFolder) -> None:
    """Measure each kit of a run that nothing answers, in a browser."""
    for manifest in sorted(run.kits.glob(f"*/{MANIFEST_FILE}")):
        kit = kit_of(manifest.parent)
        if answered(kit) is None:
            print(f"measuring {manifest.parent} in a browser", flush=True)
            measure_in_browser(kit.folder)


def told(run: RunFolder) -> int:
    """Print what the student came to; 1 where it misses its budget."""
    result = NetworkResult.load(run.result("student"))
    budget = "no budget" if result.budget_ms is None else f"{result.budget_ms:.2f} ms"
    print(
        f"{result.promise} {result.promised_ms:.2f} ms in the browser, of {budget}: "
        f"{'met' if result.meets_budget else 'missed'}; predicted {result.predicted_ms:.2f} ms, "
        f"mIoU {100 * result.mean_iou:.2f} %"
    )
    return 0 if result.meets_budget else 1


if __name__ == "__main__":
    sys.exit(main())
