"""Files of PyTorch, old and new: the pickle in them, and the bytes of their storages."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import torch
from torch import Tensor

from fasterseg.foreign.strict_zip import StrictZip, ZipLimits, read_zip
from fasterseg.network.pickled.reading import read_pickle
from fasterseg.network.pickled.torch_values import (
    MOST_BYTES,
    TENSOR_NAMES,
    Part,
    Storage,
    parts_of,
    storages_of,
)
from fasterseg.network.pickled.values import PickleFault

MOST_PICKLE_BYTES = 16 << 20
_LIMITS = ZipLimits(members=30_000, member_bytes=MOST_BYTES, total_bytes=MOST_BYTES + (32 << 20))

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_SIDE_RECORDS = {"version", "byteorder", ".format_version", ".storage_alignment"}
_SERIAL = ".data/serialization_id"

Values = dict[str, Tensor | float | int]


def tensors_of(stream: BinaryIO) -> Values:
    """Return the tensors and numbers of a ``torch.save`` file by name, on the CPU.

    Each tensor has memory of its own. Raises `PickleFault` and `NotAStrictZip`, both ValueErrors of
    one line.
    """
    start = stream.read(4)
    stream.seek(0)
    return _of_archive(read_zip(stream, limits=_LIMITS)) if start[:2] == b"PK" else _of_old(stream)


def _of_archive(archive: StrictZip) -> Values:
    folder, names = _records(archive)
    if archive.members[f"{folder}/data.pkl"].size > MOST_PICKLE_BYTES:
        raise PickleFault(f"its names take more than {MOST_PICKLE_BYTES} bytes")
    data = archive.read(f"{folder}/data.pkl")
    content, end = read_pickle(data, known=TENSOR_NAMES, refers=True)
    if end != len(data):
        raise PickleFault("bytes follow its names")
    values = parts_of(content)
    kept = {name.removeprefix("data/") for name in names if name.startswith("data/")}
    storages = storages_of(values)
    if storages.keys() != kept:
        raise PickleFault("its storages are not those that its tensors are made of")
    return _filled(values, storages, lambda one: archive.read(f"{folder}/data/{one.key}"))


def _records(archive: StrictZip) -> tuple[str, set[str]]:
    """The one folder of the archive, and the names in it; all are known."""
    folders = {name.partition("/")[0] for name in archive.members}
    folder = next(iter(folders), "")
    names = {name.removeprefix(f"{folder}/") for name in archive.members}
    foreign = {
        n for n in names - _SIDE_RECORDS - {"data.pkl", _SERIAL} if not n.startswith("data/")
    }
    if len(folders) != 1 or "data.pkl" not in names or "version" not in names or foreign:
        raise PickleFault("it is an archive of something else")
    small = {n: archive.members[f"{folder}/{n}"].size for n in names & {*_SIDE_RECORDS, _SERIAL}}
    if max(small.values()) > 64:
        raise PickleFault("it is an archive of something else")
    if "byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
        raise PickleFault("its numbers are in another order of bytes")
    return folder, names


def _of_old(stream: BinaryIO) -> Values:
    """The form before archives: four pickles, then the storages one after the other."""
    head = stream.read(MOST_PICKLE_BYTES)
    magic, at = read_pickle(head, known=())
    version, at = read_pickle(head, at, known=()) if magic == _MAGIC else (None, at)
    if version != _VERSION:
        raise PickleFault("it is no file of PyTorch")
    system, at = read_pickle(head, at, known=())
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise PickleFault("its numbers are in another order of bytes")
    content, at = read_pickle(head, at, known=TENSOR_NAMES, refers=True)
    keys, at = read_pickle(head, at, known=())
    values = parts_of(content)
    storages = storages_of(values)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise PickleFault("it has no list of its storages")
    if len(keys) != len(storages) or set(keys) != storages.keys():
        raise PickleFault("its storages are not those that its tensors are made of")
    places = _places(at, [storages[key] for key in keys])
    if stream.seek(0, io.SEEK_END) != places.pop(""):
        raise PickleFault("it ends too early, or bytes follow its storages")
    return _filled(values, storages, lambda one: _old_storage(stream, places[one.key], one))


def _places(start: int, storages: list[Storage]) -> dict[str, int]:
    """Where each storage begins, and under the empty name where the last ends."""
    places = {}
    for one in storages:
        places[one.key] = start
        start += 8 + one.bytes
    return {**places, "": start}


def _old_storage(stream: BinaryIO, place: int, storage: Storage) -> bytes:
    stream.seek(place)
    if stream.read(8) != struct.pack("<q", storage.count):
        raise PickleFault("one of its storages has another size than its tensors say")
    return stream.read(storage.bytes)


def _filled(
    values: dict[str, Part | float | int],
    storages: dict[str, Storage],
    read: Callable[[Storage], bytes],
) -> Values:
    """The values, with tensors for their parts; one storage is in memory at a time."""
    users: dict[str, list[tuple[str, Part]]] = {key: [] for key in storages}
    for name, value in values.items():
        if isinstance(value, Part):
            users[value.storage.key].append((name, value))
    found: dict[str, Any] = dict(values)
    for key, storage in storages.items():
        data = read(storage)
        if len(data) != storage.bytes:
            raise PickleFault("one of its storages has another size than its tensors say")
        for name, part in users[key]:
            found[name] = _tensor(data, part)
    return found


def _tensor(data: bytes, part: Part) -> Tensor:
    kind = part.storage.type
    if not part.count:
        return torch.zeros(part.shape, dtype=kind)
    start = part.offset * kind.itemsize
    own = bytearray(memoryview(data)[start : start + part.count * kind.itemsize])
    if kind is torch.bool and not set(own) <= {0, 1}:
        raise PickleFault("one of its truth values is neither")
    lying = torch.frombuffer(own, dtype=kind).reshape([part.shape[n] for n in part.order])
    return lying.permute([part.order.index(n) for n in range(len(part.shape))]).contiguous()
