"""How pictures become pixels is part of a model: of its card, and of what it computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.errors import FileError
from fasterseg.layers.building import InputBlock
from fasterseg.network.card import Card
from fasterseg.network.named_models import model_names, model_path, named_card
from fasterseg.network.predicting import NetworkPredictor

GREY, TWELVE = Reading(channels=1), Reading(range=(0, 4095))
DICE = np.random.default_rng(0)


def a_card() -> Card:
    """The card of a model that has a name."""
    return named_card(model_names()[0])


class Shows(torch.nn.Module):
    """A network whose logits are the channels that it is shown."""

    def low_resolution(self, images: torch.Tensor) -> torch.Tensor:
        return images


def predictor(reading: Reading) -> NetworkPredictor:
    """That network behind a reading, with a class for each channel."""
    plain = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    space = LabelSpace.from_names(("red", "green", "blue"))
    return NetworkPredictor(Shows(), label_space=space, normalisation=plain, reading=reading)


def test_grey_in_a_graph_is_pillows_to_the_bit() -> None:
    every = np.stack(np.meshgrid(*[np.arange(0, 256, 5, dtype=np.uint8)] * 3), axis=-1)
    pixels = every.reshape(-1, 52, 3)
    block = InputBlock((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255), grey=True)
    found = block(torch.from_numpy(pixels[None]))[0].permute(1, 2, 0).numpy()
    wanted = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))
    np.testing.assert_array_equal(np.rint(found), wanted)
    grey = torch.from_numpy(np.array(wanted[None]))
    assert torch.equal(block(grey), InputBlock((0, 0, 0), (1 / 255,) * 3)(grey))


def test_a_model_of_grey_images_sees_grey_whatever_it_is_given(tmp_path: Path) -> None:
    pixels = DICE.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    model = predictor(GREY)
    for shown in (tmp_path / "a.png", Image.fromarray(pixels), pixels):
        segmentation = model(shown)
        assert (segmentation.image == segmentation.image[..., :1]).all()
    logits = model.logits(pixels)
    np.testing.assert_array_equal(logits[0], logits[2])
    assert not np.array_equal(predictor(DEFAULT_READING).logits(pixels)[0], logits[0])


def test_a_model_reads_deep_images_by_the_range_of_its_training(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 96).reshape(8, 12).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    seen = predictor(TWELVE)(tmp_path / "deep.png")
    np.testing.assert_array_equal(seen.image[..., 0], np.rint(values * (255 / 4095)))
    assert len(np.unique(predictor(DEFAULT_READING)(tmp_path / "deep.png").image)) == 17


@pytest.mark.parametrize("name", model_names())
def test_cards_from_before_there_were_readings_mean_the_default_and_are_written_as_they_were(
    name: str,
) -> None:
    document = json.loads((model_path(name) / "card.json").read_bytes())
    assert "reading" not in document["content"]
    card = named_card(name)
    assert card.reading == DEFAULT_READING
    assert "reading" not in card.content()


@pytest.mark.usefixtures("shipped_models")
@pytest.mark.parametrize("reading", [GREY, TWELVE, Reading(channels=1, range=(-1.5, 8))])
def test_a_reading_survives_in_both_cards(reading: Reading, tmp_path: Path) -> None:
    card = a_card().model_copy(update={"reading": reading})
    assert Card.load(card.save(tmp_path / "card.json")) == card
    assert f"reads {reading.describe()}" in card.describe()
    exported = ExportedCard.of(
        card, output="labels", precision="float32", size=None, bundle_digest="", weights_digest=""
    )
    assert exported.reading == reading
    assert ExportedCard.from_text(exported.to_text(), where="x", has_seal=True) == exported


@pytest.mark.usefixtures("shipped_models")
def test_a_file_that_wants_another_reading_than_there_is_is_refused(tmp_path: Path) -> None:
    content = {**a_card().content(), "reading": {"alpha": "white"}}
    card = a_card().model_copy(update={"reading": GREY})
    strange = card.save(tmp_path / "card.json")
    document = json.loads(strange.read_bytes())
    document["content"] = content
    document["digest"] = _digest(content)
    strange.write_text(json.dumps(document))
    with pytest.raises(FileError, match="alpha"):
        Card.load(strange)


def _digest(content: dict[str, object]) -> str:
    from fasterseg.artifacts import digest_of_value

    return digest_of_value(content)
