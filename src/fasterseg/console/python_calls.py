"""The functions of the package as Python calls them: their arguments taken as they are meant.

The command line makes values of its words and refuses others before a command begins.  Here the
same is done for calls: a path may stand where text is asked for, one text where several are, None
for what is left out; what cannot be meant is told in four parts before anything is computed.
"""

from __future__ import annotations

import inspect
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from fasterseg.config import Recipe
from fasterseg.console.options import IN_PYTHON
from fasterseg.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")

_HINTS: Mapping[str, Any] = {**IN_PYTHON, "recipe": Path | str | Recipe}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_LEFT_OUT = object()


class NotMeant(Exception):
    """A value that a parameter does not take; what it takes is told by its type."""


def for_python(function: Callable[P, T]) -> Callable[P, T]:
    """The function with its arguments looked at, and taken as its parameters want them.

    Raises `UsageError` for one that a parameter does not take, and TypeError as Python does for a
    call without what is needed.
    """

    @wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> T:
        signature, hints = _known(function)
        bound = signature.bind(*given, **named)
        for name, parameter in signature.parameters.items():
            if name in bound.arguments:
                value = _argument(function, parameter, hints, bound.arguments[name])
                if value is _LEFT_OUT:
                    del bound.arguments[name]
                else:
                    bound.arguments[name] = value
        return function(*bound.args, **bound.kwargs)

    # Under this name another process finds it, and not the function within.
    call.__module__, call.__qualname__ = "fasterseg", function.__name__
    return call


@cache
def _known(function: Callable[..., Any]) -> tuple[inspect.Signature, Mapping[str, Any]]:
    """A function's signature, and the types of its parameters; what it returns may be unknown."""
    signature = inspect.signature(function)
    written = {name: one.annotation for name, one in signature.parameters.items()}
    holder = type("Parameters", (), {"__annotations__": written})
    hints = get_type_hints(holder, globalns=getattr(function, "__globals__", {}))
    return signature, {name: _HINTS.get(name, hint) for name, hint in hints.items()}


def _argument(
    function: Callable[..., Any],
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    given: Any,
) -> Any:
    hint = hints[parameter.name]
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple(_taken(function, parameter.name, hint, one) for one in given)
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        types = get_type_hints(get_args(hint)[0]) if get_args(hint) else {}
        return {
            name: _taken(function, name, _HINTS.get(name, types.get(name, Any)), value)
            for name, value in given.items()
            if value is not None or name not in types
        }
    if given is None and parameter.default is not inspect.Parameter.empty:
        return _LEFT_OUT
    return _taken(function, parameter.name, hint, given)


def _taken(function: Callable[..., Any], name: str, hint: Any, given: Any) -> Any:
    try:
        return as_meant(hint, given)
    except NotMeant:
        called = f"fasterseg.{function.__name__}"
        takes_several = told(hint).startswith("several")
        raise UsageError(
            f"{name} is to be {told(hint)}",
            where=f"{called}({name}={_SHORT.repr(given)})",
            why=f"it is of type {type(given).__name__}"
            if not (isinstance(given, str) or (takes_several and _is_several(given)))
            else "",
            next_step=_advice(function, called, name, given, takes_several=takes_several),
        ) from None


def _advice(
    function: Callable[..., Any], called: str, name: str, given: Any, *, takes_several: bool
) -> str:
    if _is_several(given) and all(isinstance(one, str | Path) for one in given):
        parameters = inspect.signature(function).parameters
        if name in parameters and parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            return f"give them one by one, or with a star: {called}(*names)"
        if not takes_several:
            return f"call {called} once for each of them"
    if isinstance(given, Mapping) and name == "recipe":
        return "recipe=fasterseg.Recipe(**values), or set=values over a recipe's"
    if hasattr(given, "shape"):
        return "arrays are for what load_model gives: fasterseg.load_model('student.onnx')(image)"
    if callable(getattr(given, "labels", None)):  # what load_model gave
        return f"name the file or the folder that it was loaded from: {name}='student.onnx'"
    return f"help({called}) says what each argument is"


