"""What a student came to, as the few facts that its verdict is made from."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.amounts import number_of
from fasterseg.config import Promise, Recipe, runtime_named
from fasterseg.latency.table import LatencyTable
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.reporting.scores import truth_shares, worst_confusions
from fasterseg.reporting.teachers import Taught, taught_of
from fasterseg.searching.summaries.selection_summary import RivalSummary

LATE_SHARE = 0.75
"""A score that still rises after this share of the steps says that more steps would help."""


@dataclass(frozen=True, slots=True)
class Speed:
    """A student's latency as exported, in milliseconds, and how well it could be measured.

    `promise` is what is held against the budget.  `pace` is how many times as long everything took
    as when the latency table was made; `quiet` whether enough windows were quiet.
    """

    budget_ms: float
    median_ms: float
    p95_ms: float
    promise: Promise = "median"
    target: str = ""
    size: str = ""
    pace: float = 1.0
    quiet: bool = True

    @property
    def promised_ms(self) -> float:
        """What is held against the budget."""
        return self.p95_ms if self.promise == "p95" else self.median_ms

    @property
    def keeps_budget(self) -> bool:
        """Whether it is within the budget, as far as could be measured."""
        return self.promised_ms <= self.budget_ms


@dataclass(frozen=True, slots=True)
class ClassScore:
    """A class: its IoU and its share of the labelled pixels, shares of one.

    `taken_for` is the class that most of its lost pixels went to, empty where none were lost.
    """

    name: str
    iou: float
    share: float
    taken_for: str = ""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A student's mean IoU, a share of one, and those of what it is held against; None: not known.

    `on` says which images.  `randoms` are random networks of its latency, trained as it was;
    `baselines` are networks made by hand that were scored in the same run.  `teacher` is the score
    of the run's own teacher, `taught` says by how much whom it learned from is ahead.
    """

    mean_iou: float
    on: str
    classes: tuple[ClassScore, ...] = ()
    position: float | None = None
    randoms: tuple[float, ...] = ()
    baselines: tuple[tuple[str, float], ...] = ()
    teacher: float | None = None
    taught: Taught | None = None


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search did for a student: scores of subnets of the supernet, shares of one.

    `undecided` are the kinds of choice that noise decided, of all that `decided` and they name.
    `rival` is the network that the student was selected before and that scored best among those
    that no search had to find.
    """

    subnet: float | None = None
    random_subnets: tuple[float, ...] = ()
    decided: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    candidates: int = 0
    rival: RivalSummary | None = None
    widest: bool = False

    @property
    def decided_nothing(self) -> bool:
        """Whether noise explains all that it learned."""
        return bool(self.undecided) and not self.decided


@dataclass(frozen=True, slots=True)
class Standing:
    """A student and all that is known of it; None where a stage has not run.

    `late_gain` is by how much the validation score rose in the last quarter of the training, a
    share of one; `steps` and `search_steps` are those of the recipe.
    """

    name: str
    speed: Speed | None = None
    accuracy: Accuracy | None = None
    searched: Searched | None = None
    late_gain: float | None = None
    steps: int = 0
    search_steps: int = 0


def standings(facts: RunFacts) -> list[Standing]:
    """The students of a run, in the recipe's order."""
    return [_standing(student, facts) for student in facts.students]


def _standing(student: NetworkFacts, facts: RunFacts) -> Standing:
    return Standing(
        name=student.name,
        speed=_speed(student, facts.table),
        accuracy=_accuracy(student, facts),
        searched=_searched(student),
        late_gain=_late_gain(student),
        steps=_steps(student, facts.recipe),
        search_steps=facts.recipe.search.steps,
    )


def _speed(student: NetworkFacts, table: LatencyTable | None) -> Speed | None:
    result = student.result
    if result is None or result.budget_ms is None:
        return None
    return Speed(
        budget_ms=result.budget_ms,
        median_ms=result.measured_ms,
        p95_ms=result.measured_p95_ms,
        promise=result.promise,
        target="" if table is None else told_target(table),
        size=result.timed_at,
        pace=result.pace,
        quiet=result.quiet and result.steady,
    )


def told_target(table: LatencyTable) -> str:
    """The device and the runtime: ``Imaginary 3000, 1 thread, onnxruntime 1.32.0``."""
    target, known, row = table.target, table.conditions, runtime_named(table.target.backend)
    on_cpu = target.device == "cpu"
    package = row.in_kits if "kit" in known else row.package
    device = known.get("processor" if on_cpu else "gpu", target.device)
    if "kit" in known:
        device = f"{known['device']} ({known['processor']})"
    threads = f", {target.threads} thread{'' if target.threads == 1 else 's'}" if on_cpu else ""
    runtime = " ".join(filter(None, (target.backend, known.get(package, ""))))
    return f"{device}{threads}, {runtime}, {target.precision}"


def _accuracy(student: NetworkFacts, facts: RunFacts) -> Accuracy | None:
    report = student.evaluation
    if report is None:
        return None
    teachers = [one.evaluation for one in facts.teachers if one.evaluation is not None]
    lost = {one.truth: one.predicted for one in reversed(worst_confusions(report, shown=None))}
    shares = dict(zip(report.names, truth_shares(report), strict=True))
    return Accuracy(
        mean_iou=report.mean_iou,
        on=f"{number_of(report.images, 'image')} of {report.split}",
        classes=tuple(
            ClassScore(name, iou, shares[name], lost.get(name, ""))
            for name, iou in report.iou.items()
            if iou is not None and shares[name] > 0
        ),
        position=None if facts.baseline is None else facts.baseline.mean_iou,
        randoms=tuple(
            one.evaluation.mean_iou
            for one in facts.randoms
            if one.student == student.name and one.evaluation is not None
        ),
        baselines=tuple((name, one.mean_iou) for name, one in facts.handmade),
        teacher=teachers[0].mean_iou if teachers else None,
        taught=taught_of(student, facts),
    )


def _searched(student: NetworkFacts) -> Searched | None:
    found = student.summary
    if found is None:
        return None
    selection = found.selection
    rivals = [] if selection is None else [one for one in selection.rivals if not one.is_student]
    return Searched(
        subnet=found.subnet_miou,
        random_subnets=tuple(one.miou for one in found.random_subnets),
        decided=tuple(one.kind for one in found.choices if one.is_decided),
        undecided=tuple(one.kind for one in found.choices if not one.is_decided),
        candidates=0 if selection is None else selection.candidates,
        rival=next((one for one in rivals if "even draw" in one.name), None),
        widest=found.architecture == "widest",
    )


def _late_gain(student: NetworkFacts) -> float | None:
    """None where no score was taken before the last quarter, or none in it."""
    scored = [
        (one["step"], one["val"]["mean_iou"])
        for one in student.events
        if isinstance(one.get("val"), dict)
    ]
    if not scored:
        return None
    last, final = scored[-1]
    early = [score for step, score in scored if step <= LATE_SHARE * last]
    return final - early[-1] if early else None


def _steps(student: NetworkFacts, recipe: Recipe) -> int:
    """The steps that were made, else those that the recipe names."""
    card = student.cards.get("best")
    return recipe.training_of("student").steps if card is None else card.training.steps
