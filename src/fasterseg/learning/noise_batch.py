"""Batches of noise, as large as a run's own: for one pass before the first step."""

from __future__ import annotations

import torch

from fasterseg.config import AugmentationSettings
from fasterseg.datasets.batches.loading import Batch


def noise_batch(
    crop: AugmentationSettings,
    *,
    batch_size: int,
    classes: int,
    device: torch.device,
    label_stride: int = 1,
) -> Batch:
    """Random images and labels in crops of that size, on the device; torch's state stays."""
    height, width = crop.crop
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((batch_size, 3, height, width), generator=generator)
    labelled = (batch_size, height // label_stride, width // label_stride)
    labels = torch.randint(classes, labelled, generator=generator)
    return Batch(images.to(device), labels.to(device), ("noise",) * batch_size)
