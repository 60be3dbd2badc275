"""``benchmark``: models on backends, timed by turns; what is not to be had is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun
from tiny_benchmark import TINY
from tiny_export import SIZE, faithful

from fasterseg.artifacts import digest_of_file
from fasterseg.cli import main
from fasterseg.commands import benchmark as verb
from fasterseg.commands.results import BenchmarkResult
from fasterseg.deploy.benchmark import entry
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport, Comparison
from fasterseg.deploy.benchmark.contest import BenchmarkSettings
from fasterseg.deploy.benchmark.contestants import open_contestant, street_images
from fasterseg.deploy.benchmark.entry import Entry, threads_of, time_models
from fasterseg.deploy.benchmark.machine_state import machine_facts
from fasterseg.deploy.benchmark.peak import Peak
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.network.predicting import load_model
from fasterseg.pipeline.models import benchmarking
from fasterseg.pipeline.models.benchmarking import write_files
from fasterseg.reporting.counting import evaluated_macs
from fasterseg.space.architecture import wire
from fasterseg.space.blocks import Size

PYTORCH = Running("pytorch", tail="graph")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network's folder, in a run whose target has 64x128 images and 2 threads."""
    run = FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("run"))
    return str(run.bundle("student"))


@pytest.fixture
def tiny_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few queries for a quick look, and no minute for the peak."""
    monkeypatch.setattr(benchmarking, "QUICK", TINY)
    monkeypatch.setattr(entry, "convolution_peak", lambda *, threads: Peak(50.0, f"{threads}"))


def test_a_model_is_timed_on_each_backend_and_written(
    bundle: str, tmp_path: Path, tiny_settings: None, capsys: pytest.CaptureFixture[str]
) -> None:
    backends = ["--backend", "onnxruntime", "--backend", "pytorch"]
    words = ["benchmark", bundle, *backends, "--threads", "1", "--quick", "--out", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    report = BenchmarkReport.load(tmp_path / "report.json")
    assert BenchmarkReport.model_validate(told["report"]) == report
    onnx, eager = report.contestants
    assert [onnx.name, eager.name] == [
        f"{bundle} · {backend} · float32 · tail in the graph"
        for backend in ("onnxruntime", "pytorch")
    ]
    assert onnx.facts["digest"].startswith("sha256:")
    assert (onnx.facts["threads"], onnx.facts["size"], onnx.facts["tail"]) == (
        "1",
        "64x128",
        "in the graph",
    )
    assert {"pre-processing", "network", "tail"} <= set(onnx.parts_ms)
    assert {"copy in", "pre-processing", "network", "tail", "copy out"} == set(eager.parts_ms)
    assert report.peak_gflops == 50.0
    assert {"processor", "pinned to", "denormals"} <= set(report.machine.facts)
    assert report.machine.facts["cores"] == machine_facts()["cores"]  # not those pinned to
    assert (tmp_path / "latency.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "p95 ms" in BenchmarkResult(report=report).describe()


def test_threads_and_size_are_those_of_the_run_s_target(bundle: str) -> None:
    assert threads_of([bundle]) == 2
    found = open_contestant(bundle, PYTORCH)
    assert found.facts["size"] == "64x128"
    other = open_contestant(bundle, PYTORCH, size=Size(32, 64))
    assert other.facts["size"] == "32x64"


def test_a_baseline_is_timed_at_the_size_of_the_model_beside_it(
    bundle: str, tiny_settings: None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--backend", "pytorch", "--threads", "1", "--quick", "--json"]
    assert main(["benchmark", "baseline:enet", bundle, *words]) == 0
    report = BenchmarkReport.model_validate(json.loads(capsys.readouterr().out)["report"])
    assert [one.name.partition(" ")[0] for one in report.contestants] == ["baseline:enet", bundle]
    assert {one.facts["size"] for one in report.contestants} == {"64x128"}
    assert main(["benchmark", "baseline:enet", *words]) == 2


def test_models_made_for_different_threads_need_a_word(
    bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="different numbers of threads"):
        threads_of([bundle, "elsewhere"])


@pytest.mark.parametrize("backend", ["onnxruntime", "pytorch"])
def test_a_contestant_computes_the_model_s_labels_of_each_of_its_images(
    bundle: str, backend: str
) -> None:
    found = open_contestant(bundle, replace(PYTORCH, runtime=backend))
    images = street_images(Size(64, 128))
    assert not np.array_equal(images[0], images[1])
    predictor = load_model(bundle)
    for index in (0, 1, len(images) + 1):
        expected = predictor.label_map(images[index % len(images)])
        assert np.mean(np.asarray(found.run(index)) == expected) > 0.999


def test_a_contestant_knows_its_multiply_adds(bundle: str) -> None:
    run = FakeRun(until="train", teacher=False, layers=3)
    macs = wire(run.architecture(run.recipe(), 0), run.geometry()).macs
    assert open_contestant(bundle, PYTORCH, count_macs=evaluated_macs).macs == macs


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--backend", "tensorrt"], 4, "TensorRT"),
        (["--precision", "bfloat16"], 2, "bfloat16"),
        (["--tail", "slow"], 2, "slow"),
        (["--device", "cuda"], 4, "cuda"),
        (["--size", "64"], 2, "cannot read the size"),
        (["--threads", "1000"], 4, "1000 threads"),
        (["--threads", "4096"], 2, "no such number of threads"),
    ],
)
def test_what_is_not_to_be_had_is_refused_and_nothing_else_taken(
    bundle: str, words: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["benchmark", bundle, "--quick"]
    assert main([*base, *([] if "--threads" in words else ["--threads", "1"]), *words]) == code
    assert told in capsys.readouterr().err


def test_a_comparison_that_was_refused_ends_with_four_and_is_written_all_the_same(
    bundle: str, tmp_path: Path, tiny_settings: None
) -> None:
    report = time_models(Entry((bundle,), 1, ("pytorch",)), settings=TINY)
    refused = Comparison(
        first="a",
        second="b",
        ratio=None,
        verdict="not compared",
        rounds=9,
        quiet_rounds=1,
        reason="it drifted",
    )
    loud = report.model_copy(update={"comparisons": (refused,)})
    assert BenchmarkResult(report=loud).exit_code == 0  # a quick look promises nothing
    headline = loud.model_copy(update={"mode": "headline"})
    files = write_files(headline, tmp_path)
    result = BenchmarkResult(report=headline, files=files)
    assert result.exit_code == EnvironmentFault.exit_code
    assert "it drifted" in result.describe()
    assert files[0] in result.describe()


def test_exported_files_and_baselines_are_timed_too(tmp_path: Path) -> None:
    file = tmp_path / "student.onnx"
    file.write_bytes(faithful("low-resolution-logits"))
    how = Running("onnxruntime", tail="numpy")
    found = open_contestant(str(file), how)
    assert found.facts["digest"] == digest_of_file(file)
    assert found.facts["tail"] == "numpy (1 thread)"
    assert found.name == f"{file} · onnxruntime · float32 · tail in NumPy"
    usual = open_contestant(str(file), replace(how, tail="graph"))
    assert usual.name == f"{file} · onnxruntime · float32 · fast tail", "none is in this graph"
    assert np.asarray(found.run()).shape == tuple(SIZE)
    labels = tmp_path / "labels.onnx"
    labels.write_bytes(faithful())
    with pytest.raises(UsageError, match="tail in the graph"):
        open_contestant(str(labels), how)
    with pytest.raises(UsageError, match="other images"):
        open_contestant(str(labels), replace(how, tail="graph"), size=Size(65, 128))
    name = "baseline:fast-scnn"
    baseline = open_contestant(name, PYTORCH, size=Size(64, 96), count_macs=evaluated_macs)
    assert np.asarray(baseline.run()).shape == (64, 96)
    assert baseline.macs
    with pytest.raises(UsageError, match="--size"):
        open_contestant(name, PYTORCH)


def test_a_file_that_ends_at_logits_is_not_timed_twice_by_two_names_of_its_tail(
    tmp_path: Path, tiny_settings: None
) -> None:
    file = tmp_path / "student.onnx"
    file.write_bytes(faithful("low-resolution-logits"))
    both = Entry((str(file),), 1, tails=("graph", "fast"))
    with pytest.raises(UsageError, match="two of the contestants are the same") as caught:
        time_models(both, settings=TINY)
    assert "its tail is never in the graph" in caught.value.why


def test_every_model_runs_in_every_way_and_a_file_by_its_own_runtime() -> None:
    both = Entry(("a", "b.xml"), 2, tails=("graph", "fast"))
    ways = [(model, how.runtime, how.tail) for model, how in both.contestants()]
    assert ways == [
        ("a", "onnxruntime", "graph"),
        ("a", "onnxruntime", "fast"),
        ("b.xml", "openvino", "graph"),
        ("b.xml", "openvino", "fast"),
    ]


def test_a_combination_that_does_not_exist_is_left_out_aloud() -> None:
    both = Entry(("a",), 1, ("onnxruntime", "openvino"), ("float32", "bfloat16"))
    ways = [(how.runtime, how.precision) for _, how in both.contestants()]
    assert ways == [
        ("onnxruntime", "float32"),
        ("openvino", "float32"),
        ("openvino", "bfloat16"),
    ]
    (line,) = both.left_out()
    assert "onnxruntime in bfloat16" in line
    alone = Entry(("a",), 1, ("onnxruntime",), ("bfloat16",))
    assert len(alone.contestants()) == 1  # refused when it is opened, by name
    assert alone.left_out() == []


def test_a_report_takes_the_place_of_one_on_the_same_models_alone(
    bundle: str, tmp_path: Path, tiny_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        verb.benchmark(bundle, quick=True, out=tmp_path)
    place = tmp_path / "report.json"
    report = BenchmarkReport.load(place)
    assert [one.model for one in report.contestants] == [bundle]
    monkeypatch.setattr(benchmarking, "time_models", None)  # refused before anything is timed
    with pytest.raises(UsageError, match="another report would be lost") as caught:
        verb.benchmark(bundle, "baseline:fast-scnn", threads=1, quick=True, out=tmp_path)
    assert (caught.value.where, caught.value.why) == (
        str(place),
        f"it is on {report.contestants[0].name}",
    )
    report.model_copy(update={"mode": "headline"}).save(place)
    with pytest.raises(UsageError, match="another report would be lost") as caught:
        verb.benchmark(bundle, quick=True, out=tmp_path)
    assert "headline figures" in caught.value.why
    place.write_text("{}")
    with pytest.raises(UsageError, match="another report would be lost"):
        verb.benchmark(bundle, quick=True, out=tmp_path)
    assert place.read_text() == "{}"


def test_without_quick_it_is_the_headline(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[BenchmarkSettings] = []
    made = BenchmarkReport(mode="headline", contestants=())

    def fake(one: Entry, *, settings: BenchmarkSettings, **options: object) -> BenchmarkReport:
        asked.append(settings)
        return made

    monkeypatch.setattr("fasterseg.pipeline.models.benchmarking.time_models", fake)
    verb.benchmark(bundle)
    verb.benchmark(bundle, quick=True)
    assert [settings.mode for settings in asked] == ["headline", "quick"]
