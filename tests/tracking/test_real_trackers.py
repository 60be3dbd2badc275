"""The trackers themselves, where they are installed: what a resumed run told is read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fasterseg.callbacks import (
    CheckpointSaved,
    Measured,
    Predicted,
    RunEvent,
    StageResumed,
    StepDone,
)
from fasterseg.errors import FileError
from fasterseg.events import EventLog
from fasterseg.runs import RunFolder
from fasterseg.tracking.names import TrackerName
from fasterseg.tracking.opening import fed
from fasterseg.tracking.wandb_runs import folder_beside

RECIPE = {"seed": 0, "student": {"steps": 4}, "budget": ["8ms", "12ms"]}
PICTURE = np.full((6, 9, 3), 200, np.uint8)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a tracker's own settings say of this machine's user is no part of a test."""
    for name in os.environ:
        if name.startswith(("MLFLOW_", "WANDB_")):
            monkeypatch.delenv(name)


def told(folder: Path, tracker: TrackerName, events: Iterator[RunEvent]) -> list[str]:
    """Tell a tracker of a session; what was warned of."""
    warnings: list[str] = []
    with fed(
        (tracker,),
        folder / "tracking",
        about="run",
        name="photos",
        recipe=RECIPE,
        warn=warnings.append,
    ) as feeds:
        for event in events:
            for feed in feeds:
                feed(event)
    return warnings


def session(folder: Path, first: int, *, killed: bool = False) -> Iterator[RunEvent]:
    """Two steps that a checkpoint saves, and one more that a killed session does."""
    log, stage = EventLog(folder / "events.jsonl"), "train/student"
    log.rewind(first)
    yield StageResumed(stage, first, log.path)
    for step in (first + 1, first + 2, first + 3)[: 3 if killed else 2]:
        values = {"step": step, "loss": 1 / step, "val": {"mean_iou": 0.5}}
        log.append(values)
        yield StepDone(stage, step, 4, values)
        if step == first + 2:
            yield CheckpointSaved(stage, step, folder)
    yield Measured("student", "delivered", 7.5, 8.0, 7.0, 8.0)
    yield Predicted("student", "test", lambda: {"street-7": PICTURE})


def two_sessions(folder: Path, tracker: TrackerName) -> None:
    assert told(folder, tracker, session(folder, 0, killed=True)) == []
    assert told(folder, tracker, session(folder, 2)) == []
    RunFolder(folder).checked()  # no tracker makes the run's folder one that is refused


def test_tensorboard_shows_each_step_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    two_sessions(tmp_path, "tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place = tmp_path / "tracking" / "tensorboard" / "run"
    steps = EventAccumulator(str(place / "train" / "student")).Reload()
    assert [(one.step, one.value) for one in steps.Scalars("loss")] == [
        (step, pytest.approx(1 / step)) for step in range(1, 5)
    ]
    assert [one.step for one in steps.Scalars("val/mean_iou")] == [1, 2, 3, 4]
    results = EventAccumulator(str(place / "results")).Reload()
    assert [one.value for one in results.Scalars("latency/student/delivered/median_ms")] == [7.5]
    (image,) = results.Images("pictures/student/test/street-7")
    assert (image.height, image.width) == (6, 9)
    assert b"8ms" in results.Tensors("recipe")[0].tensor_proto.string_val[0]


@pytest.mark.slow  # making its database takes seconds
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_one_run_with_each_step_once(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    two_sessions(tmp_path, "mlflow")
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path}/tracking/mlflow/mlflow.db"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("fasterseg")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "train/student/loss")
    assert [one.step for one in history] == [1, 2, 3, 4]
    assert run.data.metrics["latency/student/delivered/p95_ms"] == 8.0
    assert run.data.params == {"seed": "0", "student.steps": "4", "budget": '["8ms", "12ms"]'}
    assert (run.info.run_name, run.info.status) == ("photos", "FINISHED")
    pictures = client.list_artifacts(run.info.run_id, "pictures/student/test")
    assert [Path(one.path).name for one in pictures] == ["street-7.png"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_goes_where_its_own_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    warnings = told(tmp_path, "mlflow", session(tmp_path, 0))
    assert len(warnings) == 1
    assert warnings[0].startswith("MLflow failed and is told no more of this run")
    assert not (tmp_path / "tracking" / "mlflow").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_stays_offline_and_keeps_each_step_once(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb", reason="Weights & Biases is not installed")
    two_sessions(tmp_path, "wandb")
    wandb.teardown()  # its own process writes, and is done when it has ended
    folders = sorted((tmp_path / "tracking-wandb" / "wandb").glob("offline-run-*"))
    identity = json.loads((tmp_path / "tracking" / "wandb-run.json").read_text())["content"]
    assert {folder.name.rpartition("-")[2] for folder in folders} == {identity["identity"]}
    steps = [line for folder in folders for line in history_in(folder)]
    told_steps = [line["train/student/step"] for line in steps if "train/student/loss" in line]
    assert told_steps == [1, 2, 3, 4]
    counted = [line["_step"] for line in steps]
    assert counted == sorted(set(counted))


def test_wandb_writes_nowhere_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    (run / "tracking-wandb").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="is a link to elsewhere"):
        folder_beside(run / "tracking")
    assert folder_beside(tmp_path / "tracking") == tmp_path / "tracking-wandb"


def history_in(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the history that an offline session of theirs wrote."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("run-*.wandb")
    for data in records_of(path.read_bytes()):
        record = Record.FromString(data)
        if record.HasField("history"):
            items = record.history.item
            yield {one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in items}


def records_of(log: bytes) -> Iterator[bytes]:
    """The records of a log as LevelDB writes them, behind a head of seven bytes."""
    place, parts = 7, b""
    while place + 7 <= len(log):
        left = BLOCK - place % BLOCK
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(log[place + 4 : place + 6], "little"), log[place + 6]
        parts += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in WHOLE_OR_LAST:
            yield parts
            parts = b""


BLOCK, WHOLE_OR_LAST = 32768, (1, 4)
