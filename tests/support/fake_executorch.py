"""A stand-in for an environment of ExecuTorch: programs by hand, and what runs them as they say.

A program is a FlatBuffer as ExecuTorch writes it, with a word behind it that says how it behaves.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import flatbuffers

PORTABLE = ("aten::argmax", "aten::permute_copy", "dim_order_ops::_to_dim_order_copy")

STAND_IN = r"""
import json, mmap, os, sys, time
from ast import literal_eval
from pathlib import Path

mode, folder = sys.argv[-2], Path(sys.argv[-1])
tell = lambda value: os.write(1, json.dumps(value).encode() + b"\n")
if mode == "lower":
    tell({"executorch": "9.9.9", "torch": "9.9"})
    for name in literal_eval((folder / "asked").read_text())["programs"]:
        assert (folder / f"{name}.pt2").is_file()
        (folder / f"{name}.pte").write_bytes(Path(__file__).with_name("program.pte").read_bytes())
        tell({"portable": [], "xnnpack": []})
    sys.exit()
import numpy as np

asked = literal_eval((folder / "asked").read_text())
(height, width), data = asked["size"], (folder / "program.pte").read_bytes()
how = data.partition(b"behaves:")[2].partition(b";")[0].decode()
Path(__file__).with_name("seen.json").write_text(json.dumps({**asked, "env": dict(os.environ)}))
tell({"executorch": "9.9.9", "torch": "9.9"})
if how == "does not load":
    sys.exit("the program does not load")
if how == "says nonsense":
    os.write(1, b"{" * 100 + b"\n")
shape = {"logits": [1, 9, height // 8, width // 8], "another shape": [1, height, 7],
         "huge": [1, 1 << 19, 1 << 19]}.get(how, [1, height, width])
kind = {"logits": "float32", "another type": "other"}.get(how, "uint8")
tell({"shape": shape, "type": kind})
assert os.read(0, 1) == b"r"
count = height * width * 3
begin = -(-count // 64) * 64
with (folder / "exchange").open("r+b") as file:
    memory = mmap.mmap(file.fileno(), 0)
image = np.frombuffer(memory, np.uint8, count).reshape(height, width, 3)
given = np.frombuffer(memory, kind, int(np.prod(shape)), begin).reshape(shape)
os.write(1, b".")
while os.read(0, 1) == b"r":
    if how == "crashes":
        os.abort()
    if how == "never ends":
        time.sleep(600)
    if how == "fails":
        os.write(1, b"!no memory for this\n")
        continue
    given[:] = 0
    if how == "logits":
        given[:] = image.mean()
    elif how == "odd labels":
        given[:] = 200
    elif how != "another shape":
        given[:] = image[..., 0] % 9
    os.write(1, b"." + (2_000_000).to_bytes(8, "little"))
"""


def stand_in(folder: Path, program: bytes = b"") -> Path:
    """A "Python" that speaks as the child does; what it lowers becomes the program."""
    script, place = folder / "stand_in.py", folder / "python"
    script.write_text(STAND_IN)
    (folder / "program.pte").write_bytes(program)
    place.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    place.chmod(0o755)
    return place


def pte(
    behaviour: str = "",
    *,
    methods: Sequence[str] = ("forward",),
    operators: Sequence[str] = PORTABLE,
    delegates: Sequence[str] = ("XnnpackBackend",),
    inputs: int = 1,
    memory: int = 1 << 20,
) -> bytes:
    """A program, its header right, which behaves so in the stand-in."""
    builder = flatbuffers.Builder(1024)
    plans = [_plan(builder, name, operators, delegates, inputs, memory) for name in methods]
    plans_at = _tables(builder, plans)
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(1, plans_at, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"ET12")
    made = bytes(builder.Output())
    # The header stands between the identifier and all that follows, which moves by its length.
    (root,) = struct.unpack_from("<I", made)
    length, segment = 32, f"behaves:{behaviour};".encode()
    size = len(made) + length
    header = b"eh00" + struct.pack("<IQQQ", length, size, size, len(segment))
    return struct.pack("<I", root + length) + b"ET12" + header + made[8:] + segment


def _plan(
    builder: flatbuffers.Builder,
    name: str,
    operators: Sequence[str],
    delegates: Sequence[str],
    inputs: int,
    memory: int,
) -> int:
    named = builder.CreateString(name)
    called = _tables(builder, [_named(builder, one) for one in operators])
    parts = _tables(builder, [_named(builder, one) for one in delegates])
    builder.StartVector(8, 2, 8)
    builder.PrependInt64(memory)
    builder.PrependInt64(0)
    planned = builder.EndVector()
    taken, given = (_numbers(builder, count) for count in (inputs, 1))
    builder.StartObject(10)
    for slot, place in ((0, named), (3, taken), (4, given), (6, called), (7, parts), (8, planned)):
        builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return int(builder.EndObject())


def _named(builder: flatbuffers.Builder, name: str) -> int:
    text = builder.CreateString(name)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    return int(builder.EndObject())


def _tables(builder: flatbuffers.Builder, places: Sequence[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return int(builder.EndVector())


def _numbers(builder: flatbuffers.Builder, count: int) -> int:
    builder.StartVector(4, count, 4)
    for number in range(count):
        builder.PrependInt32(number)
    return int(builder.EndVector())