def as_meant(hint: Any, given: Any) -> Any:
    """A value as a type wants it; raises `NotMeant` where it is none, and cannot stand for one.

    Types that are known by name alone (protocols, mappings, callables) take everything.
    """
    origin = get_origin(hint)
    if hint is Any:
        return given
    if origin in (Union, UnionType):
        return _as_one_of(get_args(hint), given)
    if origin is Literal:
        if any(type(given) is type(one) and given == one for one in get_args(hint)):
            return given
        raise NotMeant
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return _as_several(origin, get_args(hint), given)
    plain = _PLAIN.get(hint)
    if plain is not None:
        return plain(given)
    if not inspect.isclass(hint) or origin is not None or getattr(hint, "_is_protocol", False):
        return given
    if isinstance(given, hint):
        return given
    raise NotMeant


def _as_one_of(hints: Sequence[Any], given: Any) -> Any:
    """As the first type that has the value as it is, else as the first that it can stand for."""
    if any(inspect.isclass(hint) and type(given) is hint for hint in hints):
        return given
    for hint in hints:
        try:
            return as_meant(hint, given)
        except NotMeant:
            continue
    raise NotMeant


def _as_several(origin: Any, hints: Sequence[Any], given: Any) -> Any:
    """As a tuple, or a list where any sequence will do; one value stands for itself alone."""
    inner, alone = hints[0] if hints else Any, not _is_several(given)
    if origin is tuple and Ellipsis not in hints:
        values = () if alone else (*given,)
        if len(values) != len(hints):
            raise NotMeant
        return tuple(as_meant(one, value) for one, value in zip(hints, values, strict=True))
    if origin is not tuple and isinstance(given, str):  # which is taken as one, or split
        return given
    return tuple(as_meant(inner, value) for value in ([given] if alone else given))


def _is_several(given: Any) -> bool:
    return hasattr(given, "__iter__") and not isinstance(given, str | bytes | os.PathLike | Mapping)


def _as_text(given: Any) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, os.PathLike):
        return os.fsdecode(given)
    if isinstance(given, Real) and not _is_truth(given):
        return str(given)
    if (type(given).__module__, type(given).__name__) == ("torch", "device"):
        return str(given)
    raise NotMeant


def _as_path(given: Any) -> Path:
    if isinstance(given, str | os.PathLike):
        return Path(os.fsdecode(given))
    raise NotMeant


def _as_whole(given: Any) -> int:
    if isinstance(given, Integral) and not _is_truth(given):
        return int(given)
    number = _as_number(given)
    if not number.is_integer():
        raise NotMeant
    return int(number)


def _as_number(given: Any) -> float:
    if not isinstance(given, str | Real) or _is_truth(given):
        raise NotMeant
    try:
        return float(given)
    except ValueError:
        raise NotMeant from None


def _as_truth(given: Any) -> bool:
    if not _is_truth(given):
        raise NotMeant
    return bool(given)


def _is_truth(given: Any) -> bool:
    """Whether it is True or False, NumPy's too."""
    return type(given).__name__ in ("bool", "bool_")


def _as_nothing(given: Any) -> None:
    if given is not None:
        raise NotMeant


_PLAIN: Mapping[Any, Callable[[Any], Any]] = {
    str: _as_text,
    Path: _as_path,
    int: _as_whole,
    float: _as_number,
    bool: _as_truth,
    NoneType: _as_nothing,
}
_TOLD: Mapping[Any, str] = {
    str: "text or a path",
    Path: "a path",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
}


def told(hint: Any) -> str:
    """What a type takes, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        shown = (one for one in inner if one is not NoneType and not (one is Path and str in inner))
        return " or ".join(told(one) for one in shown)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin is tuple and Ellipsis not in inner:
        return f"{len(inner)} values"
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return f"several of these: {told(inner[0])}" if inner else "several"
    return _TOLD.get(hint, getattr(hint, "__name__", str(hint)))
