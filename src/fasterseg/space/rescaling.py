"""The walk from image to labels at an input scale: one step more, and all others smaller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fasterseg.space.choices import choice
from fasterseg.space.input_scale import RESCALE, WHOLE, Scale
from fasterseg.space.placements import IMAGE, Channels, Feature, Placement, Slot
from fasterseg.space.places import PLACES

_IMAGE_CHANNELS = Channels(None, 3)


def at_scale(placements: Iterable[Placement], scale: Scale) -> Iterator[Placement]:
    """The placements of a walk, from pre-processing to tail, at an input scale.

    Behind pre-processing comes `rescale`; what read the image reads that.  The tail brings the
    logits back to the image's own size.
    """
    if scale == WHOLE:
        yield from placements
        return
    for one in placements:
        if one.part == "input":
            yield one
            yield _rescale(scale)
        elif one.part == "tail":
            yield replace(one, slot=replace(one.slot, in_scale=scale))
        else:
            slot = replace(one.slot, in_scale=scale, out_scale=scale)
            yield replace(one, slot=slot, inputs=tuple(map(_rescaled, one.inputs)))


def _rescale(scale: Scale) -> Placement:
    slot = Slot(RESCALE, (_IMAGE_CHANNELS,), _IMAGE_CHANNELS, 1, 1, out_scale=scale)
    read = Feature((IMAGE,), _IMAGE_CHANNELS)
    return Placement("stem", slot, choice("kinds", RESCALE), PLACES[RESCALE], (read,))


def _rescaled(feature: Feature) -> Feature:
    return feature._replace(sources=(RESCALE,)) if feature.sources == (IMAGE,) else feature
