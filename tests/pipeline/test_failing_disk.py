"""Every write and every read of small stages fails in turn: told once, and nothing before is lost.

The small forms let a few of them fail, the slow ones each.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from failing_disk import FailingDisk, Kind
from made_up_search import search_in
from small_settings import settings
from tiny_export import FORM, evidence, faithful, origin

from fasterseg.artifacts import digest_of_file
from fasterseg.checkpoints import load_checkpoint
from fasterseg.cli import guarded, main
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.evaluation import EvaluationReport
from fasterseg.latency.table import LatencyTable
from fasterseg.network.bundle import ModelBundle
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice


@dataclass(frozen=True)
class Work:
    """A stage: what lies in its folder before, what it does there, and what must hold after.

    `go` returns the exit code, its messages as JSON events on stderr.
    """

    before: Path
    go: Callable[[Path], int]
    check: Callable[[Path], None]


# ------------------------------------------------------------------------------ the stages


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a network that was trained for six steps."""
    run = RunFolder(tmp_path_factory.mktemp("trained") / "run")
    cells = (CellChoice(kind="conv", expansion=1),)
    branches = (Branch(stride=8, cells=cells),)
    found = Architecture(widths={"stem": 1, "head": 1}, branches=branches)
    found.save(run.architecture("student"))
    assert main(["train", "--run", str(run.root), *settings()]) == 0
    return run.root


@pytest.fixture(scope="module")
def training(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The same training, killed after its fourth step."""
    run = RunFolder(tmp_path_factory.mktemp("before") / "run")
    shutil.copytree(trained, run.root)
    shutil.rmtree(run.training("student").checkpoints / "step-000000006")
    run.training("student").report.unlink()
    for which in ("best", "last", "ema"):
        shutil.rmtree(run.bundle("student", which))

    def check(root: Path) -> None:
        folder = RunFolder(root).training("student").root
        found = load_checkpoint(folder / "checkpoints")
        assert found is not None
        assert found.step >= 4
        for which in ("best", "last", "ema"):
            if (folder / which).exists():
                ModelBundle.load(folder / which)

    return Work(run.root, lambda root: main(["train", "--run", str(root), "--json"]), check)


@pytest.fixture(scope="module")
def scoring(trained: Path) -> Work:
    """A trained network, scored."""

    def go(root: Path) -> int:
        bundle, report = RunFolder(root).bundle("student"), root / "score.json"
        return main(["evaluate", str(bundle), "--out", str(report), "--json"])

    def check(root: Path) -> None:
        ModelBundle.load(RunFolder(root).bundle("student"))
        if (root / "score.json").exists():
            EvaluationReport.load(root / "score.json")

    return Work(trained, go, check)


@pytest.fixture(scope="module")
def profiling(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The blocks of a small space, timed."""

    def check(root: Path) -> None:
        table = RunFolder(root).latency_table
        if table.exists():
            LatencyTable.load(table)

    def go(root: Path) -> int:
        return main(["profile", "--run", str(root), *settings(), "--json"])

    return Work(tmp_path_factory.mktemp("empty"), go, check)


@pytest.fixture(scope="module")
def resuming(profiling: Work, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The same blocks, all of them timed, without a table yet."""
    before = tmp_path_factory.mktemp("profiled") / "run"
    assert profiling.go(before) == 0
    RunFolder(before).latency_table.unlink()
    return Work(before, profiling.go, profiling.check)


def _search(root: Path) -> int:
    """A search in a folder; its end exits with 0."""
    search_in(root)
    return 0


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A search that was begun, without the scores of its subnets."""
    before = tmp_path_factory.mktemp("search")

    def go(root: Path) -> int:
        return guarded(["search", "--run", str(root), "--json"], partial(_search, root))

    with FailingDisk(before, "write", at=120, number=errno.EIO):
        assert go(before) == 4

    def check(root: Path) -> None:
        folders = {path.parent for path in root.rglob("step-*")}
        assert folders
        assert all(load_checkpoint(folder) is not None for folder in folders)
        for path in (root / "search").glob("student.json"):
            Architecture.load(path)

    return Work(before, go, check)


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """A network over a file that was exported before."""
    patch = pytest.MonkeyPatch()
    patch.setattr(onnx_files, "sealed_model", lambda *_: faithful())
    before = tmp_path_factory.mktemp("exported")
    (before / "x.onnx").write_bytes(b"the one before")

    def go(root: Path) -> int:
        words = ["export", "--out", str(root / "x.onnx"), "--json"]
        report = partial(ship, origin(), FORM, root / "x.onnx", evidence())
        return guarded(words, lambda: 0 if report() else 1)

    def check(root: Path) -> None:
        if (root / "x.onnx").read_bytes() != b"the one before":
            report = ExportReport.load(report_beside(root / "x.onnx"))
            assert digest_of_file(root / "x.onnx") == report.file_digest

    yield Work(before, go, check)
    patch.undo()


# ------------------------------------------------------------------------------- the tests


def place_for(work: Work, folder: Path) -> Path:
    """A fresh copy of what lay there before."""
    root = folder / "work"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(work.before, root)
    return root


def operations(work: Work, folder: Path, kind: Kind) -> int:
    """How many operations of a kind the work takes when all is well."""
    root = place_for(work, folder)
    with FailingDisk(root, kind) as disk:
        assert work.go(root) == 0
    assert disk.met > 1
    return disk.met


def let_fail(
    work: Work, folder: Path, kind: Kind, at: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Let one operation fail: it is told, all before is whole, nothing half-written stays."""
    root, number = place_for(work, folder), errno.ENOSPC if kind == "write" else errno.EIO
    capsys.readouterr()
    with FailingDisk(root, kind, at=at, number=number) as disk:
        code = work.go(root)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    told = [json.loads(line) for line in shown.err.splitlines() if line.startswith("{")]
    errors = [event for event in told if event["event"] == "error"]
    if disk.failed:
        assert code == 4, (at, disk.failed[0], shown.err)
        (error,) = errors
        assert str(root) in error["where"], (at, disk.failed[0], error)
        assert "bug" not in error["what"]
    half = [path.name for path in root.rglob(".*") if path.name.startswith(".")]
    assert half == [], (at, disk.failed[0])
    work.check(root)


STAGES = ("training", "scoring", "exporting", "searching")
MOST = 30
"""A search has many times as many operations as the others: so many are spread over all of it."""


def each(count: int) -> range:
    """The operations that fail in turn."""
    return range(1, count + 1, max(1, count // MOST) if count > 8 * MOST else 1)


@pytest.mark.parametrize("stage", ["training", "scoring", "exporting"])
def test_enospc_some_writes(
    stage: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work: Work = request.getfixturevalue(stage)
    for at in (1, operations(work, tmp_path, "write") * 2 // 3):
        let_fail(work, tmp_path, "write", at, capsys)


@pytest.mark.parametrize("stage", ["training", "scoring", "exporting"])
def test_eio_some_reads(
    stage: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work: Work = request.getfixturevalue(stage)
    for at in (1, operations(work, tmp_path, "read") // 2):
        let_fail(work, tmp_path, "read", at, capsys)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", [*STAGES, "profiling"])
def test_enospc_every_write(
    stage: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work: Work = request.getfixturevalue(stage)
    for at in each(operations(work, tmp_path, "write")):
        let_fail(work, tmp_path, "write", at, capsys)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", [*STAGES, "resuming"])
def test_eio_every_read(
    stage: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work: Work = request.getfixturevalue(stage)
    for at in each(operations(work, tmp_path, "read")):
        let_fail(work, tmp_path, "read", at, capsys)
