"""Batches of noise, as large as a run's own: for one pass before the first step."""

from __future__ import annotations

import torch

from fasterseg.config import AugmentationSettings
from fasterseg.datasets.loading import Batch


def noise_batch(
    crop: AugmentationSettings, *, batch_size: int, classes: int, device: torch.device
) -> Batch:
    """Random images and labels in crops of that size, on the device; torch's state stays."""
    size = (batch_size, *crop.crop)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((batch_size, 3, *size[1:]), generator=generator)
    labels = torch.randint(classes, size, generator=generator)
    return Batch(images.to(device), labels.to(device), ("noise",) * batch_size)
