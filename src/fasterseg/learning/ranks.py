"""The processes that share one computation: who this one is, and what all of them say together.

Each process is a *rank* of torch.distributed, under torchrun.  Rank 0 leads: it alone runs the
command, holds the run folder, writes, logs and decides.  The others follow
(`fasterseg.learning.leading`).  A step is done by all of them, each with its share of the batch:
what is a sum over samples becomes a sum over ranks here, so that gradients, counts and scores are
those of one process with the whole batch, up to the order of the sums.  Nobody averages: a rank's
loss is its own sum over the count of all, and losses and gradients of the ranks add up.

All ranks must come to the same calls in the same order.  A rank that cannot says why in the store
that all ranks read, and leaves: the others, who wait for it in vain, find it there.  Values are
JSON and tensors are raw numbers: nothing that arrives is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor

from fasterseg.datasets.batches.loading import Share
from fasterseg.errors import FastersegError
from fasterseg.foreign.strict_json import load_json
from fasterseg.learning.presence import Presence, told_by

BUCKET_BYTES = 64 << 20
"""Tensors are summed in pieces of about this size, which are copies."""
_NARROW = (torch.bfloat16, torch.float16)


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among `count`, of which rank 0 leads.

    They talk over torch.distributed's default group: values over gloo, tensors over what suits
    their device.  `store` holds what is said without waiting.  The calls of a process alone return
    what they were given.  Each call that says or sums something waits for all ranks, in the kernel,
    without using the processor.  Where one of them has ended it raises the fault that this one told
    of, or else `RankEnded`.
    """

    rank: int = 0
    count: int = 1
    store: Any = None

    @classmethod
    def here(cls) -> Self:
        """The ranks that this process has joined; alone where it joined none."""
        if not dist.is_initialized() or dist.get_world_size() == 1:
            return cls()
        store = dist.distributed_c10d._get_default_store()
        return cls(dist.get_rank(), dist.get_world_size(), store)

    @property
    def alone(self) -> bool:
        """Whether nothing is shared."""
        return self.count == 1

    @property
    def leads(self) -> bool:
        """Whether this process runs the command and writes."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """This rank's part of every batch and of every list."""
        return Share(self.rank, self.count)

    def all_reduce_(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all ranks in place of each tensor; the same on every rank.

        All ranks give tensors of the same sizes and types in the same order.  Half precision is
        summed in float32.
        """
        if self.alone:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in bucket])
            wide = flat.float() if flat.dtype in _NARROW else flat
            with self._lost_rank_told():
                dist.all_reduce(wide)
            _scattered(wide, bucket)

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        """Put the leader's numbers in place of each tensor's, of sizes as in `all_reduce_`."""
        if self.alone:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in bucket])
            with self._lost_rank_told():
                dist.broadcast(flat, 0)
            _scattered(flat, bucket)

    def total(self, *numbers: int) -> tuple[int, ...]:
        """The sum of each whole number over all ranks."""
        return tuple(int(one) for one in self._total(torch.tensor(numbers, dtype=torch.int64)))

    def total_of(self, *numbers: float) -> tuple[float, ...]:
        """The sum of each number over all ranks, in double precision."""
        return tuple(float(one) for one in self._total(torch.tensor(numbers, dtype=torch.float64)))

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        return self.total(int(flag))[0] > 0

    def all_gather(self, tensor: Tensor) -> Tensor:
        """Every rank's tensor, all of one shape, along a new first axis in the order of ranks."""
        mine = tensor.detach().contiguous()
        found = mine.new_empty((self.count, *mine.shape))
        if self.alone:
            return found.copy_(mine)
        with self._lost_rank_told():
            dist.all_gather([*found.unbind()], mine)
        return found

    def all_gather_ragged(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Every rank's tensor, in the order of ranks; they may differ along the first axis."""
        if self.alone:
            return (tensor,)
        mine = tensor.detach().to("cpu").contiguous()
        with self._lost_rank_told():
            sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.count)]
            dist.all_gather(sizes, torch.tensor([len(mine)]))
            lengths = [int(size) for size in sizes]
            padded = mine.new_zeros((max(lengths), *mine.shape[1:]))
            padded[: len(mine)] = mine
            found = [torch.empty_like(padded) for _ in range(self.count)]
            dist.all_gather(found, padded)
        parts = zip(found, lengths, strict=True)
        return tuple(part[:length].to(tensor.device) for part, length in parts)

    def all_gather_values(self, value: Any) -> tuple[Any, ...]:
        """Every rank's JSON value, in the order of ranks."""
        if self.alone:
            return (value,)
        return tuple(_value_of(one) for one in self.all_gather_ragged(_bytes_of(value)))

    def broadcast(self, value: Any = None) -> Any:
        """The leader's JSON value; what the others give counts for nothing."""
        if self.alone:
            return value
        mine = _bytes_of(value) if self.leads else torch.zeros(0, dtype=torch.uint8)
        with self._lost_rank_told():
            length = torch.tensor([len(mine)])
            dist.broadcast(length, 0)
            data = mine if self.leads else torch.zeros(int(length), dtype=torch.uint8)
            dist.broadcast(data, 0)
        return _value_of(data)

    def broadcast_tensors(self, tensors: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The leader's named tensors, on the CPU at the others."""
        if self.alone:
            return dict(tensors or {})
        mine = dict(tensors or {}) if self.leads else {}
        forms = self.broadcast(
            [[name, _name_of(one.dtype), list(one.shape)] for name, one in mine.items()]
        )
        found: dict[str, Tensor] = {}
        for name, dtype, shape in forms:
            kept = mine[name].detach().to("cpu").contiguous() if self.leads else None
            data = kept if kept is not None else torch.empty(shape, dtype=getattr(torch, dtype))
            with self._lost_rank_told():
                dist.broadcast(data.reshape(-1).view(torch.uint8), 0)
            found[name] = mine[name] if self.leads else data
        return found

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """What each rank does by itself, before all go on together: what one raises, all raise.

        Within it nothing waits for the other ranks.
        """
        failed: FastersegError | None = None
        try:
            yield
        except FastersegError as error:
            failed = error
        told = self.all_gather_values(None if failed is None else failed.as_parts())
        if failed is not None:
            raise failed
        for rank, parts in enumerate(told):
            if parts is not None:
                raise told_by(rank, parts)

    @property
    def presence(self) -> Presence:
        """What the ranks know of each other without waiting."""
        return Presence(self.store, self.rank, self.count)

    def tell_fault(self, error: FastersegError) -> None:
        """Say why this rank leaves, without waiting for the others; only the first fault counts."""
        if not self.alone:
            self.presence.tell_fault(error)

    def told_fault(self) -> FastersegError | None:
        """Why a rank has left, as it said itself; None where none did."""
        return None if self.alone else self.presence.told_fault()

    def leave(self) -> None:
        """Close what connects this rank to the others: whoever waits for it learns that."""
        if dist.is_initialized():
            dist.destroy_process_group()

    def __deepcopy__(self, _known: object) -> Self:
        """Itself: a copy of a network shares its norms with the same processes."""
        return self

    def _total(self, numbers: Tensor) -> Tensor:
        if not self.alone:
            with self._lost_rank_told():
                dist.all_reduce(numbers)
        return numbers

    @contextmanager
    def _lost_rank_told(self) -> Iterator[None]:
        """Turn what torch.distributed raises when another process has ended into its fault."""
        try:
            yield
        except RuntimeError as error:
            raise self.presence.behind(error) from error


ALONE = Ranks()
"""One process, which shares nothing."""


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors in their order, in lists of one type and place and of about a bucket's size."""
    for _, alike in groupby(tensors, key=lambda one: (one.dtype, one.device)):
        bucket, size = list[Tensor](), 0
        for tensor in alike:
            if bucket and size + tensor.nbytes > BUCKET_BYTES:
                yield bucket
                bucket, size = [], 0
            bucket.append(tensor)
            size += tensor.nbytes
        yield bucket


def _scattered(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    """Put the numbers of one row into the tensors, one after the other."""
    parts = flat.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.detach().copy_(part.view(tensor.shape))


def _bytes_of(value: Any) -> Tensor:
    data = json.dumps(value).encode()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _value_of(data: Tensor) -> Any:
    return load_json(data.numpy().tobytes(), with_nan=True)


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
