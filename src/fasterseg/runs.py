"""The run folder: who may write into it, what is in it, and where a stopped stage resumes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from shutil import rmtree
from typing import Self

from fasterseg.artifacts import short_digest
from fasterseg.durable import sync_folder
from fasterseg.errors import UsageError
from fasterseg.foreign.links import require_within
from fasterseg.output_folders import make_output_folder
from fasterseg.processes import Held, held, is_running
from fasterseg.stage_folders import StageFolder, SupernetFolder, TrainingFolder, began_in

RECIPE_FILE, FORECAST_FILE = "recipe.json", "forecast.json"
"""By one of them a folder is known as a run's."""
_NAMES = (
    *(RECIPE_FILE, FORECAST_FILE, "stages.json", "data.json", "lock", "logs"),
    *("latency", "kit", "search", "training", "answers", "export", "evaluation", "report"),
    "tracking",
)
"""All that a run keeps in its folder, as files or below them."""

SAME_MACHINE = (
    "resume on the machine and with the versions that it began with, or start a new run with "
    "another --run; trainings resume anywhere, with 'fasterseg train' and the same --run"
)
"""What to do where measured times are at stake: no other machine can resume with those."""

MOST_PROBABLE, BEST_EVEN, KNOWN = "most-probable", "best-even", "known"
"""What a student was selected before: the most probable network, the best of the even draws.

Networks that the recipe names are called `KNOWN`, a hyphen and their name."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The names of everything in a run folder."""

    root: Path

    @property
    def recipe(self) -> Path:
        """The settled recipe."""
        return self.root / RECIPE_FILE

    @property
    def forecast(self) -> Path:
        """What the run was forecast to take."""
        return self.root / FORECAST_FILE

    @property
    def times(self) -> Path:
        """How long each stage took, and what memory it held."""
        return self.root / "stages.json"

    @property
    def data_report(self) -> Path:
        """What the data checker found."""
        return self.root / "data.json"

    @property
    def timed_blocks(self) -> Path:
        """The times of blocks so far, one a line."""
        return self.root / "latency" / "entries.jsonl"

    @property
    def timed_networks(self) -> Path:
        """The times of whole networks so far, one a line."""
        return self.root / "latency" / "networks.jsonl"

    @property
    def latency_table(self) -> Path:
        """The finished latency table."""
        return self.root / "latency" / "table.json"

    @property
    def model_latencies(self) -> Path:
        """What the models take that budgets name."""
        return self.root / "latency" / "models.json"

    @property
    def kits(self) -> Path:
        """Folder of the kits that measure for this run, and of what came back."""
        return self.root / "kit"

    @property
    def search(self) -> Path:
        """Folder of the search: its two stages, what they came to, architectures."""
        return self.root / "search"

    @property
    def search_began(self) -> Path:
        """What the search began with."""
        return began_in(self.search)

    @property
    def search_allowance(self) -> Path:
        """How many steps the search's hours came to."""
        return self.search / "allowance.json"

    @property
    def pretraining(self) -> StageFolder:
        """The supernet's pre-training."""
        return StageFolder(self.search / "pretraining")

    @property
    def cosearch(self) -> StageFolder:
        """The search's own steps."""
        return StageFolder(self.search / "cosearch")

    @property
    def supernet(self) -> SupernetFolder:
        """The supernet as the search left it."""
        return SupernetFolder(self.search / "supernet")

    @property
    def selection(self) -> StageFolder:
        """The selection at the budgets: the log of what it scored."""
        return StageFolder(self.search / "selection")

    @property
    def candidate_scores(self) -> Path:
        """The scores of the networks among which students are selected."""
        return self.selection.root / "scores.json"

    def finalist(self, student: str, architecture: str, settings: str) -> StageFolder:
        """The training of a student's finalist for a while, by digests of what is trained, how."""
        name = f"{student}-{short_digest(architecture)}-{short_digest(settings)}"
        return StageFolder(self._finalists / name)

    def tidy_finalists(self, *, but: StageFolder | None = None) -> None:
        """Delete the checkpoints of finalists' trainings `but` one; their logs stay."""
        for folder in map(StageFolder, self._finalists.glob("*")):
            if folder != but:
                rmtree(folder.checkpoints, ignore_errors=True)

    @property
    def _finalists(self) -> Path:
        return self.selection.root / "finalists"

    @property
    def measured(self) -> Path:
        """The latencies that were measured on the way from a search to networks."""
        return self.search / "measured.json"

    @property
    def search_summary(self) -> Path:
        """What the search came to, in numbers."""
        return self.search / "summary.json"

    def architecture(self, contender: str) -> Path:
        """The architecture found for a contender."""
        return self.search / f"{contender}.json"

    def rival(self, student: str, which: str) -> Path:
        """An architecture that a student was selected before: `BEST_EVEN` or another of them."""
        return self.selection.root / f"{student}-{which}.json"

    def random_architectures(self, student: str) -> list[Path]:
        """The random architectures that were sampled at a student's latency, by their numbers."""
        stem = self.architecture(random_name(student, "")).stem
        found = [path.stem.removeprefix(stem) for path in self.search.glob(f"{escape(stem)}*.json")]
        numbers = sorted(int(one) for one in found if one.isascii() and one.isdecimal())
        return [self.architecture(random_name(student, number)) for number in numbers]

    def training(self, contender: str) -> TrainingFolder:
        """A contender's training."""
        return TrainingFolder(self.root / "training" / contender)

    def answers(self, key: str) -> Path:
        """Folder of the answers that a teacher gave to all images of a split, by their key."""
        return self.root / "answers" / key

    def trainings(self) -> list[TrainingFolder]:
        """All trainings that there are."""
        return [TrainingFolder(path) for path in sorted((self.root / "training").glob("*/"))]

    def bundle(self, contender: str, which: str = "best") -> Path:
        """A trained network: ``best``, ``last`` or ``ema``."""
        return self.training(contender).bundle(which).root

    def exported(self, contender: str) -> Path:
        """A contender's exported whole job."""
        return self.root / "export" / f"{contender}.onnx"

    def score(self, model: str, split: str, *, which: str = "") -> Path:
        """The report on one of a contender's bundles, or on an exported file, on a split."""
        return self.root / "evaluation" / f"{'-'.join(filter(None, (model, which, split)))}.json"

    def score_of(self, contender: str, split: str) -> Path:
        """The report on the best weights; that on the contender as such where there is none."""
        best = self.score(contender, split, which="best")
        return best if best.is_file() else self.score(contender, "")

    def position_score(self, split: str) -> Path:
        """The report on what the pixels' positions alone tell, on a split."""
        return self.score("position", split)

    def position_scores(self) -> list[Path]:
        """All reports on what positions alone tell."""
        return sorted(self.position_score("").parent.glob("position-*.json"))

    def result(self, contender: str) -> Path:
        """What a contender came to: latency, score, budget."""
        return self.score(contender, "result")

    @property
    def tracking(self) -> Path:
        """Folder of what trackers keep."""
        return self.root / "tracking"

    @property
    def report(self) -> Path:
        """The static page."""
        return self.root / "report" / "index.html"

    @property
    def example(self) -> Path:
        """An image of the scored ones, for the page's commands."""
        return self.report.with_name("example.png")

    def checked(self) -> Self:
        """Return it; raises `FileError` where a name of its leads out of it."""
        require_within(self.root, _NAMES, what="run folder")
        return self

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a second run is refused at once.

        The lock dies with the process, so a killed run leaves none behind.
        """
        make_output_folder(self.root)
        try:
            with held(self.checked().root / "lock"):
                clear_leftovers(self.root)
                yield
        except Held as error:
            raise UsageError(
                "another run is using this folder",
                where=str(self.root),
                why=f"process {error.holder} holds its lock",
                next_step="wait for it, or choose another folder with --run",
            ) from error


def run_above(path: Path) -> RunFolder | None:
    """The run in whose folder a path lies, checked; None where it lies in none."""
    above = (RunFolder(folder) for folder in path.absolute().parents)
    found = next((run for run in above if run.recipe.is_file()), None)
    return None if found is None else found.checked()


def clear_leftovers(root: Path) -> None:
    """Remove the half-written files of processes that were killed, and make all folders durable.

    For the process that holds the run's folder.  A process that was killed between making a
    folder and syncing the one above it left a name that a power cut could still take.
    """
    inside = (path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())
    for folder in (root.parent, root, *inside):
        sync_folder(folder)
    for path in root.rglob(".*.tmp"):
        number = path.name.split(".")[-2]
        if path.is_file() and number.isdecimal() and not is_running(int(number)):
            path.unlink(missing_ok=True)


def random_name(student: str, number: int | str) -> str:
    """What a random architecture at a student's latency is called."""
    return f"random-{student}-{number}"
