"""Named pipes, devices and links among pictures; layouts of published data; odd names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from case import HostileFile, Place
from documents import BIDI, ESCAPE
from odd_data import DATA_SET, NAMES, SPLITS, data_set, predicting_with, special_objects
from of_pictures import bomb
from stock import Stock
from ways import of_data, way
from zoo_encoders import png, scene


def special_files(stock: Stock) -> Iterator[HostileFile]:
    """Named pipes, devices and links in place of pictures, masks and data files."""
    ways = of_data(stock, DATA_SET, ("check-data", "train", "evaluate"))
    predicting = predicting_with(stock)
    for name, put in special_objects().items():
        for what in ("images/train/1.png", "masks/train/1.png", "data.yaml", "images/val/1.png"):
            own = dict(ways)
            if what.startswith("images"):
                if name != "a link outside":
                    own["predict"] = predicting(lambda p, what=what: p.brought / "data" / what)
                own["predict-folder"] = predicting(
                    lambda p, what=what: (p.brought / "data" / what).parent
                )
            yield HostileFile(
                name=f"{what}: {name}",
                kind="special file",
                write=lambda place, put=put, what=what: put(
                    data_set(place, f"{SPLITS}{NAMES}".encode()) / what, place
                ),
                ways=own,
                expect="either",
            )


def layouts(stock: Stock) -> Iterator[HostileFile]:
    """The layouts of published data, with links, odd names and broken files in them."""
    ways = of_data(stock, DATA_SET, ("check-data", "train", "search"))
    trees: dict[str, tuple[str, str]] = {
        "camvid": ("train/{}.png", "trainannot/{}.png"),
        "camvid-full": ("701_StillsRaw_full/{}.png", "LabeledApproved_full/{}_L.png"),
        "cityscapes": (
            "leftImg8bit/train/a/{}_leftImg8bit.png",
            "gtFine/train/a/{}_gtFine_labelIds.png",
        ),
        "bdd100k": ("images/10k/train/{}.jpg", "labels/sem_seg/masks/train/{}.png"),
    }
    for layout, (image, mask) in trees.items():
        for name, stem in {
            "an escape": "a\x1b[2J",
            "a turn": "a\u202eb",
            "a line": "a\nb",
            "no text": os.fsdecode(b"caf\xe9"),
            "240 letters": "x" * 225,
        }.items():
            yield HostileFile(
                name=f"{layout} with {name} in a name",
                kind="layout",
                write=lambda place, image=image, mask=mask, stem=stem: _layout(
                    place, image.format(stem), mask.format(stem), png(scene()), b"no mask"
                ),
                ways=ways,
                expect="either",
            )
        for name, make in {
            "no picture": lambda: b"no picture",
            "nothing": lambda: b"",
            "a bomb": lambda: bomb(20_000, 20_000, colour=0, bits=1),
        }.items():
            yield HostileFile(
                name=f"{layout} with {name} for an image",
                kind="layout",
                write=lambda place, image=image, mask=mask, make=make: _layout(
                    place, image.format("a"), mask.format("a"), make(), png(scene()[..., 0] * 0)
                ),
                ways=ways,
            )
        for name, put in special_objects().items():
            yield HostileFile(
                name=f"{layout} with {name} for a mask",
                kind="layout",
                write=lambda place, image=image, mask=mask, put=put: put(
                    _layout(place, image.format("a"), mask.format("a"), png(scene()), b"")[1],
                    place,
                ),
                ways=ways,
            )
        yield HostileFile(
            name=f"{layout} that is a link outside",
            kind="layout",
            write=lambda place, mask=mask, image=image: _linked_layout(place, image, mask),
            ways=ways,
        )


def _layout(place: Place, image: str, mask: str, pixels: bytes, labels: bytes) -> tuple[Path, Path]:
    root = place.brought / "data"
    paths = (root / image, root / mask)
    for path, data in zip(paths, (pixels, labels), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return paths


def _linked_layout(place: Place, image: str, mask: str) -> None:
    _, path = _layout(place, image.format("a"), mask.format("a"), png(scene()), b"")
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(place.outside)


def names_of_files(stock: Stock) -> Iterator[HostileFile]:
    """Good pictures under names that terminals, shells and file systems stumble over."""
    names = {
        "an escape": "a\x1b[31mred.png",
        "a title": "a\x1b]0;owned\x07.png",
        "a bell": "a\x07.png",
        "a return": "a\rverified.png",
        "a line": "a\nverified: yes.png",
        "a turn": "a\u202egnp.png",
        "an isolate": "a\u2066b\u2069.png",
        "an eight-bit escape": "a\x9b31m.png",
        "a line separator": "a\u2028b.png",
        "no text": os.fsdecode(b"caf\xe9.png"),
        "a dash": "--out=x.png",
        "a shell": "$(touch it-ran).png",
        "a quote": "a'; touch it-ran; '.png",
        "240 letters": "x" * 240 + ".png",
        "a backslash": "..\\..\\x.png",
        "a percent": "%s%n%s.png",
        "markup": "[red]a[bold][link=file:x].png",
        "a script": "<script>x.png",
        "a delete": "a\x7f.png",
    }
    data = of_data(stock, DATA_SET, ("check-data", "train", "evaluate"))
    predicting = predicting_with(stock)
    for name, file in names.items():
        own = dict(data)
        own["predict"] = predicting(lambda p: p.brought / "data" / "images" / "train")
        own["predict-json"] = lambda place: [
            *predicting(lambda p: p.brought / "data" / "images" / "train")(place),
            "--json",
        ]
        own["check-data-json"] = way("check-data", DATA_SET, "--json")
        yield HostileFile(
            name=f"a picture called {name}",
            kind="name",
            write=lambda place, file=file: (
                data_set(place, f"{SPLITS}{NAMES}".encode()) / "images" / "train" / file
            ).write_bytes(png(scene())),
            ways=own,
            expect="either",
        )
        yield HostileFile(
            name=f"a broken picture called {name}",
            kind="name",
            write=lambda place, file=file: (
                data_set(place, f"{SPLITS}{NAMES}".encode()) / "images" / "train" / file
            ).write_bytes(b"no picture"),
            ways=own,
            expect="either",
        )
    for name, text in {"an escape": ESCAPE[:40], "a turn": BIDI}.items():
        odd = text.replace("/", "")
        yield HostileFile(
            name=f"a folder called {name}",
            kind="name",
            write=lambda place, odd=odd: data_set(place, f"{SPLITS}{NAMES}".encode()).rename(
                place.brought / odd
            ),
            ways=of_data(stock, lambda p, odd=odd: p.brought / odd, ("check-data", "train")),
            expect="either",
        )
