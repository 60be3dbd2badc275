"""``fasterseg search``: find a teacher, and students that meet their budgets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Budgets, Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.console.stopping import Show, heeding, stoppable
from fasterseg.pipeline.subnets import RANDOM_SUBNETS
from fasterseg.searching.summary import SearchSummary
from fasterseg.stages import noted

if TYPE_CHECKING:
    from fasterseg.pipeline.assembling import SearchAssembly
    from fasterseg.pipeline.choosing import Choice
    from fasterseg.runtime import StopRequest
    from fasterseg.searching.landing import Landing


def search(
    *,
    budget: Budgets = (),
    hours: Annotated[
        float | None,
        Parameter(help="Active hours of pre-training and search together, in place of steps."),
    ] = None,
    **options: Unpack[CommonOptions],
) -> SearchSummary:
    """Search a teacher, and for each budget a student that meets it.

    The run must have a latency table; without one it is measured first.

    Returns
    -------
    SearchSummary
        What was found: estimated and measured latency of each contender, and its subnet's score.
    """
    from fasterseg.pipeline.opening import hold_run

    common = Common(**options).with_budget(budget)
    if hours is not None:
        common = replace(common, set=(*common.set, f"search.hours={hours}"))
    show = progress_for(json=common.json)
    with hold_run(common, ("profile", "search")) as ((recipe, run, source), stop):
        from fasterseg.commands.profile import profile_stage
        from fasterseg.pipeline.assembling import assemble_search
        from fasterseg.runtime import set_threads

        classes = source.label_space.classes
        table = profile_stage(recipe, run, classes=classes, progress=show, stop=stop)
        set_threads(recipe.threads)
        assembly = assemble_search(recipe, run, source=source, table=table, device=common.device)
        return search_stage(assembly, show=show, stop=stop)


def search_stage(
    assembly: SearchAssembly, *, show: Show, stop: StopRequest | None = None
) -> SearchSummary:
    """Pre-train, search, land on the budgets, choose, score; going on where it stopped.

    Writes each contender's architecture, the random ones and the summary into the search folder.
    """
    from fasterseg.pipeline.concluding import derive_all, score_all
    from fasterseg.pipeline.search_hours import counted_search
    from fasterseg.pipeline.summarising import summarise

    if assembly.run.search_summary.exists():
        return SearchSummary.load(assembly.run.search_summary)
    if stop is not None:
        assembly.measure = heeding(assembly.measure, stop, "Measuring whole networks")
    ends, root = 2 * len(assembly.students), assembly.run.root
    with (
        noted(root, "search/landing"),
        stoppable(show, stop, "Measuring the ends of the space", total=ends) as step,
    ):
        assembly.agree_on_plan(progress=step)
    assembly = counted_search(assembly)
    _pretrain(assembly, show, stop)
    warnings = _cosearch(assembly, show, stop)
    contenders = len(assembly.contenders)
    with (
        noted(root, "search/landing"),
        stoppable(show, stop, "Landing on the budgets", total=contenders) as step,
    ):
        landed = derive_all(assembly, progress=step)
    choices = _chosen(assembly, landed, show, stop)
    found = {name: choice.landing for name, choice in choices.items()}
    subnets = contenders + RANDOM_SUBNETS * len(assembly.students)
    with (
        noted(root, "search/subnets"),
        stoppable(show, stop, "Scoring subnets", total=subnets) as step,
    ):
        scores = score_all(assembly, found, random_count=RANDOM_SUBNETS, progress=step)
    notes = [choice.note for choice in choices.values()]
    notes += [one.missing for one in scores.values()]
    summary = summarise(assembly, choices, scores, warnings=(*warnings, *filter(None, notes)))
    for name, landing in found.items():
        landing.architecture.save(assembly.run.architecture(name))
        for random in scores[name].randoms:
            random.architecture.save(assembly.run.architecture(random.name))
    summary.save(assembly.run.search_summary)
    for verdict in summary.verdicts():
        print(f"warning: {verdict}", file=sys.stderr)
    return summary


def _pretrain(assembly: SearchAssembly, show: Show, stop: StopRequest | None) -> None:
    from fasterseg.learning.stepping import run_steps

    settings = assembly.recipe.search
    part = noted(assembly.run.root, "search/pretraining")
    with part, show("Pre-training the supernet", total=settings.pretrain_steps) as step:
        run_steps(
            assembly.pretraining(),
            assembly.run.search / "pretraining",
            steps=settings.pretrain_steps,
            checkpoint_every=settings.checkpoint_every,
            progress=step,
            stop=stop,
            name="pre-training",
        )


def _cosearch(assembly: SearchAssembly, show: Show, stop: StopRequest | None) -> tuple[str, ...]:
    """The search itself; returns what the guards said, once each."""
    from fasterseg.learning.stepping import run_steps
    from fasterseg.searching.cosearch import WARNINGS

    settings = assembly.recipe.search

    def warn(text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)

    part = noted(assembly.run.root, "search/cosearch")
    with part, show("Searching", total=settings.steps) as step:
        course = run_steps(
            assembly.cosearch(warn=warn),
            assembly.run.search / "cosearch",
            steps=settings.steps,
            checkpoint_every=settings.checkpoint_every,
            progress=step,
            stop=stop,
            name="search",
        )
    said = [text for event in course.events() for text in event.get(WARNINGS, ())]
    return tuple(dict.fromkeys(said))


def _chosen(
    assembly: SearchAssembly,
    landed: Mapping[str, Landing],
    show: Show,
    stop: StopRequest | None,
) -> Mapping[str, Choice]:
    """What every contender comes to: its most probable network, or the best of its draws."""
    from fasterseg.pipeline.choosing import Choice, best_draws

    draws = assembly.recipe.search.draws
    if draws == 1:
        return {name: Choice(landing) for name, landing in landed.items()}
    total = draws * len(assembly.students)
    with (
        noted(assembly.run.root, "search/draws"),
        stoppable(show, stop, "Choosing among draws", total=total) as step,
    ):
        return best_draws(assembly, landed, progress=step)
