"""A run's data is what its digests say, split by split, wherever it lies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fasterseg.artifacts import digest_of_value, read_json
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.errors import UsageError
from fasterseg.pipeline.opening import OpenedRun, open_run
from fasterseg.pipeline.stages.checking import check_stage


def own_data(root: Path, *splits: str) -> Path:
    """A folder with two pictures in each of its splits."""
    for split in splits:
        for number in range(2):
            for kind in ("images", "masks"):
                folder = root / kind / split
                folder.mkdir(parents=True, exist_ok=True)
                grey = 20 * len(split) + 9 * number if kind == "images" else number
                Image.fromarray(np.full((8, 8), grey, np.uint8)).save(folder / f"{number}.png")
    known = [folder.name for folder in sorted((root / "images").iterdir())]
    lines = [f"{split}: images/{split}" for split in known]
    (root / "data.yaml").write_text("\n".join([*lines, "names: [a, b, c]\n"]))
    return root


def opened(run: Path, data: Path, *changes: str) -> OpenedRun:
    return open_run(Common(run=run, data=data, set=changes))


def as_trained(run: OpenedRun) -> None:
    """As if the student had been trained on the run's data."""
    data, source = run.recipe.data, run.source
    folder = run.folder.training("student").root
    (folder / "checkpoints" / "step-000000001").mkdir(parents=True)
    plan = SimpleNamespace(train_split=data.trained_on, val_split=data.val_split)
    plan.train_digest, plan.val_digest = (source.digest(s) for s in (data.trained_on, "val"))
    sealed = {"schema": "", "digest": digest_of_value(vars(plan)), "content": vars(plan)}
    (folder / "began.json").write_text(json.dumps(sealed))


def check(run: OpenedRun) -> DataReport:
    data = run.recipe.data
    used = {data.train_split, data.val_split, data.test_split}
    return check_stage(run.source, run.folder, used=used, progress=lambda *_: None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return own_data(tmp_path / "data", "train", "val")


def test_data_that_moved_is_the_same_data(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = opened(run, data)
    as_trained(first)
    checked = check(first)
    shutil.move(data, tmp_path / "disk2")
    again = opened(run, tmp_path / "disk2")
    assert Recipe.load(again.folder.recipe).data.source == str(tmp_path / "disk2")
    assert check(again) == checked


def test_a_new_split_is_no_change_of_the_others(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = opened(run, data)
    as_trained(first)
    assert set(check(first).splits) == {"train", "val"}
    own_data(data, "test")
    again = opened(run, data)
    assert again.recipe.data.test_split == "val"  # as it was settled
    assert set(check(again).splits) == {"train", "val"}
    scored = opened(run, data, "data.test_split=test")
    assert scored.recipe.data.test_split == "test"
    assert set(check(scored).splits) == {"train", "val", "test"}


def test_images_that_nothing_was_made_from_may_change(data: Path, tmp_path: Path) -> None:
    first = opened(tmp_path / "run", data)
    before = check(first)
    (data / "images" / "train" / "1.png").unlink()
    (data / "masks" / "train" / "1.png").unlink()
    after = check(opened(tmp_path / "run", data))
    assert (before.splits["train"].images, after.splits["train"].images) == (2, 1)


@pytest.mark.parametrize("change", ["other images", "no such split"])
def test_images_that_a_network_was_trained_on_may_not_change(
    change: str, data: Path, tmp_path: Path
) -> None:
    first = opened(tmp_path / "run", data)
    as_trained(first)
    other = own_data(tmp_path / "other", "train", "val")
    if change == "other images":
        Image.fromarray(np.full((8, 8), 200, np.uint8)).save(other / "images" / "train" / "0.png")
    else:
        (other / "data.yaml").write_text("train: images/train\nnames: [a, b, c]\n")
    stored = read_json(first.folder.recipe)
    with pytest.raises(UsageError, match="the data differs") as caught:
        opened(tmp_path / "run", other)
    assert "--data" in caught.value.next_step
    # To name the data as it was is to resume: nothing of the refused one was kept.
    assert read_json(first.folder.recipe) == stored
    assert opened(tmp_path / "run", data).recipe == first.recipe
