"""A data set is what its members say, however many times it is wrapped."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from own_data import own_data

import fasterseg
from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.sizes import image_sizes
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.sources.changed import NormalisedSource
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.joining import JoinedSplits
from fasterseg.datasets.sources.part import PartOfSplit
from fasterseg.datasets.sources.remembering import RememberedSource
from fasterseg.datasets.sources.serving import notes_on_use, split_to_score
from fasterseg.datasets.sources.source import DataSource, SourceOver
from fasterseg.datasets.sources.splitting import halves_of
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.errors import DataError

MEMBERS = frozenset(name for name in vars(DataSource) if not name.startswith("_"))
SAID = """\
normalize: imagenet
channels: 1
class_weights: [1.0, 2.0, 3.0]
groups: '^([01234])'
"""
Wrap = Callable[[DataSource], DataSource]


class Forwarding:
    """Passes on what the protocol has, and nothing else."""

    def __init__(self, source: DataSource) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        if name not in MEMBERS:
            raise AttributeError(name)
        return getattr(self._source, name)


def remembered(source: DataSource) -> DataSource:
    return RememberedSource(source, "train")


def all_of_train(source: DataSource) -> DataSource:
    return PartOfSplit(source, "train", range(source.length("train")))


def described(root: Path) -> DataSource:
    return open_files(own_data(root, {"train": 5, "val": 2, "test": 1}, more=SAID))


def with_withheld_labels(root: Path) -> DataSource:
    for kind, ending in (("images/10k", ".jpg"), ("labels/sem_seg/masks", ".png")):
        for split in ("train", "val"):
            (root / "bdd100k" / kind / split).mkdir(parents=True)
            for name in "abcd":
                (root / "bdd100k" / kind / split / f"{name}{ending}").touch()
    return open_files(root / "bdd100k", layout="bdd100k")


def with_recordings(root: Path) -> DataSource:
    for folder in ("train", "trainannot"):
        (root / folder).mkdir(parents=True)
        for frame in range(6):
            (root / folder / f"Seq{frame % 3}_{frame}.png").touch()
    return open_files(root)


def street(root: Path) -> DataSource:
    return StreetScenes(size=(32, 64), counts={"train": 5, "val": 2})


def told(source: DataSource) -> dict[str, Any]:
    """What is known of a data set and its training images without looking at their pixels."""
    return {
        "names": (source.name, source.terms, source.label_space, source.names("train")),
        "reading": (source.reading, source.normalisation),
        "class weights": class_weights_of(source, "train"),
        "groups": (source.groups, source.recordings("train")),
        "halves": halves_of(source, "train", 0),
        "scored": (split_to_score(source, chosen_by="train"), source.withheld),
        "files": source.files is None or source.files.splits(),
    }


def seen(source: DataSource) -> dict[str, Any]:
    """What is made of its training images."""
    augmentation = Augmentation(crop=(16, 16), scale=(1.0, 1.0), flip=0.0, colour=0.0)
    batches = TrainingBatches(source, "train", augmentation=augmentation, batch_size=4, seed=0)
    grey = source.read_as(Reading(channels=1))
    return {
        "sizes": image_sizes(source, ["train"]),
        "batch": batches.batch(0).images.tolist(),
        "grey": (grey.reading, grey.sample("train", 0).image.tolist()),
    }


@pytest.mark.parametrize("wrap", [Forwarding, JoinedSplits, remembered, all_of_train])
@pytest.mark.parametrize("make", [described, with_withheld_labels, with_recordings, street])
def test_a_wrapped_data_set_says_what_it_says_by_itself(
    make: Callable[[Path], DataSource], wrap: Wrap, tmp_path: Path
) -> None:
    source = make(tmp_path)
    wrapped = told(wrap(source))
    if wrap is all_of_train:  # it has no other split
        assert wrapped.pop("scored")[1] == source.withheld
    assert wrapped == {key: value for key, value in told(source).items() if key in wrapped}


@pytest.mark.parametrize("wrap", [Forwarding, JoinedSplits, remembered, all_of_train])
@pytest.mark.parametrize("make", [described, street])
def test_a_wrapped_data_set_is_read_as_it_is_by_itself(
    make: Callable[[Path], DataSource], wrap: Wrap, tmp_path: Path
) -> None:
    source = make(tmp_path)
    assert seen(wrap(source)) == seen(source)


def test_a_remembered_image_is_forgotten_where_pictures_are_read_in_another_way(
    tmp_path: Path,
) -> None:
    source = open_data(own_data(tmp_path, {"train": 2, "val": 1}))
    known = RememberedSource(source, "train")
    coloured = known.sample("train", 0).image
    grey = known.read_as(Reading(channels=1)).sample("train", 0).image
    assert (grey[..., 0] == grey[..., 1]).all()
    assert not (coloured[..., 0] == coloured[..., 1]).all()


def checked(source: DataSource) -> object:
    """The checker's report, or its refusal: the described data share a group between splits."""
    try:
        return check_data(source).content()
    except DataError as error:
        return str(error)


def fed(source: DataSource) -> DataSource:
    return NormalisedSource(source, source.normalisation)


@pytest.mark.parametrize("wrap", [Forwarding, JoinedSplits, remembered, fed])
@pytest.mark.parametrize("make", [described, street])
def test_a_wrapped_data_set_is_checked_as_it_is_by_itself(
    make: Callable[[Path], DataSource], wrap: Wrap, tmp_path: Path
) -> None:
    source = make(tmp_path)
    assert checked(wrap(source)) == checked(source)
    assert notes_on_use(wrap(source)) == notes_on_use(source)


def test_nobody_asks_a_data_set_for_its_class() -> None:
    sources = {"DataSource", "FileSource", "StreetScenes", "SourceOver"}
    sources |= {found.__name__ for found in SourceOver.__subclasses__()}
    asked = [
        f"{path.name}:{node.lineno}"
        for path in Path(fasterseg.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "hasattr", "getattr", "type")
        and sources & {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    ]
    assert asked == []
