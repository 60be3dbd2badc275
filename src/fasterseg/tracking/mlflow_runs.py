"""MLflow: a database beside the run's files, or the store that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from fasterseg.callbacks import Picture
from fasterseg.durable import make_folder
from fasterseg.runs import RECIPE_FILE
from fasterseg.tracking.tracker import Opening, leaves_of

EXPERIMENT = "fasterseg"
_LONGEST_VALUE = 500
_PARAMETERS_AT_ONCE = 100
_NUMBERS_AT_ONCE = 1000


class MlflowRun:
    """One run of MLflow's, created or continued."""

    def __init__(self, opening: Opening) -> None:
        from mlflow import MlflowClient

        uri, artifacts = os.environ.get("MLFLOW_TRACKING_URI"), None
        if not uri:
            folder = opening.folder / "mlflow"
            make_folder(folder)
            uri, artifacts = f"sqlite:///{folder}/mlflow.db", (folder / "artifacts").as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        self._waiting: list[Any] = []
        if opening.told.identity:
            self._run = opening.told.identity
            self._client.update_run(self._run, status="RUNNING")
        else:
            self._run = self._created(opening, artifacts)

    @property
    def identity(self) -> str:
        """The run's id."""
        return self._run

    def numbers(self, group: str, step: int, values: Mapping[str, float], *, line: int) -> None:
        """A metric for each."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._waiting += [Metric(f"{group}/{key}", one, now, step) for key, one in values.items()]

    def results(self, group: str, values: Mapping[str, float]) -> None:
        """Metrics without a course."""
        self.numbers(group, 0, values, line=0)

    def pictures(self, group: str, pictures: Mapping[str, Picture], *, line: int) -> None:
        """Images among the artifacts."""
        for name, picture in pictures.items():
            self._client.log_image(self._run, picture, artifact_file=f"{group}/{name}.png")

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), _NUMBERS_AT_ONCE):
            some = waiting[first : first + _NUMBERS_AT_ONCE]
            self._client.log_batch(self._run, metrics=some)

    def close(self, *, finished: bool) -> None:
        """Say how it ended."""
        self._client.set_terminated(self._run, status="FINISHED" if finished else "KILLED")

    def _created(self, opening: Opening, artifacts: str | None) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        known = self._client.get_experiment_by_name(name)
        experiment = (
            known.experiment_id
            if known
            else self._client.create_experiment(name, artifact_location=artifacts)
        )
        run: str = self._client.create_run(experiment, run_name=opening.name).info.run_id
        keys = [
            Param(key, json.dumps(value)[:_LONGEST_VALUE])
            for key, value in leaves_of(opening.recipe)
        ]
        for first in range(0, len(keys), _PARAMETERS_AT_ONCE):
            some = keys[first : first + _PARAMETERS_AT_ONCE]
            self._client.log_batch(run, params=some)
        self._client.log_dict(run, dict(opening.recipe), RECIPE_FILE)
        return run
