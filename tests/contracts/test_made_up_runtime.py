"""A new runtime is a row and a file: every command that runs something takes it, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from fake_run import FakeRun
from one_operator_recipe import one_operator_recipe
from twin_runtime import FORMAT, RUNTIME, TwinBackend

from fasterseg.artifacts import digest_of_file
from fasterseg.cli import main
from fasterseg.config import RUNTIMES, TargetSettings
from fasterseg.deploy.benchmark import entry, peak
from fasterseg.deploy.benchmark.alternating import AlternationSettings
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.deploy.benchmark.contest import BenchmarkSettings
from fasterseg.deploy.benchmark.peak import HeavyLayer, Peak
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.shipping.deploying import deploy
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification import evidence_of
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.errors import EnvironmentFault
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.pipeline.models import benchmarking
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import Size

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
SCENES = [
    word
    for change in ("height=64", "width=128", "test=2")
    for word in ("--set", f"data.street.{change}")
]
RECIPE = one_operator_recipe(backend="twin", threads=1)


@pytest.fixture(autouse=True, scope="module")
def _rows() -> Iterator[None]:
    """The two tables with a row more each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNTIMES, RUNTIME.name, RUNTIME)  # type: ignore[arg-type]
        patch.setitem(FORMATS, FORMAT.name, FORMAT)  # type: ignore[arg-type]
        yield


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network's folder, in a run whose data are 64x128 scenes."""
    run = FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("run"))
    return str(run.bundle("student"))


@pytest.fixture(scope="module")
def exported(bundle: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file in the made-up format, as the command exports it."""
    file = tmp_path_factory.mktemp("exported") / "student.twin"
    words = ["export", bundle, "--format", "twin", "--out", str(file), "--images", "2", *SCENES]
    assert main(words) == 0
    return file


def test_the_doctor_tells_its_version(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--run", str(run_folder), "--json"]) == 0
    told = {one["name"]: one for one in json.loads(capsys.readouterr().out)["backends"]}
    assert told["twin_runtime"]["version"] == told["onnxruntime"]["version"]
    assert told["twin_runtime"]["install"] == "pip install 'fasterseg[twin]'"


def test_a_recipe_names_it_and_its_blocks_are_timed(run_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    assert main(["profile", "--recipe", str(recipe), "--run", str(run_folder)]) == 0
    table = LatencyTable.load(RunFolder(run_folder).latency_table)
    assert table.target.backend == "twin"
    assert table.conditions["twin"] == "1"
    assert table.entries
    assert table.calibration.networks


def test_a_network_is_exported_for_it_and_verified_on_it(
    bundle: str, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ExportReport.load(report_beside(exported))
    assert report.verification.passed
    assert report.verification.facts["runtime"] == "twin"  # the first that loads such files
    assert report.file_digest == digest_of_file(exported)
    words = [
        "verify",
        str(exported),
        "--against",
        bundle,
        "--backend",
        "twin",
        "--images",
        "2",
        *SCENES,
    ]
    assert main([*words, "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["runtime"] == "twin"


def timed(model: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The facts of a model that was timed on it."""
    monkeypatch.setattr(benchmarking, "QUICK", TINY)
    monkeypatch.setattr(entry, "convolution_peak", lambda *, threads: Peak(50.0, f"{threads}"))
    words = ["--backend", "twin", "--threads", "1", "--quick", "--out", str(folder)]
    assert main(["benchmark", model, *words]) == 0
    (found,) = BenchmarkReport.load(folder / "report.json").contestants
    return dict(found.facts)


def test_a_file_is_timed_on_it(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = timed(str(exported), tmp_path, monkeypatch)
    assert (facts["backend"], facts["runtime"]) == ("twin", "twin")
    assert facts["digest"] == digest_of_file(exported)
    assert facts["twin_runtime"] == version("onnxruntime")


@pytest.mark.slow
def test_a_network_that_lies_in_no_file_is_timed_on_it(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timed(bundle, tmp_path, monkeypatch)["runtime"] == "twin"


@pytest.mark.slow
def test_a_run_hands_its_networks_over_for_it(bundle: str, tmp_path: Path) -> None:
    settings = TargetSettings(backend="twin", threads=1, height=64, width=128, tail="numpy")
    source = FakeRun(until="train", teacher=False, layers=3).source
    target = Target.of(settings, source.label_space.classes)
    found = deploy(
        origin_of(bundle),
        evidence_of(source, "test", images=2),
        target,
        tmp_path / "student.onnx",
        backend=open_backend(target),
    )
    assert found.session.facts()["runtime"] == "twin"
    assert found.session.digest == digest_of_file(tmp_path / "student.twin")
    assert found.mean_iou is not None


def test_the_processor_s_peak_is_sought_on_it_too() -> None:
    assert "twin" in peak.installed_openers()
    peak.installed_openers()["twin"](HeavyLayer(4, Size(6, 5)), 1)()


def test_what_it_cannot_do_is_refused_in_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    names = (
        '"onnxruntime", "openvino", "pytorch", "compiled", "onnxruntime-cuda", "tensorrt", '
        '"executorch", "onnxruntime-web", "twin"'
    )
    assert main(["benchmark", "baseline:fast-scnn", "--backend", "triplet"]) == 2
    assert names in capsys.readouterr().err
    settings = TargetSettings(backend="twin", height=32, width=64)
    assert isinstance(open_backend(Target.of(settings, 4)), TwinBackend)
    with pytest.raises(EnvironmentFault, match="twin was asked for on cuda"):
        open_backend(Target.of(settings.model_copy(update={"device": "cuda"}), 4))
