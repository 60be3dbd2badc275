"""A finished search in numbers, for the summary that the report reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fasterseg import runs
from fasterseg.latency.models import ModelComparison
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.cosearch import KINDS_DECIDED_AT, WARNINGS
from fasterseg.searching.derivation import derive
from fasterseg.searching.guards import open_choices, undecided
from fasterseg.searching.landing.branch_selection import Variants, VariantTrial
from fasterseg.searching.landing.scores import ResampledScore, lead
from fasterseg.searching.noise_floor import NoiseFloors, architecture_rate
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.choosing import Choice
from fasterseg.searching.selecting.selected import Finalist
from fasterseg.searching.selecting.subnets import SubnetScores
from fasterseg.searching.steps.contenders import Contender
from fasterseg.searching.steps.visits import last_visits
from fasterseg.searching.summaries.selection_summary import (
    MOST_PROBABLE,
    LeadSummary,
    RivalSummary,
    SelectionSummary,
)
from fasterseg.searching.summaries.summary import (
    NAMES,
    ChoicesSummary,
    ContenderSummary,
    KindVisits,
    RandomSubnet,
    Response,
    SearchStage,
    SearchSummary,
)
from fasterseg.searching.summaries.variant_summary import VariantSummary
from fasterseg.space.choices import SECTIONS
from fasterseg.space.pricing import Pricing
from fasterseg.space.variants import branch_set_text

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Events:
    """What the steps of both stages told."""

    pretraining: Sequence[Event]
    search: Sequence[Event]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the guards said, once each."""
        return (*dict.fromkeys(text for one in self.search for text in one.get(WARNINGS, ())),)

    @property
    def visits(self) -> tuple[KindVisits, ...]:
        """How often each kind's weights were trained in either stage."""
        stages: Mapping[SearchStage, Sequence[Event]] = {
            "pre-training": self.pretraining,
            "search": self.search,
        }
        return tuple(
            KindVisits(stage=stage, kind=kind, visits=visits, even_visits=even)
            for stage, events in stages.items()
            for kind, (visits, even) in last_visits(events).items()
        )

    def decided_at(self, contender: str) -> int | None:
        """After how many steps of the search a contender's kinds were decided; None: never."""
        key = f"{contender}/{KINDS_DECIDED_AT}"
        return next((one[key] for one in self.search if key in one), None)


@dataclass(frozen=True, slots=True)
class Ends:
    """What the contenders came to, by name: networks, scores, models matched, variants tried."""

    choices: Mapping[str, Choice]
    scores: Mapping[str, SubnetScores]
    matches: Mapping[str, ModelComparison]
    variants: Variants


def summarise(
    search: Search,
    start: SearchStart,
    ends: Ends,
    *,
    events: Events,
    warnings: tuple[str, ...],
) -> SearchSummary:
    """The summary of a search whose contenders were derived and scored."""
    settings = search.task.settings
    noise = NoiseFloors(architecture_rate(settings, settings.steps))
    return SearchSummary(
        contenders=tuple(
            _contender(
                search,
                noise,
                contender,
                ends,
                decided_at=events.decided_at(contender.name),
                matched=start.matched.get(contender.name, ""),
            )
            for contender in search.contenders
        ),
        visits=events.visits,
        image_scale=settings.image_scale,
        fastest_ms=min(start.fastest_ms.values(), default=None),
        slowest_ms=max(start.slowest_ms.values(), default=None),
        warnings=warnings,
    )


