"""Checks the tensor shapes that functions declare with jaxtyping, and nothing else.

Given to jaxtyping's import hook as its type checker. A general type checker would also demand
that every protocol can be checked at run time and that no annotation is for type checkers alone;
mypy looks at those.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from types import UnionType
from typing import Any, Union, get_args, get_origin

from jaxtyping import AbstractArray


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, checking each argument and result that is declared with a shape."""
    signature = inspect.signature(function)
    declared = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if mentions_shape(parameter.annotation)
    }
    returned = signature.return_annotation
    if not declared and not mentions_shape(returned):
        return function

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        for name, hint in declared.items():
            if name in given:
                demand(given[name], hint, name)
        result = function(*args, **kwargs)
        demand(result, returned, "the result")
        return result

    return checked


def demand(value: object, hint: Any, name: str) -> None:
    """Raise TypeError when the value does not have the declared shape."""
    if not fits(value, hint):
        raise TypeError(f"{name} is not {hint}")


def fits(value: object, hint: Any) -> bool:
    """Return whether the value has a shape that `hint` allows; True where it declares none."""
    if not mentions_shape(hint):
        return True
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_is_one(value, part) for part in parts)
    if origin is tuple and len(parts) > 1 and parts[1] is not Ellipsis:
        return isinstance(value, tuple) and all(map(fits, value, parts))
    if origin in (tuple, list):
        return isinstance(value, (tuple, list)) and all(fits(item, parts[0]) for item in value)
    return origin is not None or isinstance(value, hint)


def _is_one(value: object, part: Any) -> bool:
    """Return whether the value belongs to one part of a union."""
    return (
        fits(value, part) if mentions_shape(part) else isinstance(value, get_origin(part) or part)
    )


def mentions_shape(hint: Any) -> bool:
    """Return whether a declared type is, or is made of, a tensor with a shape."""
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(mentions_shape(part) for part in get_args(hint))
