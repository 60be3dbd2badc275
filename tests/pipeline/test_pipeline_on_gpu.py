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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RECIPE = Path(__file__).with_name("tiny.yaml")


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_a_whole_run_its_scores_and_its_predictions(
    mode: str, device: torch.device, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    target = ("target.backend=pytorch", f"target.device={device}")
    changes = (*target, f"search.mode={mode}", "teacher.precision=auto", "teacher.steps=8")
    result = fasterseg.run(
        recipe=str(RECIPE), run=str(folder.root), device=str(device), set=changes
    )
    assert f"pytorch on {device}" in result.target
    table = LatencyTable.load(folder.latency_table)
    assert table.target.device == str(device)
    assert all(entry.median_ms > 0 for entry in table.entries.values())
    bundle = str(folder.bundle("student"))
    scores = [
        fasterseg.evaluate(
            bundle, device=where, out=str(tmp_path / f"{place}.json")
        ).report.mean_iou
        for place, where in (("here", "cpu"), ("there", str(device)))
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    fasterseg.predict(
        bundle, str(tmp_path / "one.png"), out=str(tmp_path / "out"), device=str(device)
    )
    assert [*(tmp_path / "out").glob("*_labels.png")]
    here, there = (
        fasterseg.load_model(bundle, device=where)(pixels).labels
        for where in (torch.device("cpu"), device)
    )
    assert float((here == there).mean()) > 0.95
