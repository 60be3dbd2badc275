"""Starts a timing in a process of its own, and brings back what it measured.

    python -m fasterseg.commands.probing JOB.json RESULT.json

Each timing has a process to itself, so that its peak of memory is its own.  Jobs and results are
JSON files; a failure comes back as an error of the same kind, with the same four parts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fasterseg.artifacts import durable_write
from fasterseg.commands.probes.job import Job
from fasterseg.errors import EnvironmentFault, FastersegError, error_of_parts
from fasterseg.forecasting.timings import AnyProbe, Probe

FAILURE = "failure.json"
LAST_LINES = 12


def probed(kind: type[AnyProbe], job: Job, folder: Path) -> AnyProbe:
    """What a process of its own measured for a job; its failure is raised here as it was there."""
    folder.mkdir(parents=True, exist_ok=True)
    asked, answer = job.save(folder / "job.json"), folder / "result.json"
    done = subprocess.run(
        [sys.executable, "-m", "fasterseg.commands.probing", str(asked), str(answer)],
        env={**os.environ, "PYTHONPATH": _python_path()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _failure(folder / FAILURE, job.kind, done.returncode, done.stderr)
    return kind.load(answer)


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
    from fasterseg.commands.probes.data import probe_data
    from fasterseg.commands.probes.networks import probe_delivery, probe_training
    from fasterseg.commands.probes.search import probe_search
    from fasterseg.commands.probes.target import probe_target

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
    sys.exit(answer_job(Path(sys.argv[1]), Path(sys.argv[2])))
