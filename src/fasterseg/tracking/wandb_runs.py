"""Weights & Biases: offline beside the run's files, unless WANDB_MODE says otherwise.

That variable is set where the user has not set it (`names`), before their library is imported.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fasterseg.callbacks import Picture
from fasterseg.durable import make_folder
from fasterseg.errors import FileError
from fasterseg.foreign.links import leads_outside
from fasterseg.tracking.tracker import Opening

PROJECT = "fasterseg"


def folder_beside(folder: Path) -> Path:
    """Where their files go: beside our own, since they put links to elsewhere among them.

    Raises `FileError` where the folder itself is such a link: somebody else may have put it there.
    """
    found = folder.with_name(f"{folder.name}-wandb")
    if leads_outside(found, folder.parent):
        raise FileError(
            "the folder of Weights & Biases is a link to elsewhere",
            where=str(found),
            why="nothing is written outside of a run's folder",
            next_step="remove the link",
        )
    return found


class WandbRun:
    """One run of theirs, begun or continued.  Offline, each session has a folder of its own."""

    def __init__(self, opening: Opening) -> None:
        import wandb

        folder = folder_beside(opening.folder)
        make_folder(folder)
        self._groups: set[str] = set()
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=opening.told.identity or uuid.uuid4().hex[:8],
            name=opening.name,
            dir=str(folder),
            config=dict(opening.recipe),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
            ),
        )

    @property
    def identity(self) -> str:
        """The run's id."""
        return str(self._run.id)

    def numbers(self, group: str, step: int, values: Mapping[str, float], *, line: int) -> None:
        """A line of its history; each stage has a count of steps of its own."""
        if group not in self._groups:
            self._groups.add(group)
            self._run.define_metric(f"{group}/step")
            self._run.define_metric(f"{group}/*", step_metric=f"{group}/step")
        told = {f"{group}/{key}": one for key, one in values.items()}
        self._run.log({**told, f"{group}/step": step}, step=line)

    def results(self, group: str, values: Mapping[str, float]) -> None:
        """Lines of its summary."""
        self._run.summary.update({f"{group}/{key}": one for key, one in values.items()})

    def pictures(self, group: str, pictures: Mapping[str, Picture], *, line: int) -> None:
        """Images of its history."""
        import wandb

        told = {f"{group}/{name}": wandb.Image(one) for name, one in pictures.items()}
        self._run.log(told, step=line)

    def flush(self) -> None:
        """Nothing waits here: a process of theirs writes."""

    def close(self, *, finished: bool) -> None:
        """End the session."""
        self._run.finish(exit_code=0 if finished else 1)
