"""Times each block of a recipe's space in a browser and natively, and says how both relate.

The same graphs are timed by the page of a kit in a headless Chromium and by `run.py`, both on one
thread of ONNX Runtime: medians by block, their ratio, and how alike both rank them.

    python benchmarks/web_blocks.py --work /tmp/blocks --svg docs/pictures/web-blocks.svg
    python benchmarks/web_blocks.py --work /tmp/small --recipe tests/pipeline/tiny.yaml
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import NullFormatter
from scipy.stats import spearmanr

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from browser_device import measure_in_browser

from fasterseg.config import TargetSettings, build_recipe
from fasterseg.config.named_recipes import recipe_file
from fasterseg.datasets.opening import open_data
from fasterseg.kit.kept import networks_of
from fasterseg.kit.measured import KitMeasured, read_measured
from fasterseg.kit.packing import pack_space
from fasterseg.kit.reading import table_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.pipeline.stages.profiling import all_options
from fasterseg.reporting.charts import (
    INK,
    PAPER,
    SOFT,
    Chart,
    Frame,
    add_legend,
    draw_chart,
    series_colour,
)
from latency_scatter import as_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BACKENDS = ("onnxruntime", "onnxruntime-web")
PERCENTILES = (5, 25, 50, 75, 95)
Pairs = list[tuple[float, float]]
"""Milliseconds, natively and in the browser."""


@dataclass(frozen=True, slots=True)
class Both:
    """One space measured by either."""

    blocks: Pairs
    networks: Pairs
    device: str
    runtime: str


def main() -> int:
    """Print ratios and the rank correlation; write the plot where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="where kits are packed")
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--svg", type=Path, help="where the plot goes")
    given = parser.parse_args()
    both = measured(given.recipe, given.work)
    for name, pairs in (("blocks", both.blocks), ("whole networks", both.networks)):
        print(told(name, pairs))
    print(f"natively {both.runtime}; in the browser {both.device}")
    if given.svg:
        given.svg.write_text(as_file(plot(both)), encoding="utf-8")
    return 0


def measured(recipe_name: str, work: Path) -> Both:
    """Pack both kits, measure one after the other, and pair what both could tell of."""
    recipe = build_recipe(recipe_file(recipe_name))
    classes = open_data("street").label_space.classes
    options = all_options(recipe)
    found: dict[str, tuple[LatencyTable, KitMeasured]] = {}
    for backend in BACKENDS:
        target = Target.of(
            TargetSettings(
                backend=backend,
                host="kit",
                threads=1,
                height=recipe.target.size.height,
                width=recipe.target.size.width,
            ),
            classes,
        )
        kit = pack_space(options, target, recipe.profile, seed=0, name=backend, into=work / backend)
        answer = on_python(kit) if backend == BACKENDS[0] else measure_in_browser(kit.folder)
        read = read_measured(answer, kit.manifest)
        specs = specs_of(options, target.geometry)
        found[backend] = table_of(kit.manifest, read, specs, networks_of(kit)), read
    (here, native), (there, web) = (found[backend] for backend in BACKENDS)
    keys = [key for key, one in here.entries.items() if not one.marked | there.entries[key].marked]
    networks = [key for key in native.timed if key not in here.entries and " in group " not in key]
    return Both(
        blocks=[(here.entries[key].median_ms, there.entries[key].median_ms) for key in keys],
        networks=[
            (native.timed[key].median_ns / 1e6, web.timed[key].median_ns / 1e6)
            for key in networks
            if key in web.timed
        ],
        device=f"{web.device.language}, {web.runtime.name} {web.runtime.version}",
        runtime=f"{native.runtime.name} {native.runtime.version}",
    )


def on_python(kit: PackedKit) -> Path:
    """What the kit's `run.py` writes."""
    subprocess.run([sys.executable, "run.py"], cwd=kit.folder, check=True)
    return kit.folder / "measured.json"


def told(name: str, pairs: Pairs) -> str:
    """The ratios of some pairs, and how alike they are ranked, in a line."""
    ratios = [web / native for native, web in pairs]
    quantiles = ", ".join(f"p{p} {np.percentile(ratios, p):.2f}" for p in PERCENTILES)
    alike = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return f"{name}: {len(pairs)}, browser / native {quantiles}; rank correlation {alike:.3f}"


def plot(both: Both) -> Chart:
    """Each block natively and in the browser, on logarithmic axes."""
    ratio = median(web / native for native, web in both.blocks)
    ends = [value for pair in (*both.blocks, *both.networks) for value in pair]
    low, high = min(ends) / 1.3, max(ends) * 1.3

    def draw(axes: Axes) -> None:
        line = np.array([low, high])
        axes.plot(line, line, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), label="as fast")
        axes.plot(line, ratio * line, color=SOFT, linewidth=1, label=f"{ratio:.1f} times as long")
        series = {"blocks": both.blocks, "whole networks": both.networks}
        for index, (label, pairs) in enumerate(series.items(), 1):
            native, web = zip(*pairs, strict=True)
            colour = series_colour(index)
            style = {"markeredgecolor": PAPER, "markersize": 5, "label": label}
            axes.plot(native, web, "o", color=colour, **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_xlabel("natively, ms")
        axes.set_ylabel("in the browser, ms", color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        add_legend(axes)

    title = "Blocks in a browser, by WebAssembly, and natively"
    note = f"One thread of each: {both.runtime}; {both.device}."
    frame = Frame("natively, ms", "in the browser, ms", width=480, height=420)
    return draw_chart(title, draw, frame, text=f"{title}. {note}", note=note)


if __name__ == "__main__":
    sys.exit(main())
