"""fasterseg: a segmentation network for your data that meets a latency budget on your device.

Every public name is resolved when it is first asked for, so that importing the package is
instant and loads no torch. One function per verb of the command line, with the same arguments;
`load_network` and `load_model` for what was trained; and the values that stages hand over.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasterseg.commands.benchmark import benchmark
    from fasterseg.commands.check_data import check_data
    from fasterseg.commands.describe import describe
    from fasterseg.commands.doctor import doctor
    from fasterseg.commands.draw import draw
    from fasterseg.commands.evaluate import evaluate
    from fasterseg.commands.export import export
    from fasterseg.commands.import_official import import_official
    from fasterseg.commands.plan import plan
    from fasterseg.commands.predict import predict
    from fasterseg.commands.profile import profile
    from fasterseg.commands.report import report
    from fasterseg.commands.run import run
    from fasterseg.commands.search import search
    from fasterseg.commands.train import train
    from fasterseg.commands.verify import verify
    from fasterseg.config.recipe import Recipe
    from fasterseg.datasets.labels import LabelSpace
    from fasterseg.deploy.runtimes.models import load_model, load_network
    from fasterseg.latency.table import LatencyTable
    from fasterseg.space.architecture import Architecture
    from fasterseg.space.search_space import SearchSpace

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "LabelSpace",
    "LatencyTable",
    "Recipe",
    "SearchSpace",
    "benchmark",
    "check_data",
    "describe",
    "doctor",
    "draw",
    "evaluate",
    "export",
    "import_official",
    "load_model",
    "load_network",
    "plan",
    "predict",
    "profile",
    "report",
    "run",
    "search",
    "train",
    "verify",
]

_HOMES = {
    "Architecture": "space.architecture",
    "LabelSpace": "datasets.labels",
    "LatencyTable": "latency.table",
    "Recipe": "config.recipe",
    "SearchSpace": "space.search_space",
    "benchmark": "commands.benchmark",
    "check_data": "commands.check_data",
    "describe": "commands.describe",
    "doctor": "commands.doctor",
    "draw": "commands.draw",
    "evaluate": "commands.evaluate",
    "export": "commands.export",
    "import_official": "commands.import_official",
    "load_model": "deploy.runtimes.models",
    "load_network": "deploy.runtimes.models",
    "plan": "commands.plan",
    "predict": "commands.predict",
    "profile": "commands.profile",
    "report": "commands.report",
    "run": "commands.run",
    "search": "commands.search",
    "train": "commands.train",
    "verify": "commands.verify",
}


def __getattr__(name: str) -> object:
    """Return the public object called `name`, imported now; AttributeError when there is none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return sorted([*__all__, "__version__"])
