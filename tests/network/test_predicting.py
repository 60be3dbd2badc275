"""From a model's name to networks and predictors."""

from __future__ import annotations

import io
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.transforming.transforms import Normalisation, resize_image, resize_labels
from fasterseg.errors import DataError, FileError, UsageError
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import Card, TrainingFacts
from fasterseg.network.description import NetworkDescription
from fasterseg.network.predicting import NetworkPredictor, load_model, load_network
from fasterseg.network.segmentation import Segmentation
from fasterseg.space.architecture import Architecture, Branch, CellChoice

LABELS = LabelSpace.from_names(("road", "sky", "car"))
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_bundle(tmp_path / "student")


def save_bundle(folder: Path) -> Path:
    coarse = Branch(stride=32, cells=cells("skip", "conv", downs=2))
    fine = Branch(stride=16, cells=cells("zoomed_conv", "conv", downs=1))
    architecture = Architecture(widths={"stem": 1, "head": 1}, branches=(coarse, fine))
    description = NetworkDescription(classes=3, architecture=architecture)
    facts = TrainingFacts(
        data="street",
        data_digest="",
        split="train",
        images=1,
        terms="",
        resolution="32x32",
        steps=1,
        batch_size=1,
        seed=0,
        precision="float32",
    )
    card = Card(name="x", which="last", label_space=LABELS, mean=MEAN, std=STD, training=facts)
    return ModelBundle(description, description.build_seeded(0).state_dict(), card).save(folder)


def cells(first: str, second: str, *, downs: int) -> tuple[CellChoice, ...]:
    return (
        CellChoice.model_validate({"kind": first, "down": downs > 0, "expansion": 1}),
        CellChoice.model_validate({"kind": second, "down": downs > 1, "expansion": 1}),
    )


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(31, 33), (64, 128), (1, 1), (45, 60)])
def test_every_size_gives_labels_and_logits_of_that_size(
    folder: Path, size: tuple[int, int]
) -> None:
    assert load_model(folder)(picture(*size)).labels.shape == size
    network = load_network(folder, auxiliary=True)
    heads = network(torch.zeros(2, 3, *size))
    assert [tuple(logits.shape) for logits in heads] == [(2, 3, *size)] * 3


def test_main_logits_are_the_same_with_and_without_auxiliary_heads(folder: Path) -> None:
    images = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        plain = load_network(folder)(images)
        heads = load_network(str(folder), auxiliary=True)(images)
    assert torch.equal(plain, heads[0])
    assert not torch.equal(heads[1], heads[2])


def test_labels_are_the_largest_logits_of_the_normalised_image(folder: Path) -> None:
    image = picture(48, 64)
    normalised = torch.from_numpy(Normalisation(MEAN, STD).apply(image))[None]
    with torch.no_grad():
        expected = load_network(folder)(normalised).argmax(dim=1)[0].numpy()
    agreement = (load_model(folder)(image).labels == expected).mean()
    assert agreement > 0.999


def test_large_logits_do_not_overflow() -> None:
    """The authors' arg max of exp(logits) gives class 0 above 88.7 (C-41)."""

    class Saturated(torch.nn.Module):
        def low_resolution(self, images: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(1, 3, 4, 4)
            logits[:, 1], logits[:, 2] = 150.0, 200.0
            return logits

    predictor = NetworkPredictor(Saturated(), label_space=LABELS, normalisation=Normalisation())
    assert (predictor(picture(32, 32)).labels == 2).all()


def test_a_path_an_array_and_a_picture_give_the_same(folder: Path, tmp_path: Path) -> None:
    predictor, image = load_model(folder), picture(32, 40)
    Image.fromarray(image).save(tmp_path / "street.png")
    labels = predictor(image).labels
    assert (predictor(tmp_path / "street.png").labels == labels).all()
    assert (predictor(str(tmp_path / "street.png")).labels == labels).all()
    assert (predictor(Image.fromarray(image)).labels == labels).all()


def test_an_image_may_be_shown_at_another_size_and_keeps_its_own(folder: Path) -> None:
    predictor, image = load_model(folder), picture(32, 40)
    found = predictor(image, size=(64, 80))
    assert found.labels.shape == image.shape[:2]
    assert (found.image == image).all()
    shown = predictor(resize_image(image, (64, 80))).labels
    assert (found.labels == resize_labels(shown, (32, 40))).all()


def test_a_predictor_is_the_same_after_it_was_pickled(folder: Path) -> None:
    predictor, image = load_model(folder), picture(32, 40)
    again = pickle.loads(pickle.dumps(predictor))
    assert (again(image).labels == predictor(image).labels).all()


def test_a_grey_array_is_read_as_grey(folder: Path) -> None:
    grey = picture(32, 40)[..., 0]
    predictor = load_model(folder)
    assert (predictor(grey).labels == predictor(np.stack([grey] * 3, axis=-1)).labels).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 3), dtype=np.float32),
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((0, 4, 3), dtype=np.uint8),
        np.zeros(4, dtype=np.uint8),
    ],
)
def test_what_is_no_image_is_refused(folder: Path, wrong: np.ndarray) -> None:
    with pytest.raises(DataError):
        load_model(folder)(wrong)


def test_pictures_show_the_classes_colours(folder: Path, tmp_path: Path) -> None:
    result = load_model(folder)(picture(24, 40))
    first = result.labels[0, 0]
    assert tuple(result.colours()[0, 0]) == LABELS.colours[first]
    assert (result.overlay(opacity=0.0) == result.image).all()
    assert (result.overlay(opacity=1.0) == result.colours()).all()
    assert sum(result.shares().values()) == pytest.approx(1)
    overlay, colours, labels = result.save(tmp_path / "out", "street")
    assert (np.array(Image.open(overlay)) == result.overlay()).all()
    assert (np.array(Image.open(colours)) == result.colours()).all()
    assert (np.array(Image.open(labels)) == result.labels).all()


def test_an_overlay_takes_little_more_memory_than_itself() -> None:
    image = picture(512, 512)
    found = Segmentation(image, np.zeros((512, 512), dtype=np.uint8), LABELS)
    tracemalloc.start()
    overlay = found.overlay()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * overlay.nbytes
    mixed = image * 0.5 + found.colours() * 0.5
    assert (overlay == np.rint(mixed).astype(np.uint8)).all()


def test_an_unknown_name_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match="studnet") as caught:
        load_network(folder.with_name("studnet"))
    assert str(folder) in caught.value.next_step


def test_a_folder_above_a_bundle_is_answered_with_the_bundle(folder: Path) -> None:
    with pytest.raises(FileError, match="not a model") as caught:
        load_model(folder.parent)
    assert str(folder) in caught.value.next_step


def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"x")
    with pytest.raises(FileError):
        load_model(tmp_path / "weights.pt")


def test_a_segmentation_is_printed_by_its_classes_and_shown_as_its_overlay() -> None:
    image = np.full((1200, 600, 3), 90, dtype=np.uint8)
    labels = np.zeros((1200, 600), dtype=np.uint8)
    labels[:300] = 1
    found = Segmentation(image, labels, LABELS)
    first, second = LABELS.names[:2]
    assert repr(found) == f"<Segmentation of 1200x600: {first} 75.0 %, {second} 25.0 %>"
    shown = np.asarray(Image.open(io.BytesIO(found._repr_png_())))
    assert shown.shape == (1024, 512, 3)
    assert abs(shown[900, 200].astype(int) - found.overlay()[1055, 234]).max() <= 1
