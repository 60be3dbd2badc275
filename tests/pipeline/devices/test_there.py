"""Benchmarks, verification and plans of a device elsewhere: what is sent, waited for, and told."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_timings import recipe_of, timings_of
from far_device import answer
from tiny_export import FORM, model_of, origin

import fasterseg
from fasterseg.config import Recipe, build_recipe
from fasterseg.deploy.exporting.exported_card import whole_job
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.errors import Interrupted, UsageError, VerificationError
from fasterseg.events import silent
from fasterseg.forecasting.workload import Workload
from fasterseg.kit.guessing import guessed_table
from fasterseg.kit.labels import packed_labels
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import KitMeasured
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.table import Target
from fasterseg.pipeline.models.remote_benchmarking import DeviceBenchmark
from fasterseg.pipeline.planning.plan import forecast_of
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.planning.probes.remote import estimated_target
from fasterseg.pipeline.preflight import machine
from fasterseg.pipeline.stages.profiling import all_options

PLENTY = 10**12


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small exported file, and beside it the bundle that it is from."""
    folder = tmp_path_factory.mktemp("exported")
    origin().bundle.save(folder / "student")
    made = origin_of(str(folder / "student"))
    card = made.card_like(FORM)
    model = model_of(whole_job(made.predictor.network, card), card)
    (folder / "student.onnx").write_bytes(model)
    return folder / "student.onnx"


def test_a_model_is_timed_on_a_device_once_its_kit_came_back(
    exported: Path, tmp_path: Path
) -> None:
    timed = partial(fasterseg.benchmark, str(exported), device="kit", out=tmp_path, quick=True)
    with pytest.raises(Interrupted) as caught:
        timed()
    assert str(tmp_path / "kit") in caught.value.next_step
    answer(tmp_path / "kit" / "benchmark")
    found = timed()
    assert "far board (Made-up A1)" in found.describe()
    assert found.files == (str(tmp_path / "report.json"),)
    (network,) = DeviceBenchmark.load(tmp_path / "report.json").networks
    assert network.network == str(exported)
    assert network.p95_ms > network.median_ms > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "has to lie somewhere"),
        ({"backend": ("onnxruntime", "openvino")}, "in one way"),
        ({"backend": ("pytorch",)}, "timed on this machine only"),
        ({"tail": ("fast",)}, "take the tail graph"),
    ],
)
def test_what_a_kit_cannot_time_is_refused_before_anything_is_exported(
    options: dict[str, Any], told: str, exported: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        fasterseg.benchmark(str(exported), device="kit", **options)
    assert told in str(caught.value)


def test_a_file_is_verified_by_the_labels_that_a_device_sends_back(
    exported: Path, tmp_path: Path
) -> None:
    verified = partial(
        fasterseg.verify,
        str(exported),
        against=str(exported.with_suffix("")),
        device="kit",
        images=2,
        out=tmp_path,
    )
    with pytest.raises(Interrupted):
        verified()
    kit = tmp_path / "student-kit" / "verify"
    answer(kit)
    report = verified()
    assert report.passed and report.facts["device"] == "far board (Made-up A1)"
    with pytest.raises(Interrupted):
        verified()
    spoil(answer(kit.with_name("verify-2")), KitManifest.load(kit / "manifest.json"))
    report = verified()
    assert report.exit_code == VerificationError.exit_code
    assert (tmp_path / "student.onnx-difference.png").is_file()


def spoil(measured: Path, manifest: KitManifest) -> None:
    """Let the device have the next class everywhere."""
    found, classes = KitMeasured.load(measured), manifest.target.classes
    others = tuple(
        packed_labels((one + 1) % classes) for one in found.labels_of("student.onnx", manifest)
    )
    found.model_copy(update={"labels": {"student.onnx": others}}).save(measured)


def test_a_file_runs_here_or_on_another_host(exported: Path) -> None:
    with pytest.raises(UsageError, match="no such host"):
        fasterseg.verify(str(exported), against=str(exported.with_suffix("")), device="cuda")


def elsewhere(**changes: Any) -> Recipe:
    recipe = recipe_of(**changes)
    target = recipe.target.model_copy(update={"host": "kit"})
    return recipe.model_copy(update={"target": target})


def test_a_plan_times_nothing_of_another_host_and_judges_no_budget_before_its_table() -> None:
    recipe = elsewhere()
    target = Target.of(recipe.target, 11)
    job = Job(kind="target", recipe=recipe, device="cpu", seconds=0.0)
    found = estimated_target(job, target, silent)
    timings, _ = timings_of(recipe)
    work = Workload(recipe, 11, found)
    forecast = forecast_of(work, timings, memory=PLENTY, disk=PLENTY, seconds=1.0)
    assert forecast.budgets == ()
    assert "nothing was timed of it" in forecast.describe()
    assert "what the device takes is not in" in forecast.describe()
    table = guessed_table(specs_of(all_options(recipe), target.geometry), target)
    known = estimated_target(job.model_copy(update={"table": table}), target, silent)
    forecast = forecast_of(
        Workload(recipe, 11, known), timings, memory=PLENTY, disk=PLENTY, seconds=1.0, table=table
    )
    assert [one.student for one in forecast.budgets] == ["student"]


def test_another_host_s_runtime_is_not_asked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(target: Target) -> None:
        raise AssertionError("this machine's runtime was asked")

    monkeypatch.setattr(machine, "open_backend", opened)
    monkeypatch.setattr(machine, "web_runtime", lambda: None)
    for backend in ("tensorrt", "openvino", "onnxruntime-web"):
        recipe = build_recipe(
            None,
            overrides=(
                "target.host=kit",
                f"target.backend={backend}",
                "target.height=32",
                "target.width=64",
            ),
        )
        machine.require_machine(recipe, classes=3, device="cpu")
    with pytest.raises(AssertionError):
        machine.require_machine(
            build_recipe(None, overrides=("target.height=32", "target.width=64")),
            classes=3,
            device="cpu",
        )


def test_a_recipe_of_another_host_says_so_in_json() -> None:
    assert json.loads(json.dumps(elsewhere().content()))["target"]["host"] == "kit"
