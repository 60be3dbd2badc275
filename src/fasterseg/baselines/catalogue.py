"""The baselines by name; torch is loaded when one of them is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

AUXILIARY = "auxiliary"
"""The module of a baseline that only training uses."""
PREFIX = "baseline:"
"""What a baseline's name begins with where a model is named."""


def _bisenet_v2(classes: int) -> nn.Module:
    from fasterseg.baselines.bisenet_v2 import BiSeNetV2

    return BiSeNetV2(classes)


def _ddrnet_23_slim(classes: int) -> nn.Module:
    from fasterseg.baselines.ddrnet import DDRNet23Slim

    return DDRNet23Slim(classes)


def _efficientnet_lite0(classes: int) -> nn.Module:
    from fasterseg.baselines.efficientnet_lite import EfficientNetLite0

    return EfficientNetLite0(classes)


def _efficientnet_lite2(classes: int) -> nn.Module:
    from fasterseg.baselines.efficientnet_lite import EfficientNetLite2

    return EfficientNetLite2(classes)


def _enet(classes: int) -> nn.Module:
    from fasterseg.baselines.enet import ENet

    return ENet(classes)


def _fast_scnn(classes: int) -> nn.Module:
    from fasterseg.baselines.fast_scnn import FastSCNN

    return FastSCNN(classes)


BASELINES: Mapping[str, Callable[[int], nn.Module]] = {
    "fast-scnn": _fast_scnn,
    "bisenet-v2": _bisenet_v2,
    "ddrnet-23-slim": _ddrnet_23_slim,
    "enet": _enet,
    "efficientnet-lite0": _efficientnet_lite0,
    "efficientnet-lite2": _efficientnet_lite2,
}
"""From a name to what makes that network for a number of classes, with fresh weights."""


def baseline_name(model: Path | str) -> str | None:
    """The name in ``baseline:NAME``, or None for what names no baseline.

    Raises `UsageError` for an unknown name, with the nearest one.
    """
    text = str(model)
    if not text.startswith(PREFIX):
        return None
    name = text.removeprefix(PREFIX)
    if name not in BASELINES:
        near = get_close_matches(name, BASELINES, n=1, cutoff=0.4)
        raise UsageError(
            f"there is no baseline {name!r}",
            where=text,
            why=f"the baselines are {', '.join(PREFIX + known for known in BASELINES)}",
            next_step=f"did you mean {PREFIX + near[0]!r}?" if near else "name one of these",
        )
    return name


def require_trained(model: Path | str) -> None:
    """Raise `UsageError` for ``baseline:NAME``: it names a network that has no weights."""
    name = baseline_name(model)
    if name is not None:
        raise UsageError(
            f"{PREFIX}{name} has no weights of its own",
            where=str(model),
            why="a baseline is a network to be trained, not a trained one",
            next_step=f"fasterseg train {PREFIX}{name} --data DATA --run RUN, "
            f"then name RUN/training/{name}/best",
        )
