"""The paper's three recipes on made-up trees of its data sets, from check-data to the report.

Every stage is cut to two steps by ``--set``, on one process and on two.  Names and masks are as
published, and so are the images' sizes; where there is no time they are small, and the space too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from published_trees import (
    BDD100K_SIZE,
    CAMVID_SIZE,
    CITYSCAPES_SIZE,
    bdd100k_tree,
    camvid_full_tree,
    cityscapes_tree,
)

from fasterseg.cli import main
from fasterseg.config.named_recipes import named_recipes
from fasterseg.deploy.benchmark import on_target
from fasterseg.evaluation import EvaluationReport
from fasterseg.runs import RunFolder
from fasterseg.searching import procedure
from fasterseg.stages import StageTimes
from fasterseg.verbs import STAGES

HERE = Path(__file__).parent

MAKE: dict[str, Callable[..., Path]] = {
    "cityscapes": cityscapes_tree,
    "bdd100k": bdd100k_tree,
    "camvid": camvid_full_tree,
}
SIZES = {"cityscapes": CITYSCAPES_SIZE, "bdd100k": BDD100K_SIZE, "camvid": CAMVID_SIZE}
SMALL = {"cityscapes": (64, 128), "bdd100k": (64, 96), "camvid": (64, 96)}

# Two steps of each stage, and this machine in place of a GPU with TensorRT.
CUT = (
    *("threads=1", "data.workers=0", "profile.warmup_runs=1", "profile.runs=3"),
    *("profile.seconds_per_block=0.001", "profile.calibration_networks=4"),
    *("budget=0.1fps", "search.control.window=[0.01fps, 10fps]", "search.control_every=1"),
    *("search.pretrain_steps=2", "search.steps=2", "search.checkpoint_every=1"),
    *("search.pretraining.batch_size=2", "search.validation_images=2"),
    *("search.calibration_batches=200", "training.steps=2", "training.batch_size=2"),
    *("training.evaluate_every=2", "training.checkpoint_every=1"),
)
FEWER_CELLS = ("space.layers=8", "space.expansions=[4, 12]")
SMALL_SPACE = (
    "space={layers: 2, operators: [skip, conv], expansions: [4, 12], stem_expansions: [8, 12], "
    "head_expansions: [8, 12], branches: [16, 8]}",
    "contenders=[{name: teacher, role: teacher, stem_expansion: 12, head_expansion: 12, "
    "operators: [conv]}, {name: student, role: student, stem_expansion: 8, head_expansion: 8}]",
)
SMALL_CROPS = tuple(
    f"{section}.augmentation.crop_{side}={pixels}"
    for section in ("search", "search.pretraining", "training")
    for side, pixels in (("height", 32), ("width", 64))
)


def words_for(name: str, folder: Path, *, small: bool) -> list[str]:
    """The command for a made-up tree of one of the data sets, which is made here."""
    size = SMALL[name] if small else SIZES[name]
    data = MAKE[name](folder / "unpacked" / name, size=size)
    target = f"target={{backend: pytorch, threads: 1, height: {size[0]}, width: {size[1]}}}"
    settings = (*CUT, target, *(SMALL_SPACE + SMALL_CROPS if small else FEWER_CELLS))
    recipe = f"paper-{name}"
    words = ["run", "--recipe", recipe, "--data", str(data.parent), "--run", str(folder / "run")]
    return [*words, *(word for one in settings for word in ("--set", one))]


def require_whole(run: RunFolder, name: str) -> None:
    """All stages were done, both networks scored on what the paper scored, and the page written."""
    times = StageTimes.of_run(run.root)
    assert all((stage := times.stage(one)) and stage.finished for one in STAGES)
    split = "test" if name == "camvid" else "val"
    for network in ("teacher", "student"):
        report = EvaluationReport.load(run.score(network, split, which="best"))
        assert (report.images, len(report.names)) == (4, 11 if name == "camvid" else 19)
        assert report.data == {"camvid": "camvid-full"}.get(name, name)
    assert (run.root / "report" / "index.html").is_file()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are timed for milliseconds, as `quick_cli` does for a process of its own."""
    for name, value in {"WINDOWS": 3, "WINDOW_SECONDS": 0.01, "ATTEMPTS": 1}.items():
        monkeypatch.setattr(on_target, name, value)
    monkeypatch.setitem(procedure.search.__kwdefaults__, "random_subnets", 1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    ["cityscapes", *(pytest.param(one, marks=pytest.mark.slow) for one in ("bdd100k", "camvid"))],
)
def test_a_recipe_of_the_paper_runs_from_its_data_to_its_report(
    name: str, hurried: None, tmp_path: Path
) -> None:
    words = words_for(name, tmp_path, small=True)
    assert main(["check-data", str(tmp_path / "unpacked")]) == 0

    assert main(words) == 0

    require_whole(RunFolder(tmp_path / "run"), name)


def in_processes(words: list[str], count: int, folder: Path) -> None:
    """The command on so many processes, each of one thread."""
    done = subprocess.run(
        [sys.executable, str(HERE / "quick_cli.py"), *words, "--processes", str(count)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "out").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("small", [True, False], ids=["small", "real"])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_it_does_so_at_real_sizes_and_on_two_processes(
    name: str, processes: int, small: bool, tmp_path: Path
) -> None:
    words = words_for(name, tmp_path, small=small)

    in_processes(words, processes, tmp_path)

    require_whole(RunFolder(tmp_path / "run"), name)


def test_the_trees_have_what_the_recipes_name() -> None:
    assert {one for one in named_recipes() if one.startswith("paper-")} == {
        f"paper-{one}" for one in MAKE
    }
