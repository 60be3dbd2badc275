"""A training that is killed, at any moment, ends as one that was not: bit for bit."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from killing import Moment as Killed
from killing import Victims
from outcomes import assert_same_outcome
from power_cuts import Moment, PowerCuts
from tiny_training import tiny_task, train_tiny

from fasterseg.artifacts import digest_of_value
from fasterseg.errors import Interrupted, UsageError
from fasterseg.events import EventLog
from fasterseg.stopping import StopRequest
from fasterseg.training.beginning import TrainingStart, as_begun, start_of
from fasterseg.training.training import train_network

TRAIN = "tiny_training:train_tiny"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("reference")
    torch.set_num_threads(1)
    train_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims() as victims:
        yield victims


KILLS: dict[str, tuple[tuple[Killed, int], ...]] = {
    # The first write of a new training is its start; a resumed one first puts its log back.
    "three kills": (("step", 7), ("write", 3), ("line", 10)),
    "while saving": (("write", 1), ("write", 2), ("write", 4), ("write", 5)),
    "while handing over": (("write", 10), ("write", 8), ("write", 4), ("write", 14)),
}


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(kills, id=name, marks=[pytest.mark.slow] if name == "three kills" else [])
        for name, kills in KILLS.items()
    ],
)
def test_sigkill_resume_identical_of_a_few_in_a_training(
    kills: tuple[tuple[Killed, int], ...], victims: Victims, reference: Path, tmp_path: Path
) -> None:
    for moment, count in kills:
        victims.kill(TRAIN, tmp_path, moment=moment, count=count)
    train_tiny(tmp_path)
    assert_same_outcome(tmp_path, reference)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["step", "line", "write"])
def test_sigkill_resume_identical_at_any_moment_of_a_training(
    moment: Killed, victims: Victims, reference: Path, tmp_path: Path
) -> None:
    # Twelve steps; 24 files: plan, log, three checkpoints of 3, three bundles of 4, the report.
    for count in range(1, 25 if moment == "write" else 13):
        victims.kill(TRAIN, tmp_path / str(count), moment=moment, count=count)
        train_tiny(tmp_path / str(count))
        assert_same_outcome(tmp_path / str(count), reference)


@pytest.fixture(scope="module")
def power_cuts(tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """The disk at every moment of a training in a folder that was not there before it."""
    root = tmp_path_factory.mktemp("disk")
    with PowerCuts(root) as disk:
        train_tiny(root / "run" / "training")
        disk.report("all")
    return disk.moments


def assert_survives(moment: Moment, dice: random.Random | None, folder: Path, wanted: Path) -> None:
    run = moment.rebuild(folder, dice) / "run" / "training"
    if moment.reported:
        assert_same_outcome(run, wanted)
    train_tiny(run)
    assert_same_outcome(run, wanted)


def test_crash_at_every_io_changes_nothing_at_a_few_of_them(
    power_cuts: list[Moment], reference: Path, tmp_path: Path
) -> None:
    for index in (len(power_cuts) // 3, len(power_cuts) * 4 // 5, len(power_cuts) - 1):
        assert_survives(power_cuts[index], random.Random(index), tmp_path / "disk", reference)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_crash_at_every_io_changes_nothing(
    power_cuts: list[Moment], reference: Path, tmp_path: Path
) -> None:
    for index, moment in enumerate(power_cuts):
        assert_survives(moment, None, tmp_path / "disk", reference)
        assert_survives(moment, random.Random(index), tmp_path / "disk", reference)


def test_a_stop_on_request_changes_nothing(reference: Path, tmp_path: Path) -> None:
    stop = StopRequest()

    def ask(done: int, total: int, note: str) -> None:
        if done == 5:
            stop.signal_name = "SIGINT"

    with pytest.raises(Interrupted):
        train_network(tiny_task(taught=True), tmp_path, progress=ask, stop=stop)
    train_tiny(tmp_path)
    assert_same_outcome(tmp_path, reference)


def test_worker_processes_change_nothing(tmp_path: Path) -> None:
    for workers in (0, 1):
        train_network(tiny_task(workers=workers, steps=4), tmp_path / str(workers))
    assert_same_outcome(tmp_path / "1", tmp_path / "0")


def test_a_changed_setting_is_refused_with_the_change(tmp_path: Path) -> None:
    train_network(tiny_task(steps=2), tmp_path)
    with pytest.raises(UsageError, match="student") as caught:
        train_network(tiny_task(steps=2, lr=0.5), tmp_path)
    assert caught.value.why == "settings.lr: 0.02 -> 0.5"


def test_how_often_to_save_may_change(tmp_path: Path) -> None:
    first = train_network(tiny_task(steps=2), tmp_path)
    assert train_network(tiny_task(steps=2, checkpoint_every=1), tmp_path) == first


def test_a_training_that_began_with_a_decay_at_each_pass_goes_on_with_it(tmp_path: Path) -> None:
    task = tiny_task(schedule="paper", steps=7)
    path = start_of(task, precision="float32").save(tmp_path / "began.json")
    document = json.loads(path.read_text())
    del document["content"]["settings"]["steps_per_epoch"]  # as older versions wrote it
    document["digest"] = digest_of_value(document["content"])
    path.write_text(json.dumps(document))

    train_network(task, tmp_path)

    rates = [event["lr"] for event in EventLog(tmp_path / "events.jsonl").events()]
    # Six images in batches of two: three steps are a pass.
    assert rates == pytest.approx([0.02 * 0.992 ** (step // 3) for step in range(7)])


@pytest.mark.parametrize("answers", ["kept", "live"])
def test_a_training_that_asked_its_teacher_live_goes_on_so(answers: str, tmp_path: Path) -> None:
    began = tiny_task(steps=2, taught=True)
    train_network(began, tmp_path)
    path = tmp_path / "began.json"
    document = json.loads(path.read_text())
    assert document["content"]["settings"].pop("distillation")["answers"] == "kept"
    document["digest"] = digest_of_value(document["content"])  # as older versions wrote it
    path.write_text(json.dumps(document))

    task = tiny_task(steps=2, taught=True, distillation={"answers": answers})
    train_network(task, tmp_path)  # is not refused
    assert as_begun(task, path).settings.distillation.answers == "live"
    with pytest.raises(UsageError, match="student") as caught:
        train_network(tiny_task(steps=2, taught=True, distillation={"flip": True}), tmp_path)
    assert caught.value.why == "settings.distillation.flip: false -> true"


def test_how_a_teacher_is_learned_from_may_not_change_and_its_bound_on_disk_may(
    tmp_path: Path,
) -> None:
    train_network(tiny_task(steps=2, taught=True), tmp_path)
    train_network(tiny_task(steps=2, taught=True, distillation={"most_disk": "1GB"}), tmp_path)
    with pytest.raises(UsageError, match="student") as caught:
        train_network(tiny_task(steps=2, taught=True, distillation={"answers": "live"}), tmp_path)
    assert caught.value.why == 'settings.distillation.answers: "kept" -> "live"'


def test_a_start_without_a_teacher_says_nothing_of_one(tmp_path: Path) -> None:
    start = start_of(tiny_task(), precision="float32")
    assert "distillation" not in start.content()["settings"]
    assert TrainingStart.load(start.save(tmp_path / "began.json")).digest() == start.digest()
