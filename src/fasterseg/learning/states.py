"""The state of modules and optimisers as flat, named tensors, and its check for finite values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from fasterseg.errors import Diverged, FastersegError, FileError
from fasterseg.learning.ranks import ALONE, Ranks


def nested(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each called ``name/its own name``."""
    return {f"{name}/{key}": tensor for key, tensor in tensors.items()}


def part(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `nested` put under a name, by their own names again."""
    prefix = f"{name}/"
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}


def optimizer_tensors(optimizer: Optimizer, names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An optimiser's state as ``parameter/key`` tensors; `names` gives each parameter's name.

    Step sizes are functions of the step and not part of it.  An entry that is neither a tensor
    nor None raises `FastersegError`.
    """
    name_of = {id(parameter): name for name, parameter in names.items()}
    found: dict[str, Tensor] = {}
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                found[f"{name_of[id(parameter)]}/{key}"] = value
            elif value is not None:
                kind = type(value).__name__
                raise FastersegError(f"cannot save the optimiser's {key}: it is a {kind}")
    return found


def restore_optimizer(
    optimizer: Optimizer, names: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimizer_tensors` returned; a parameter that is not there: `FileError`."""
    optimizer.state.clear()
    for full_name, tensor in tensors.items():
        name, _, key = full_name.rpartition("/")
        if name not in names:
            raise FileError(
                "the checkpoint belongs to another network",
                where=full_name,
                why="there is no parameter of this name",
            )
        optimizer.state[names[name]][key] = _like(names[name], tensor)


def _like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """A copy with the parameter's device and layout, as the optimiser itself would have made it.

    Scalars, such as Adam's count of steps, stay where they are.
    """
    if tensor.shape != parameter.shape or tensor.dim() == 0:
        return tensor.clone()
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients together; not finite when any of them is not."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def require_finite(
    loss: Tensor,
    *gradient_norms: Tensor,
    step: int,
    stage: str,
    names: Sequence[str] = (),
    ranks: Ranks = ALONE,
) -> None:
    """Raise `Diverged` when the loss or a norm is not finite; call before the update.

    Nothing was updated then, so the last checkpoint stays good.  `names` are the samples of this
    process's part of the batch.  Loss and norms are those of all `ranks` together, which raise
    alike and name the samples of all.
    """
    # Of a search on a GPU the loss is there, and the architecture's gradients are on the CPU.
    known = (value.detach().to(loss.device, torch.float32) for value in (loss, *gradient_norms))
    values = torch.stack([*known])
    if bool(torch.isfinite(values).all()):
        return
    culprit = "gradients are" if bool(torch.isfinite(values[0])) else "loss is"
    every = [name for part in ranks.all_gather_values([*names]) for name in part]
    samples = f"; samples {', '.join(every)}" if every else ""
    raise Diverged(
        f"the {culprit} not finite",
        where=f"{stage}, step {step}{samples}",
        why="the training diverged, or one of these samples holds such values",
        next_step="look at these samples, or lower the learning rate: in this run before its first "
        "checkpoint, later in a new one with another --run",
    )
