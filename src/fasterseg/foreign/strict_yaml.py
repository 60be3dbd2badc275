"""YAML as recipes and data files may have it: plain values, within limits, in linear time.

Aliases can blow up, tags make objects, merge keys hide what is meant: they are refused, as is a key
written twice.  A date stays the text that it is written as, and has to be one; so does a number
where names are wanted, which 001 and 12:30:45 are as well.  What numbers and texts may be is what
`fasterseg.foreign.strict_json` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import yaml

from fasterseg.foreign.strict_json import (
    MOST_DEPTH,
    MOST_DIGITS,
    NotStrict,
    as_text,
    no_number,
    require_plain,
    shortened,
    too_deep,
    written_twice,
)

MOST_BYTES = 1_000_000
MOST_VALUES = 300_000
_LONGEST_FRACTION = 400
"""Characters; a number of base 60 is computed with one power for each part."""

_TAG = "tag:yaml.org,2002:"
_RESOLVER: Any = yaml.resolver.Resolver()
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
# Of the two parsers the one in C where there is one: it is ten times as fast.
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(
    text: str | bytes, *, most_bytes: int = MOST_BYTES, named: Collection[str] = ()
) -> Any:
    """Return what a text holds, None where it holds nothing.

    ``named`` are keys of the document under which names stand, in a list or as keys and values:
    what would be a number there is the text that it is written as.  Raises `NotStrict` for what is
    no YAML and for what is not read here; where a line is to blame, a `NotStrictYaml` that names
    it.
    """
    events = yaml.parse(as_text(text, most_bytes=most_bytes), Loader=_PARSER)
    try:
        value = _Document(events, frozenset(named)).value()
    except NotStrict:
        raise
    except yaml.MarkedYAMLError as error:
        raise NotStrictYaml(_told(error)) from error
    except yaml.YAMLError as error:
        raise NotStrictYaml(" ".join(str(error).split())) from error
    require_plain(value)
    return value


def told_of_no_text(value: Any) -> str:
    """Return what a value was read as where a text is wanted; nothing of what is no plain value."""
    if value is None or isinstance(value, bool):
        return "it was read as true, false or nothing, and a text is wanted"
    if isinstance(value, int | float):
        return f"it was read as the number {value}, and a text is wanted"
    if isinstance(value, dict):
        return "it was read as a key and its value, and a text is wanted"
    return ""


def _told(error: yaml.MarkedYAMLError) -> str:
    parts = [error.context, error.problem]
    said = " ".join(part for part in parts if part)
    return said + _at(error.problem_mark)


def _at(mark: Any) -> str:
    return f"\n  in line {mark.line + 1}" if mark is not None else ""


class NotStrictYaml(NotStrict, yaml.YAMLError):
    """A YAML text that is not read; ``str()`` is the reason, and in the next line its line."""


class _Document:
    """The one document that a parser tells of, event by event."""

    def __init__(self, events: Iterator[yaml.Event], named: frozenset[str]) -> None:
        self._events = events
        self._named = named
        self._values = 0

    def value(self) -> Any:
        """What the document holds."""
        next(self._events)  # the stream's beginning
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        found = self._value_of(next(self._events), depth=0)
        next(self._events)  # the document's end
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise NotStrict("it holds several documents, and one is read")
        return found

    def _value_of(
        self, event: yaml.Event, *, depth: int, is_name: bool = False, holds_names: bool = False
    ) -> Any:
        self._require_little(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event, is_name=is_name)
        if isinstance(event, yaml.SequenceStartEvent):
            return [
                self._value_of(one, depth=depth + 1, is_name=holds_names)
                for one in self._until_its_end()
            ]
        return self._mapping(depth, of_names=holds_names)

    def _mapping(self, depth: int, *, of_names: bool) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for event in self._until_its_end():
            key = self._value_of(event, depth=depth + 1, is_name=of_names)
            if isinstance(key, list | dict):
                raise _refused("a key is a list or a mapping, and no plain value", event)
            if key in found:
                raise _refused(str(written_twice(str(key))), event)
            found[key] = self._value_of(
                next(self._events),
                depth=depth + 1,
                is_name=of_names,
                holds_names=depth == 0 and key in self._named,
            )
        return found

    def _until_its_end(self) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield event

    def _require_little(self, event: yaml.Event, depth: int) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise NotStrict(f"it holds more than {MOST_VALUES:,} values")
        if isinstance(event, yaml.AliasEvent):
            raise _refused("aliases are not allowed", event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(f"tags are not read: {shortened(tag)}", event)
        if depth > MOST_DEPTH and not isinstance(event, yaml.ScalarEvent):
            raise too_deep()


def _refused(why: str, event: yaml.Event) -> NotStrictYaml:
    return NotStrictYaml(why + _at(event.start_mark))


def _scalar(event: yaml.ScalarEvent, *, is_name: bool) -> Any:
    """What a plain or quoted text means; a name is no number, and no date."""
    text: str = event.value
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, event.implicit).removeprefix(_TAG)
    if is_name and tag in ("int", "float", "timestamp"):
        return text
    if tag == "merge":
        raise _refused("merge keys are not read: <<", event)
    if tag in ("int", "float"):
        return _number(text, tag, event)
    if tag == "timestamp":
        _require_date(text, event)
    if tag in ("bool", "null"):
        return None if tag == "null" else _CONSTRUCTOR.bool_values[text.lower()]
    return text


def _require_date(text: str, event: yaml.ScalarEvent) -> None:
    """Raise `NotStrict` for a date that is none: it stays text, and would be one elsewhere."""
    try:
        _CONSTRUCTOR.construct_yaml_timestamp(yaml.ScalarNode(f"{_TAG}timestamp", text))
    except (ValueError, OverflowError) as error:
        raise _refused(f"{shortened(text)} is no date: {error}", event) from error


def _number(text: str, tag: str, event: yaml.ScalarEvent) -> int | float:
    if len(text) > (MOST_DIGITS if tag == "int" else _LONGEST_FRACTION):
        raise _refused(f"a number of {len(text):,} characters: {shortened(text)}", event)
    node = yaml.ScalarNode(f"{_TAG}{tag}", text)
    try:
        number = getattr(_CONSTRUCTOR, f"construct_yaml_{tag}")(node)
    except (ValueError, OverflowError) as error:
        raise _refused(str(no_number(text)), event) from error
    if tag == "float" and not abs(number) < float("inf"):
        raise _refused(str(no_number(text)), event)
    return number  # type: ignore[no-any-return]
