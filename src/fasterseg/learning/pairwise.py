"""How far similarities between places of a student's map are from the teacher's.

The pairwise loss of Liu et al. 2019, "Structured Knowledge Distillation for Semantic Segmentation":
places of the map are nodes, every two of them are connected, and the squared difference of the two
networks' cosine similarities is the loss.  They take features; here the similarities are those of
logits, averaged over a node, since kept answers hold nothing else.  A constant added to all of a
place's logits says nothing, so each node's mean is taken off first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from fasterseg.layers.resizing import MapSize, map_size, resize
from fasterseg.learning.upsampling import wide

SmallLogits = Float[Tensor, "batch classes small_height small_width"]
TheirLogits = Float[Tensor, "batch classes their_height their_width"]
Taught = Bool[Tensor, "batch height width"]
PerImage = Float[Tensor, "batch"]

MOST_NODES = 12
"""Along each side of a map: the similarities of 144 take 4 ms for eight maps of 45x60, on one core;
those of 256 would take 10."""
_NOTHING = 1e-4
"""Added to squared lengths, so that a place where all logits are alike has a finite gradient."""


def pairwise_losses(student: SmallLogits, teacher: TheirLogits, taught: Taught) -> PerImage:
    """Each image's mean squared difference of similarities, between 0 and 4; 0 where none count.

    A pair counts as much as the share of `taught` pixels in one of its nodes times that in the
    other.  In float32; the teacher gets no gradient.
    """
    size = map_size(student)
    nodes = min(MOST_NODES, size[0]), min(MOST_NODES, size[1])
    theirs = resize(wide(teacher.detach()), size)
    with torch.autocast(student.device.type, enabled=False):
        apart = _similarities(wide(student), nodes) - _similarities(theirs, nodes)
        counts = _shares(taught, nodes, apart.dtype)
        together = counts.unsqueeze(2) * counts.unsqueeze(1)
        total = together.sum(dim=(1, 2))
        # Where no pixel is taught the sum is 0, whatever it is divided by.
        return (apart.square() * together).sum(dim=(1, 2)) / torch.where(total > 0, total, 1.0)


def _similarities(logits: Tensor, nodes: MapSize) -> Tensor:
    """The (batch, nodes, nodes) cosines between the nodes' logits."""
    lines = F.adaptive_avg_pool2d(logits, nodes).flatten(2).transpose(1, 2)
    lines = lines - lines.mean(dim=2, keepdim=True)
    lines = lines / (lines.square().sum(dim=2, keepdim=True) + _NOTHING).sqrt()
    return lines @ lines.transpose(1, 2)


def _shares(taught: Tensor, nodes: MapSize, dtype: torch.dtype) -> Tensor:
    """The (batch, nodes) shares of taught pixels."""
    return F.adaptive_avg_pool2d(taught.unsqueeze(1).to(dtype), nodes).flatten(1)
