"""What tests put in the place of the package's own is called as that is: nothing checks its types.

A method whose base is called otherwise since goes on running, with arguments that mean something
else, and what is measured through it says nothing any more.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from noisy_computation import NoisyComputation

from fasterseg.supernet.folded import FoldedComputation

SUPPORT = Path(__file__).parents[1] / "support"


def taken_by(function: Callable[..., Any]) -> list[tuple[str, object, str]]:
    """Each parameter: its name, how it is given, and its type as it is written."""
    parameters = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, str(one.annotation)) for one in parameters]


def replaced(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """Methods of a module's classes that stand in the place of the package's, and those."""
    own = (kind for kind in vars(module).values() if inspect.isclass(kind))
    for kind in (kind for kind in own if kind.__module__ == module.__name__):
        bases = [one for one in kind.__mro__[1:] if one.__module__.startswith("fasterseg.")]
        for name, method in vars(kind).items():
            theirs = (vars(base)[name] for base in bases if name in vars(base))
            base = next(theirs, None)
            if name != "__init__" and inspect.isfunction(method) and inspect.isfunction(base):
                yield f"{module.__name__}.{kind.__name__}.{name}", method, base


def test_methods_of_stand_ins_take_what_the_package_s_take() -> None:
    modules = [import_module(path.stem) for path in sorted(SUPPORT.glob("*.py"))]
    found = [one for module in modules for one in replaced(module)]
    assert len(found) > 3
    assert [name for name, own, theirs in found if taken_by(own) != taken_by(theirs)] == []


def test_a_stand_in_that_is_called_otherwise_is_noticed() -> None:
    module = sys.modules[NoisyComputation.__module__]
    methods = {name.rpartition(".")[2]: base for name, _, base in replaced(module)}
    assert methods["_operator"] is FoldedComputation._operator

    def before(self: object, block: object, entering: object, out: int, gains: object) -> None:
        del self, block, entering, out, gains

    assert taken_by(before) != taken_by(FoldedComputation._operator)
