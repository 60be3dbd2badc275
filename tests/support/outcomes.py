"""What a training left behind, and whether two left the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from fasterseg.checkpoints import load_checkpoint
from fasterseg.events import EventLog
from fasterseg.learning.stepping import without_clock
from fasterseg.network.bundle import ModelBundle
from fasterseg.training.training import TrainingReport


def outcome(folder: Path) -> tuple[dict[str, torch.Tensor], Any]:
    """All that a finished training left behind: tensors by name, and values without clocks."""
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    kept = {f"state/{name}": tensor for name, tensor in checkpoint.tensors.items()}
    values = [checkpoint.values, EventLog(folder / "events.jsonl").events()]
    for which in ("best", "last", "ema"):
        one = ModelBundle.load(folder / which)
        kept |= {f"{which}/{name}": tensor for name, tensor in one.tensors.items()}
        values.append(one.card.content())
    values.append(TrainingReport.load(folder / "report.json").content())
    return kept, without_clock(values)


def assert_same_outcome(folder: Path, reference: Path) -> None:
    ours, values = outcome(folder)
    theirs, wanted = outcome(reference)
    assert values == wanted
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
