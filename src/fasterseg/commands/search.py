"""``fasterseg search``: find a teacher, and students that meet their budgets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Unpack

from fasterseg.commands.options import Common, CommonOptions
from fasterseg.commands.progress import progress_for
from fasterseg.searching.summary import SearchSummary

if TYPE_CHECKING:
    from fasterseg.commands.assembling import SearchAssembly
    from fasterseg.runtime import StopRequest

Show = Callable[..., AbstractContextManager[Any]]
"""Opens a progress display: ``show(title, total=..., unit=...)``."""

RANDOM_SUBNETS = 5


def search(**options: Unpack[CommonOptions]) -> SearchSummary:
    """Search a teacher and a student that meets the budget.

    The run must have a latency table; without one it is measured first.

    Returns
    -------
    SearchSummary
        What was found: estimated and measured latency of each contender, and its subnet's score.
    """
    from fasterseg.commands.assembling import assemble_search
    from fasterseg.commands.opening import open_run, open_source
    from fasterseg.commands.profile import profile_stage
    from fasterseg.runtime import set_threads, stop_on_signals

    common = Common(**options)
    recipe, run = open_run(common)
    source = open_source(recipe)
    show = progress_for(json=common.json)
    with run.locked(), stop_on_signals() as stop:
        classes = source.label_space.classes
        table = profile_stage(recipe, run, classes=classes, progress=show, stop=stop)
        set_threads(recipe.threads)
        assembly = assemble_search(recipe, run, source=source, table=table, device=common.device)
        return search_stage(assembly, show=show, stop=stop)


def search_stage(
    assembly: SearchAssembly, *, show: Show, stop: StopRequest | None = None
) -> SearchSummary:
    """Pre-train, search, derive, land on the budgets, score; going on where it stopped.

    Writes each contender's architecture and the summary into the run's search folder.
    """
    from fasterseg.commands.concluding import derive_all, score_all
    from fasterseg.commands.summarising import summarise

    if assembly.run.search_summary.exists():
        return SearchSummary.load(assembly.run.search_summary)
    with show("Measuring the ends of the space", total=2 * len(assembly.students)) as step:
        assembly.agree_on_plan(progress=step)
    _pretrain(assembly, show, stop)
    warnings = _cosearch(assembly, show, stop)
    with show("Landing on the budgets", total=len(assembly.contenders)) as step:
        found = derive_all(assembly, progress=step)
    with show("Scoring subnets", total=len(found) + RANDOM_SUBNETS) as step:
        scores = score_all(assembly, found, random_count=RANDOM_SUBNETS, progress=step)
    summary = summarise(assembly, found, scores, warnings=warnings)
    for name, landing in found.items():
        landing.architecture.save(assembly.run.architecture(name))
    summary.save(assembly.run.search_summary)
    return summary


def _pretrain(assembly: SearchAssembly, show: Show, stop: StopRequest | None) -> None:
    from fasterseg.learning.stepping import run_steps

    settings = assembly.recipe.search
    with show("Pre-training the supernet", total=settings.pretrain_steps) as step:
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

    with show("Searching", total=settings.steps) as step:
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
