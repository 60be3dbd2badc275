"""How the leader has the other ranks do their share: orders, calls, and a stage that is led.

The leader alone runs the command.  The others, the *followers*, wait for an *order*, a name and
plain values, build what it means, and make the leader's *calls* on it in lockstep until the order
ends.  So all that is not computed together (folders, logs, checkpoints, decisions) stays the work
of one process.

    with led(ranks, "training", words, stop=stop) as lead:     # the leader
        run_steps(lead.stage(stage), folder, ...)

    follow(ranks, {"training": follow_training}, stop=stop)    # the others

    @contextmanager
    def follow_training(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
        with closing(stage_of(...)) as stage:
            yield stage_calls(stage, ranks)

A rank that fails in a call says why in the store and leaves, wherever the others stand: they find
the connection closed and its fault told.  A failure between two calls of the leader ends the order
in peace: an interruption after saving is one.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

from fasterseg.errors import EnvironmentFault, FastersegError
from fasterseg.events import Warn, warn_on_stderr
from fasterseg.learning.ranks import Ranks
from fasterseg.learning.stepping import Stage, StageState
from fasterseg.stopping import StopRequest

Calls = Mapping[str, Callable[..., object]]
"""What the leader may ask of that which an order built: by name, with plain values by name."""

Builder = Callable[[Ranks, Mapping[str, Any]], AbstractContextManager[Calls]]
"""Builds at a follower what an order's words mean, for as long as the order lasts."""

Explain = Callable[[BaseException], FastersegError]
"""Puts any exception into words for a user."""

_END = ""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STATE, _STEP, _DIGEST = "state", "step", "digest"


@dataclass(slots=True)
class Lead:
    """What the leader has the followers do while an order lasts; alone it is just done.

    `stop` hears of a signal that any rank was sent.
    """

    ranks: Ranks
    stop: StopRequest = field(default_factory=StopRequest)
    within: bool = False

    @contextmanager
    def call(self, name: str, **words: Any) -> Iterator[None]:
        """Have the followers make a call, while this rank does its own share within."""
        self.ranks.broadcast({"call": name, "words": words})
        self.within = True
        yield
        _hear_stops(self.ranks, self.stop)
        self.within = False

    def stage(self, stage: Stage, *, warn: Warn = warn_on_stderr) -> Stage:
        """The stage, whose steps are done by all ranks; `warn` hears of ranks that differ."""
        return stage if self.ranks.alone else LedStage(stage, self, warn)


@contextmanager
def led(
    ranks: Ranks, order: str, words: Mapping[str, Any], *, stop: StopRequest | None = None
) -> Iterator[Lead]:
    """Have the followers build what an order means, for as long as the context lasts.

    `words` are JSON values.  Raises the fault of a rank that has left already.
    """
    _require_whole(ranks)
    ranks.broadcast({"order": order, "words": dict(words)})
    lead = Lead(ranks, StopRequest() if stop is None else stop)
    try:
        yield lead
    except BaseException as error:
        if lead.within:
            ranks.tell_fault(fault_of(error))
        else:
            _end_in_peace(ranks)
        raise
    ranks.broadcast({"call": _END})


def dismiss(ranks: Ranks) -> None:
    """Let the followers end: no order follows.  For the leader, when its command is done."""
    with suppress(FastersegError, RuntimeError):
        if ranks.told_fault() is None:
            ranks.broadcast({"order": _END})


def follow(
    ranks: Ranks,
    builders: Mapping[str, Builder],
    *,
    stop: StopRequest | None = None,
    explain: Explain | None = None,
) -> None:
    """Do what the leader orders, until it dismisses this rank.

    What fails here is told to the others, as `explain` puts it, and raised; what failed elsewhere
    is raised too.
    """
    heard = StopRequest() if stop is None else stop
    try:
        while name := (order := ranks.broadcast())["order"]:
            with builders[name](ranks, order["words"]) as calls:
                while call := (told := ranks.broadcast())["call"]:
                    calls[call](**told["words"])
                    _hear_stops(ranks, heard)
    except BaseException as error:
        with suppress(RuntimeError):  # the store may be gone, with the machine that keeps it
            ranks.tell_fault((explain or fault_of)(error))
        ranks.leave()
        raise


