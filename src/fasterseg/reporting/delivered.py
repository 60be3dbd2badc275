"""What a run hands over: the file with its size and digest, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.runs import RunFolder

OUTPUTS = {
    "labels": "a class id for each pixel out",
    "logits": "a score for each class and pixel out",
    "low-resolution-logits": "scores at a lower resolution out, which the tail makes class ids of",
}
"""What a graph ends at, for who has to use it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command to copy, for the run's folder, and what it is for."""

    purpose: str
    line: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A student's file, named from the run's folder, or its bundle where no file is needed.

    `digest` and `size` are empty and 0 where there is no file; `is_there` says whether it still is.
    """

    student: str
    file: str
    size: int
    digest: str
    what: str
    checks: tuple[str, ...]
    is_there: bool
    commands: tuple[Command, ...]


def deliveries(facts: RunFacts) -> list[Delivered]:
    """What is handed over of each student that was measured, in the recipe's order."""
    size = "{}x{}".format(*facts.target_size)
    return [_delivered(one, facts.run, size) for one in facts.students if one.result is not None]


def _delivered(student: NetworkFacts, run: RunFolder, size: str) -> Delivered:
    bundle = run.bundle(student.name).relative_to(run.root).as_posix()
    report = student.export
    if report is None:
        what = "the bundle: its runtime takes the network as it is"
        commands = tuple(_commands(student, run, bundle, size))
        return Delivered(student.name, bundle, 0, "", what, (), True, commands)
    file = f"export/{Path(report.file).name}"
    return Delivered(
        student=student.name,
        file=file,
        size=report.bytes,
        digest=report.file_digest,
        what=_what(report),
        checks=tuple(f"{one.name}: {one.found}" for one in report.verification.checks[-2:]),
        is_there=(run.root / file).is_file(),
        commands=tuple(_commands(student, run, file, size)),
    )


OWN_TAIL = "fasterseg has it, and a file for elsewhere is best exported with its labels, as below"


def _what(report: ExportReport) -> str:
    told = OUTPUTS.get(report.output, report.output)
    if report.output == "low-resolution-logits":
        told += f": {' or '.join(report.tail_files) or OWN_TAIL}"
    return (
        f"{report.kind}, {report.precision}: an image of {report.size} in, one byte for each "
        f"colour; {told}"
    )


def _commands(student: NetworkFacts, run: RunFolder, model: str, size: str) -> Iterator[Command]:
    """Three commands that work in the run's folder as they are printed."""
    if run.example.is_file():
        picture = run.example.relative_to(run.root).as_posix()
        shown = "" if student.export is None else f" --size {size}"
        yield Command(
            "Segment a picture; name your own, or a folder of them, in its place",
            f"fasterseg predict {quote(model)} {picture}{shown} --out predictions",
        )
    yield Command(
        "Take a quick look at its time here", f"fasterseg benchmark {quote(model)} --quick"
    )
    yield _export(student, run, size)


def _export(student: NetworkFacts, run: RunFolder, size: str) -> Command:
    """The form that was not delivered: labels where the tail is apart, else any size."""
    bundle = quote(run.bundle(student.name).relative_to(run.root).as_posix())
    ends_early = student.export is not None and student.export.output != "labels"
    several = student.evaluation is not None and "," in student.evaluation.resolution
    if ends_early or several:
        return Command(
            "Write a file that ends in class ids, for any runtime without fasterseg",
            f"fasterseg export {bundle} --size {size} "
            f"--out {quote(f'export/{student.name}-labels.onnx')}",
        )
    return Command(
        "Write a file for images of any size",
        f"fasterseg export {bundle} --dynamic "
        f"--out {quote(f'export/{student.name}-any-size.onnx')}",
    )
