"""Whether a network has statistics to be scored with."""

from __future__ import annotations

import torch
from torch import nn


def has_unknown_statistics(network: nn.Module) -> bool:
    """Whether some batch norm was never calibrated, as in a subnet fresh from the supernet."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    return any(not bool(torch.isfinite(norm.running_mean).all()) for norm in norms)  # type: ignore[arg-type]
