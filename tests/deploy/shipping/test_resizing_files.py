"""Files that bring images of any size to the network's own: in every runtime as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tiny_export import FORM, SOURCE, evidence, origin

from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sources.sized import brought_to
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.verification import Subject, evidence_of, fits, statements
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import FileError, UsageError
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.space.blocks import Size

SEEN_AT = Size(48, 96)
Shipped = Callable[..., ExportReport]
RESIZING = replace(FORM, size=None, resizes_to=SEEN_AT)
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """The tiny network in a file that resizes, of each format once."""
    folder = tmp_path_factory.mktemp("resizing")

    @cache
    def written(kind: str, *, for_engine: bool = False) -> ExportReport:
        if kind == "openvino":
            pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
        form = replace(RESIZING, format=kind, for_engine=for_engine)
        name = f"student{for_engine:d}{SUFFIXES[kind]}"
        return ship(origin(), form, folder / name, evidence())

    return written


def as_the_network_has_it(image: np.ndarray) -> np.ndarray:
    """Brought to the size, seen, and the labels back."""
    found = origin().predictor.label_map(resampled(image, SEEN_AT))
    return resize_labels(found, image.shape[:2])


@pytest.mark.parametrize(
    "kind", ["onnx", pytest.param("openvino", marks=pytest.mark.slow), "torch"]
)
def test_a_file_that_resizes_gives_the_networks_labels_at_the_images_own_size(
    kind: str, shipped: Shipped
) -> None:
    report = shipped(kind)
    assert report.verification.passed
    assert {"1x1", "321x203"} <= set(report.verification.sizes)
    assert report.verification.mean_iou is not None
    assert "any size, seen at 48x96" in report.describe()
    predictor = load_model(report.file)
    assert isinstance(predictor, ExportedPredictor)
    assert (predictor.size, predictor.resizes) == (None, True)
    for height, width in ((130, 75), (64, 128)):
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        found = predictor(image).labels
        assert found.shape == (height, width)
        assert (found == as_the_network_has_it(image)).mean() > 0.9995


@pytest.mark.slow
def test_openvino_reads_the_onnx_file_with_its_antialiasing(shipped: Shipped) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    report = shipped("onnx")
    session, _ = open_export(Path(report.file), Running("openvino", made_here=report.file_digest))
    image = np.random.default_rng(0).integers(0, 256, (130, 75, 3), dtype=np.uint8)
    assert (session.run(image) == as_the_network_has_it(image)).mean() > 0.9995


@pytest.mark.slow
def test_what_tensorrt_builds_engines_from_multiplies_and_gives_the_same(shipped: Shipped) -> None:
    report = shipped("onnx", for_engine=True)
    import onnx

    used = {node.op_type for node in onnx.load(report.file).graph.node}
    assert "MatMul" in used
    assert not any(
        attribute.name == "antialias" and attribute.i
        for node in onnx.load(report.file).graph.node
        for attribute in node.attribute
    )
    assert report.verification.passed


def test_a_file_of_a_stranger_that_resizes_is_tried_and_opened(shipped: Shipped) -> None:
    report = shipped("onnx")
    session, card = open_export(Path(report.file))
    assert card.resizes_to == SEEN_AT
    assert session.run(SOURCE.sample("train", 0).image).shape == (64, 128)


def test_a_file_that_resizes_is_shown_nothing_at_another_size(shipped: Shipped) -> None:
    predictor = load_model(shipped("torch").file)
    with pytest.raises(UsageError, match="itself"):
        predictor(SOURCE.sample("train", 0).image, size=(32, 64))


def test_a_file_that_resizes_gives_labels() -> None:
    with pytest.raises(UsageError, match="gives labels") as caught:
        replace(RESIZING, output="logits").require_possible()
    assert caught.value.next_step


def sized_origin() -> Origin:
    """The tiny network, as if it had been trained at a working size."""
    plain = origin()
    card = plain.bundle.card.model_copy(update={"size": SEEN_AT})
    predictor = NetworkPredictor(
        plain.predictor.network,
        label_space=card.label_space,
        normalisation=card.normalisation,
        size=card.size,
    )
    return replace(plain, bundle=replace(plain.bundle, card=card), predictor=predictor)


def test_files_of_a_network_with_a_working_size_hold_it(tmp_path: Path) -> None:
    sized, source = sized_origin(), brought_to(SOURCE, SEEN_AT)
    form = ExportForm("torch", SEEN_AT, SEEN_AT)
    report = ship(sized, form, tmp_path / "a.pt2", evidence_of(source, "test", images=2))
    assert report.verification.passed
    assert report.verification.mean_iou is not None
    predictor = load_model(report.file)
    image = SOURCE.sample("train", 0).image
    assert predictor.size == SEEN_AT
    assert predictor(image).labels.shape == (64, 128)
    assert (predictor(image).labels == sized.predictor(image).labels).all()
    assert (predictor(image, size="48x96").labels == predictor(image).labels).all()


def test_what_a_card_says_of_sizes_is_compared_and_has_to_fit() -> None:
    card, other = sized_origin().card_like(RESIZING), origin().card_like(FORM)
    subject = Subject(None, card, other, origin().predictor, "a", "b")  # type: ignore[arg-type]
    failed = {check.name for check in statements(subject) if not check.passed}
    assert {"working size", "who resizes"} <= failed
    text = card.to_text()
    assert ExportedCard.from_text(text, where="a", has_seal=True) == card
    for wrong in (
        text.replace('"output": "labels"', '"output": "logits"'),
        text.replace('"height": null', '"height": 64').replace('"width": null', '"width": 64'),
    ):
        with pytest.raises(FileError):
            ExportedCard.from_text(wrong, where="a", has_seal=True)


def test_a_card_without_a_working_size_is_what_it_was() -> None:
    assert {"working_size", "resizes"}.isdisjoint(origin().card_like(FORM).content())
    assert "size" not in origin().bundle.card.content()


def test_whether_a_split_fits_is_known_without_reading_its_images() -> None:
    card = origin().card_like(replace(FORM, size=SEEN_AT))
    assert not fits(SOURCE, "test", card)
    assert fits(brought_to(SOURCE, SEEN_AT), "test", card)
