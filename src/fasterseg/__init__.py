"""fasterseg: a segmentation network for your data that meets a latency budget on your device.

Every public name is resolved when it is first asked for, so that importing the package is
instant and loads no torch. One function per verb of the command line, with the same arguments;
`load_network`, `load_model` and `load_recipe`; and the values that stages hand over.
"""

from __future__ import annotations

from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING

from fasterseg.verbs import VERBS
from fasterseg.version import __version__ as __version__

if TYPE_CHECKING:
    from fasterseg.commands.benchmark import benchmark as benchmark
    from fasterseg.commands.check_data import check_data as check_data
    from fasterseg.commands.describe import describe as describe
    from fasterseg.commands.doctor import doctor as doctor
    from fasterseg.commands.draw import draw as draw
    from fasterseg.commands.evaluate import evaluate as evaluate
    from fasterseg.commands.export import export as export
    from fasterseg.commands.import_official import import_official as import_official
    from fasterseg.commands.init import init as init
    from fasterseg.commands.kit_pack import kit_pack as kit_pack
    from fasterseg.commands.kit_read import kit_read as kit_read
    from fasterseg.commands.plan import plan as plan
    from fasterseg.commands.predict import predict as predict
    from fasterseg.commands.profile import profile as profile
    from fasterseg.commands.recipe import recipe as recipe
    from fasterseg.commands.report import report as report
    from fasterseg.commands.run import run as run
    from fasterseg.commands.schema import schema as schema
    from fasterseg.commands.search import search as search
    from fasterseg.commands.split import split as split
    from fasterseg.commands.train import train as train
    from fasterseg.commands.verify import verify as verify
    from fasterseg.config.recipe import Recipe as Recipe
    from fasterseg.datasets.labels import LabelSpace as LabelSpace
    from fasterseg.deploy.runtimes.models import load_model as load_model
    from fasterseg.deploy.runtimes.models import load_network as load_network
    from fasterseg.latency.table import LatencyTable as LatencyTable
    from fasterseg.pipeline.settings.recipes import load_recipe as load_recipe
    from fasterseg.space.architecture import Architecture as Architecture
    from fasterseg.space.search_space import SearchSpace as SearchSpace

_HOMES = {
    "Architecture": "space.architecture",
    "LabelSpace": "datasets.labels",
    "LatencyTable": "latency.table",
    "Recipe": "config.recipe",
    "SearchSpace": "space.search_space",
    "load_model": "deploy.runtimes.models",
    "load_network": "deploy.runtimes.models",
    "load_recipe": "pipeline.settings.recipes",
    **{verb.function: f"commands.{verb.function}" for verb in VERBS},
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 (type checkers go by the imports above)


def __getattr__(name: str) -> object:
    """Return the public object called `name`, imported now; AttributeError when there is none.

    Raises `EnvironmentFault` on a system that the package does not run on.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module(f"{__name__}.platforms").require_supported()
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if isinstance(found, FunctionType):
        found = import_module(f"{__name__}.console.python_calls").for_python(found)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return sorted([*__all__, "__version__"])
