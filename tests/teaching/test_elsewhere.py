"""A network of elsewhere teaches a student: trained and written without this package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from trained_elsewhere import SIZE, THEIRS, fed, laid_elsewhere, trained

from fasterseg.commands.train import train
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import UsageError
from fasterseg.events import EventLog
from fasterseg.network.bundle import ModelBundle
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.teaching.answers import Answers, AnswersFacts
from fasterseg.teaching.grids import averaged
from fasterseg.teaching.named import TeacherInputs, teacher_named

SCENES = StreetScenes(size=(40, 72), counts={"train": 4, "val": 1, "test": 1})
SETTINGS = (
    *("threads=1", "data.street.height=40", "data.street.width=72"),
    *("data.street.train=4", "data.street.val=1", "data.street.test=1"),
    *("student.steps=6", "student.batch_size=2", "student.precision=float32"),
    *("student.augmentation.crop_height=32", "student.augmentation.crop_width=48"),
    *("student.evaluate_every=6", "student.distillation_weight=1"),
)


def by_hand(image: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The data's classes' probabilities on the kept grid, as PyTorch and the card's words say."""
    with torch.inference_mode():
        shares = trained()(torch.from_numpy(fed(image))[None])[0].numpy().transpose(2, 0, 1)
    meant = [*THEIRS.values()]
    ours = np.stack([shares[meant.index(name)] for name in SCENES.label_space.names])
    known = (ours / ours.sum(axis=0)).astype(np.float32)
    return averaged(known, (5, 9), grid="areas", picture=(40, 72))


def test_its_file_says_what_its_network_does(tmp_path: Path) -> None:
    image = SCENES.sample("train", 0).image
    teacher = teacher_named([laid_elsewhere(tmp_path)], TeacherInputs(SCENES, "train"))
    np.testing.assert_allclose(np.exp(teacher.logits(image)), by_hand(image), atol=1e-4)
    assert image.shape[:2] != SIZE


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run in which a search has found a student."""
    run = RunFolder(tmp_path / "run")
    branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
    found = Architecture(widths={"stem": 1, "head": 1}, branches=(branch,))
    found.save(run.architecture("student"))
    return run


def test_a_student_is_trained_by_what_it_says(run: RunFolder, tmp_path: Path) -> None:
    file = laid_elsewhere(tmp_path)
    result = train("student", teacher=[str(file)], data="street", run=run.root, set=SETTINGS)
    facts = ModelBundle.load(Path(result.bundles["student"])).card.training
    assert facts.taught_by is not None
    (teacher,) = facts.taught_by.teachers
    assert (teacher.name, facts.taught_by.answers) == ("elsewhere", "kept")
    assert teacher.pretrained == "trained on scenes of another seed"

    (folder,) = run.answers("").iterdir()
    kept = Answers(folder, AnswersFacts.load(folder / "answers.json"))
    assert (kept.complete, kept.facts.teacher) == (True, facts.teacher)
    for index in range(4):
        image = SCENES.sample("train", index).image
        np.testing.assert_allclose(np.exp(kept.answer(index)), by_hand(image), atol=2e-3)

    steps = EventLog(run.training("student").log).events()
    distances = [one["distillation"] for one in steps if "distillation" in one]
    assert distances
    assert all(np.isfinite(one) and one > 0 for one in distances)


def test_with_a_wrong_card_nothing_is_trained(run: RunFolder, tmp_path: Path) -> None:
    file = laid_elsewhere(tmp_path)
    place = file.with_name("elsewhere.teacher.yaml")
    card = yaml.safe_load(place.read_text())
    place.write_text(yaml.safe_dump({**card, "output": "logits"}))
    with pytest.raises(UsageError, match="otherwise than its file") as caught:
        train("student", teacher=[str(file)], data="street", run=run.root, set=SETTINGS)
    assert "output: probabilities" in caught.value.next_step
    assert not run.training("student").root.exists()
