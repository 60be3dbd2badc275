"""Starts a timing in a process of its own, and brings back what it measured.

    python -P -m fasterseg.pipeline.probing JOB.json RESULT.json PARENT

Each timing has a process to itself, so that its peak of memory is its own; it ends with the process
that started it.  Jobs and results are JSON files; a failure comes back as an error of the same
kind, with the same four parts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.artifacts import durable_write
from fasterseg.errors import EnvironmentFault, FastersegError, Interrupted, error_of_parts
from fasterseg.forecasting.timings import AnyProbe, Probe
from fasterseg.pipeline.probes.job import Job
from fasterseg.processes import LOOK_EVERY_S, end_with

if TYPE_CHECKING:
    from fasterseg.stopping import StopRequest

FAILURE = "failure.json"
LAST_LINES = 12


def probed(
    kind: type[AnyProbe], job: Job, folder: Path, *, stop: StopRequest | None = None
) -> AnyProbe:
    """What a process of its own measured for a job; its failure is raised here as it was there.

    Once a stop was asked for, the process is ended and `Interrupted` is raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked, answer = job.save(folder / "job.json"), folder / "result.json"
    # Without -P, Python would run modules that lie in the current folder.
    command = [sys.executable, "-P", "-m", "fasterseg.pipeline.probing"]
    with subprocess.Popen(
        [*command, str(asked), str(answer), str(os.getpid())],
        env={**os.environ, "PYTHONPATH": _python_path()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        said = _said_by(child, job.kind, stop)
    if child.returncode:
        raise _failure(folder / FAILURE, job.kind, child.returncode, said)
    return kind.load(answer)


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


def _python_path() -> str:
    """Where this very package is found, before all else."""
    source = str(Path(__file__).parents[2])
    return os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH", "")])])


def _failure(path: Path, kind: str, code: int, said: str) -> FastersegError:
    if path.exists():
        return error_of_parts(json.loads(path.read_text(encoding="utf-8")))
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
    job = Job.load(asked)
    try:
        found = _measured(job, answer.parent)
    except FastersegError as error:
        durable_write(answer.with_name(FAILURE), json.dumps(error.as_parts()).encode())
        return error.exit_code
    found.save(answer)
    return 0


def _measured(job: Job, folder: Path) -> Probe:
    from fasterseg.pipeline.probes.data import probe_data
    from fasterseg.pipeline.probes.networks import probe_delivery, probe_training
    from fasterseg.pipeline.probes.search import probe_search
    from fasterseg.pipeline.probes.target import probe_target

    match job.kind:
        case "data":
            return probe_data(job)
        case "target":
            return probe_target(job)
        case "search":
            return probe_search(job, folder)
        case "training":
            return probe_training(job, folder)
        case "delivery":
            return probe_delivery(job, folder)


if __name__ == "__main__":
    end_with(int(sys.argv[3]))
    sys.exit(answer_job(Path(sys.argv[1]), Path(sys.argv[2])))
