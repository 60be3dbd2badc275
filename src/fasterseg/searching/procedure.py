"""The whole procedure: pre-train, search, land on the budgets, select at them, score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fasterseg.events import EventLog, Tell, Warn, note_on_stderr, warn_on_stderr
from fasterseg.latency.models import ModelComparison
from fasterseg.learning.leading import led
from fasterseg.learning.stepping import Course, Stage, run_steps
from fasterseg.searching.beginnings.beginning import SearchJob, agreed_start, data_of, task_of
from fasterseg.searching.beginnings.hours import SearchStages, with_step_count
from fasterseg.searching.beginnings.kept_supernet import keep_supernet
from fasterseg.searching.beginnings.sharing import ORDER, ScorersOf, SearchOrder, Together
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.landing.branch_selection import Variants, count_of_variants, try_variants
from fasterseg.searching.landing.concluding import Appraisal, land_all
from fasterseg.searching.landing.measurements import KeptMeasurements
from fasterseg.searching.landing.on_budget import Landing
from fasterseg.searching.landing.rounds import land_together
from fasterseg.searching.landing.scores import ScoreResampled
from fasterseg.searching.search import Search, SearchTask
from fasterseg.searching.selecting.choosing import Choice, Selector, known_networks
from fasterseg.searching.selecting.effort import scores_in
from fasterseg.searching.selecting.kept_scores import KeptScores
from fasterseg.searching.selecting.subnets import (
    RANDOM_SUBNETS,
    SubnetScores,
    score_all,
    subnets_of,
)
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.searching.summarising import Ends, Events, summarise
from fasterseg.stages import Watch


def search(
    job: SearchJob,
    watch: Watch,
    scorers_of: ScorersOf,
    *,
    random_subnets: int = RANDOM_SUBNETS,
    warn: Warn = warn_on_stderr,
    note: Tell = note_on_stderr,
) -> SearchSummary:
    """Do all of it, resumed where it stopped.

    Writes each contender's architecture, those that it was selected before, the random ones and the
    summary into the search folder.
    """
    start = _agreed(job, watch)
    task = task_of(job, start)
    with led(job.ranks, ORDER, SearchOrder.of(job, start, task), stop=watch.stop) as lead:
        together = Together(lead, scorers_of, data_of(job, start))
        begun = _begun(job, task, together)
        pretraining = _pretrain(together.pretraining(begun), begun, job, watch)
        cosearch = together.cosearch(begun, warn=warn, note=note)
        events = Events(pretraining.events(), _cosearch(cosearch, begun, job, watch).events())
        if job.recipe.keeps_supernet:
            split = job.recipe.data.train_split
            keep_supernet(job.run, split=split, classes=job.geometry.classes)
        ends = _ended(begun, start, together, job, watch, random_subnets)
    summary = summarise(begun, start, ends, events=events, warnings=_warnings(events, ends))
    for name, choice in ends.choices.items():
        choice.landing.architecture.save(job.run.architecture(name))
        for rival, one in choice.rivals.items():
            one.candidate.architecture.save(job.run.rival(name, rival))
        for random in ends.scores[name].randoms:
            random.architecture.save(job.run.architecture(random.name))
    summary.save(job.run.search_summary)
    return summary


def _ended(
    begun: Search,
    start: SearchStart,
    together: Together,
    job: SearchJob,
    watch: Watch,
    random_subnets: int,
) -> Ends:
    """What a search comes to once its steps are done."""
    apart = begun.task.settings.shared == "cells"
    scorers, path = together.scorers(begun), job.run.candidate_scores
    trained = together.trained(scorers, job.run)
    kept = KeptScores(
        path,
        scorers.candidates,
        scorers.finals,
        trained=trained,
        trained_by="" if scorers.finalists is None else scorers.finalists.digest,
        apart=apart,
    )
    appraisal, variants = _appraisal(job, begun), _variants(begun, watch, kept)
    landed = _landed(begun, variants, appraisal, job, watch)
    choices = _chosen(begun, landed, appraisal, job, watch, kept)
    scores = _scored(begun, choices, watch, scorers.validation, random_subnets)
    return Ends(choices, scores, _matched(start, choices, job, watch), variants)


def _warnings(events: Events, ends: Ends) -> tuple[str, ...]:
    """What the guards said, what selecting noted, and which random networks are missing."""
    notes = (
        *events.warnings,
        *(note for one in ends.choices.values() for note in one.notes),
        *(one.missing for one in ends.scores.values()),
    )
    return tuple(filter(None, notes))


def _matched(
    start: SearchStart, choices: Mapping[str, Choice], job: SearchJob, watch: Watch
) -> Mapping[str, ModelComparison]:
    """The students whose budgets are models, each compared with its model by turns."""
    found: dict[str, ModelComparison] = {}
    if not start.matched:
        return found
    title = "Comparing with the models of the budgets"
    with watch.part("search/matching", title, total=len(start.matched)) as step:
        for name in start.matched:
            found[name] = job.match(name, choices[name].landing.architecture)
            step(len(found), len(start.matched), name)
    return found


def _agreed(job: SearchJob, watch: Watch) -> SearchStart:
    ends, title = 2 * len(job.students), "Measuring the ends of the space"
    with watch.part("search/landing", title, total=ends) as step:
        return agreed_start(job, progress=step)


def _begun(job: SearchJob, task: SearchTask, together: Together) -> Search:
    """The search from its start, with as many steps and candidates as it may do."""
    path = job.run.search_allowance
    settings = with_step_count(
        task.settings, SearchStages.of(task, together), path, device=job.device
    )
    return Search.begin(replace(task, settings=settings))


def _pretrain(stage: Stage, search: Search, job: SearchJob, watch: Watch) -> Course:
    settings = search.task.settings
    part, title = "search/pretraining", "Pre-training the supernet"
    with watch.saving_part(part, title, total=settings.pretrain_steps) as step:
        return run_steps(
            stage,
            job.run.pretraining.root,
            steps=settings.pretrain_steps,
            checkpoint_every=settings.checkpoint_every,
            progress=step,
            stop=watch.stop,
            name="pre-training",
            teller=watch.teller(part),
        )


def _cosearch(stage: Stage, search: Search, job: SearchJob, watch: Watch) -> Course:
    settings = search.task.settings
    part = "search/cosearch"
    with watch.saving_part(part, "Searching", total=settings.steps) as step:
        return run_steps(
            stage,
            job.run.cosearch.root,
            steps=settings.steps,
            checkpoint_every=settings.checkpoint_every,
            progress=step,
            stop=watch.stop,
            name="search",
            teller=watch.teller(part),
        )


def _appraisal(job: SearchJob, search: Search) -> Appraisal:
    kept = KeptMeasurements(job.run.measured, job.measure, job.together, beside=job.beside)
    return Appraisal(search.latency.pricing, kept, job.recipe.promise)


def _variants(search: Search, watch: Watch, kept: KeptScores) -> Variants:
    """The most probable network of each variant, scored, where a contender has several."""
    total, title = count_of_variants(search.contenders), "Scoring a network of each variant"
    if not total:
        return {}
    with watch.part("search/variants", title, total=total, unit="scores") as step:
        return try_variants(search.contenders, search.latency.pricing, kept.score, step)


def _landed(
    search: Search, variants: Variants, appraisal: Appraisal, job: SearchJob, watch: Watch
) -> Mapping[str, Landing]:
    total, title = len(search.contenders), "Landing on the budgets"
    with watch.part("search/landing", title, total=total) as step:
        if not appraisal.measurements.come_in_rounds:
            return land_all(search.contenders, appraisal, variants=variants, progress=step)
        refined = not _selects(search, job)  # a selection measures its finalists in a round more
        found = land_together(search.contenders, appraisal, variants=variants, refined=refined)
        step(total, total, "")
        return found


def _selects(search: Search, job: SearchJob) -> bool:
    """Whether students are selected among several."""
    return search.task.settings.selection.count > 1 and bool(job.students)


def _chosen(
    search: Search,
    landed: Mapping[str, Landing],
    appraisal: Appraisal,
    job: SearchJob,
    watch: Watch,
    kept: KeptScores,
) -> Mapping[str, Choice]:
    """What every contender comes to: its most probable network, or what is selected."""
    settings, run = search.task.settings.selection, job.run
    if not _selects(search, job):
        return {name: Choice(landing) for name, landing in landed.items()}
    total, title = scores_in(settings) * len(job.students), "Selecting at the budgets"
    with watch.part("search/selection", title, total=total, unit="scores") as step:
        log, known = EventLog(run.selection.log), known_networks(settings)
        selector = Selector(settings, kept, log, search.task.seed, step, known)
        choices = selector.choices(search.contenders, landed, appraisal)
    run.tidy_finalists()
    return choices


def _scored(
    search: Search,
    choices: Mapping[str, Choice],
    watch: Watch,
    score: ScoreResampled,
    random_subnets: int,
) -> Mapping[str, SubnetScores]:
    students = [one for one in search.contenders if one.settings.role == "student"]
    total = subnets_of(search.contenders, choices) + random_subnets * len(students)
    with watch.part("search/subnets", "Scoring subnets", total=total) as step:
        return score_all(
            search.contenders,
            choices,
            score,
            pricing=search.latency.pricing,
            seed=search.task.seed,
            random_count=random_subnets,
            progress=step,
            apart=search.task.settings.shared == "cells",
        )
