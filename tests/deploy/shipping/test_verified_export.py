"""A file gets its name once it was verified, and not before."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tiny_export import FORM, SOURCE, evidence, faithful, origin

from fasterseg.artifacts import digest_of_file
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.export import IR_VERSION, OPSET
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard, whole_job
from fasterseg.deploy.exporting.seals import BLANK_SEAL, sealed
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping import verified_export
from fasterseg.deploy.shipping.verification import verify
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import (
    DataError,
    EnvironmentFault,
    FileError,
    UsageError,
    VerificationError,
)

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}


def an_image() -> Pixels:
    """A scene that was not verified on."""
    return SOURCE.sample("train", 0).image


def shipped(kind: str, folder: Path, **form: object) -> ExportReport:
    """The tiny network in a format."""
    if kind == "openvino":
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    wanted = replace(FORM, format=kind, **form)  # type: ignore[arg-type]
    return ship(origin(), wanted, folder / f"student{SUFFIXES[kind]}", evidence())


@pytest.mark.parametrize("kind", ["onnx", "openvino", "torch"])
def test_each_format_gives_the_networks_labels_and_says_what_it_is(
    kind: str, tmp_path: Path
) -> None:
    report = shipped(kind, tmp_path)
    session, card = open_export(Path(report.file))
    assert card == origin().card_like(FORM)
    assert session.digest == report.file_digest == report.verification.digest_of_file
    assert (session.run(an_image()) == origin().predictor.label_map(an_image())).mean() > 0.9999
    assert report.verification.passed
    assert report.verification.mean_iou is not None
    predictor = load_model(report.file)
    assert isinstance(predictor, ExportedPredictor)
    assert predictor(an_image()).label_space == SOURCE.label_space
    larger = np.zeros((65, 128, 3), dtype=np.uint8)
    with pytest.raises(DataError, match="64x128") as caught:
        predictor(larger)
    assert caught.value.next_step.startswith("--size 64x128 makes that of it")
    assert 'in Python model(image, size="64x128")' in caught.value.next_step
    assert predictor(larger, size="64x128").labels.shape == (65, 128)
    elsewhere = pickle.loads(pickle.dumps(predictor))
    assert (elsewhere(an_image()).labels == predictor(an_image()).labels).all()
    assert elsewhere.size == predictor.size


def test_a_pickled_predictor_is_of_the_very_file(tmp_path: Path) -> None:
    file = Path(shipped("onnx", tmp_path).file)
    pickled = pickle.dumps(load_model(file))
    other = ship(origin(1), FORM, tmp_path / "other.onnx", evidence())
    Path(other.file).replace(file)
    with pytest.raises(FileError, match="not the one that was loaded") as caught:
        pickle.loads(pickled)
    assert caught.value.where == str(file)


@pytest.mark.slow  # `test_a_file_of_any_size_runs_at_odd_sizes_too` is the short form
@pytest.mark.parametrize("kind", ["onnx", "torch"])
def test_a_file_of_any_size_takes_any_size(kind: str, tmp_path: Path) -> None:
    report = shipped(kind, tmp_path, size=None)
    assert report.size == "any size"
    assert len(report.verification.sizes) > 3
    image = np.ascontiguousarray(an_image()[:51, :77])
    assert load_model(report.file).label_map(image).shape == (51, 77)


def test_onnx_files_are_of_the_oldest_versions_that_are_promised() -> None:
    model = onnx.ModelProto.FromString(faithful())
    oldest = onnx.helper.find_min_ir_version_for([*model.opset_import])
    assert model.ir_version == IR_VERSION == oldest == 8
    assert [(i.domain, i.version) for i in model.opset_import] == [("", OPSET)]
    assert OPSET == 18
    onnx.checker.check_model(model, full_check=True)
    assert {t.data_location for t in model.graph.initializer} == {onnx.TensorProto.DEFAULT}
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_onnx_files_hold_no_notes_that_a_later_version_brought_and_no_path() -> None:
    data = faithful()
    graph = onnx.ModelProto.FromString(data).graph
    parts = (graph.node, graph.input, graph.output, graph.value_info, graph.initializer)
    noted = [one.name for part in parts for one in part if one.metadata_props]
    assert not noted and not graph.metadata_props
    assert b".py" not in data and str(Path(__file__).parents[3]).encode() not in data


def test_float16_is_written_out_in_the_graph() -> None:
    model = onnx.ModelProto.FromString(faithful("logits", "float16"))
    weights = {t.name: t.data_type for t in model.graph.initializer}
    convolved = {weights[n.input[1]] for n in model.graph.node if n.op_type == "Conv"}
    assert convolved == {onnx.TensorProto.FLOAT16}
    (output,) = model.graph.output
    assert output.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    onnx.checker.check_model(model, full_check=True)


def test_the_card_of_a_file_survives_as_text() -> None:
    card = origin().card_like(FORM)
    assert ExportedCard.from_text(card.to_text(), where="x", has_seal=True) == card
    texts = {e.key: e.value for e in onnx.ModelProto.FromString(faithful()).metadata_props}
    assert texts[METADATA_KEY] == card.to_text()


def test_a_file_that_fails_its_verification_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = whole_job(origin(1).predictor.network, origin().card_like(FORM))
    monkeypatch.setattr(verified_export, "whole_job", lambda network, card, by_products: other)
    before = tmp_path / "student.onnx"
    before.write_bytes(b"the one before")
    with pytest.raises(VerificationError, match="student") as caught:
        ship(origin(), FORM, before, evidence())
    assert caught.value.exit_code == 6
    assert before.read_bytes() == b"the one before"
    assert Path(caught.value.where) == tmp_path / "student.onnx-difference.png"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "student.onnx",
        "student.onnx-difference.png",
        "student.onnx-verification.json",
    }


def test_a_file_that_is_being_verified_has_no_name_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nobody catches it."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(verified_export, "verify", die)
    with pytest.raises(Killed):
        ship(origin(), FORM, tmp_path / "student.onnx", evidence())
    assert not (tmp_path / "student.onnx").exists()


@pytest.fixture
def overtaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ExportReport]:
    """While a file is verified, another export to the same name comes to its end; its report."""
    done: list[ExportReport] = []

    def overtake(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(verified_export, "verify", verify)
        done.append(ship(origin(1), FORM, tmp_path / "student.onnx", evidence()))
        return verify(*given, **more)

    monkeypatch.setattr(verified_export, "verify", overtake)
    return done


def test_two_exports_to_one_name_both_end_with_a_verified_file(
    tmp_path: Path, overtaken: list[ExportReport]
) -> None:
    file = tmp_path / "student.onnx"
    report = ship(origin(), FORM, file, evidence())
    assert overtaken[0].file_digest != report.file_digest
    assert digest_of_file(file) == report.file_digest
    assert ExportReport.load(tmp_path / "student.onnx.export.json") == report
    assert {path.name for path in tmp_path.iterdir()} == {
        "student.onnx",
        "student.onnx.export.json",
    }


def test_of_two_exports_that_may_replace_nothing_the_slower_is_told(
    tmp_path: Path, overtaken: list[ExportReport]
) -> None:
    file = tmp_path / "student.onnx"
    with pytest.raises(UsageError, match="already"):
        ship(origin(), FORM, file, evidence(), replace=False)
    assert digest_of_file(file) == overtaken[0].file_digest
    assert ExportReport.load(tmp_path / "student.onnx.export.json") == overtaken[0]
    assert {path.name for path in tmp_path.iterdir()} == {
        "student.onnx",
        "student.onnx.export.json",
    }


def test_what_a_killed_export_left_goes_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".student.onnx.exportabcd_123"
    left.mkdir()
    (left / "student.onnx").write_bytes(b"half")
    ship(origin(), FORM, tmp_path / "student.onnx", evidence())
    assert not left.exists()


def test_without_tensorrt_the_graph_and_what_builds_the_engine_are_written(
    tmp_path: Path,
) -> None:
    wanted = replace(FORM, format="tensorrt", precision="float16")
    report = ship(origin(), wanted, tmp_path / "student.engine", evidence())
    assert report.file == str(tmp_path / "student.onnx")
    assert report.file_digest == digest_of_file(tmp_path / "student.onnx")
    compile(Path(report.script).read_text(), report.script, "exec")
    assert "not run here" in report.describe()
    assert "student-build_engine.py student.onnx student.engine" in report.describe()


def test_an_engine_is_not_run_without_its_runtime(tmp_path: Path) -> None:
    engine = tmp_path / "student.engine"
    engine.write_bytes(b"engine")
    text = origin().card_like(FORM).to_text(seal=BLANK_SEAL).encode()
    engine.with_suffix(".json").write_bytes(sealed(text, companions=[b"engine"]))
    with pytest.raises(EnvironmentFault, match="TensorRT"):
        open_export(engine)


@pytest.mark.parametrize(
    ("runtime", "precision", "named"),
    [("pytorch", "float32", "pytorch"), (None, "bfloat16", "onnxruntime")],
)
def test_a_runtime_that_does_not_load_a_file_is_refused(
    runtime: str | None, precision: str, named: str, tmp_path: Path
) -> None:
    file = tmp_path / "student.onnx"
    file.write_bytes(faithful())
    with pytest.raises(UsageError) as caught:
        open_export(file, Running(runtime=runtime, precision=precision))
    assert named in str(caught.value)


@pytest.mark.parametrize(("kind", "precision"), [("torch", "float16"), ("onnx", "bfloat16")])
def test_what_no_file_can_hold_is_refused_before_anything_is_written(
    kind: str, precision: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        shipped(kind, tmp_path, precision=precision)
    assert not [*tmp_path.iterdir()]


def test_a_missing_runtime_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EnvironmentFault) as caught:
        ship(origin(), replace(FORM, format="openvino"), tmp_path / "student.xml", evidence())
    assert "fasterseg[openvino]" in caught.value.next_step
