"""An exported file sees what its network sees: grey in the graph, ranges by its card."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_export import DESCRIPTION, FORM, SOURCE, network, origin

from fasterseg.commands.predict import predict
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.format_table import Format
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.deploy.runtimes.sessions import Labels, Session
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.verification import Evidence, Subject, statements
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import DataError
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.predicting import NetworkPredictor

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
READING = Reading(channels=1, range=(0, 4095))
SIZES = [(1, 1), (2, 65), (33, 31), (48, 200), (64, 64), (95, 131)]


@cache
def reading_origin(reading: Reading) -> Origin:
    """The tiny network behind a reading."""
    plain = origin()
    card = plain.bundle.card.model_copy(update={"reading": reading})
    predictor = NetworkPredictor(
        network(0),
        label_space=card.label_space,
        normalisation=card.normalisation,
        reading=card.reading,
    )
    bundle = ModelBundle(DESCRIPTION, plain.bundle.tensors, card)
    return replace(plain, bundle=bundle, predictor=predictor)


def colours(height: int, width: int) -> Pixels:
    """An image of any colours."""
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("onnx", marks=pytest.mark.slow),
        pytest.param("openvino", marks=pytest.mark.slow),
        "torch",
    ],
)
def test_a_file_of_any_size_takes_colours_as_its_network_does_at_any_size(
    kind: Format, tmp_path: Path
) -> None:
    if kind == "openvino":
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    origin = reading_origin(READING)
    path = tmp_path / f"grey{SUFFIXES[kind]}"
    images = Evidence([SOURCE.sample("test", 0).image], "street/test")
    report = ship(origin, replace(FORM, format=kind, size=None), path, images)
    assert {"1x1", "31x48"} <= set(report.verification.sizes)
    session, card = open_export(path)
    assert card.reading == READING
    for size in SIZES:
        image = colours(*size)
        grey = np.array(Image.fromarray(image).convert("L").convert("RGB"))
        wanted = origin.predictor.label_map(grey)
        assert (session.run(image) == wanted).mean() >= 0.999
    deep = np.linspace(0, 4095, 64 * 128).reshape(64, 128).astype(np.uint16)
    seen = load_model(path)(deep)
    np.testing.assert_array_equal(seen.image, origin.predictor(deep).image)
    assert (seen.labels == origin.predictor(deep).labels).mean() >= 0.999


def test_a_file_that_says_another_reading_than_its_network_is_not_verified() -> None:
    card, asked = origin().card_like(FORM), reading_origin(READING)
    expected = asked.card_like(FORM)
    unused = Session(Narrow())
    subject = Subject(unused, card, expected, asked.predictor, "student.onnx", "student")
    (check,) = (check for check in statements(subject) if check.name == "reading of images")
    assert not check.passed
    assert (check.found, check.allowed) == ("channels: 3", "channels: 1, range: [0, 4095]")


class Narrow:
    """A graph that a runtime refuses below a size, as older files have it."""

    digest = ""

    def run(self, images: Pixels) -> Labels:
        if images.shape[1] < 65:
            raise RuntimeError("Expected input at *args[0].shape[1] to be >= 65\nand a trace")
        return np.zeros(images.shape[:3], dtype=np.uint8)

    def timed(self, images: Pixels, stopwatch: object) -> tuple[Labels, dict[str, float]]:
        return self.run(images), {}

    def facts(self) -> dict[str, str]:
        return {}


def narrow_predictor() -> ExportedPredictor:
    """An exported file with that graph."""
    card: ExportedCard = origin().card_like(replace(FORM, size=None))
    return ExportedPredictor(Session(Narrow()), card, where="old.pt2")


def test_what_a_runtime_refuses_is_a_fault_of_that_image() -> None:
    with pytest.raises(DataError, match="48x200: Expected input") as refused:
        narrow_predictor()(colours(48, 200))
    assert "trace" not in str(refused.value)


def test_one_image_that_a_runtime_refuses_does_not_end_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fasterseg.pipeline.models.predicting.open_predictor", lambda *_, **__: narrow_predictor()
    )
    (tmp_path / "few").mkdir()
    for name, height in {"a-large": 70, "b-small": 48, "c-large": 70}.items():
        Image.fromarray(colours(height, 200)).save(tmp_path / "few" / f"{name}.png")
    (tmp_path / "old.pt2").touch()
    done = predict(str(tmp_path / "old.pt2"), str(tmp_path / "few"), out=tmp_path / "out")
    assert [Path(path).stem for path in done.written] == ["a-large", "c-large"]
    assert [Path(fault.image).stem for fault in done.broken] == ["b-small"]
    assert done.exit_code == 3
