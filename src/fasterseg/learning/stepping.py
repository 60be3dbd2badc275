"""The resumable loop that search and training share.

A `Stage` knows how to do step ``index`` and how to put its state into named tensors and JSON
values.  `run_steps` does the rest: it resumes from the newest whole checkpoint, saves one every
so many steps, keeps the log of events, and stops on request after saving.  A stage must draw
nothing from hidden randomness: step ``index`` is a pure function of (seed, index, state), so the
index is the only cursor there is.  Then a run that was killed at any moment and started again
ends in the same state, bit for bit, as one that was not (on a CPU with fixed threads).

    class Pretraining:                                    # a Stage
        def step(self, index: int) -> dict[str, Any]:
            batch = self.feed.batch(index)                # the same batch whenever it is asked for
            ...
            require_finite(loss, norm, step=index, stage="pre-training", names=batch.names)
            self.optimizer.step()
            return {"loss": loss.item()}
        def state(self) -> StageState:
            tensors = nested("supernet", self.supernet.state_dict())
            tensors |= nested("optimizer", optimizer_tensors(self.optimizer, parameters))
            return StageState(tensors, {"strength": self.strength})
        def restore(self, state: StageState) -> None:
            self.supernet.load_state_dict(part("supernet", state.tensors))
            restore_optimizer(self.optimizer, parameters, part("optimizer", state.tensors))
            self.strength = state.values["strength"]

    course = run_steps(stage, folder, steps=200, checkpoint_every=50, stop=stop)

The folder then holds ``checkpoints/`` and ``events.jsonl``.  An event has ``step``, the number of
steps done, what the step returned, and under ``clock`` all that a wall clock told, the step's own
``clock`` included; it is left out when two runs are compared (`without_clock`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from fasterseg.callbacks import NOBODY, StageTeller
from fasterseg.checkpoints import (
    Checkpoint,
    checkpoints_in,
    load_checkpoint,
    save_checkpoint,
    tidy_checkpoints,
)
from fasterseg.durable import writing
from fasterseg.errors import FileError
from fasterseg.events import EventLog, Progress, Warn, silent, warn_on_stderr
from fasterseg.runtime import memory_kept
from fasterseg.stage_folders import StageFolder
from fasterseg.stopping import StopRequest

CLOCK = "clock"
STEP_PROGRESS = "step"


@dataclass(frozen=True, slots=True)
class StageState:
    """All that a stage needs to go on: named tensors, and values that JSON can hold."""

    tensors: dict[str, Tensor]
    values: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Stage(Protocol):
    """Something done in steps, each a pure function of its index and of the state before it."""

    def step(self, index: int) -> Mapping[str, Any]:
        """Do step `index` (from 0); return what is worth logging, as JSON values."""
        ...

    def state(self) -> StageState:
        """Return the whole state; the tensors may be the live ones."""
        ...

    def restore(self, state: StageState) -> None:
        """Go back to a state that `state` returned."""
        ...


@dataclass(frozen=True, slots=True)
class Course:
    """How the steps went: from where, how far, and the seconds spent in all runs together."""

    resumed_at: int
    steps: int
    seconds: float
    log: EventLog

    def events(self) -> list[dict[str, Any]]:
        """All events from the first step on."""
        return self.log.events()


@memory_kept()
def run_steps(
    stage: Stage,
    folder: Path,
    *,
    steps: int,
    checkpoint_every: int,
    progress: Progress = silent,
    stop: StopRequest | None = None,
    name: str = "",
    warn: Warn = warn_on_stderr,
    resumed: Callable[[int], None] = lambda _step: None,
    teller: StageTeller = NOBODY,
) -> Course:
    """Do the stage's steps up to `steps`, going on from where the folder's checkpoint stands.

    A stop request ends the loop after the step at hand: the state is saved, then `Interrupted`
    is raised.  An error in a step passes through; the checkpoints before it stay as they are.
    `warn` is told of a damaged checkpoint or log that the steps do without, `resumed` of how
    many steps are done when the others begin, `teller` of each step and checkpoint too.
    """
    kept = StageFolder(folder)
    log = EventLog(kept.log)
    start, seconds = _resume(stage, kept.checkpoints, log, warn)
    resumed(start)
    teller.resumed(start, log.path)
    began = time.monotonic() - seconds
    saved = start
    if start:
        progress(start, steps, name)
    for index in range(start, steps):
        event = stage.step(index)
        seconds = time.monotonic() - began
        done = index + 1
        told = {"seconds": round(seconds, 3), **event.get(CLOCK, {})}
        line = {STEP_PROGRESS: done, **event, CLOCK: told}
        log.append(line)
        # Asked once: a request that comes after this line waits for the next step's save.
        stopping = bool(stop)
        if done == steps or done - saved >= checkpoint_every or stopping:
            _save(stage, kept.checkpoints, log, done, seconds)
            saved = done
        teller.stepped(done, steps, line)
        if saved == done:
            teller.saved(done, kept.checkpoints)
        progress(done, steps, _note(name, event))
        if stop is not None and stopping and done < steps:
            stop.raise_if_set(f"{name or 'steps'}: {done} of {steps} done")
    return Course(start, max(start, steps), seconds, log)


# What restoring meets in a state that is whole and another's, which PyTorch tells in many ways.
_NOT_OF_THIS_STAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError)
_LONGEST_REASON = 200


def _resume(stage: Stage, folder: Path, log: EventLog, warn: Warn) -> tuple[int, float]:
    """Restore the newest whole checkpoint; return its step, and the seconds spent before it."""
    checkpoint = load_checkpoint(folder, warn=warn)
    step = 0 if checkpoint is None else checkpoint.step
    _drop_later(folder, step)
    tidy_checkpoints(folder)
    log.rewind(step, warn=warn)
    if checkpoint is None:
        return 0, 0.0
    try:
        stage.restore(StageState(checkpoint.tensors, checkpoint.values["stage"]))
        return step, float(checkpoint.values[CLOCK]["seconds"])
    except torch.OutOfMemoryError:
        raise
    except _NOT_OF_THIS_STAGE as error:
        raise FileError(
            "the checkpoint does not hold the state of this stage",
            where=str(folder),
            why=" ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON],
            next_step="delete this folder of checkpoints to begin the stage anew",
        ) from error


def _drop_later(folder: Path, step: int) -> None:
    """Delete checkpoints beyond the newest whole one: damaged, and in their successors' way."""
    for path in checkpoints_in(folder):
        if int(path.name.removeprefix("step-")) > step:
            shutil.rmtree(path)


def _save(stage: Stage, folder: Path, log: EventLog, step: int, seconds: float) -> None:
    # The log must be as durable as the checkpoint that promises its lines.
    with writing(log.path), log.path.open("rb") as stream:
        os.fsync(stream.fileno())
    state = stage.state()
    values = {"stage": state.values, CLOCK: {"seconds": seconds}}
    save_checkpoint(folder, Checkpoint(step, state.tensors, values))


def _note(name: str, event: Mapping[str, Any]) -> str:
    loss = event.get("loss")
    return f"{name} loss {loss:.3f}".strip() if isinstance(loss, float) else name


def without_clock(value: Any) -> Any:
    """A JSON value without anything that a wall clock told, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_clock(inner) for key, inner in value.items() if key != CLOCK}
    if isinstance(value, list | tuple):
        return [without_clock(inner) for inner in value]
    return value
