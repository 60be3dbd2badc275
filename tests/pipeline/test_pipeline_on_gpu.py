"""Every command on a GPU: profile, search, train, evaluate, predict, and the report of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fasterseg
from fasterseg.latency.table import LatencyTable
from fasterseg.runs import RunFolder

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

RECIPE = Path(__file__).with_name("tiny.yaml")
TARGET = ("target.backend=pytorch", "target.device=cuda")


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_a_whole_run_its_scores_and_its_predictions(
    mode: str, cuda: torch.device, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    changes = (*TARGET, f"search.mode={mode}", "teacher.precision=auto", "teacher.steps=8")
    result = fasterseg.run(recipe=str(RECIPE), run=str(folder.root), device=str(cuda), set=changes)
    assert "pytorch on cuda" in result.target
    table = LatencyTable.load(folder.latency_table)
    assert table.target.device == "cuda"
    assert all(entry.median_ms > 0 for entry in table.entries.values())
    bundle = str(folder.bundle("student"))
    scores = [
        fasterseg.evaluate(
            bundle, device=device, out=str(tmp_path / f"{device}.json")
        ).report.mean_iou
        for device in ("cpu", "cuda")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    fasterseg.predict(bundle, str(tmp_path / "one.png"), out=str(tmp_path / "out"), device="cuda")
    assert [*(tmp_path / "out").glob("*_labels.png")]
    here, there = (
        fasterseg.load_model(bundle, device=torch.device(device))(pixels).labels
        for device in ("cpu", "cuda")
    )
    assert float((here == there).mean()) > 0.95
