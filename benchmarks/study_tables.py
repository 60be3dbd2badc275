"""The tables of a study, from the folders of its runs: latency, cost by part, scores, hours.

    python benchmarks/study_tables.py runs/camvid-cpu runs/camvid-alone

The first run has the searched networks; of the others only trainings and scores are shown.
Nothing is measured here: every figure is read from a file of a run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fasterseg.config import Recipe
from fasterseg.evaluation import EvaluationReport
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import TrainingFacts
from fasterseg.reporting.counting import AUXILIARY, costs_of, evaluated
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.stages import StageTimes
from fasterseg.training.training import TrainingReport

MINUTE = 60


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as Markdown: words in the first column, numbers in the others."""
    print("| " + " | ".join(head) + " |")
    print("| --- |" + " ---: |" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def latencies(run: RunFolder) -> Iterator[Sequence[str]]:
    """Budget, prediction and measurement of each network that was handed over."""
    for path in sorted(run.result("").parent.glob("*-result.json")):
        found = NetworkResult.load(path)
        budget = "none" if found.budget_ms is None else f"{found.budget_ms:.2f}"
        exported = found.exported_mean_iou
        yield (
            found.name,
            budget,
            f"{found.predicted_ms:.2f}",
            f"{found.measured_ms:.2f}",
            f"{found.measured_p95_ms:.2f}",
            f"{100 * found.mean_iou:.2f}",
            "" if exported is None else f"{100 * exported:.2f}",
        )


def trained(runs: Sequence[RunFolder]) -> Iterator[tuple[RunFolder, str]]:
    """Every network whose training has come to its end."""
    for run in runs:
        for path in (one.report for one in run.trainings() if one.report.exists()):
            yield run, path.parent.name


def costs_by_part(runs: Sequence[RunFolder]) -> Iterator[Sequence[str]]:
    """Multiply-adds of each part, and all parameters but those of the auxiliary heads."""
    for run, name in trained(runs):
        target = Recipe.load(run.recipe).target
        description = ModelBundle.load(run.bundle(name)).description
        geometry = target.geometry(description.classes)
        parts = costs_of(description, geometry)
        by_part = ", ".join(f"{p.name} {p.macs / 1e9:.2f}" for p in parts if p.name != AUXILIARY)
        whole = evaluated(parts)
        yield name, f"{whole.macs / 1e9:.2f}", by_part, f"{whole.parameters / 1e6:.2f}"


def trainings(runs: Sequence[RunFolder]) -> Iterator[Sequence[str]]:
    """How each network was trained, and what it scores."""
    for run, name in trained(runs):
        report = TrainingReport.load(run.training(name).report)
        facts = ModelBundle.load(run.bundle(name)).card.training
        epochs = facts.steps * facts.batch_size / facts.images
        score = test_score(run, name)
        yield (
            f"{name} ({run.root.name})",
            taught(report, facts),
            f"{facts.split} ({facts.images})",
            f"{facts.steps:,}",
            f"{epochs:.0f}",
            f"{report.clock.seconds / MINUTE:.0f}",
            f"{report.clock.images_per_second:.1f}",
            f"{100 * report.scores['best'].mean_iou:.2f}",
            "" if score is None else f"{100 * score.mean_iou:.2f}",
        )


def taught(report: TrainingReport, facts: TrainingFacts) -> str:
    """Whom it learned from, and how many points that was ahead on the images that chose both."""
    if facts.taught_by is None:
        return "yes" if facts.teacher else "no"
    names = " and ".join(one.name for one in facts.taught_by.teachers)
    return names if report.lead is None else f"{names} ({100 * report.lead:+.2f})"


def test_score(run: RunFolder, name: str) -> EvaluationReport | None:
    """The score on the test split, where it was taken: of the best weights, or else of the last."""
    split = Recipe.load(run.recipe).data.test_split
    paths = (run.score(name, split, which=which) for which in ("best", "last"))
    return next((EvaluationReport.load(path) for path in paths if path.is_file()), None)


def by_class(runs: Sequence[RunFolder]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Every class's IoU on the test split: the head of the table, and a row for each network."""
    found = [(run, name, test_score(run, name)) for run, name in trained(runs)]
    known = [(f"{n} ({r.root.name})", report) for r, n, report in found if report is not None]
    names = known[0][1].names if known else ()
    rows: list[Sequence[str]] = []
    for who, report in known:
        shares = [report.iou[name] for name in names]
        values = ["" if share is None else f"{100 * share:.1f}" for share in shares]
        rows.append((who, *values, f"{100 * report.mean_iou:.2f}"))
    return ("network", *names, "mean"), rows


def hours(runs: Sequence[RunFolder]) -> Iterator[Sequence[str]]:
    """What each stage took, over all its sessions."""
    for run in runs:
        for stage in StageTimes.of_run(run.root).stages:
            took = f"{stage.seconds / MINUTE:.1f}"
            yield f"{stage.name} ({run.root.name})", took, "yes" if stage.finished else "no"


def main() -> None:
    """Print the tables of the runs that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    runs = [RunFolder(path) for path in parser.parse_args().runs]
    head = ("network", "budget, ms", "predicted", "measured, median", "p95", "test mIoU", "as file")
    table(head, latencies(runs[0]))
    table(("network", "G MACs", "by part", "M parameters"), costs_by_part(runs))
    table(
        ("network", "taught", "on", "steps", "epochs", "minutes", "images/s", "val", "test"),
        trainings(runs),
    )
    table(*by_class(runs))
    table(("stage", "minutes", "finished"), hours(runs))


if __name__ == "__main__":
    main()
