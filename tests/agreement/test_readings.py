"""What evaluate scores is what predict writes, whatever is done to pixels before the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_training import tiny_task

from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.predict import predict
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.errors import UsageError
from fasterseg.evaluation import ConfusionMatrix
from fasterseg.network.card import Card
from fasterseg.network.named_models import named_card
from fasterseg.pipeline.models.evaluating import OTHERWISE, evaluate_stage
from fasterseg.training.data import TrainingData
from fasterseg.training.sight import require_same_sight
from fasterseg.training.training import train_network

NAMES = [f"class{index}" for index in range(9)]
Save = Callable[[Path, np.ndarray], None]


def as_colours(path: Path, colours: np.ndarray) -> None:
    """A plain picture."""
    Image.fromarray(colours).save(path)


def as_deep_grey(path: Path, colours: np.ndarray) -> None:
    """A picture of 12 bits in 16."""
    Image.fromarray(colours[..., 0].astype(np.uint16) * 16).save(path)


def folder_of(root: Path, line: str, save: Save) -> Path:
    """A data set of blocks of colour, read as a line of its data.yaml says."""
    dice = np.random.default_rng(0)
    for split, count in {"train": 4, "val": 2, "test": 3}.items():
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for index in range(count):
            labels = dice.integers(0, 9, (4, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            colours = np.stack([labels * 25, 255 - labels * 9, labels * 3], axis=-1)
            save(root / "images" / split / f"{split}{index}.png", colours.astype(np.uint8))
            Image.fromarray(labels).save(root / "masks" / split / f"{split}{index}.png")
    splits = "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
    (root / "data.yaml").write_text(f"{splits}masks_dir: masks\nnames: {NAMES}\n{line}")
    return root


@pytest.mark.parametrize(
    ("line", "reading", "save"),
    [
        ("channels: 1\n", Reading(channels=1), as_colours),
        ("range: [0, 4095]\n", Reading(range=(0, 4095)), as_deep_grey),
    ],
)
def test_a_models_score_is_that_of_what_predict_writes_and_so_by_data_that_reads_otherwise(
    line: str, reading: Reading, save: Save, tmp_path: Path
) -> None:
    data = folder_of(tmp_path / "data", line, save)
    source = open_data(data)
    task = replace(tiny_task(lr=0.05), data=TrainingData(source, workers=0))
    train_network(task, tmp_path / "run")
    bundle = tmp_path / "run" / "best"
    assert Card.load(bundle / "card.json").reading == reading
    scored = evaluate_stage(bundle, tmp_path / "score.json", source=source, split="test")
    predict(str(bundle), str(data / "images" / "test"), out=tmp_path / "seen")
    assert _score_of(tmp_path / "seen", data / "masks" / "test") == scored.mean_iou
    plain = folder_of(tmp_path / "plain", "", save)
    by_plain = evaluate(str(bundle), split="test", data=str(plain), out=tmp_path / "plain.json")
    assert by_plain.report.mean_iou == scored.mean_iou
    assert by_plain.note == OTHERWISE
    assert OTHERWISE in by_plain.describe()
    again = evaluate(str(bundle), split="test", data=str(data), out=tmp_path / "again.json")
    assert (again.note, again.report.mean_iou) == ("", scored.mean_iou)


def _score_of(written: Path, masks: Path) -> float | None:
    matrix = ConfusionMatrix(len(NAMES))
    for mask in sorted(masks.glob("*.png")):
        found = np.asarray(Image.open(written / f"{mask.stem}_labels.png"))
        space = LabelSpace.from_names(NAMES)
        matrix.update(found, np.asarray(Image.open(mask)), ignore=space.ignore)
    return matrix.mean_iou()


@pytest.mark.usefixtures("shipped_models")
def test_a_teacher_that_reads_otherwise_is_refused_and_the_advice_settles_it(
    tmp_path: Path,
) -> None:
    data = folder_of(tmp_path / "data", "", as_colours)
    card = named_card("camvid-8ms").model_copy(
        update={"reading": Reading(channels=1), "label_space": open_data(data).label_space}
    )
    source = open_data(data)
    with pytest.raises(UsageError, match="reads its images otherwise") as refused:
        require_same_sight(card, source, "the teacher")
    lines = [line.strip() for line in refused.value.next_step.splitlines()[1:]]
    (data / "data.yaml").write_text((data / "data.yaml").read_text() + "\n".join(lines) + "\n")
    require_same_sight(card, open_data(data), "the teacher")