@runtime_checkable
class Settling(Protocol):
    """A stage of which ranks keep something each for itself, as statistics of their own images."""

    def settle(self) -> None:
        """Make it the same on all ranks; called on all of them at once."""
        ...


class LedStage:
    """A stage whose steps all ranks do, as the leader runs it.  Implements `Stage`.

    Before its first step, and after each restoring, the leader's whole state is told.  Where a
    state is taken, which is where it is saved, all ranks settle what each keeps for itself
    (`Settling`) and take theirs: what differs then is told of, and told anew.
    """

    def __init__(self, stage: Stage, lead: Lead, warn: Warn) -> None:
        self._stage = stage
        self._lead = lead
        self._warn = warn
        self._told = False

    def step(self, index: int) -> Mapping[str, Any]:
        """Do step `index` together; return what this rank's stage returns."""
        if not self._told:
            self._tell(self._stage.state())
        with self._lead.call(_STEP, index=index):
            return self._stage.step(index)

    def state(self) -> StageState:
        """The leader's state, once all ranks are known to be in it."""
        if not self._told:
            return self._stage.state()
        with self._lead.call(_DIGEST):
            state = _settled(self._stage)
            digests = self._lead.ranks.all_gather_values(digest_of(state))
        others = [rank for rank, digest in enumerate(digests) if digest != digests[0]]
        if others:
            self._warn(
                f"rank {', '.join(map(str, others))} came to another state than the leader, by "
                "another processor's or library's rounding: the leader's is taken over there"
            )
            self._tell(state)
        return state

    def restore(self, state: StageState) -> None:
        """Go back to a state; the others do so before the next step."""
        self._stage.restore(state)
        self._told = False

    def _tell(self, state: StageState) -> None:
        with self._lead.call(_STATE):
            self._lead.ranks.broadcast(state.values)
            self._lead.ranks.broadcast_tensors(state.tensors)
        self._told = True


def stage_calls(stage: Stage, ranks: Ranks) -> Calls:
    """What a follower does when its leader's `LedStage` calls."""

    def take_over() -> None:
        values = ranks.broadcast()
        stage.restore(StageState(ranks.broadcast_tensors(), values))

    def compare() -> None:
        ranks.all_gather_values(digest_of(_settled(stage)))

    return {_STATE: take_over, _STEP: stage.step, _DIGEST: compare}


def _settled(stage: Stage) -> StageState:
    if isinstance(stage, Settling):
        stage.settle()
    return stage.state()


def digest_of(state: StageState) -> str:
    """A digest of a state's tensors, names, types and shapes included."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(state.tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def fault_of(error: BaseException) -> FastersegError:
    """What the other ranks are told of any exception."""
    if isinstance(error, FastersegError):
        return error
    what = f"{type(error).__name__}: {error}"
    return FastersegError("a process of this run failed", why=what)


def _hear_stops(ranks: Ranks, stop: StopRequest) -> None:
    """Let every rank's request to stop be everybody's."""
    if ranks.alone:
        return
    asked = ranks.total(*(int(stop.signal_name == one.name) for one in _SIGNALS))
    for one, count in zip(_SIGNALS, asked, strict=True):
        if count and not stop:
            stop.signal_name = one.name


def _end_in_peace(ranks: Ranks) -> None:
    with suppress(FastersegError):  # of a rank that has ended meanwhile
        ranks.broadcast({"call": _END})


def _require_whole(ranks: Ranks) -> None:
    """Raise where a rank has left: nothing can be shared any more."""
    if (fault := ranks.told_fault()) is not None:
        raise EnvironmentFault(
            "the processes of this run work together no longer",
            where=fault.where,
            why=fault.what,
            next_step="start the command again",
        )
