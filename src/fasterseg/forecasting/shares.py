"""What several processes, and parts of a batch, do to a forecast."""

from __future__ import annotations

from collections.abc import Iterator

from fasterseg.amounts import size
from fasterseg.config import Recipe, SearchSettings, TrainingSettings
from fasterseg.forecasting.forecast import Proposal
from fasterseg.forecasting.timings import Timings, TrainingTiming

Settings = SearchSettings | TrainingSettings

GRADIENTS_OF_CHECKPOINT = 0.5
"""A search's checkpoint holds weights and momentum; its steps hold gradients too."""


def recipe_of_rank(recipe: Recipe, *, ranks: int, threads: int) -> Recipe:
    """The recipe of what one of so many processes computes in a step, on so many threads.

    Where a part would be one image, whose norms see those of others, it is that of two.
    """
    if ranks == 1:
        return recipe
    update: dict[str, object] = {"threads": threads}
    for section in ("search", "teacher", "student"):
        settings: Settings = getattr(recipe, section)
        own: dict[str, object] = {"batch_size": settings.images_alone(ranks=ranks)}
        if isinstance(settings, SearchSettings):
            first = settings.pretraining
            before = settings.model_copy(update={"batch_size": first.batch_size})
            share = {"batch_size": before.images_alone(ranks=ranks)}
            own["pretraining"] = first.model_copy(update=share)
        update[section] = settings.model_copy(update=own)
    return recipe.model_copy(update=update)


def told_shares(settings: Settings, *, ranks: int) -> str:
    """What a process has of a batch, and what its batch norms see, as the end of a sentence."""
    if ranks == settings.accumulate == 1:
        return ""
    images = settings.most_images(ranks=ranks)
    shared = f", {images} images of a batch in each process" if ranks > 1 else ""
    parts = f", in {settings.accumulate} parts" if settings.accumulate > 1 else ""
    seen = "of all processes" if settings.synchronises(ranks=ranks) else "of one process"
    return f"{shared}{parts}" + (f", norms over the images {seen}" if ranks > 1 else "")


def with_smaller_parts(recipe: Recipe, timings: Timings) -> Iterator[Proposal]:
    """What a step of each kind would hold if its part of a batch went through in two halves."""
    search = timings.search
    step = search.cosearch
    rest = search.base_bytes + (1 + GRADIENTS_OF_CHECKPOINT) * step.checkpoint_bytes
    yield from _halved("search", recipe.search, step.peak_bytes, rest, timings.ranks)
    students = (timings.narrow, timings.wide)
    for section, timed in (("teacher", (timings.teacher,)), ("student", students)):
        known = [one for one in timed if one is not None]
        if known:
            settings: TrainingSettings = getattr(recipe, section)
            most = max(known, key=lambda one: one.step.peak_bytes)
            peak = most.step.peak_bytes
            yield from _halved(section, settings, peak, _without_maps(most), timings.ranks)


def _without_maps(timing: TrainingTiming) -> float:
    """What a training holds whatever its batch: weights, gradients, momentum, their average."""
    return timing.base_bytes + timing.step.checkpoint_bytes


def _halved(
    section: str, settings: Settings, peak: int, rest: float, ranks: int
) -> Iterator[Proposal]:
    """Twice as many parts, where a part has two images; what does not change with them stays.

    Libraries hold more than is known of here, which stays too: so it is at least what is told.
    """
    share, parts = settings.most_images(ranks=ranks), settings.accumulate
    more = 2 * parts
    if settings.batch_size // ranks < more:
        return
    fewer = -(-share // more) / -(-share // parts)
    holds = min(peak, int(rest + fewer * max(0.0, peak - rest)))
    whole = settings.ohem_kept_fraction == 1
    first = "" if whole else "; a first pass without gradients finds the hard pixels"
    brings = f"a step holds {size(holds)} at least in place of {size(peak)}{first}"
    yield Proposal.of("memory", {f"{section}.accumulate": more}, brings)
