"""A small data set, and what can stand where one of its files is expected."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
from case import Place, Words
from stock import Stock
from ways import brought
from zoo_encoders import png, scene

SPLITS = "train: images/train\nval: images/val\n"


NAMES = "names: [road, car, sky]\n"


DATA_SET = brought("data")


def data_set(place: Place, text: bytes) -> Path:
    """Two splits of two pictures with masks, and a data file of this text."""
    root = place.brought / "data"
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        for number in ("00000000000000000000000000a", "1"):
            (root / "images" / split / f"{number}.png").write_bytes(png(scene()))
            mask = np.zeros((24, 40), np.uint8)
            mask[:8] = 1
            (root / "masks" / split / f"{number}.png").write_bytes(png(mask))
    (root / "data.yaml").write_bytes(text)
    return root


def special_objects() -> dict[str, Callable[[Path, Place], object]]:
    """What can stand where a file is expected."""

    def again(put: Callable[[Path, Place], object]) -> Callable[[Path, Place], object]:
        def write(path: Path, place: Place) -> None:
            path.unlink(missing_ok=True)
            put(path, place)

        return write

    return {
        "a named pipe": again(lambda path, _: os.mkfifo(path)),
        "a device": again(lambda path, _: path.symlink_to("/dev/zero")),
        "random numbers": again(lambda path, _: path.symlink_to("/dev/urandom")),
        "a link outside": again(lambda path, p: path.symlink_to(p.outside / "secret.png")),
        "a link to itself": again(lambda path, _: path.symlink_to(path)),
        "a link to nothing": again(lambda path, _: path.symlink_to(path.parent / "nothing")),
        "a folder": again(lambda path, _: path.mkdir()),
        "a socket": again(_socket),
        "a terminal": again(lambda path, _: path.symlink_to("/dev/tty")),
        "memory": again(lambda path, _: path.symlink_to("/proc/self/mem")),
    }


def _socket(path: Path, place: Place) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def predicting_with(stock: Stock) -> Callable[[Callable[[Place], Path]], Words]:
    def predicting(picture: Callable[[Place], Path]) -> Words:
        return lambda place: [
            *("predict", str(stock.bundle), str(picture(place)), "--out", str(place.out / "seen"))
        ]

    return predicting
