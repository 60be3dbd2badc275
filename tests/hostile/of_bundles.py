"""Hostile bundles: each of the four files, the folder, and the tensors."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from case import SECRET, HostileFile, Place
from documents import BIDI, ESCAPE, FORGED, ODD_DOCUMENTS, odd_texts
from odd_artifacts import made_odd, setting, with_content
from of_architectures import many_cells
from stock import Stock
from ways import brought, of_model

from fasterseg.artifacts import digest_of_bytes, digest_of_value

FILES = ("description.json", "weights.safetensors", "card.json", "manifest.json")


_BUNDLE_VERBS = ("predict", "describe", "report", "load_model")


_ALL_BUNDLE_VERBS = (
    *("predict", "describe", "draw", "report", "load_model", "load_network", "evaluate"),
    *("benchmark", "export", "train-teacher", "search-budget"),
)


def bundles(stock: Stock) -> Iterator[HostileFile]:
    """Bundles with one of their four files changed, most under a manifest that fits."""
    few = of_model(stock, brought("model"), _BUNDLE_VERBS)
    every = of_model(stock, brought("model"), _ALL_BUNDLE_VERBS)
    for file in FILES:
        for index, (name, data) in enumerate(odd_texts()):
            yield HostileFile(
                name=f"{file}: {name}",
                kind="bundle",
                write=_bundle_with(stock, file, lambda _, data=data: data),
                ways=every if index == 0 else few,
            )
    for file in ("description.json", "card.json", "manifest.json"):
        for name in ODD_DOCUMENTS:
            yield HostileFile(
                name=f"{file} {name}",
                kind="bundle",
                write=_bundle_with(stock, file, made_odd(name)),
                ways=few,
                expect="either",
            )
    for name, change in _ODD_CARDS.items():
        yield HostileFile(
            name=f"card {name}",
            kind="bundle",
            write=_bundle_with(stock, "card.json", with_content(change)),
            ways=of_model(stock, brought("model"), ("predict", "describe", "report", "evaluate")),
            expect="either",
        )
    for name, data in _odd_tensors():
        yield HostileFile(
            name=f"safetensors {name}",
            kind="safetensors",
            write=_bundle_with(stock, "weights.safetensors", lambda _, data=data: data()),
            ways=every if name.startswith("of NaN") else few,
        )
    for name, write in _odd_bundle_folders(stock).items():
        yield HostileFile(name=f"bundle {name}", kind="bundle", write=write, ways=every)
    for name, change in _ODD_DESCRIPTIONS.items():
        yield HostileFile(
            name=f"description {name}",
            kind="bundle",
            write=_bundle_with(stock, "description.json", with_content(change)),
            ways=every,
        )


def _bundle_with(
    stock: Stock, file: str, change: Callable[[bytes], bytes]
) -> Callable[[Place], object]:
    """Write a bundle with one file changed, and a manifest that has its digest."""

    def write(place: Place) -> None:
        folder = stock.copy(stock.bundle, place.brought / "model")
        path = folder / file
        path.write_bytes(change(path.read_bytes()))
        if file != "manifest.json":
            reseal_bundle(folder)

    return write


def reseal_bundle(folder: Path) -> None:
    """Give a bundle a manifest with the digests of its files as they are."""
    path = folder / "manifest.json"
    files = {name: digest_of_bytes((folder / name).read_bytes()) for name in FILES[:3]}
    manifest = {**json.loads(path.read_bytes()), "files": files, "digest": digest_of_value(files)}
    path.write_text(json.dumps(manifest))


_ODD_CARDS: dict[str, Callable[[dict[str, Any]], None]] = {
    **{
        f"{what} in {key}": setting(key, to=text)
        for key in ("name",)
        for what, text in {"an escape": ESCAPE, "bidi": BIDI, "forged lines": FORGED}.items()
    },
    **{
        f"{what} in a class": setting("label_space", "names", 0, to=text)
        for what, text in {
            "an escape": ESCAPE,
            "bidi": BIDI,
            "forged lines": FORGED,
            "a path": "../../outside/x",
            "a script": "<script>alert(1)</script>",
        }.items()
    },
    **{
        f"{what} in the terms": setting("training", "terms", to=text)
        for what, text in {"an escape": ESCAPE, "bidi": BIDI, "forged lines": FORGED}.items()
    },
    "an escape in the data": setting("training", "data", to=ESCAPE),
    "an escape in the resolution": setting("training", "resolution", to=ESCAPE),
    "a resolution of 10^9": setting("training", "resolution", to="999999999x999999999"),
    "a resolution of 10^4300": setting("training", "resolution", to="9" * 5000 + "x1"),
    "a resolution of 0": setting("training", "resolution", to="0x0"),
    "a deviation of 0": setting("std", to=[0.0, 0.0, 0.0]),
    "a mean of 1e308": setting("mean", to=[1e308, 0.0, 0.0]),
    "classes of one name": setting("label_space", "names", to=["a"] * 9),
    "100,000 classes": lambda c: c["label_space"].update(
        names=[f"c{n}" for n in range(100_000)], colours=[[0, 0, 0]] * 100_000
    ),
    "colours beyond 255": setting("label_space", "colours", 0, to=[999, -1, 0]),
    "one class too few": lambda c: c["label_space"].update(
        names=c["label_space"]["names"][1:], colours=c["label_space"]["colours"][1:]
    ),
    "a score of 10^6": lambda c: c.update(scores=[{"mean_iou": 1e6}]),
}


_ODD_DESCRIPTIONS: dict[str, Callable[[dict[str, Any]], None]] = {
    "of 10^9 classes": setting("classes", to=10**9),
    "of 0 classes": setting("classes", to=0),
    "of an unknown baseline": lambda c: c.update(architecture=None, baseline="os.system"),
    "of an escaping baseline": lambda c: c.update(architecture=None, baseline=ESCAPE),
    "of another baseline": lambda c: c.update(architecture=None, baseline="fast-scnn"),
    "of 500,000 cells": lambda c: many_cells(c["architecture"], 500_000),
}


def _odd_tensors() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Files in place of the weights."""

    def header(text: str, data: bytes = b"") -> Callable[[], bytes]:
        return lambda: struct.pack("<Q", len(text.encode())) + text.encode() + data

    one = '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    yield "of a header of 2^63", lambda: struct.pack("<Q", 1 << 63) + b"{}"
    yield "of a header of 200 MB", lambda: struct.pack("<Q", 200 << 20) + b"{" + b" " * 100
    yield (
        "of a header of 60 MB of blanks",
        lambda: struct.pack("<Q", 60 << 20) + b"{}" + b" " * ((60 << 20) - 2),
    )
    yield "of no header", header("")
    yield "of a header that is a list", header("[]")
    yield "of a deep header", header("[" * 50_000)
    yield "of a deep metadata", header('{"__metadata__": ' + '{"a": ' * 10_000)
    yield "of NaN in a shape", header(one.replace("[1]", "[NaN]"))
    yield "of a shape of 2^40", header(one.replace("[1]", "[1099511627776]"), bytes(4))
    yield "of a shape below 0", header(one.replace("[1]", "[-1]"), bytes(4))
    yield (
        "of a shape that overflows",
        header(one.replace("[1]", "[4294967296, 4294967296, 4294967296]"), bytes(4)),
    )
    yield "of offsets beyond the end", header(one.replace("[0, 4]", "[0, 4000000000]"), bytes(4))
    yield "of offsets backwards", header(one.replace("[0, 4]", "[4, 0]"), bytes(4))
    yield "of a type that is none", header(one.replace("F32", "PICKLE"), bytes(4))
    yield (
        "of one name twice",
        header(
            '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, '
            '"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
            bytes(4),
        ),
    )
    yield (
        "of overlapping tensors",
        header(
            '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, '
            '"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
            bytes(4),
        ),
    )
    yield (
        "of an escaping name",
        header(
            json.dumps({ESCAPE: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}), bytes(4)
        ),
    )
    yield (
        "of 100,000 names",
        header(
            json.dumps(
                {
                    f"n{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
                    for n in range(100_000)
                }
            )
        ),
    )
    yield (
        "of an escaping description",
        header(json.dumps({"__metadata__": {"description": ESCAPE}})),
    )
    yield "that are a pickle", lambda: b"\x80\x04\x8c\x05posix\x94."


