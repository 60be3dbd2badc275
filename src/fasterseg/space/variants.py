"""Variants of a space: one set of branches at one input scale each.

A network keeps one of a space's sets of branches and works at one of its scales.  A *variant* is
the space with both decided.  All that a node, a fork or a place is called is the same in every
variant that has it, so a choice has one name and one list of options in the whole space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fasterseg.space.choices import BRANCHES, INPUT_SCALE, Option, section
from fasterseg.space.search_space import SearchSpace

Choices = Mapping[str, tuple[Option, ...]]


def branch_set_text(branches: Sequence[int]) -> str:
    """A set of branches as an option: ``32+16``."""
    return "+".join(map(str, branches))


def variant_choices(space: SearchSpace) -> Choices:
    """The choices of a variant; none where a space has one set, or one scale."""
    sets, scales = tuple(map(branch_set_text, space.branch_sets)), space.input_scale
    return {
        name: offered
        for name, offered in ((BRANCHES, sets), (INPUT_SCALE, scales))
        if len(offered) > 1
    }


def taken_by(space: SearchSpace, variant: SearchSpace) -> dict[str, Option]:
    """The options that make a variant of a space."""
    (branches,), (scale,) = variant.branch_sets, variant.input_scale
    options: dict[str, Option] = {BRANCHES: branch_set_text(branches), INPUT_SCALE: scale}
    return {name: options[name] for name in variant_choices(space)}


def merged(spaces: Iterable[Choices]) -> Choices:
    """The choices of several variants, each once: paths, then kinds, then widths."""
    known = [*spaces]
    return {
        name: offered
        for part in ("paths", "kinds", "widths")
        for choices in known
        for name, offered in choices.items()
        if section(name) == part
    }


def united(space: SearchSpace, scale: str) -> SearchSpace:
    """The space of one set, with all branches that some set has, at one input scale."""
    branches = {stride for branches in space.branch_sets for stride in branches}
    return _one_variant(space, tuple(sorted(branches, reverse=True)), scale)


def headed(space: SearchSpace, scale: str) -> tuple[SearchSpace, ...]:
    """A space of one set for each that is on offer, and for each branch alone, at one input scale.

    A branch alone has a context only where it is the coarsest of some set on offer.
    """
    sets = space.branch_sets
    alone = ((stride,) for stride in united(space, scale).branch_sets[0])
    found = (_one_variant(space, one, scale) for one in dict.fromkeys((*sets, *alone)))
    bare = space.kinds.model_copy(update={"context": ("none",)})
    return tuple(
        one
        if any(one.coarsest == max(branches) for branches in sets)
        else one.model_copy(update={"kinds": bare})
        for one in found
    )


def _one_variant(space: SearchSpace, branches: Sequence[int], scale: str) -> SearchSpace:
    return space.model_copy(update={"branches": tuple(branches), "input_scale": (scale,)})
