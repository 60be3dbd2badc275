"""ONNX Runtime's CUDA provider and TensorRT as targets, through the commands as they are typed.

Both are pretended (`fake_onnx_cuda`, `fake_tensorrt`): no GPU has seen what is tested here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import onnx
import pytest
import yaml
from fake_cuda import CONDITIONS
from fake_onnx_cuda import pretend_onnx_cuda
from fake_run import FakeRun
from fake_tensorrt import pretend_tensorrt
from one_operator_recipe import one_operator_recipe

from fasterseg.artifacts import digest_of_file
from fasterseg.cli import main
from fasterseg.config import TargetSettings
from fasterseg.deploy.benchmark import entry
from fasterseg.deploy.benchmark.alternating import AlternationSettings
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport, MachineState
from fasterseg.deploy.benchmark.contest import BenchmarkSettings
from fasterseg.deploy.benchmark.contestants import open_canary, open_contestant
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping.deploying import Deployed, deploy
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification import evidence_of
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.pipeline.models import benchmarking
from fasterseg.runs import RunFolder

PRETENDED: dict[str, Callable[[pytest.MonkeyPatch], Gpu]] = {
    "onnxruntime-cuda": pretend_onnx_cuda,
    "tensorrt": pretend_tensorrt,
}
RECIPE = one_operator_recipe()
TINY = BenchmarkSettings(
    "quick",
    queries=2,
    seconds=0.0,
    window_queries=2,
    rounds=1,
    needed_rounds=1,
    audit_rounds=1,
    parts_runs=1,
    alternation=AlternationSettings(0.0, 2, canary_runs=2, warmup_runs=2, warmup_most_runs=2),
)


@pytest.fixture(params=PRETENDED)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of both, pretended."""
    PRETENDED[request.param](monkeypatch)
    return str(request.param)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network's folder."""
    run = FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("run"))
    return str(run.bundle("student"))


def profile(folder: Path, *changes: str) -> int:
    """The exit code of profiling the little space with some changes."""
    recipe = folder.parent / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    said = [word for change in changes for word in ("--set", change)]
    return main(["profile", "--recipe", str(recipe), "--run", str(folder), *said])