def _contender(
    search: Search,
    noise: NoiseFloors,
    contender: Contender,
    ends: Ends,
    *,
    decided_at: int | None,
    matched: str,
) -> ContenderSummary:
    choice, scores = ends.choices[contender.name], ends.scores[contender.name]
    landing, latency, pricing = choice.landing, search.latency, search.latency.pricing
    variants = ends.variants.get(contender.name, ())
    options = variants[0].options if variants else contender.options
    derived = derive(options, contender.parameters.probabilities())
    return ContenderSummary(
        name=contender.name,
        role=contender.settings.role,
        architecture="searched" if contender.settings.is_searched else "widest",
        budget_ms=contender.budget_ms,
        matched=matched,
        against=ends.matches.get(contender.name),
        derived_ms=pricing(derived),
        estimated_ms=landing.estimated_ms,
        measured_ms=landing.median_ms,
        measured_p95_ms=landing.p95_ms,
        variants=tuple(map(_variant, variants)),
        selection=_selection(choice, scores, pricing),
        subnet_miou=None if scores.own is None else scores.own.mean_iou,
        candidates=tuple((one.median_ms, one.p95_ms) for one in landing.tried),
        kinds_decided_at=decided_at,
        choices=choices_of(contender, noise, steps=search.task.settings.steps),
        margins=margins_of(contender),
        responses=tuple(
            Response(
                kind=NAMES[answer.section],
                lowest_ms=answer.lowest_ms,
                highest_ms=answer.highest_ms,
            )
            for answer in latency.responses.get(contender.name, ())
        ),
        penalty_weights={
            NAMES[section]: weight
            for section, weight in latency.weights.get(contender.name, {}).items()
        },
        random_subnets=tuple(
            RandomSubnet(
                name=one.name,
                estimated_ms=pricing(one.architecture),
                miou=one.mean_iou,
            )
            for one in scores.randoms
        ),
    )


def _variant(trial: VariantTrial) -> VariantSummary:
    architecture = trial.architecture
    return VariantSummary(
        branches=branch_set_text([branch.stride for branch in architecture.branches]),
        input_scale=architecture.input_scale,
        miou=trial.score,
        estimated_ms=trial.estimated_ms,
        value=trial.value,
    )


def _selection(choice: Choice, scores: SubnetScores, pricing: Pricing) -> SelectionSummary | None:
    """What a student was selected from; None where there was one network."""
    selected, own = choice.selected, scores.own
    if selected is None or own is None:
        return None
    called = {
        runs.MOST_PROBABLE: MOST_PROBABLE,
        runs.BEST_EVEN: f"the best of {selected.even_draws} even draws",
        **{f"{runs.KNOWN}-{name}": f"{name}, fitted" for name in selected.known},
    }
    rivals = [
        (called[which], one, validation)
        for (which, one), validation in zip(selected.rivals.items(), scores.rivals, strict=True)
    ]
    return SelectionSummary(
        scored={str(origin): count for origin, count in selected.scored.items()},
        origin=selected.chosen.candidate.origin,
        score=selected.chosen.score,
        final=selected.chosen.final.mean_iou,
        trained=_mean_iou(selected.chosen.trained),
        networks_trained=selected.networks_trained,
        passed_over=selected.passed_over,
        rivals=tuple(
            RivalSummary(
                name=name,
                estimated_ms=pricing(one.candidate.architecture),
                score=one.score,
                final=one.final.mean_iou,
                trained=_mean_iou(one.trained),
                lead=_told_apart(selected.chosen, one),
                validation=validation.mean_iou,
                validation_lead=_lead(own, validation),
            )
            for name, one, validation in rivals
        ),
    )


def _mean_iou(one: ResampledScore | None) -> float | None:
    return None if one is None else one.mean_iou


def _told_apart(chosen: Finalist, rival: Finalist) -> LeadSummary:
    """The lead by the scores after some training, where both have one, or else by the finals."""
    if chosen.trained is not None and rival.trained is not None:
        return _lead(chosen.trained, rival.trained)
    return _lead(chosen.final, rival.final)


def _lead(first: ResampledScore, second: ResampledScore) -> LeadSummary:
    found = lead(first, second)
    return LeadSummary(difference=found.difference, error=found.error)


def choices_of(
    contender: Contender, noise: NoiseFloors, *, steps: int
) -> tuple[ChoicesSummary, ...]:
    """How far each kind of choice is decided, beside what noise alone leaves of it."""
    probabilities, options = contender.parameters.probabilities().detached(), contender.options
    return tuple(
        ChoicesSummary(
            kind=NAMES[section],
            entropy=undecided(probabilities, options, section),
            noise_floor=floor.entropy,
            lowest_by_noise=floor.lowest,
        )
        for section, floor in noise.after(steps, open_choices(options)).items()
    )


def margins_of(contender: Contender) -> dict[str, float]:
    """The mean gap between the two most probable options, by kind of choice that is open."""
    probabilities, found = contender.parameters.probabilities().detached(), {}
    for section in SECTIONS:
        names = contender.parameters.searched_in(section)
        rows = [probabilities[one] for one in names if len(contender.options.choices[one]) > 1]
        gaps = [float(row.topk(2).values.diff().abs()) for row in rows]
        if gaps:
            found[NAMES[section]] = sum(gaps) / len(gaps)
    return found
