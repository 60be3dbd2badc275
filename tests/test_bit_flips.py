"""One flipped bit of any file that is written is noticed when the file is opened, or says the same.

A few flips of each kind; `benchmarks/bit_flips.py` does a thousand of every kind, of a whole run.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fake_run import FakeRun
from flipping import BUG, SILENT, Kind, kinds_in, outcomes
from tiny_export import faithful

from fasterseg.artifacts import digest_of_file
from fasterseg.checkpoints import Checkpoint, save_checkpoint
from fasterseg.events import EventLog
from fasterseg.latency.entries_file import EntriesFile
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.kept_supernet import KeptSupernet
from fasterseg.tensors import save_tensors
from fasterseg.training.segments import TrainingSegments

FLIPS = 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run, and beside it what such a run does not have."""
    root = tmp_path_factory.mktemp("flipped")
    run = FakeRun(teacher=False).write(root)
    _write_steps(run)
    journal = EntriesFile(run.timed_blocks)
    journal.open({"processor": "Imaginary 3000"})
    for key in ("a", "b", "c"):
        journal.append({"key": key, "median_ms": 1.5, "spread_ms": 0.1, "runs": 3})
    save_tensors(run.supernet.weights, {"weight": torch.arange(6.0)})
    KeptSupernet(
        weights_digest=digest_of_file(run.supernet.weights),
        classes=2,
        data="street",
        data_digest="sha256:1",
        split="train",
        images=3,
        steps=4,
    ).save(run.supernet.facts)
    TrainingSegments().save(run.training("student").segments)
    run.exported("student").parent.mkdir(exist_ok=True)
    run.exported("student").write_bytes(faithful())
    return root


def _write_steps(run: RunFolder) -> None:
    """Logs with checksums in place of the made-up ones, and two checkpoints."""
    for path in sorted(run.root.rglob("events.jsonl")):
        path.unlink()
        log = EventLog(path)
        for step in range(1, 6):
            log.append({"step": step, "loss": 1 / step, "val": {"mean_iou": 0.1 * step}})
    for step in (1, 2):
        tensors = {"weight": torch.arange(4.0) + step, "count": torch.tensor(step)}
        kept = run.training("student").checkpoints
        save_checkpoint(kept, Checkpoint(step, tensors, {"seconds": 0.5 * step}))


def test_one_flipped_bit_is_noticed_or_changes_nothing(folder: Path) -> None:
    kinds = list(kinds_in(folder))
    assert len(kinds) >= 18, [kind.name for kind in kinds]
    found = {kind.name: outcomes(kind, FLIPS) for kind in kinds}
    assert {name: one for name, one in found.items() if one[SILENT] or one[BUG]} == {}


def test_what_is_used_without_a_word_is_counted_as_such(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("0123456789")
    assert outcomes(Kind("text", (path,), path.read_bytes), 10) == {SILENT: 10}

    def broken() -> int:
        return {"0123456789": 1}[path.read_text(encoding="latin1")]

    assert outcomes(Kind("number", (path,), broken), 10) == {BUG: 10}
    assert path.read_text() == "0123456789"
