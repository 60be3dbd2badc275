"""What was seen in a pair of files that were read whole, as a line of text and back."""

from __future__ import annotations

import json
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fasterseg.datasets.checking.data_report import LabelCounts
from fasterseg.datasets.checking.looking import Look
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.pairing.pairs import Lone, OnDisk
from fasterseg.datasets.pictures.deep_pixels import Depth
from fasterseg.datasets.pictures.pixels import Interpretation, Remarks
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.foreign.strict_json import NotStrict, load_json

_MOST_VALUES = 1024
"""Masks of more values are no masks of classes, and are looked at again."""

Count = Annotated[int, Field(ge=0)]


class KeptLook(BaseModel):
    """An image's hash and what was interpreted in it; of its mask a hash, the pixels by the integer
    that they hold, and the colours that a palette gives to these.

    What the integers mean is not in it, so that it holds whatever a data file says of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    mask: Annotated[str, Field(pattern="^([0-9a-f]{16})?$")] = ""
    values: dict[int, Count]
    colours: dict[int, Count] = {}
    interpreted: tuple[str, ...] = ()
    depth: tuple[float, float, float] | None = None

    @classmethod
    def of(cls, look: Look) -> Self | None:
        """Return what a look saw; None where the files have to be read again to tell."""
        others = [fault for fault in look.faults if fault.kind is not FaultKind.UNKNOWN_LABEL]
        if others or look.remarks is None or len(look.raw_values) > _MOST_VALUES:
            return None
        if not look.raw_values and not look.lone:
            return None
        depth = look.remarks.depth
        return cls(
            hash=look.image_hash,
            mask=look.mask_hash,
            values=look.raw_values,
            colours=look.colours,
            interpreted=tuple(sorted(kind.name for kind in look.remarks.interpreted)),
            depth=None if depth is None else (depth.lowest, depth.highest, depth.most),
        )

    @classmethod
    def of_line(cls, line: bytes) -> Self | None:
        """Return what a line tells; None for one that nobody here wrote."""
        try:
            seen = cls.model_validate(load_json(line))
        except (NotStrict, ValidationError):
            return None
        return seen if set(seen.interpreted) <= set(Interpretation.__members__) else None

    def line(self) -> bytes:
        """Return it as one line of JSON, without its end."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, separators=(",", ":")).encode()

    def as_look(self, source: FileSource, pair: OnDisk, size: ImageSize) -> Look:
        """Return what a look at the files would find, with what a mask's integers mean now."""
        look = Look(source.shown(pair.image), pair.part, lone=isinstance(pair, Lone))
        look.size, look.image_hash, look.raw_values = size, self.hash, dict(self.values)
        look.mask_hash, look.colours = self.mask, dict(self.colours)
        kinds = frozenset(Interpretation[name] for name in self.interpreted)
        look.remarks = Remarks(kinds, None if self.depth is None else Depth(*self.depth))
        if isinstance(pair, Lone):
            return look
        meaning = source.layout_of(pair).labelling.meaning
        look.unknown = {value: n for value, n in self.values.items() if value not in meaning}
        if look.unknown:
            look.faults.append(source.unknown_fault(pair, look.unknown))
            return look
        pixels, ignored = np.zeros(source.label_space.classes, dtype=np.int64), 0
        for value, count in self.values.items():
            if meaning[value] == source.label_space.ignore:
                ignored += count
            else:
                pixels[meaning[value]] += count
        look.labels = LabelCounts(size, pixels, ignored)
        return look
