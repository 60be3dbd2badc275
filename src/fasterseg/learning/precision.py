"""In which number format training computes: what the machine really has, and said aloud."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from fasterseg.config import FloatPrecision
from fasterseg.errors import EnvironmentFault

CPUINFO = Path("/proc/cpuinfo")
Formats = Mapping[str, Collection[str]]
"""The formats that others compute in, by whom."""

# What x86 and Arm call matrix or vector instructions on bfloat16.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


@dataclass(frozen=True, slots=True)
class Numerics:
    """The format that a training computes in, on which device, and why that one."""

    precision: FloatPrecision
    device: torch.device
    reason: str

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for a forward pass and its loss; in float32 it changes nothing."""
        if self.precision == "float32":
            return nullcontext()
        dtype = torch.float16 if self.precision == "float16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype, cache_enabled=True)

    def scaler(self) -> LossScaler:
        """A loss scaler, which does something in float16 only."""
        return LossScaler(self.device, enabled=self.precision == "float16")


class LossScaler:
    """Scales the loss so that float16 gradients do not vanish; its state is JSON values."""

    def __init__(self, device: torch.device, *, enabled: bool) -> None:
        self._scaler = torch.amp.GradScaler(device.type, enabled=enabled)

    @property
    def enabled(self) -> bool:
        """Whether anything is scaled; steps with infinite gradients are then left out."""
        return bool(self._scaler.is_enabled())

    @property
    def may_overflow(self) -> bool:
        """Whether an infinite gradient may be the scale's fault; not once the scale is 1."""
        return self.enabled and self._scaler.get_scale() > 1.0

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss as it goes backwards: its gradients, and sums of such, are to be unscaled."""
        return self._scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Unscale the gradients, once a step, when they are all there; what overflowed is noted."""
        if self.enabled:
            self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Update the weights, unless a scaled gradient overflowed; adjust the scale."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def values(self) -> dict[str, Any]:
        """The state; empty when nothing is scaled."""
        return dict(self._scaler.state_dict())

    def restore(self, values: Mapping[str, Any]) -> None:
        """Go back to what `values` returned; what was not scaled before begins with the default."""
        if self.enabled and values:
            self._scaler.load_state_dict(dict(values))


def choose_numerics(
    wanted: Literal["auto", FloatPrecision],
    device: torch.device,
    *,
    scaled: bool = True,
    cpuinfo: Path = CPUINFO,
    others: Formats | None = None,
) -> Numerics:
    """The format for training on a device, together with the `others`.

    ``auto`` takes bfloat16 where the processor or GPU computes in it, float16 on an older GPU
    (unless the loss cannot be `scaled`), else float32; all must have it.  Raises
    `EnvironmentFault` for a format that one does not have: never another one in its place.
    """
    offered = _offered(device, cpuinfo)
    everyone = {f"{device.type} here": (*offered,), **(others or {})}
    if wanted == "auto":
        wide = ("bfloat16", "float16", "float32") if scaled else ("bfloat16", "float32")
        own = next(name for name in wide if name in offered)
        best = next(name for name in wide if all(name in one for one in everyone.values()))
        lacking = [who for who, formats in everyone.items() if own not in formats]
        reason = f"{lacking[0]} has no {own}" if lacking else offered[best]
        return Numerics(_as_precision(best), device, reason)
    for who, formats in everyone.items():
        if wanted not in formats:
            raise EnvironmentFault(
                f"{wanted} training was asked for and {who} cannot do it",
                where=f"precision: {wanted}, device: {device}",
                why=f"it computes in {', '.join(formats)}",
                next_step="set precision to auto or float32",
            )
    return Numerics(wanted, device, "asked for")


def formats_of(device: torch.device) -> tuple[str, ...]:
    """The formats that a device computes in."""
    return (*_offered(device, CPUINFO),)


def _as_precision(name: str) -> FloatPrecision:
    names: dict[str, FloatPrecision] = {"bfloat16": "bfloat16", "float16": "float16"}
    return names.get(name, "float32")


def _offered(device: torch.device, cpuinfo: Path) -> dict[str, str]:
    """Each format that the device computes in, and how we know."""
    if device.type == "cuda":
        real = torch.cuda.is_bf16_supported(including_emulation=False)
        wide = {"bfloat16": "the GPU has it"} if real else {}
        return {**wide, "float16": "the GPU has no bfloat16", "float32": "asked for"}
    found = processor_flags(cpuinfo) & _BFLOAT16_FLAGS
    if device.type == "cpu" and found:
        return {"bfloat16": f"the processor has {', '.join(sorted(found))}", "float32": ""}
    return {"float32": "the processor has no bfloat16 instructions"}


def processor_flags(cpuinfo: Path = CPUINFO) -> set[str]:
    """The instruction sets that the system lists; empty where it lists none."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return set(value.split())
    return set()
