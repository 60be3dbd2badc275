"""An augmentation of the user's own, by name: ``module:function``, called last on each sample.

    def fog(image, labels, *, generator):
        pipeline.set_random_seed(int(generator.integers(2**31)))
        done = pipeline(image=image, mask=labels)
        return done["image"], done["mask"]

It takes a (height, width, 3) uint8 image and its (height, width) labels, and returns both, of the
same size.  A function that takes ``generator`` draws from it: a NumPy generator that depends
on (seed, epoch, sample) alone, so that a resumed training sees the same images.
"""

from __future__ import annotations

import importlib
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming.transforms import Pair
from fasterseg.errors import UsageError

_KEY = "augmentation.function"
_MOST_SEED = 2**32


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """Implements `JointTransform` by a function of the user's.

    What a function without ``generator`` draws from Python's or NumPy's global generator is a
    function of the sample too: both are seeded for the call, and put back after it.
    """

    name: str
    function: Callable[..., Any] = field(repr=False, compare=False)
    _draws: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look once whether the function takes a generator: it is called for every sample."""
        object.__setattr__(self, "_draws", _takes_generator(self.function))

    @classmethod
    def named(cls, name: str) -> OwnFunction:
        """Return the function of a name; raises `UsageError` where there is none to be called."""
        module, _, path = name.partition(":")
        try:
            found = sys.modules.get(module) or importlib.import_module(module)
            function = reduce(getattr, path.split("."), found)
        except Exception as error:
            raise _no_function(name, f"{type(error).__name__}: {error}") from error
        if not callable(function):
            raise _no_function(name, f"it is a {type(function).__name__}, and cannot be called")
        return cls(name, function)

    def __call__(self, image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Pair:
        """Return what the function makes of both; raises `UsageError` for what is no sample."""
        try:
            if self._draws:
                found = self.function(image, labels, generator=generator)
            else:
                with _seeded(int(generator.integers(_MOST_SEED))):
                    found = self.function(image, labels)
            return _sample(found, labels)
        except Exception as error:
            raise UsageError(
                f"the function {self.name} failed on a sample",
                where=_KEY,
                why=f"{type(error).__name__}: {error}",
                next_step="it is given a uint8 (height, width, 3) image and its (height, width) "
                "labels, and returns both; mend it, or leave the key out",
            ) from error

    def require_classes(self, labels: LabelMap, space: LabelSpace) -> None:
        """Raise `UsageError` for labels that hold what is no class of the data."""
        strange = labels[(labels >= space.classes) & (labels != space.ignore)]
        if strange.size:
            raise UsageError(
                f"the function {self.name} makes labels that are no classes",
                where=_KEY,
                why=f"{int(strange[0])} is neither one of {space.classes} classes nor "
                f"{space.ignore}, which never counts",
                next_step="have it fill with that, or leave the key out",
            )


def _takes_generator(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # one that is compiled may not tell
        return False
    return "generator" in parameters


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Within, Python's and NumPy's global generators begin at a seed."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def _sample(found: Any, given: LabelMap) -> Pair:
    image, labels = map(np.asarray, found)
    if image.dtype != np.uint8 or image.shape != (*given.shape, 3) or labels.shape != given.shape:
        raise TypeError(
            f"of an image of {given.shape} it made one of {image.dtype} {image.shape} and labels "
            f"of {labels.shape}"
        )
    kept = labels.astype(given.dtype)
    if not np.array_equal(kept, labels):
        raise TypeError(f"it returned labels of {labels.dtype} that are no class ids")
    return np.ascontiguousarray(image), kept


def _no_function(name: str, why: str) -> UsageError:
    return UsageError(
        f"there is no function {name!r} to augment with",
        where=_KEY,
        why=why,
        next_step="write it as module:function, of a module that Python finds here: installed, or "
        "in a folder that PYTHONPATH names",
    )
