"""Timing models that are named, by turns, and where the figures go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import Precision, TailForm
from fasterseg.console.option_values import SizeOrText
from fasterseg.console.options import Common
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.deploy.benchmark.contest import HEADLINE, QUICK
from fasterseg.deploy.benchmark.entry import Entry, threads_of, time_models
from fasterseg.deploy.runtimes.models import require_model
from fasterseg.durable import durable_write
from fasterseg.errors import FileError, UsageError
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.opening import require_device
from fasterseg.reporting.contest import contest_svg
from fasterseg.reporting.counting import evaluated_macs
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show

REPORT, CHART = "report.json", "latency.svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOptions:
    """How models are to be run, as it was asked for; no threads are those of their own targets."""

    backends: Sequence[str]
    precisions: Sequence[Precision]
    tails: Sequence[TailForm]
    threads: int
    size: SizeOrText


def benchmark_named(
    models: tuple[str, ...],
    common: Common,
    wanted: EntryOptions,
    *,
    quick: bool,
    out: Path | str,
    show: Show,
) -> tuple[BenchmarkReport, tuple[str, ...]]:
    """Time each model in every way that is possible; the report, and the files that hold it."""
    require_models(models)
    require_device(common.device)
    place = place_for_folder(out, "--out", names=(REPORT, CHART)) if out else None
    entry = Entry(
        models=models,
        backends=tuple(wanted.backends),
        precisions=tuple(wanted.precisions),
        tails=tuple(wanted.tails),
        threads=wanted.threads or threads_of(models),
        size=Size.of(wanted.size) if wanted.size else None,
        device=common.device or "",
    )
    entry.require_possible()
    settings = QUICK if quick else HEADLINE
    if place is not None:
        require_replaceable(place / REPORT, models, mode=settings.mode)
    for line in entry.left_out():
        print(line, file=sys.stderr)
    count, seconds = len(entry.contestants()), round(settings.seconds)
    title = f"Timing {count} contestant{'' if count == 1 else 's'} by turns"
    with show(title, total=seconds, unit="s each") as step:
        report = time_models(entry, settings=settings, count_macs=evaluated_macs, progress=step)
    return report, write_files(report, place) if place else ()


def require_models(models: Sequence[str]) -> None:
    """Raise `UsageError` where a name stands for nothing, or for what another name stands for."""
    twice = sorted({model for model in models if models.count(model) > 1})
    if twice:
        raise UsageError(
            f"{twice[0]!r} was named twice",
            why="each contestant is timed once, and compared with the first",
            next_step="name each model once",
        )
    for model in models:
        if baseline_name(model) is None:
            require_model(model)


def require_replaceable(report: Path, models: Sequence[str], *, mode: str) -> None:
    """Raise `UsageError` where a report lies that is no earlier one on these models.

    That of a quick look takes the place of none with headline figures.
    """
    if not report.exists():
        return
    try:
        known = BenchmarkReport.load(report)
    except FileError as error:
        raise _another_report(report, error.why) from error
    if [*dict.fromkeys(one.model for one in known.contestants)] != [*models]:
        others = ", ".join(one.name for one in known.contestants)
        raise _another_report(report, f"it is on {others}")
    if known.mode == HEADLINE.mode != mode:
        raise _another_report(report, "it has headline figures, and a quick look has none")


def _another_report(report: Path, why: str) -> UsageError:
    return UsageError(
        "another report would be lost",
        where=str(report),
        why=why,
        next_step="name another folder with --out, or delete this one",
    )


def write_files(report: BenchmarkReport, folder: Path) -> tuple[str, ...]:
    """Write the report and its chart into a folder; return their paths."""
    report.save(folder / REPORT)
    durable_write(folder / CHART, contest_svg(report).encode())
    return str(folder / REPORT), str(folder / CHART)
