"""The verbs: what the command line and the package offer, each in a module of its name."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """One command: its name on the command line, one word or two, and its one-line help."""

    name: str
    line: str
    shared: bool = False  # whether several processes may share its work
    foresees: bool = False  # whether it is told how many will share that of others
    asks: bool = False  # whether it asks for what was not said, where somebody sits before it

    @property
    def function(self) -> str:
        """The name of its function, and of the function's module in ``commands``."""
        return self.name.replace("-", "_").replace(" ", "_")

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed."""
        return tuple(self.name.split())


VERBS = (
    Verb("doctor", "Look at this machine: what works, what is missing."),
    Verb("init", "From labelled photos and a budget to splits and a recipe.", asks=True),
    Verb("check-data", "Walk a data set and list its faults."),
    Verb("split", "Divide images into train, val and test, whole recordings together."),
    Verb("plan", "Forecast hours, memory, disk and latencies of a run.", foresees=True),
    Verb("profile", "Time every block of the search space on the target."),
    Verb("kit pack", "Pack a self-contained kit that measures on a device without this package."),
    Verb("kit read", "Read what a device measured with a kit."),
    Verb("search", "Search for a teacher, and for one student per budget.", shared=True),
    Verb("train", "Train the networks that were found, or a baseline.", shared=True),
    Verb("evaluate", "Score a model on a split: IoU per class.", shared=True),
    Verb("benchmark", "Time models on this machine by turns: p50, p95, p99, comparisons."),
    Verb("predict", "Segment images, videos, folders of them, or a camera."),
    Verb("export", "Export a network to the runtime that is deployed, verified."),
    Verb("verify", "Hold an exported file against the network it was made from."),
    Verb("recipe", "Show a recipe with every key described, or explain one key."),
    Verb("schema", "Print the JSON Schema of recipes or data.yaml files, for editors."),
    Verb("draw", "Draw an architecture as SVG and text."),
    Verb("describe", "Describe a network: branches, widths, costs by part."),
    Verb("import-official", "Read the published networks, weights and latency table."),
    Verb("report", "Write the run's page: verdict, course, scores, pictures, provenance."),
    Verb("run", "All stages in order, resumed where the run stopped.", shared=True),
)

ABOVE = {"kit": "Measure on a device that has nothing of this package."}
"""The first words of verbs of two, with their one-line help."""

STAGES = ("check-data", "profile", "search", "train", "evaluate", "measure", "report")
"""What the verb `run` does, in its order."""
