"""Starts a timing in a process of its own, and brings back what it measured.

    python -P -m fasterseg.pipeline.probing JOB.json RESULT.json PARENT

So its peak of memory is its own; it ends with the process that started it.  Jobs and results are
JSON files; a failure comes back as an error of the same kind, with the same four parts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name

from fasterseg.artifacts import durable_write
from fasterseg.errors import EnvironmentFault, FastersegError, Interrupted, error_of_parts
from fasterseg.forecasting.timings import AnyPart
from fasterseg.parent_death import LOOK_EVERY_S, end_with
from fasterseg.pipeline.probes.job import Job, Kind
from fasterseg.stopping import StopRequest
from fasterseg.strict_json import load_json

FAILURE = "failure.json"
LAST_LINES = 12

PROBES: Mapping[Kind, str] = {
    "data": "fasterseg.pipeline.probes.data:probe_data",
    "target": "fasterseg.pipeline.probes.target:probe_target",
    "search": "fasterseg.pipeline.probes.search:probe_search",
    "training": "fasterseg.pipeline.probes.networks:probe_training",
    "delivery": "fasterseg.pipeline.probes.networks:probe_delivery",
}
"""What does each kind of job; it alone is loaded, so that no other counts into its memory."""


def probed(
    kind: type[AnyPart], job: Job, folder: Path, *, stop: StopRequest | None = None
) -> AnyPart:
    """What a process of its own measured for a job; its failure is raised here as it was there.

    Once a stop was asked for, the process is ended and `Interrupted` is raised.
    """
    asked, answer, failure = (folder / f for f in ("job.json", "result.json", FAILURE))
    durable_write(asked, job.model_dump_json(by_alias=True).encode())
    # Without -P, Python would run modules that lie in the current folder.
    command = [sys.executable, "-P", "-m", "fasterseg.pipeline.probing"]
    source = str(Path(__file__).parents[2])  # this very package, before all else
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH", "")])])
    with subprocess.Popen(
        [*command, str(asked), str(answer), str(os.getpid())],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        said = _said_by(child, job.kind, stop)
    if failure.exists():
        raise error_of_parts(load_json(failure.read_bytes()))
    if child.returncode:
        raise _ended(job.kind, child.returncode, said)
    return kind.model_validate(load_json(answer.read_bytes()))


def _said_by(child: subprocess.Popen[str], kind: str, stop: StopRequest | None) -> str:
    """What a process wrote on standard error until its end; it does not outlive an exception."""
    try:
        while True:
            if stop:
                raise Interrupted(
                    f"stopped by {stop.signal_name} while the {kind} was timed",
                    why="a plan keeps no timings before it has all of them",
                    next_step="run the same command again",
                )
            with suppress(subprocess.TimeoutExpired):
                said = child.communicate(timeout=LOOK_EVERY_S)[1]
                if not stop:  # the terminal tells both of an interruption
                    return said
    finally:
        child.kill()


def _ended(kind: str, code: int, said: str) -> FastersegError:
    """The error for a process that ended without a word of its own."""
    last = "\n".join(said.strip().splitlines()[-LAST_LINES:])
    killed = code < 0
    raised = EnvironmentFault if killed else FastersegError
    return raised(
        f"timing the {kind} ended with {'signal' if killed else 'code'} {abs(code)}",
        where=f"the process that timed the {kind}",
        why=last or ("most often the system kills for want of memory" if killed else ""),
        next_step="fasterseg doctor; with too little memory, smaller crops and batches",
    )


def answer_job(asked: Path, answer: Path) -> int:
    """Do a job and write its result; a foreseen failure is written beside it. The exit code."""
    job = Job.model_validate(load_json(asked.read_bytes()))
    try:
        found = resolve_name(PROBES[job.kind])(job, answer.parent)
    except FastersegError as error:
        durable_write(answer.with_name(FAILURE), json.dumps(error.as_parts()).encode())
        return error.exit_code
    durable_write(answer, found.model_dump_json(by_alias=True).encode())
    return 0


if __name__ == "__main__":
    end_with(int(sys.argv[3]))
    sys.exit(answer_job(Path(sys.argv[1]), Path(sys.argv[2])))
