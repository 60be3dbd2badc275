"""Which of a teacher's channels speak for each class of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from fasterseg.amounts import first_few
from fasterseg.errors import UsageError
from fasterseg.foreign.strict_json import shortened
from fasterseg.teaching.answering import Logits

LEAST = 1e-12
"""No probability is below this: its logarithm is a number that half precision holds."""

_NAMED = 40


@dataclass(frozen=True, slots=True)
class ClassMap:
    """For each class of the data, in order, the teacher's channels that stand for it.

    Channels that stand for none are left out, as if the teacher did not know their classes: what
    remains are its probabilities where the pixel is of one of the data's.
    """

    channels: tuple[tuple[int, ...], ...]
    theirs: int

    @property
    def is_identity(self) -> bool:
        """Whether the teacher's classes are the data's, in their order."""
        return self.channels == tuple((index,) for index in range(self.theirs))

    def of_logits(self, logits: Logits) -> Logits:
        """Logits of the data's classes, (classes, height, width); the teacher's own where they
        are one to one."""
        if self.is_identity:
            return logits
        if all(len(group) == 1 for group in self.channels):
            return logits[[group[0] for group in self.channels]]
        return np.stack([_log_of_sum(logits[[*group]]) for group in self.channels])

    def of_probabilities(self, shares: Logits) -> Logits:
        """The logarithms of the data's classes' probabilities, from those of the teacher's."""
        summed = np.stack([shares[[*group]].sum(axis=0) for group in self.channels])
        return logarithms(summed / np.maximum(summed.sum(axis=0), LEAST))


def by_name(theirs: Sequence[str], ours: Sequence[str], *, teacher: str, data: str) -> ClassMap:
    """The map of a teacher whose classes have the data's names; others of its own are left out.

    Raises `UsageError` for a class of the data that the teacher does not know.
    """
    places = {name: index for index, name in enumerate(theirs)}
    missing = [name for name in ours if name not in places]
    if missing:
        near = get_close_matches(missing[0], theirs, n=1)
        raise UsageError(
            "the teacher does not know a class of the data",
            where=teacher,
            why=f"{data} has {shown(missing)}, and the teacher knows {shown(theirs)}"
            + (f": {near[0]!r} may be {missing[0]!r}" if near else ""),
            next_step="name a teacher that knows every class by the data's name of it; the card "
            "beside a foreign ONNX file may say which of its classes is which",
        )
    return ClassMap(tuple((places[name],) for name in ours), len(theirs))


def shown(names: Sequence[str]) -> str:
    """Names as a message has them, the first of them where there are many."""
    return first_few([*map(shortened, names)], _NAMED)


def probabilities(logits: Logits) -> Logits:
    """The softmax of (classes, height, width) logits over their classes."""
    raised = np.exp(logits - logits.max(axis=0))
    found: npt.NDArray[np.float32] = raised / raised.sum(axis=0)
    return found


def logarithms(shares: Logits) -> Logits:
    """The natural logarithms of probabilities, none of them below that of `LEAST`."""
    found: npt.NDArray[np.float32] = np.log(np.maximum(shares, np.float32(LEAST)))
    return found


def _log_of_sum(logits: Logits) -> Logits:
    """The logit of several classes together: the logarithm of the sum of their exponentials."""
    most = logits.max(axis=0)
    found: npt.NDArray[np.float32] = most + np.log(np.exp(logits - most).sum(axis=0))
    return found
