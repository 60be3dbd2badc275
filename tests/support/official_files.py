"""Files in the authors' format: those that they released, and weights drawn by a rule."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

DATA = Path(__file__).parents[1] / "parity" / "data"
NUMBERS = {"teacher": 0, "student": 1}
TABLE = DATA / "latency_lookup_table.npy"
WORD = "alpha"


def arch_file(role: str) -> Path:
    """The released architecture of a role."""
    return DATA / f"arch_{NUMBERS[role]}.pt"


def write_weights(role: str, folder: Path) -> Path:
    """A file of weights as theirs, every tensor drawn from a generator of its own."""
    shapes = json.loads((DATA / f"{role}_shapes.json").read_text())
    state = {name: torch.from_numpy(drawn(name, shape)) for name, shape in shapes.items()}
    path = folder / f"weights{NUMBERS[role]}.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def drawn(name: str, shape: list[int]) -> npt.NDArray[np.generic]:
    """What the rule gives for a tensor."""
    if name.endswith("num_batches_tracked"):
        return np.array(100)
    seed = hashlib.sha256(f"{WORD}:{name}".encode()).digest()[:8]
    dice = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "little")))
    if name.endswith(("running_mean", ".bias")):
        values = 0.1 * dice.standard_normal(shape)
    elif name.endswith("running_var"):
        values = 0.5 + dice.random(shape)
    elif len(shape) == 1:
        values = 0.7 + 0.6 * dice.random(shape)
    else:
        values = dice.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return values.astype(np.float32)


def images() -> torch.Tensor:
    """The input for which their outputs are known."""
    dice = np.random.Generator(np.random.PCG64(7))
    return torch.from_numpy(dice.standard_normal((1, 3, 128, 256)).astype(np.float32))


def expected(role: str) -> dict[str, npt.NDArray[np.float32]]:
    """What their networks give for those weights and that input."""
    with np.load(DATA / f"{role}_expected.npz") as known:
        return {name: known[name] for name in known.files}
