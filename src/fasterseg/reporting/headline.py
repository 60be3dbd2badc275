"""What the page begins with: each network's score and latency in one row, and the tiles above."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fasterseg.amounts import number_of
from fasterseg.artifacts import short_digest
from fasterseg.config import Promise
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.reporting.latencies import budget_scale
from fasterseg.reporting.palette import css_variable
from fasterseg.reporting.placing import scaled
from fasterseg.reporting.results import NetworkResult
from fasterseg.reporting.teachers import leads_of
from fasterseg.space.architecture import wire


@dataclass(frozen=True, slots=True)
class ScoreShown:
    """A mean IoU with what it was taken on; `file` is where it stands."""

    mean_iou: float
    on: str
    file: str
    decided: bool = False
    seen: bool = False


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A network in the table at the top; None is "not known yet".

    `leads` says by how much a teacher is ahead of the students that it taught.
    """

    name: str
    role: str
    colour: str
    score: ScoreShown | None
    budget_ms: float | None
    matched: str
    predicted_ms: float | None
    measured_ms: float | None
    measured_p95_ms: float | None
    measured_of: str
    as_exported: str
    macs: str
    parameters: str
    scale: Markup | None
    promise: Promise = "median"
    timed_at: str = ""
    scored_elsewhere: bool = False
    leads: tuple[str, ...] = ()

    @property
    def promised_ms(self) -> float | None:
        """What of the measured latency is held against the budget."""
        return self.measured_p95_ms if self.promise == "p95" else self.measured_ms

    @property
    def within_budget(self) -> bool | None:
        """Whether what was promised keeps the budget; None while either is unknown."""
        if self.budget_ms is None or self.promised_ms is None:
            return None
        return self.promised_ms <= self.budget_ms


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure and the small words under it."""

    label: str
    value: str
    words: str
    colour: str = ""
    verdict: str = ""


def network_rows(facts: RunFacts) -> list[NetworkRow]:
    """Students first, then teachers."""
    return [_row(network, facts) for network in (*facts.students, *facts.teachers)]


def score_of(network: NetworkFacts) -> ScoreShown | None:
    """The test score; before there is one, the validation score of the best weights."""
    report = network.evaluation
    if report is not None:
        on = (
            f"{report.split}, {number_of(report.images, 'image')} "
            f"at {report.resolution}{report.seen}, "
            f"{report.classes_in_mean} of {len(report.names)} classes"
        )
        return ScoreShown(report.mean_iou, on, network.evaluation_path)
    card = network.cards.get("best")
    if card is None or not card.scores:
        return None
    score = card.scores[0]
    on = f"{score.split}, {number_of(score.images, 'image')}, {score.classes_in_mean} classes"
    file = f"training/{network.name}/best/card.json"
    return ScoreShown(score.mean_iou, on, file, score.decided, score.seen)


def tiles(rows: list[NetworkRow], facts: RunFacts) -> list[Tile]:
    """The large figures: the students' scores and latencies, the first teacher's score.

    One student has two tiles; of several each has one.
    """
    students = [row for row in rows if row.role == "student"]
    found = []
    for row in students:
        if len(students) > 1:
            found.append(_student_tile(row))
        else:
            found.append(_score_tile(row))
            found += [_latency_tile(row)] if row.budget_ms is not None else []
    found += [_score_tile(row) for row in rows if row.role == "teacher"][:1]
    if facts.baseline is not None:
        share = f"{100 * facts.baseline.mean_iou:.1f} %"
        found.append(Tile("Position alone", share, "mean IoU without looking at the image"))
    return found


def _score_tile(row: NetworkRow) -> Tile:
    if row.score is None:
        return Tile(row.name, "not yet", "mean IoU: not trained yet", row.colour)
    words = "; ".join([f"mean IoU on {row.score.on}", *row.leads])
    return Tile(row.name, f"{100 * row.score.mean_iou:.1f} %", words, row.colour)


def _student_tile(row: NetworkRow) -> Tile:
    """Score, and latency against the budget below it."""
    score = _score_tile(row)
    if row.budget_ms is None or row.promised_ms is None:
        return score
    latency = _latency_tile(row)
    words = f"{score.words}; {latency.value} measured, {latency.words}"
    return Tile(row.name, score.value, words, row.colour, verdict=latency.verdict)


def _latency_tile(row: NetworkRow) -> Tile:
    budget = f"budget {row.budget_ms:.2f} ms at {row.timed_at}{row.matched}"
    if row.promised_ms is None:
        return Tile(f"{row.name}, latency", "not yet", f"{budget}; not measured yet", row.colour)
    predicted = "" if row.predicted_ms is None else f", predicted {row.predicted_ms:.2f} ms"
    verdict = "within budget" if row.within_budget else "over budget"
    statistic = "95th percentile" if row.promise == "p95" else "median"
    other = "; scores are of images of another size" if row.scored_elsewhere else ""
    words = f"{budget}{predicted}; {statistic} of the {row.measured_of}{other}"
    return Tile(
        f"{row.name}, measured", f"{row.promised_ms:.2f} ms", words, row.colour, verdict=verdict
    )


def _row(network: NetworkFacts, facts: RunFacts) -> NetworkRow:
    macs, parameters = _costs(network, facts)
    return NetworkRow(
        name=network.name,
        role=network.settings.role,
        colour=css_variable(network.name, facts),
        score=score_of(network),
        budget_ms=network.budget_ms,
        matched=_matched(network),
        predicted_ms=network.predicted_ms,
        measured_ms=network.measured_ms,
        measured_p95_ms=network.measured_p95_ms,
        measured_of=_measured_of(network.result),
        as_exported=_as_exported(network),
        macs=macs,
        parameters=parameters,
        scale=budget_scale(network, facts),
        promise="median" if network.result is None else network.result.promise,
        timed_at="{}x{}".format(*facts.target_size),
        scored_elsewhere=network.result is not None and network.result.scored_elsewhere,
        leads=() if network.is_student else tuple(leads_of(network, facts)),
    )


def _matched(network: NetworkFacts) -> str:
    """Which model a budget stands for, and how the network compares with it; empty without one."""
    if network.summary is None or not network.summary.matched:
        return ""
    result, landed = network.result, network.summary.against
    told = [
        f"{what} {found.describe()}"
        for what, found in (
            ("as found it", landed),
            ("as trained and exported it", None if result is None else result.against),
        )
        if found is not None
    ]
    return "; ".join([f", {network.summary.matched}", *told])


def _measured_of(result: NetworkResult | None) -> str:
    """What was measured, and by how much the clock said otherwise."""
    if result is None:
        return "architecture found"
    if not result.drifted:
        return "trained network as exported"
    return (
        "trained network as exported, at the latency table's pace "
        f"(by the clock {result.by_the_clock_ms:.2f} ms)"
    )


def _costs(network: NetworkFacts, facts: RunFacts) -> tuple[str, str]:
    geometry = facts.geometry
    if network.architecture is None or geometry is None:
        return "", ""
    wiring = wire(network.architecture, geometry)
    return scaled(wiring.macs), scaled(wiring.parameters)


def _as_exported(network: NetworkFacts) -> str:
    """The exported file's own score, and whether it is the very file that was timed."""
    result = network.result
    if result is None:
        return ""
    timed = short_digest(result.timed_digest)
    if result.exported_mean_iou is None:
        return f"the exported file that was timed is {timed}; it was not scored itself"
    same = "the same" if result.timed_digest == result.scored_digest else "another"
    share = f"{100 * result.exported_mean_iou:.2f} %"
    return f"as exported it scores {share}, and {same} file was timed ({timed})"
