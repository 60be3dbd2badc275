"""Which trackers there are, what each needs, and whether it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, NamedTuple, cast, get_args

from fasterseg.errors import EnvironmentFault, UsageError

TrackerName = Literal["tensorboard", "mlflow", "wandb"]
NAMES: tuple[TrackerName, ...] = get_args(TrackerName)


class TrackerRow(NamedTuple):
    """A tracker: how it is called in a sentence, its package, and how that is set if not otherwise.

    The settings are environment variables, which a user's own go over: nothing is sent anywhere
    that nobody asked for, and a server that does not answer holds a run up for seconds only.
    """

    title: str
    package: str
    settings: Mapping[str, str]


TRACKERS: dict[TrackerName, TrackerRow] = {
    "tensorboard": TrackerRow("TensorBoard", "tensorboard", {}),
    "mlflow": TrackerRow(
        "MLflow",
        "mlflow",
        {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_LOGGING_LEVEL": "WARNING",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        },
    ),
    "wandb": TrackerRow(
        "Weights & Biases",
        "wandb",
        {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"},
    ),
}


def tracker_names(asked: str | Iterable[str]) -> tuple[TrackerName, ...]:
    """The trackers that were asked for, each once; raises `UsageError` with the nearest name."""
    several = (asked,) if isinstance(asked, str) else tuple(asked)
    for name in several:
        if name not in NAMES:
            near = get_close_matches(str(name), NAMES, n=1)
            raise UsageError(
                f"there is no tracker {name!r}",
                where=f"--log {name}",
                why=f"those that are fed are {', '.join(NAMES)}",
                next_step=f"did you mean {near[0]!r}?" if near else "name one of these",
            )
    return cast("tuple[TrackerName, ...]", tuple(dict.fromkeys(several)))


def require_trackers(names: Iterable[TrackerName]) -> None:
    """Raise `EnvironmentFault` for a tracker whose library is not installed; none is imported."""
    for name in names:
        if find_spec(TRACKERS[name].package) is None:
            raise _missing(name, f"there is no Python package {TRACKERS[name].package} here")


def import_library(name: TrackerName) -> None:
    """Import a tracker's library, set as its row says.

    Raises `EnvironmentFault` where it is missing or broken.
    """
    for variable, value in TRACKERS[name].settings.items():
        os.environ.setdefault(variable, value)
    try:
        import_module(TRACKERS[name].package)
    except ImportError as error:
        raise _missing(name, f"{type(error).__name__}: {error}") from error


def _missing(name: TrackerName, why: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"{TRACKERS[name].title} is not installed, or not whole",
        where=f"--log {name}",
        why=why,
        next_step=f"pip install 'fasterseg[{name}]', or leave --log {name} out",
    )