def test_a_recipe_that_names_it_alone_is_profiled_on_the_gpu_in_either_precision(
    backend: str,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changes = [f"target.backend={backend}", "target.precision=float16", "target.transfer=false"]
    assert profile(run_folder, *changes) == 0
    table = LatencyTable.load(RunFolder(run_folder).latency_table)
    target = table.target
    assert (target.device, target.precision, target.transfer) == ("cuda", "float16", False)
    assert table.conditions.items() >= CONDITIONS.items()
    assert table.entries and table.calibration.networks and table.reference is not None
    told = capsys.readouterr().out
    assert f"{backend} on cuda, float16" in told and "left out" in told
    # With another driver it is another machine.
    monkeypatch.setitem(CONDITIONS, "driver", "580.2")
    assert profile(run_folder, *changes) == 2
    assert "driver" in (said := capsys.readouterr().err) and "580.2" in said


@pytest.mark.parametrize("precision", ["float32", pytest.param("float16", marks=pytest.mark.slow)])
def test_a_run_hands_its_network_over_verified_scored_and_in_the_precision_of_the_target(
    precision: str, backend: str, bundle: str, tmp_path: Path
) -> None:
    found = deployed(bundle, backend, tmp_path, precision)
    (file,) = (one for one in tmp_path.glob("student.[eo]n*") if one.suffix != ".json")
    assert file.suffix == {"tensorrt": ".engine", "onnxruntime-cuda": ".onnx"}[backend]
    assert found.session.digest == digest_of_file(file)
    assert found.mean_iou is not None
    report = ExportReport.load(report_beside(file))
    assert (report.precision, report.kind) == (
        precision,
        file.suffix[1:].replace("engine", backend),
    )
    assert report.verification.passed
    assert backend.partition("-")[0] in report.verification.facts["runtime"]
    allowed = {check.name: check.allowed for check in report.verification.checks}
    bound = {"float32": "99.99 %", "float16": "99.50 %"}[precision]
    assert allowed["labels, share of equal pixels"] == bound


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_whole_search_for_it_ends_in_a_file_for_it(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(tmp_path / "run")
    recipe = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"
    changes = [f"target.backend={backend}", "target.transfer=false"]
    said = [word for change in changes for word in ("--set", change)]
    assert main(["run", "--recipe", str(recipe), "--run", str(run.root), *said, "--json"]) == 0
    (student,) = (
        one for one in json.loads(capsys.readouterr().out)["networks"] if one["role"] == "student"
    )
    assert student["timed_digest"] == student["scored_digest"]
    suffix = {"tensorrt": ".engine", "onnxruntime-cuda": ".onnx"}[backend]
    assert run.exported("student").with_suffix(suffix).is_file()


def deployed(bundle: str, backend: str, folder: Path, precision: str) -> Deployed:
    """A bundle's network on a target."""
    settings = {"backend": backend, "precision": precision, "height": 64, "width": 128}
    source = FakeRun(until="train", teacher=False, layers=3).source
    target = Target.of(TargetSettings.model_validate(settings), source.label_space.classes)
    evidence = evidence_of(source, "test", images=2)
    place = folder / "student"
    return deploy(origin_of(bundle), evidence, target, place, backend=open_backend(target))


def test_a_benchmark_times_it_on_its_own_device_and_says_so(
    backend: str, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarking, "QUICK", TINY)
    monkeypatch.setattr(entry, "_gpu_of", lambda _entry: "cuda")
    monkeypatch.setattr(entry, "gpu_facts", lambda _name: dict(CONDITIONS))
    monkeypatch.setattr(entry, "machine_state", lambda *, gpu: MachineState(gpu_mhz=1980.0))
    monkeypatch.setattr(entry, "open_canary", lambda threads, _gpu: open_canary(threads, "cpu"))
    words = ["--backend", backend, "--precision", "float16", "--threads", "1", "--quick"]
    assert main(["benchmark", bundle, *words, "--out", str(tmp_path)]) == 0
    report = BenchmarkReport.load(tmp_path / "report.json")
    (found,) = report.contestants
    assert (found.facts["backend"], found.facts["device"]) == (backend, "cuda")
    assert "counted" in found.facts["copies"]
    assert report.machine.facts["driver"] == CONDITIONS["driver"]


def test_a_network_is_timed_as_a_graph_of_the_precision_that_was_asked_for(
    bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_onnx_cuda(monkeypatch)
    weights = []
    for precision in ("float32", "float16"):
        how = Running("onnxruntime-cuda", 1, precision, "graph", "cuda")
        graph = cast(Any, open_contestant(bundle, how)).session.graph
        kinds = {one.data_type for one in onnx.load_from_string(graph.model).graph.initializer}
        weights.append(onnx.TensorProto.FLOAT16 in kinds)
    assert weights == [False, True]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["target.precision=float16"], "take the backend openvino or onnxruntime-cuda or tensorrt"),
        (["target.transfer=false"], "only images for a GPU are copied"),
        (["target.backend=tensorrt", "target.precision=bfloat16"], "take the backend openvino"),
        (
            ["target.backend=tensorrt", "target.transfer=false", "target.tail=numpy"],
            "take the tail graph",
        ),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_what_can(
    changes: list[str], told: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert profile(run_folder, *changes) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["target.backend=tensorrt"], "pip install 'fasterseg[cuda]'"),
        (["target.backend=onnxruntime-cuda"], "pip install 'fasterseg[cuda]'"),
        (["target.backend=tensorrt", "target.device=cpu"], "--set target.device=cuda"),
        (["target.device=cuda"], "--set target.device=cpu"),
    ],
)
def test_what_is_not_to_be_had_here_is_said_with_what_to_type(
    changes: list[str], told: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert profile(run_folder, *changes) == 4
    assert told in capsys.readouterr().err


def test_the_doctor_tells_both_and_what_installs_them(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--run", str(run_folder), "--json"]) == 0
    told = {one["name"]: one for one in json.loads(capsys.readouterr().out)["backends"]}
    for name in ("onnxruntime-gpu", "tensorrt"):
        assert told[name]["install"] == "pip install 'fasterseg[cuda]'"