def _odd_bundle_folders(stock: Stock) -> dict[str, Callable[[Place], object]]:
    """Bundles whose files are none, or lie elsewhere."""

    def without(file: str) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            (stock.copy(stock.bundle, place.brought / "model") / file).unlink()

        return write

    def instead(file: str, put: Callable[[Path, Place], object]) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            path = stock.copy(stock.bundle, place.brought / "model") / file
            path.unlink()
            put(path, place)

        return write

    def manifest(**files: str) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            folder = stock.copy(stock.bundle, place.brought / "model")
            path = folder / "manifest.json"
            document = json.loads(path.read_bytes())
            listed = {**document["files"], **files}
            document.update(files=listed, digest=digest_of_value(listed))
            path.write_text(json.dumps(document))

        return write

    secret = digest_of_bytes(f"{SECRET}\n".encode())
    found: dict[str, Callable[[Place], object]] = {
        "with a manifest that names a file outside": manifest(
            **{"../../outside/secret.txt": secret}
        ),
        "with a manifest that names /etc/passwd": manifest(**{"/etc/passwd": "sha256:0"}),
        "with a manifest of an escaping name": manifest(**{ESCAPE: "sha256:0"}),
        "with a manifest of no digest": manifest(**{"card.json": ""}),
    }
    for file in FILES:
        found[f"without {file}"] = without(file)
        found[f"with a named pipe for {file}"] = instead(file, lambda p, _: os.mkfifo(p))
        found[f"with a device for {file}"] = instead(file, lambda p, _: p.symlink_to("/dev/zero"))
        found[f"with a folder for {file}"] = instead(file, lambda p, _: p.mkdir())
        found[f"with a link outside for {file}"] = instead(
            file, lambda p, place: p.symlink_to(place.outside / "secret.txt")
        )
        found[f"with a link to itself for {file}"] = instead(file, lambda p, _: p.symlink_to(p))
    return found
