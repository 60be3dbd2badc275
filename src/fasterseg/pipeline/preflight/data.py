"""What is needed of the data: each split that will be asked for, with images that have labels."""

from __future__ import annotations

import shlex
from difflib import get_close_matches

import numpy as np

from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.joining import parts_of
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.splitting import halves_of
from fasterseg.errors import DataError
from fasterseg.pipeline.preflight.ahead import Ahead

USUAL = ("train", "val", "test")


def images_to_search_with(ahead: Ahead) -> None:
    """Both halves of a search have images, and subnets have some to be scored on."""
    recipe, data = ahead.recipe, ahead.recipe.data
    require_split(ahead.source, data.train_split, asked="data.train_split")
    _require_two_classes(ahead.source, data.train_split)
    _require_split_to_choose_by(ahead)
    _require_name(ahead)
    _require_weights(ahead.source, data.train_split, recipe.search_class_weights)
    for finalist in ahead.finalists:
        _require_weights(ahead.source, data.train_split, finalist.settings.class_weights)
    halves_of(ahead.source, data.train_split, recipe.seed)


def images_to_train_on(ahead: Ahead) -> None:
    """A training has images, and some to choose its weights by."""
    data = ahead.recipe.data
    asked = "data.training_split" if data.training_split else "data.train_split"
    require_split(ahead.source, data.trained_on, asked=asked)
    _require_two_classes(ahead.source, data.trained_on)
    _require_split_to_choose_by(ahead)
    _require_name(ahead)
    for training in ahead.trainings:
        _require_weights(ahead.source, data.trained_on, training.settings.class_weights)


def images_to_score(ahead: Ahead) -> None:
    """There are images to score the networks on at the end."""
    require_split(ahead.source, ahead.recipe.data.test_split, asked="data.test_split")


def images_for_int8(ahead: Ahead) -> None:
    """A network in int8 has training images for its ranges, and images of its size to judge by."""
    recipe, source = ahead.recipe, ahead.source
    if recipe.target.precision != "int8":
        return
    data, wanted = recipe.data, ahead.geometry.size
    require_split(source, data.train_split, asked="data.train_split")
    require_split(source, data.val_split, asked="data.val_split")
    for split in (data.val_split, data.test_split):
        sizes = {source.image_size(split, index) for index in range(source.length(split))}
        if others := sizes - {tuple(wanted)}:
            height, width = min(others)
            raise DataError(
                "a network in int8 is judged on images of the target's size",
                where=f"{split} of {source.name}",
                why=f"it has images of {height}x{width}, and the target takes {wanted}",
                next_step=f"bring all to one: --set data.size={wanted}; or leave "
                "target.precision=int8 out",
            )


def _require_name(ahead: Ahead) -> None:
    """The split to score is there, whoever will score it: a slip of the pen shows before hours."""
    whole = ahead.recipe.data.test_split
    for part in parts_of(whole):
        if part not in ahead.source.splits():
            raise _unknown(ahead.source, whole, part, "data.test_split", "")


def _require_split_to_choose_by(ahead: Ahead) -> None:
    """The split that weights and subnets are scored on; ``train`` will do, by which none is chosen.

    How often to score would do nothing then, so that it goes with it.
    """
    recipe = ahead.recipe
    sections = {"teacher": recipe.teacher, "student": recipe.student}
    timed = [name for name, one in sections.items() if one.evaluate_every is not None]
    require_split(
        ahead.source,
        recipe.data.val_split,
        asked="data.val_split",
        with_train="".join(f" --set {name}.evaluate_every=null" for name in timed)
        + ", by which nothing is chosen",
    )


def require_split(source: DataSource, split: str, *, asked: str, with_train: str = "") -> None:
    """Raise `DataError` where a split is not there, is empty, or has no labelled pixel.

    `asked` is where it was named: a key of the recipe, or an option; `with_train` what goes with
    it where ``train`` is to take its place.
    """
    known = source.splits()
    for part in parts_of(split):
        if part not in known:
            raise _unknown(source, split, part, asked, with_train)
        if source.length(part) == 0:
            raise DataError(
                f"the split {part!r} holds no image",
                where=f"{asked} of {source.name}",
                next_step=_another(source, part, asked, with_train),
            )
        if not _is_labelled(source, part):
            raise DataError(
                f"the split {part!r} has no labelled pixel",
                where=f"{asked} of {source.name}",
                why="what is published of its labels counts nowhere"
                if part in source.withheld
                else "all pixels of all its masks are ignored",
                next_step=_another(source, part, asked, with_train),
            )


def _unknown(source: DataSource, whole: str, split: str, asked: str, with_train: str) -> DataError:
    near = get_close_matches(split, source.splits(), n=1)
    next_step = _another(source, split, asked, with_train)
    if split not in USUAL and near:
        also = with_train if near[0] == "train" else ""
        parts = [near[0] if part.strip() == split else part.strip() for part in whole.split("+")]
        mended = _setting(asked, "+".join(dict.fromkeys(parts)))
        next_step = f"did you mean {near[0]!r}? {mended}{also}"
    return DataError(
        f"there is no split {split!r}",
        where=asked,
        why=f"the splits of {source.name} are {', '.join(source.splits())}",
        next_step=next_step,
    )


def _another(source: DataSource, split: str, asked: str, with_train: str) -> str:
    """What to do without a split: add it, or name another that will do."""
    add = f"add images to {split!r}" if split in source.splits() else f"add {split!r} to the data"
    if source.files is not None and split not in source.splits():
        place = shlex.quote(str(source.files.layout.place))
        add = f"divide the images: fasterseg split {place}"
    will_do = [
        other
        for other in ("val", "train", "test")
        if other != split and other in source.splits() and _is_labelled(source, other)
    ]
    if not will_do or asked in ("data.train_split", "data.training_split"):
        return add
    also = with_train if will_do[0] == "train" else ""
    return f"{add}, or {_setting(asked, will_do[0])}{also}"


def _setting(asked: str, split: str) -> str:
    return f"{asked} {split}" if asked.startswith("--") else f"--set {asked}={split}"


def _is_labelled(source: DataSource, split: str) -> bool:
    """Whether a pixel of a split counts: the first image tells, if its masks are good for anything.

    An image that cannot be read is left to the checker, which names all of them.
    """
    for index in range(source.length(split)):
        try:
            labels = source.sample(split, index).labels
        except DataError:
            return True
        if (labels != source.label_space.ignore).any():
            return True
    return False


def _require_two_classes(source: DataSource, split: str) -> None:
    """Raise `DataError` where all that counts in a split is one class.

    An image that cannot be read is left to the checker, which names all of them.
    """
    found: set[int] = set()
    for part in parts_of(split):
        for index in range(source.length(part)):
            try:
                labels = source.sample(part, index).labels
            except DataError:
                return
            found |= {*np.unique(labels).tolist()} - {source.label_space.ignore}
            if len(found) > 1:
                return
    step = "label what else its images show as a class of its own, such as background"
    if source.files is not None:
        place = shlex.quote(str(source.files.layout.place))
        step += f", or name what never counts as one: fasterseg check-data {place} says how"
    raise DataError(
        f"all that counts in {split} is one class",
        where=source.name,
        why="a network learns to tell classes apart, and each labelled pixel is "
        f"{', '.join(source.label_space.names[label] for label in found)}",
        next_step=step,
    )


def _require_weights(source: DataSource, split: str, wanted: object) -> None:
    """Raise `UsageError` for class weights that are more or fewer than the classes."""
    if isinstance(wanted, tuple):
        class_weights_of(source, split, wanted)
