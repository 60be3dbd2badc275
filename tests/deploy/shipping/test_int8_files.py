"""Files in int8: what was scored is what is shipped, and says how it was made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from tiny_export import FORM, SOURCE, evidence, origin

from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.onnx.files import sealed_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping import int8_search
from fasterseg.deploy.shipping.int8_search import int8_evidence
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification import Evidence, Subject, verify
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import FileError, UsageError, VerificationError
from fasterseg.latency.timing import TimerSettings
from fasterseg.reporting.described_file import described_file

IN_INT8 = replace(FORM, precision="int8")


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8_search, "BY_TURNS", TimerSettings(1, 1, 0.0, 1))
        patch.setattr(int8_search, "CALIBRATION_IMAGES", 2)
        patch.setattr(int8_search, "JUDGED_IMAGES", 2)
        patch.setattr(int8_search, "LOOKED_AT", 1)
        yield


@pytest.fixture(scope="module")
def in_int8(_quick: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in int8, with its report."""
    return shipped(tmp_path_factory.mktemp("int8"))


@pytest.fixture(scope="module")
def in_float(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in float32."""
    path = tmp_path_factory.mktemp("float32") / "plain.onnx"
    ship(origin(), FORM, path, evidence())
    return path


def judged(max_drop: float) -> Evidence:
    by = int8_evidence(SOURCE, train_split="train", val_split="val", max_drop=max_drop)
    return replace(evidence(), int8=by)


def shipped(folder: Path, *, max_drop: float = 100.0, form: ExportForm = IN_INT8) -> Path:
    path = folder / f"student{form.row.suffix}"
    ship(origin(), form, path, judged(max_drop), running=Running(threads=1))
    return path


def test_the_file_says_how_it_was_made_and_is_the_one_that_was_scored(in_int8: Path) -> None:
    session, card = open_export(in_int8)
    report = ExportReport.load(report_beside(in_int8))
    assert report.precision == card.precision == "int8"
    assert session.digest == report.file_digest == report.verification.digest_of_file
    assert "int8" in report.verification.facts["precision"].split("+")
    made = card.quantisation
    assert made is not None and made.quantiser.startswith("onnxruntime ")
    assert (made.images, made.images_from, made.max_drop) == (2, "street/train", 100)
    assert made.images_digest.startswith("sha256:")
    assert made.describe() in report.describe()
    assert made.describe() in described_file(in_int8, session, card).describe()


def test_it_is_verified_by_what_it_said_it_may_lose(in_int8: Path) -> None:
    session, card = open_export(in_int8)
    subject = Subject(
        session, card, origin().card_like(card), origin().predictor, "student.onnx", "student"
    )
    report, _ = verify(subject, evidence())
    (score,) = [check for check in report.checks if check.name.startswith("mIoU")]
    assert score.allowed == "100.0 points lost"


def test_a_network_that_loses_too_much_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.9, *[0.1] * 100])
    monkeypatch.setattr(int8_search._Search, "_score", lambda *_: next(scores))
    with pytest.raises(VerificationError, match="loses too much in int8"):
        shipped(tmp_path, max_drop=0.5)
    assert [*tmp_path.iterdir()] == []


def test_without_labelled_images_of_its_size_there_is_nothing_in_int8(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes labelled images"):
        ship(origin(), IN_INT8, tmp_path / "a.onnx", evidence())


def with_card(path: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    model = onnx.ModelProto.FromString(path.read_bytes())
    texts = {entry.key: entry.value for entry in model.metadata_props}
    document = json.loads(texts[METADATA_KEY])
    change(document["content"])
    card = ExportedCard.from_text(
        json.dumps({k: v for k, v in document.items() if k != "seal"}), where="", has_seal=True
    )
    return sealed_model(path.read_bytes(), card)


def as_float(content: dict[str, Any]) -> None:
    content["precision"] = "float32"
    del content["quantisation"]


def test_a_card_that_hides_int8_is_held_against_the_graph(in_int8: Path, tmp_path: Path) -> None:
    path = tmp_path / "student.onnx"
    path.write_bytes(with_card(in_int8, as_float))
    with pytest.raises(FileError, match="its card says float32, and its graph computes in int8"):
        open_export(path)


def test_a_card_that_claims_int8_is_held_against_the_graph(
    in_int8: Path, in_float: Path, tmp_path: Path
) -> None:
    _, card = open_export(in_int8)
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(sealed_model(in_float.read_bytes(), card))
    with pytest.raises(FileError, match="its card says int8, and its graph quantises nothing"):
        open_export(plain)


def test_int8_without_a_record_is_no_card() -> None:
    content = origin().card_like(FORM).content() | {"precision": "int8"}
    with pytest.raises(ValueError, match="says how that was made"):
        ExportedCard.model_validate(content)


def test_cards_in_float32_are_as_they_were() -> None:
    content = origin().card_like(FORM).content()
    assert content.keys().isdisjoint({"quantisation", "computes_in"})


def test_a_file_in_float32_is_not_run_in_int8(in_float: Path) -> None:
    with pytest.raises(UsageError, match="is not run in int8"):
        open_export(in_float, Running(precision="int8"))


@pytest.mark.slow
def test_openvino_has_files_in_int8_by_nncf(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    pytest.importorskip("nncf", reason="the extra 'nncf' is not installed")
    path = shipped(tmp_path, form=replace(IN_INT8, format="openvino"))
    session, card = open_export(path)
    assert card.quantisation is not None and card.quantisation.quantiser.startswith("nncf ")
    assert "int8" in session.facts()["precision"].split("+")
    report = ExportReport.load(report_beside(path))
    assert session.digest == report.file_digest
