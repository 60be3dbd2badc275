"""What an exported program's file holds: one archive of known records, read in one way.

Allowed are the records that PyTorch writes for one program of plain tensors, once each, and the
card.  No record is given to PyTorch: tensors are made of bytes, the graph of checked JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from fasterseg.deploy.exporting.exported_card import METADATA_KEY
from fasterseg.deploy.runtimes.programs.graph import (
    MOST_NODES,
    Device,
    Name,
    Unreadable,
    Whole,
    Written,
    dtype_of,
    shown,
)
from fasterseg.foreign.strict_json import load_json
from fasterseg.foreign.strict_zip import StrictZip, ZipLimits, read_zip

CARD = f"{METADATA_KEY}.json"
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
_EXAMPLE = "data/sample_inputs/model.pt"
_NEEDED: Mapping[str, bytes | None] = {
    MODEL: None,
    WEIGHTS: None,
    CONSTANTS: None,
    f"extra/{CARD}": None,
    _EXAMPLE: b"",
    "archive_format": b"pt2",
    "archive_version": b"0",
    "byteorder": b"little",
}
"""The records that every program has, and their content where there is but one."""
_OTHERS = {".data/version": rb"[0-9]{1,4}\n?", ".data/serialization_id": rb"[0-9]{1,64}"}
"""What PyTorch adds of itself, and nothing depends on."""
_PAYLOAD = re.compile(r"data/(weights/weight|constants/tensor)_(0|[1-9][0-9]{0,4})")

MOST_JSON_BYTES = 32 * 2**20
MOST_BYTES = 2**28
LIMITS = ZipLimits(
    members=MOST_NODES, name_bytes=256, member_bytes=MOST_BYTES, total_bytes=MOST_BYTES
)


class Length(Written):
    """A size of a tensor: a number, or an expression of the image's sizes, which is not read."""

    as_int: Whole | None = None
    as_expr: Any = None


class TensorMeta(Written):
    """How a tensor lies in its record."""

    dtype: int
    sizes: list[Length] = Field(max_length=8, fail_fast=True)
    strides: list[Length] = Field(max_length=8, fail_fast=True)
    storage_offset: Length
    layout: Literal[7]
    device: Device


class Payload(Written):
    """A tensor and the record that holds it."""

    path_name: Name
    use_pickle: Literal[False]
    tensor_meta: TensorMeta


class PayloadConfig(Written):
    """The tensors of a program by their names."""

    config: dict[Name, Payload] = Field(max_length=MOST_NODES)


@dataclass(frozen=True, slots=True)
class ProgramRecords:
    """The card's text, the graph's JSON, and the weights and constants by their names."""

    card: str
    graph_module: Any
    weights: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class _Archive:
    """An archive's records without the folder in which all of them lie."""

    zip: StrictZip
    root: str
    names: frozenset[str]

    def read(self, name: str) -> bytes:
        """A record's content."""
        return self.zip.read(f"{self.root}/{name}")

    def json(self, name: str) -> Any:
        """What a record of JSON holds."""
        return load_json(self.read(name), most_bytes=MOST_JSON_BYTES)


def records_of(data: bytes) -> ProgramRecords:
    """What a file holds; raises ValueError with the reason, pydantic's included."""
    archive = _archive_of(read_zip(data, limits=LIMITS))
    _require_known(archive)
    document = archive.json(MODEL)
    if not isinstance(document, dict):
        raise Unreadable(f"{MODEL} holds no program")
    return ProgramRecords(
        _text(archive.read(f"extra/{CARD}")),
        document.get("graph_module"),
        weights=_tensors(archive, WEIGHTS),
        constants=_tensors(archive, CONSTANTS),
    )


def _archive_of(found: StrictZip) -> _Archive:
    if any(one.packed != one.size or one.method for one in found.members.values()):
        raise Unreadable("its records are packed, which those of a program are not")
    roots = {name.partition("/")[0] for name in found.members}
    if len(roots) != 1:
        raise Unreadable("its records do not lie in one folder")
    (root,) = roots
    names = frozenset(name.removeprefix(f"{root}/") for name in found.members)
    return _Archive(found, root, names)


def _require_known(archive: _Archive) -> None:
    missing = [name for name in _NEEDED if name not in archive.names]
    if missing:
        raise Unreadable(f"it has no {missing[0]}")
    odd = [n for n in archive.names - _NEEDED.keys() - _OTHERS.keys() if not _PAYLOAD.fullmatch(n)]
    if odd:
        raise Unreadable(f"it holds {shown(min(odd))}, which no program of fasterseg has")
    for name, content in _NEEDED.items():
        if content is not None and archive.read(name) != content:
            raise Unreadable(f"its {name} is not what fasterseg writes")
    for name, form in _OTHERS.items():
        if name in archive.names and not re.fullmatch(form, archive.read(name)):
            raise Unreadable(f"its {name} is not what PyTorch writes")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("its card is no text") from error


def _tensors(archive: _Archive, written_in: str) -> dict[str, Tensor]:
    config = PayloadConfig.model_validate(archive.json(written_in)).config
    folder = written_in.rpartition("/")[0]
    found, used = {}, set()
    for name, payload in config.items():
        record = f"{folder}/{payload.path_name}"
        if not _PAYLOAD.fullmatch(record) or record not in archive.names:
            raise Unreadable(f"{shown(name)} lies in {shown(record)}, which is no record of it")
        used.add(record)
        found[name] = _tensor(name, payload.tensor_meta, archive.read(record))
    if any(n.startswith(f"{folder}/") for n in archive.names - used if _PAYLOAD.fullmatch(n)):
        raise Unreadable("it holds numbers that no tensor has")
    return found


def _tensor(name: str, meta: TensorMeta, content: bytes) -> Tensor:
    dtype = dtype_of(meta.dtype)
    size, stride = list(_numbers(meta.sizes)), list(_numbers(meta.strides))
    (offset,) = _numbers([meta.storage_offset])
    count, rest = divmod(len(content), dtype.itemsize)
    end = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=False)) + 1
    empty = prod(size) == 0
    if len(size) != len(stride) or rest or prod(size) > count or (not empty and end > count):
        raise Unreadable(f"{shown(name)} has other sizes than its numbers")
    if empty:
        return torch.empty(size, dtype=dtype)
    # A copy, which lies in memory as the processor likes it, and outlives the file's bytes.
    numbers = torch.frombuffer(bytearray(content), dtype=dtype)
    tensor = numbers.as_strided(size, stride, offset).clone()
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise Unreadable(f"{shown(name)} holds what is no number")
    return tensor


def _numbers(lengths: list[Length]) -> Iterator[int]:
    for length in lengths:
        if length.as_int is None or not 0 <= length.as_int < 2**31:
            raise Unreadable("a weight has no sizes in numbers")
        yield length.as_int
