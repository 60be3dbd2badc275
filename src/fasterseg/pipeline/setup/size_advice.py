"""Which working size a budget can afford: measured at one size, in proportion at the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir

from fasterseg.config import Recipe
from fasterseg.forecasting.timings import TargetTiming
from fasterseg.pipeline.planning.plan import Take
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.scratch import scratch_folder
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.pricing import Pricing

_SHARES = (1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 8)
_UNIT, _LEAST_SIDE = 8, 96
ROOM = 4.0
"""So many times the fastest network's time a budget is to be, so that there is a choice within."""
MOST_PIXELS = 1024 * 1024
"""Of a size that no budget in milliseconds speaks against."""


@dataclass(frozen=True, slots=True)
class SizeAdvice:
    """A working size, and why it is advised; `reaches` says that the budget can be kept at it."""

    size: Size
    why: str
    reaches: bool = True


def candidate_sizes(photo: Size) -> tuple[Size, ...]:
    """Return the photos' own size, then smaller ones of its proportions, in whole eights."""
    sizes = [photo]
    for share in _SHARES[1:]:
        sides = (_UNIT * max(1, round(share * side / _UNIT)) for side in photo)
        if min(size := Size(*sides)) >= _LEAST_SIDE:
            sizes.append(size)
    return tuple(dict.fromkeys(sizes))


def size_to_time(photo: Size) -> Size:
    """Return the size at which a network is measured: near the middle of those that may be best."""
    sizes = candidate_sizes(photo)
    most = max(photo.area, MOST_PIXELS) / 4
    return next((size for size in sizes if size.area <= most), sizes[-1])


@dataclass(frozen=True, slots=True)
class Fastest:
    """What the fastest network takes, by size from the largest down; whether that was quiet."""

    ms: Mapping[Size, float]
    quiet: bool = True


def fastest_by_size(recipe: Recipe, sizes: Sequence[Size], *, take: Take, classes: int) -> Fastest:
    """Measure the fastest network of a recipe's student at its target's size.

    The median is taken; where the machine is never quiet, the sum of its blocks' times, if that is
    less: short calls suffer least.  At other sizes it is in proportion to the pixels, or to what
    blocks are priced, whichever is more.
    """
    with scratch_folder(Path(gettempdir()), "fasterseg-init-") as folder:
        job = Job(kind="target", recipe=recipe, device="auto", seconds=0.0)
        timing: TargetTiming = take(TargetTiming, job, folder / "target")
    fastest, _ = timing.ends[recipe.students()[0].name]

    def priced(size: Size) -> float:
        return Pricing(Geometry(size, classes), timing.prices)(fastest.architecture)

    quiet = timing.attempts <= 1
    taken = fastest.median_ms if quiet else min(fastest.median_ms, fastest.estimate_ms)
    timed = recipe.target.size

    def times(size: Size) -> float:
        return max(size.area / timed.area, priced(size) / max(priced(timed), 1e-9))

    return Fastest({size: taken * times(size) for size in sizes}, quiet)


def advised_by_budget(budget_ms: float, fastest: Fastest) -> SizeAdvice:
    """Return the largest size at which a budget leaves something to choose, else the fastest."""
    advice = _advised(budget_ms, fastest.ms)
    if fastest.quiet:
        return advice
    busy = "; the machine was busy, so that this is rough: try --size, and see what plan says"
    return replace(advice, why=advice.why + busy)


def _advised(budget_ms: float, fastest_ms: Mapping[Size, float]) -> SizeAdvice:
    for size, ms in fastest_ms.items():
        if ROOM * ms <= budget_ms:
            return SizeAdvice(
                size,
                f"the largest of the photos' proportions at which the fastest network, which takes "
                f"about {ms:.1f} ms, leaves three quarters of {budget_ms:g} ms to choose in",
            )
    size, ms = min(fastest_ms.items(), key=lambda one: one[1])
    if ms <= budget_ms:
        why = (
            f"at which the fastest network takes about {ms:.1f} of {budget_ms:g} ms: little is "
            "left to choose"
        )
        return SizeAdvice(size, why)
    why = (
        f"at which even the fastest network took about {ms:.1f} ms just now, and the budget is "
        f"{budget_ms:g} ms: ask for more time, or see what plan says on a quiet machine"
    )
    return SizeAdvice(size, why, reaches=False)


def advised_by_pixels(photo: Size) -> SizeAdvice:
    """Return the photos' own size, or the largest of their proportions of a million pixels."""
    if photo.area <= MOST_PIXELS:
        return SizeAdvice(photo, "the photos' own size")
    size = next(one for one in candidate_sizes(photo) if one.area <= MOST_PIXELS)
    return SizeAdvice(size, "the largest of the photos' proportions of up to a million pixels")
