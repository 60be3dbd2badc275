"""Artifacts of the package's own with another content under the right digest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from case import Expected, HostileFile, Place, Words
from documents import odd_document

from fasterseg.artifacts import digest_of_value


def setting(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        inner: Any = content
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to

    return change


def changed_json(
    source: Callable[[], Path], name: str, change: Callable[[dict[str, Any]], None]
) -> Callable[[Place], object]:
    """Write an artifact with another content, under the digest of that."""

    def write(place: Place) -> None:
        document = json.loads(source().read_bytes())
        change(document["content"])
        document["digest"] = digest_of_value(document["content"])
        path = place.brought / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    return write


def odd_copy(source: Callable[[], Path], at: str, name: str) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        document = json.loads(source().read_bytes())
        (place.brought / at).write_bytes(odd_document(document, name))

    return write


def file_of(
    kind: str,
    name: str,
    at: str,
    data: bytes,
    ways: dict[str, Words],
    *,
    expect: Expected = "refused",
    codes: tuple[int, ...] = (2, 3),
) -> HostileFile:
    return HostileFile(
        name=f"{kind} {name}",
        kind=kind,
        write=lambda place: (place.brought / at).write_bytes(data),
        ways=ways,
        expect=expect,
        codes=codes,
    )


def made_odd(name: str) -> Callable[[bytes], bytes]:
    return lambda data: odd_document(json.loads(data), name)


def with_content(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        document = json.loads(data)
        change(document["content"])
        document["digest"] = digest_of_value(document["content"])
        return json.dumps(document).encode()

    return changed
