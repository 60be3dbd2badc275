"""Names of runtimes in files, which have to be in the table."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from fasterseg.config.runtimes import RUNTIMES


def _known(name: str) -> str:
    return _one_of(tuple(RUNTIMES), name)


def _timed(name: str) -> str:
    return _one_of(tuple(row.name for row in RUNTIMES.values() if row.times_blocks), name)


def _one_of(names: tuple[str, ...], name: str) -> str:
    if name not in names:
        *others, last = map(repr, names)
        raise ValueError(f"Input should be {', '.join(others)} or {last}")
    return name


RuntimeName = Annotated[str, AfterValidator(_known)]
_TIMED = {"type": "string", "enum": [row.name for row in RUNTIMES.values() if row.times_blocks]}
BlockRuntimeName = Annotated[str, AfterValidator(_timed), WithJsonSchema(_TIMED)]
"""One that blocks can be timed on."""
