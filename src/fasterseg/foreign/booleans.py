"""Booleans told from numbers: to Python, and to pydantic, true is 1."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationInfo, field_validator

_WHY = (
    "true or false stands where a number belongs; in YAML, yes, no, on and off are true and false"
)


class TrueIsNoNumber(BaseModel):
    """A model that refuses true and false where a key, or an entry of its value, is a number."""

    @field_validator("*", mode="before")
    @classmethod
    def _refuses_booleans_as_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is not None:
            require_no_boolean_as_number(value, (field.annotation,))
        return value


def require_no_boolean_as_number(value: Any, forms: tuple[Any, ...]) -> None:
    """Raise ValueError where a boolean would be read as a number, in any depth of lists and
    mappings; `forms` are the annotations that the value may have.
    """
    alternatives = tuple(one for form in forms for one in _alternatives(form))
    if isinstance(value, bool):
        if _is_a_number_to(alternatives):
            raise ValueError(_WHY)
    elif isinstance(value, list | tuple):
        inner = _inside(alternatives, list, tuple)
        for entry in value if inner else ():
            require_no_boolean_as_number(entry, inner)
    elif isinstance(value, Mapping):
        inner = _inside(alternatives, dict, Mapping)
        for entry in (*value.keys(), *value.values()) if inner else ():
            require_no_boolean_as_number(entry, inner)


def _alternatives(form: Any) -> Iterator[Any]:
    """What an annotation leaves to choose from, without what only narrows it."""
    origin = get_origin(form)
    if origin is Annotated:
        yield from _alternatives(get_args(form)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(form):
            yield from _alternatives(one)
    elif origin is Literal:
        yield from {type(one) for one in get_args(form)}
    else:
        yield form


def _is_a_number_to(alternatives: tuple[Any, ...]) -> bool:
    plain = [one for one in alternatives if isinstance(one, type)]
    takes_booleans = bool in plain or any(one is Any for one in alternatives)
    return not takes_booleans and any(issubclass(one, int | float) for one in plain)


def _inside(alternatives: tuple[Any, ...], *containers: type) -> tuple[Any, ...]:
    """The annotations of what lists or mappings among these hold."""
    return tuple(
        inner
        for one in alternatives
        if isinstance(origin := get_origin(one), type) and issubclass(origin, containers)
        for inner in get_args(one)
        if inner is not Ellipsis
    )
