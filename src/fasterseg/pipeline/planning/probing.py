"""Starts a timing in a process of its own, and brings back what it measured.

So its peak of memory is its own; it ends with the process that started it.  A failure comes back as
an error of the same kind, with the same four parts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name

from fasterseg.children.running import Ended, run_apart
from fasterseg.durable import make_folder
from fasterseg.errors import EnvironmentFault, FastersegError, Interrupted
from fasterseg.events import Progress, silent
from fasterseg.forecasting.timings import AnyPart
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import load_json
from fasterseg.pipeline.planning.probes.job import Job, Kind
from fasterseg.stopping import StopRequest

PROBES: Mapping[Kind, str] = {
    "data": "fasterseg.pipeline.planning.probes.data:probe_data",
    "target": "fasterseg.pipeline.planning.probes.target:probe_target",
    "search": "fasterseg.pipeline.planning.probes.search:probe_search",
    "answers": "fasterseg.pipeline.planning.probes.answers:probe_answers",
    "training": "fasterseg.pipeline.planning.probes.networks:probe_training",
    "delivery": "fasterseg.pipeline.planning.probes.networks:probe_delivery",
}
"""What does each kind of job; it alone is loaded, so that no other counts into its memory."""


_TOLD = "told"
"""The file in a job's folder that says how far its process is."""


def probed(
    kind: type[AnyPart],
    job: Job,
    folder: Path,
    *,
    stop: StopRequest | None = None,
    progress: Progress = silent,
) -> AnyPart:
    """What a process of its own measured for a job; its failure is raised here as it was there.

    Once a stop was asked for, the process is ended and `Interrupted` is raised.  How far the job is
    is told twice a second.
    """

    def look() -> None:
        progress(*_heard(folder / _TOLD))
        if stop:
            raise Interrupted(
                f"stopped by {stop.signal_name} while the {job.kind} was timed",
                why="a plan keeps no timings before it has all of them",
                next_step="run the same command again",
            )

    make_folder(folder)
    words = [job.model_dump_json(by_alias=True), str(folder.absolute()), _here()]
    outcome = run_apart("fasterseg.pipeline.planning.probing:answer_job", words, look=look)
    if isinstance(outcome, Ended):
        raise _ended(job.kind, outcome)
    return kind.model_validate(load_json(outcome.value))


def _heard(told: Path) -> tuple[int, int, str]:
    """How far a job is: done, of how many, and what it does; nothing done before it begins."""
    with suppress(OSError, ValueError, FastersegError):  # NotStrict is a ValueError
        done, total, note = load_json(bytes_of(told))
        return int(done), int(total), str(note)
    return 0, 1, ""


def _here() -> str:
    """The current folder; nothing where it is gone."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _ended(kind: str, outcome: Ended) -> FastersegError:
    """The error for a process that ended without a word of its own."""
    raised = FastersegError if outcome.how in ("code", "answer") else EnvironmentFault
    return raised(
        f"timing the {kind} ended before it had measured",
        where=f"the process that timed the {kind}",
        why=f"{outcome.reason}\n{outcome.said}".strip(),
        next_step="fasterseg doctor; with too little memory, smaller crops and batches",
    )


def answer_job(asked: str, folder: str, here: str) -> str:
    """Do a job in a folder and return what was measured, both as JSON."""
    job = Job.model_validate(load_json(asked))
    probe = resolve_name(PROBES[job.kind])
    if here:
        os.chdir(here)  # names of data and models in a recipe count from there

    def tell(done: int, total: int, note: str) -> None:
        new = Path(folder, f"{_TOLD}.new")
        new.write_text(json.dumps([done, total, note]), encoding="utf-8")
        new.replace(Path(folder, _TOLD))

    return str(probe(job, Path(folder), tell).model_dump_json(by_alias=True))
