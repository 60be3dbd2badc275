"""Teachers by name: bundles and exported files, alone and several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_teachers import ASKED as OF_PICTURES
from foreign_teachers import foreign_model, laid
from tiny_export import SOURCE, faithful, origin

from fasterseg.config import OutputForm
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION
from fasterseg.errors import FileError, UsageError
from fasterseg.network.bundle import weights_digest
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.space.blocks import Size
from fasterseg.teaching.class_map import probabilities
from fasterseg.teaching.named import TeacherInputs, teacher_named

ASKED = TeacherInputs(SOURCE, "test")
PICTURE = SOURCE.sample("test", 0).image


def bundle(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """A bundle of a small network with random weights, its card with changes."""
    made = origin(seed).bundle
    card = made.card.model_copy(update=changes)
    return replace(made, card=card).save(folder / f"teacher{seed}")


def written(folder: Path, output: OutputForm) -> Path:
    """That network as a file, of this output."""
    file = folder / f"{output}.onnx"
    file.write_bytes(faithful(output))
    return file


def own_logits(**changes: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What the network says of the picture, by the one way in which it predicts."""
    card = origin().bundle.card.model_copy(update=changes)
    predictor = NetworkPredictor(
        origin().predictor.network, label_space=card.label_space, normalisation=card.normalisation
    )
    return predictor.logits(PICTURE, "low-resolution-logits")


class Reordered(StreetScenes):
    """The same scenes, with fewer classes in another order."""

    label_space = LabelSpace.from_names([*reversed(SOURCE.label_space.names[2:])])


class Grey(StreetScenes):
    """The same scenes without colour."""

    reading = Reading(channels=1)


def test_a_bundle_says_what_its_network_does_bit_for_bit(tmp_path: Path) -> None:
    place = bundle(tmp_path)
    teacher = teacher_named([place], ASKED)
    assert np.array_equal(teacher.logits(PICTURE), own_logits())
    assert teacher.digest == weights_digest(place)
    assert (teacher.classes, teacher.stride) == (SOURCE.label_space.classes, 8)
    (facts,) = teacher.facts
    assert (facts.name, facts.data) == ("student", "street/train")
    assert facts.pretrained == "nothing pre-trained"


def test_it_is_normalised_by_its_own_card(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "mean": IMAGENET_NORMALISATION.mean,
        "std": IMAGENET_NORMALISATION.std,
    }
    found = teacher_named([bundle(tmp_path, **changes)], ASKED).logits(PICTURE)
    assert np.array_equal(found, own_logits(**changes))
    assert not np.allclose(found, own_logits())


def test_it_sees_pictures_at_its_own_size(tmp_path: Path) -> None:
    teacher = teacher_named([bundle(tmp_path, size=Size(32, 96))], ASKED)
    network = origin().predictor
    seen = network.logits(resampled(PICTURE, (32, 96)), "low-resolution-logits")
    assert np.array_equal(teacher.logits(PICTURE), seen)


def test_its_classes_are_found_by_name(tmp_path: Path) -> None:
    asked = TeacherInputs(Reordered(size=(64, 128)), "test")
    teacher = teacher_named([bundle(tmp_path)], asked)
    assert np.array_equal(teacher.logits(PICTURE), own_logits()[:1:-1])
    assert teacher.digest != weights_digest(tmp_path / "teacher0")


def test_a_class_that_it_lacks_is_refused(tmp_path: Path) -> None:
    place = bundle(tmp_path)
    with pytest.raises(UsageError, match="does not know a class") as caught:
        teacher_named([place], OF_PICTURES)
    assert caught.value.where == str(place)


def test_colours_that_the_data_leaves_out_are_missed_by_a_teacher_of_colour(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reads its images otherwise") as caught:
        teacher_named([bundle(tmp_path)], TeacherInputs(Grey(size=(64, 128)), "test"))
    assert "channels: 3" in caught.value.next_step


def test_a_teacher_of_grey_makes_pictures_grey_itself(tmp_path: Path) -> None:
    teacher = teacher_named([bundle(tmp_path, reading=Reading(channels=1))], ASKED)
    grey = Grey(size=(64, 128), counts={"test": 1}).read_as(Reading(channels=1))
    assert teacher.logits(PICTURE).shape == own_logits().shape
    assert not np.allclose(teacher.logits(PICTURE), own_logits())
    assert grey.reading.is_grey


def test_another_range_of_deep_images_is_refused(tmp_path: Path) -> None:
    place = bundle(tmp_path, reading=Reading(range=(0, 4095)))
    with pytest.raises(UsageError, match="reads its images otherwise"):
        teacher_named([place], ASKED)


@pytest.mark.parametrize(
    ("output", "off"), [("low-resolution-logits", 1e-4), ("logits", 0.2)], ids=["small", "whole"]
)
def test_an_exported_file_says_what_its_network_does(
    output: OutputForm, off: float, tmp_path: Path
) -> None:
    teacher = teacher_named([written(tmp_path, output)], ASKED)
    found = teacher.logits(PICTURE)
    assert found.shape == own_logits().shape
    np.testing.assert_allclose(probabilities(found), probabilities(own_logits()), atol=off)
    assert [one.name for one in teacher.facts] == ["student"]


def test_a_file_of_labels_is_refused_with_the_export_that_helps(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gives labels") as caught:
        teacher_named([written(tmp_path, "labels")], ASKED)
    step = "fasterseg export MODEL --output low-resolution-logits --size 64x128 --out FILE.onnx"
    assert step in caught.value.next_step


def test_an_exported_file_of_one_size_is_not_shown_others(tmp_path: Path) -> None:
    asked = replace(ASKED, scales=(0.5,))
    with pytest.raises(UsageError, match="one size alone") as caught:
        teacher_named([written(tmp_path, "low-resolution-logits")], asked)
    assert "--dynamic" in caught.value.next_step


def test_an_exported_file_sees_pictures_at_its_own_size(tmp_path: Path) -> None:
    teacher = teacher_named([written(tmp_path, "low-resolution-logits")], ASKED)
    large = resampled(PICTURE, (128, 256))
    small = resampled(large, (64, 128))
    assert np.array_equal(teacher.logits(large), teacher.logits(small))


def test_several_are_one_teacher(tmp_path: Path) -> None:
    names = [bundle(tmp_path), bundle(tmp_path, seed=1), written(tmp_path, "low-resolution-logits")]
    teacher = teacher_named(names, ASKED)
    single = [probabilities(teacher_named([one], ASKED).logits(PICTURE)) for one in names]
    np.testing.assert_allclose(np.exp(teacher.logits(PICTURE)), sum(single) / 3, rtol=1e-4)
    assert len(teacher.facts) == 3


def test_a_bundle_and_a_file_of_elsewhere_go_together(tmp_path: Path) -> None:
    names = {f"class {index}": name for index, name in enumerate(SOURCE.label_space.names)}
    own = bundle(tmp_path)
    card = {
        "classes": [*names][:4],
        "mapping": {one: names[one] for one in [*names][:4]},
        "output": "logits",
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
    }
    with pytest.raises(UsageError, match="does not know a class"):
        teacher_named([own, laid(tmp_path, foreign_model(), card)], ASKED)


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("nothing/here", UsageError, "there is no model"),
        ("baseline:enet", UsageError, "no weights of its own"),
    ],
)
def test_a_name_of_no_teacher_is_refused(name: str, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        teacher_named([name], ASKED)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not a model"):
        teacher_named([tmp_path], ASKED)
