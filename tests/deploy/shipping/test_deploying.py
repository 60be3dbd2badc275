"""A deployed network: the file that was verified is the one that is timed and scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_run import FakeRun

from fasterseg.artifacts import digest_of_file
from fasterseg.config import TargetSettings
from fasterseg.datasets.street.scenes import StreetScenes
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.shipping import deploying, int8_search
from fasterseg.deploy.shipping.deploying import Deployed, deploy
from fasterseg.deploy.shipping.int8_search import int8_evidence
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification import evidence_of
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.evaluation import evaluate_predictor
from fasterseg.latency.table import Target
from fasterseg.latency.timing import TimerSettings


@pytest.fixture
def fake() -> FakeRun:
    """A run up to its trained student."""
    return FakeRun(until="train", teacher=False, layers=3)


def deployed(fake: FakeRun, folder: Path, file: Path, **changes: object) -> Deployed:
    """The student of a run, deployed to a file."""
    run, size = fake.write(folder), fake.geometry().size
    settings = {"threads": 1, "height": size.height, "width": size.width, **changes}
    classes = fake.source.label_space.classes
    target = Target.of(TargetSettings.model_validate(settings), classes)
    origin = origin_of(str(run.bundle("student")))
    evidence = evidence_of(fake.source, "test", images=4)
    by = int8_evidence(fake.source, train_split="train", val_split="val", max_drop=100.0)
    evidence = replace(evidence, int8=by if target.precision == "int8" else None)
    return deploy(origin, evidence, target, file, backend=open_backend(target))


@pytest.mark.parametrize(
    ("split", "images", "count"), [(3, 16, 3), (8, 16, 8), (8, 4, 4), (8, 0, 0)]
)
def test_a_file_is_compared_on_images_from_all_over_a_split(
    split: int, images: int, count: int
) -> None:
    source = StreetScenes(size=(32, 64), counts={"train": 1, "val": 1, "test": split})
    found = evidence_of(source, "test", images=images).images
    wanted = [source.sample("test", index * split // max(1, count)).image for index in range(count)]
    assert len(found) == count
    assert all(map(np.array_equal, found, wanted))


@pytest.mark.parametrize(
    ("backend", "tail", "suffix"),
    [
        ("onnxruntime", "graph", ".onnx"),
        pytest.param("openvino", "numpy", ".xml", marks=pytest.mark.slow),
    ],
)
def test_the_file_that_is_verified_is_what_is_timed_and_scored(
    backend: str, tail: str, suffix: str, fake: FakeRun, tmp_path: Path
) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    file = tmp_path / "student.onnx"
    found = deployed(fake, tmp_path / "run", file, backend=backend, tail=tail)
    file = file.with_suffix(suffix)
    session, card = open_export(file)
    report = ExportReport.load(report_beside(file))
    assert found.session.digest == report.file_digest == session.digest
    assert suffix != ".onnx" or found.session.digest == digest_of_file(file)
    scored = evaluate_predictor(session.run, fake.source, "test")
    assert found.mean_iou == report.verification.mean_iou == scored.mean_iou
    assert (session.tail is None) == (tail == "graph")
    assert card.size == fake.geometry().size


def test_a_file_that_changes_after_it_was_verified_is_not_timed(
    fake: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = deploying.ship

    def ship_and_meddle(*arguments: Any, **options: Any) -> ExportReport:
        report = own(*arguments, **options)
        Path(report.file).write_bytes(Path(report.file).read_bytes() + b"\x0a\x00")
        return report

    monkeypatch.setattr(deploying, "ship", ship_and_meddle)
    with pytest.raises(FileError):
        deployed(fake, tmp_path / "run", tmp_path / "student.onnx")


def test_pytorch_itself_may_be_the_runtime(fake: FakeRun, tmp_path: Path) -> None:
    found = deployed(fake, tmp_path / "run", tmp_path / "student.onnx", backend="pytorch")
    assert found.session.digest == ""
    assert found.mean_iou is not None
    assert not (tmp_path / "student.onnx").exists()


@pytest.mark.slow
def test_in_int8_the_file_that_was_scored_is_the_one_that_is_timed(
    fake: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_search, "BY_TURNS", TimerSettings(1, 1, 0.0, 1))
    file = tmp_path / "student.onnx"
    found = deployed(fake, tmp_path / "run", file, precision="int8")
    assert found.session.digest == digest_of_file(file)
    assert "int8" in found.session.facts()["precision"].split("+")
    _, card = open_export(file)
    assert card.precision == "int8" and card.quantisation is not None
    scored = evaluate_predictor(open_export(file)[0].run, fake.source, "test")
    assert found.mean_iou == scored.mean_iou


@pytest.mark.slow
def test_what_a_runtime_turns_float32_to_is_said_by_the_file(fake: FakeRun, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    file = tmp_path / "student.xml"
    try:
        deployed(fake, tmp_path / "run", file, backend="openvino", precision="bfloat16")
    except EnvironmentFault as error:
        assert "does not compute in bfloat16 here" in error.what
        return
    session, card = open_export(file)
    assert (card.precision, card.computes_in) == ("float32", "bfloat16")
    assert "bfloat16" in session.facts()["precision"].split("+")
