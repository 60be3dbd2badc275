"""Hostile answers of a device, and hostile kits: read by `kit read`."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import made_kits
from case import HostileFile, Place
from documents import BIDI, ESCAPE, ODD_DOCUMENTS, odd_texts
from odd_artifacts import changed_json, odd_copy, setting
from stock import Stock
from ways import brought, way

MEASURED, MANIFEST = "measured.json", "kit/manifest.json"
GIGABYTE = 1 << 30


def answers(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of what a device measured."""
    source = _made(stock, MEASURED)
    for name, data in odd_texts():
        yield _case("answer", name, lambda place, data=data: _bytes(place, MEASURED, data))
    for name in ODD_DOCUMENTS:
        yield _case("answer", name, odd_copy(source, MEASURED, name), expect="either")
    for name, change in _ODD_ANSWERS.items():
        yield _case("answer", name, changed_json(source, MEASURED, change))
    yield _case("answer", "of a gigabyte", _gigabyte)


def kits(stock: Stock) -> Iterator[HostileFile]:
    """Manifests in place of a kit's, with what a device measured with the right one."""
    source = _made(stock, MANIFEST)
    for name in ODD_DOCUMENTS:
        yield _case("kit", name, _beside(odd_copy(source, MANIFEST, name)), expect="either")
    for name, change in _ODD_KITS.items():
        yield _case("kit", name, _beside(changed_json(source, MANIFEST, change)))


def _case(kind: str, name: str, write: Callable[[Place], object], **more: Any) -> HostileFile:
    typed = way("kit", "read", brought(MEASURED), "--kit", brought("kit"))

    def with_the_kit(place: Place) -> None:
        (place.brought / "kit").mkdir(exist_ok=True)
        _bytes(place, MANIFEST, made_kits.manifest().to_bytes())
        write(place)

    return HostileFile(
        name=f"{kind} {name}",
        kind=kind,
        write=with_the_kit,
        ways={"kit read": typed},
        codes=(2, 3),
        **{"expect": "refused", **more},
    )


def _beside(write: Callable[[Place], object]) -> Callable[[Place], object]:
    def both(place: Place) -> None:
        made_kits.as_written(made_kits.measured(), place.brought / MEASURED)
        write(place)

    return both


def _made(stock: Stock, name: str) -> Callable[[], Path]:
    """Where a sound file of this name lies; made when it is first asked for."""

    def path() -> Path:
        place = stock.root / "made-kits" / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            if name == MANIFEST:
                place.write_bytes(made_kits.manifest().to_bytes())
            else:
                made_kits.as_written(made_kits.measured(), place)
        return place

    return path


def _bytes(place: Place, name: str, data: bytes) -> None:
    (place.brought / name).write_bytes(data)


def _gigabyte(place: Place) -> None:
    with (place.brought / MEASURED).open("wb") as file:
        file.truncate(GIGABYTE)


@cache
def _bomb() -> str:
    """A text of a megabyte that inflates to a gigabyte."""
    packing = zlib.compressobj(1)
    parts = [packing.compress(bytes(1 << 20)) for _ in range(GIGABYTE >> 20)]
    return base64.b64encode(b"".join([*parts, packing.flush()])).decode()


def _entry(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["timed"]["block a"].update(values)


_ODD_ANSWERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "of a time below zero": _entry(median_ns=-1),
    "of no time": _entry(median_ns=0),
    "of a time of 2^200": _entry(median_ns=2**100),
    "of a fraction": _entry(median_ns=900.5),
    "of a whole fraction": _entry(median_ns=900.0),
    "of a time in text": _entry(median_ns="900"),
    "of a spread above its median": _entry(spread_ns=10**9),
    "of an escaping key": lambda c: c["timed"].update({ESCAPE: c["timed"]["net"]}),
    "of a bidirectional device": setting("device", "name", to=BIDI * 200),
    "without a block": lambda c: c["timed"].pop("block b"),
    "of another space": lambda c: c["timed"].update({"block z": c["timed"].pop("block b")}),
    "of another kit": setting("kit", to="sha256:" + "0" * 64),
    "of another runtime": setting("runtime", "name", to="openvino"),
    "of 100,000 blocks": lambda c: c["timed"].update(
        {f"block {index}": c["timed"]["net"] for index in range(100_000)}
    ),
    "of labels of a gigabyte": lambda c: c["labels"].update(student=[_bomb()]),
    "of labels of no class": lambda c: c["labels"].update(
        student=[made_kits.packed_labels(*[255] * 24)]
    ),
    "of 10,000 label maps": lambda c: c["labels"].update(student=["eJw="] * 10_000),
}

_ODD_KITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "of a file above it": lambda c: c["items"][0].update(file="../outside/secret"),
    "of a file at the root": lambda c: c["items"][0].update(file="/etc/passwd"),
    "of two items of one key": lambda c: c["items"].append(c["items"][0]),
    "of a group of nothing": setting("groups", to=[["none"]]),
    "of an image of 2^60 pixels": lambda c: c["images"][0].update(height=2**30, width=2**30),
    "of a target that is none": setting("target", "backend", to=ESCAPE),
    "of a time of fractions": setting("blocks_timer", "nanoseconds", to=0.5),
}
