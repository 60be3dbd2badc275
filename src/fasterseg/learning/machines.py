"""What each rank computes on: asked before the first step that they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from fasterseg.learning.leading import Calls, led
from fasterseg.learning.precision import Formats, formats_of
from fasterseg.learning.ranks import Ranks
from fasterseg.runtime import processor_name, select_device

ORDER, _SAY = "machine", "say"


@dataclass(frozen=True, slots=True)
class Machine:
    """A rank's machine: in words, and the number formats that it trains in."""

    words: str
    formats: tuple[str, ...]


def machine_of(device: torch.device) -> Machine:
    """What this process computes on."""
    threads = f"threads {torch.get_num_threads()}"
    words = f"{processor_name()}, torch {torch.__version__}, {threads}, {device_name(device)}"
    return Machine(words, formats_of(device))


def device_name(device: torch.device) -> str:
    """The kind of a device, and of a GPU its name."""
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device.type}{name}"


def machines_of(ranks: Ranks, device: torch.device) -> tuple[Machine, ...]:
    """What the ranks compute on, in their order, each on its own device of that kind.

    Raises what a rank does that has no such device.
    """
    here = machine_of(device)
    with led(ranks, ORDER, {"device": device.type}) as lead, lead.call(_SAY):
        told = ranks.all_gather_values(asdict(here))
    return tuple(Machine(one["words"], tuple(one["formats"])) for one in told)


@contextmanager
def follow_machine(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
    """Say at a follower what it computes on."""
    here = asdict(machine_of(select_device(words["device"])))

    def say() -> None:
        ranks.all_gather_values(here)

    yield {_SAY: say}


def formats_of_others(machines: Sequence[Machine]) -> Formats:
    """What the leader's number format has to suit besides its own machine."""
    return {f"rank {rank}": one.formats for rank, one in enumerate(machines) if rank}
