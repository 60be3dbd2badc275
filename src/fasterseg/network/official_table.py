"""The authors' latency table as one of ours.

Their table is sound, but their search reads the price of the zoomed double convolution under the
key of the plain one, about twice as dear; `misread` gives the table as their search saw it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fasterseg.errors import FileError
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.kinds import Kind
from fasterseg.space.placements import border_placements

SIZE, CLASSES = Size(1024, 2048), 19
TARGET = Target(
    device="GTX 1080 Ti",
    backend="tensorrt",
    precision="float32",
    threads=1,
    height=SIZE.height,
    width=SIZE.width,
    classes=CLASSES,
)
CONDITIONS = {
    "source": "latency table of the repository VITA-Group/FasterSeg",
    "runtime": "TensorRT 5, nearest-neighbour resizing",
    "not timed": "pre-processing and tail: 0 ms here",
}

_CELLS: Mapping[str, Kind] = {
    "BasicResidual1x": "conv",
    "BasicResidual2x": "conv_x2",
    "BasicResidual_downup_1x": "zoomed_conv",
    "BasicResidual_downup_2x": "zoomed_conv_x2",
    "FactorizedReduce": "skip",
}
MOST_MS = 60_000.0
"""No block of theirs takes a minute: their dearest takes 2.8 ms."""

_COUNT = r"[1-9][0-9]{0,4}"
_KEY = re.compile(
    rf"(?P<name>[A-Za-z]{{2,40}}|BasicResidual_downup_[12]x|BasicResidual[12]x)"
    rf"_H(?P<height>{_COUNT})_W(?P<width>{_COUNT})"
    rf"(?:_Cin(?P<read>{_COUNT})_Cout(?P<written>{_COUNT})|_C(?P<joined>{_COUNT}))"
    r"(?:_kernel(?P<kernel>[1-9]))?(?:_stride(?P<stride>[12]))?(?:_dilation1)?"
)


def official_table(prices: Mapping[str, float], *, where: str) -> LatencyTable:
    """Their prices under our keys.

    Raises `FileError` for a key that is none of theirs, for a price that no block has, and for
    two prices of one block.
    """
    entries: dict[str, Entry] = {}
    for key, price in prices.items():
        entry = Entry(median_ms=_sound(price, key, where), spread_ms=0.0, runs=1)
        for spec in _specs_of(key, where):
            if entries.setdefault(spec.key, entry) != entry:
                raise _strange(where, f"{key[:80]!r} has two prices")
    if not entries:
        raise _strange(where, "it holds no price")
    borders = [place.only_spec({}, SIZE) for place in border_placements(CLASSES)]
    nothing = {spec.key: Entry(median_ms=0.0, spread_ms=0.0, runs=1) for spec in borders}
    return LatencyTable(target=TARGET, conditions=CONDITIONS, entries={**nothing, **entries})


def misread(table: LatencyTable) -> LatencyTable:
    """The table as their search reads it: zoomed double convolutions at the price of plain ones."""
    entries = {key: table.entries.get(_plain(key), entry) for key, entry in table.entries.items()}
    conditions = {**CONDITIONS, "misread": "zoomed_conv_x2 is priced as conv_x2"}
    return table.model_copy(update={"entries": entries, "conditions": conditions})


def _plain(key: str) -> str:
    return re.sub(r"^zoomed_conv_x2 ", "conv_x2 ", key)


def _specs_of(key: str, where: str) -> Iterator[BlockSpec]:
    """The blocks that one of their keys stands for; several for a fusion of equal channels."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise _no_key(key, where)
    size = Size(int(match["height"]), int(match["width"]))
    if match["name"] == "ff":
        yield from _fusions(int(match["joined"] or 0), size)
    elif match["read"] is None:
        raise _no_key(key, where)
    else:
        stride = int(match["stride"] or 1)
        read, written = int(match["read"]), int(match["written"])
        yield _spec_of(match, size, read, written, stride, where)


def _spec_of(
    match: re.Match[str], size: Size, read: int, written: int, stride: int, where: str
) -> BlockSpec:
    name, after = match["name"], size.strided(stride)
    if name in _CELLS:
        return BlockSpec(_CELLS[name], (read,), written, stride, size, after)
    if name == "head":
        return BlockSpec("head", (read,), written, 1, size, size)
    if name == "ConvNorm" and match["kernel"] == "1":
        return BlockSpec("arm", (read,), written, 1, size, Size(2 * size.height, 2 * size.width))
    if name == "ConvNorm" and stride == 2:
        return BlockSpec("conv", (read,), written, 2, size, after)
    if name == "ConvNorm" and read > written:
        return BlockSpec("concatenate", (written, read - written), written, 1, size, size)
    raise _no_key(match.string, where)


def _fusions(channels: int, size: Size) -> Iterator[BlockSpec]:
    """Two or three branches of equal width, or one, that come to so many channels."""
    for branches in (1, 2, 3):
        if channels and channels % (8 * branches) == 0:
            parts = (channels // branches,) * branches
            yield BlockSpec("fuse", parts, channels, 1, size, size)


def _sound(price: float, key: str, where: str) -> float:
    if not 0 <= price <= MOST_MS:
        raise _strange(where, f"{key[:80]!r} takes {price:g} ms; 0 to {MOST_MS:g} can be meant")
    return price


def _no_key(key: str, where: str) -> FileError:
    return _strange(where, f"{key[:80]!r} is no key of theirs")


def _strange(where: str, why: str) -> FileError:
    return FileError(
        "this is not the authors' latency table",
        where=where,
        why=why,
        next_step="name their latency_lookup_table.npy",
    )
