"""Hostile data files and list files, and what is no data set at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from case import HostileFile, Place
from hostile_zips import hostile_zips
from odd_data import DATA_SET, NAMES, SPLITS, data_set, special_objects
from of_recipes import TEXTS
from stock import Stock
from ways import brought, of_data, out, way


def data_files(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of a ``data.yaml``, and keys of it that lead elsewhere."""
    every = of_data(
        stock, DATA_SET, ("check-data", "open_data", "train", "search", "run", "plan", "profile")
    )
    few = {verb: every[verb] for verb in ("check-data", "train")}
    for index, (name, data) in enumerate(TEXTS.items()):
        yield HostileFile(
            name=f"data.yaml: {name}",
            kind="data file",
            write=lambda place, data=data: data_set(place, data),
            ways=every if index < 5 else few,
            codes=(2, 3),
        )
    for name, lines in ODD_KEYS.items():
        yield HostileFile(
            name=f"data.yaml with {name}",
            kind="data file",
            write=lambda place, lines=lines: data_set(
                place, lines.encode("utf-8", "surrogatepass")
            ),
            ways=few,
            expect="either" if name in _MAY_BE else "refused",
        )


_MAY_BE = {
    *("groups of nothing", "groups of a backtracking star", "groups of nested stars"),
    *("groups of alternatives", "groups of 500 brackets", "groups of a long count"),
    *("groups of a backreference", "100,000 names", "an escape in a name", "a turn in a name"),
    *("60,000 mappings", "terms with an escape", "terms of a megabyte", "a suffix that leads up"),
    *("a key of another tool with an escape", "a name of a megabyte", "an ignore of 65535"),
    *("a lone surrogate in a name", "forged lines in a name", "a name of a path"),
    *("groups that look ahead", "a download", "names by number"),
}


ODD_KEYS: dict[str, str] = {
    "a path that leads up": f"path: ../../outside\n{SPLITS}{NAMES}",
    "a path from the root": f"path: /etc\n{SPLITS}{NAMES}",
    "a path of a home that is none": f"path: ~nobody-knows\n{SPLITS}{NAMES}",
    "a path with a null": f'path: "a\\0b"\n{SPLITS}{NAMES}',
    "a path with a surrogate": f'path: "\\ud800"\n{SPLITS}{NAMES}',
    "a path with an escape": f'path: "\\e[2J"\n{SPLITS}{NAMES}',
    "a path of 100,000 letters": f"path: {'x' * 100_000}\n{SPLITS}{NAMES}",
    "a split that leads up": f"train: ../../outside\nval: images/val\n{NAMES}",
    "a split from the root": f"train: /etc\nval: images/val\n{NAMES}",
    "a split of a device": f"train: /dev/zero\nval: images/val\n{NAMES}",
    "a split with an escape": f'train: "\\e[2J"\nval: images/val\n{NAMES}',
    "100,000 splits": f"train: [{', '.join(['images/train'] * 100_000)}]\n{NAMES}",
    "masks that lead up": f"{SPLITS}masks_dir: ../../outside\n{NAMES}",
    "masks from the root": f"{SPLITS}masks_dir: /etc\n{NAMES}",
    "a suffix that leads up": f"{SPLITS}mask_suffix: /../../../outside/x\n{NAMES}",
    "an include that leads up": f"include: [../../outside/data.yaml]\n{SPLITS}{NAMES}",
    "an include of itself": f"include: [data.yaml]\n{SPLITS}{NAMES}",
    "an include of a device": f"include: [/dev/zero]\n{SPLITS}{NAMES}",
    "an include with an escape": f'include: ["\\e[2J"]\n{SPLITS}{NAMES}',
    "100,000 includes": f"include: [{', '.join(['x.yaml'] * 100_000)}]\n{SPLITS}{NAMES}",
    "groups of a backtracking star": f"groups: '^(0+)+$'\n{SPLITS}{NAMES}",
    "groups of nested stars": f"groups: '(a*)*(a*)*(a*)*b'\n{SPLITS}{NAMES}",
    "groups of alternatives": f"groups: '^(a|a|aa)+$'\n{SPLITS}{NAMES}",
    "groups of 500 brackets": f"groups: '{'(' * 500}a{')' * 500}'\n{SPLITS}{NAMES}",
    "groups of a long count": f"groups: '(a{{1,1000}}){{1,1000}}'\n{SPLITS}{NAMES}",
    "groups of a backreference": f"groups: '(.+)\\1+'\n{SPLITS}{NAMES}",
    "groups that look ahead": f"groups: '(?=(a+)+b)'\n{SPLITS}{NAMES}",
    "groups of nothing": f"groups: ''\n{SPLITS}{NAMES}",
    "groups of an open bracket": f"groups: '('\n{SPLITS}{NAMES}",
    "groups of a megabyte": f"groups: '{'a' * 900_000}'\n{SPLITS}{NAMES}",
    "groups of a count of 10^9": f"groups: 'a{{1000000000}}'\n{SPLITS}{NAMES}",
    "groups with an escape": f'groups: "(\\e[2J"\n{SPLITS}{NAMES}',
    "a normalisation of 10^400": f"normalize: {{mean: [{'1' + '0' * 400}, 0, 0], std: [1, 1, 1]}}\n"
    f"{SPLITS}{NAMES}",
    "a normalisation of NaN": f"normalize: {{mean: [.nan, 0, 0], std: [1, 1, 1]}}\n{SPLITS}{NAMES}",
    "a normalisation of 0": f"normalize: {{mean: [0, 0, 0], std: [0, 0, 0]}}\n{SPLITS}{NAMES}",
    "a normalisation of infinity": f"normalize: {{mean: [0, 0, 0], std: [.inf, 1, 1]}}\n"
    f"{SPLITS}{NAMES}",
    "a normalisation of text": f'normalize: "\\e[2J"\n{SPLITS}{NAMES}',
    "a range of infinity": f"range: [0, .inf]\n{SPLITS}{NAMES}",
    "a range of NaN": f"range: [.nan, 1]\n{SPLITS}{NAMES}",
    "a range of 10^400": f"range: [0, {'1' + '0' * 400}]\n{SPLITS}{NAMES}",
    "class weights of NaN": f"class_weights: [.nan, 1, 1]\n{SPLITS}{NAMES}",
    "class weights of infinity": f"class_weights: [.inf, 1, 1]\n{SPLITS}{NAMES}",
    "class weights of 10^400": f"class_weights: [{'1' + '0' * 400}, 1, 1]\n{SPLITS}{NAMES}",
    "a mapping of 10^20": f"label_mapping: {{100000000000000000000: 0, 1: 1}}\n{SPLITS}{NAMES}",
    "a mapping to 10^20": f"label_mapping: {{1: 100000000000000000000}}\n{SPLITS}{NAMES}",
    "a mapping below 0": f"label_mapping: {{-5: -7}}\n{SPLITS}{NAMES}",
    "a mapping of 4,301 digits": f"label_mapping: {{{'1' * 4_301}: 0}}\n{SPLITS}{NAMES}",
    "60,000 mappings": f"label_mapping: {{{', '.join(f'{n}: {n % 3}' for n in range(60_000))}}}\n"
    f"{SPLITS}{NAMES}",
    "an ignore of 10^30": f"ignore: {'1' + '0' * 30}\n{SPLITS}{NAMES}",
    "an ignore of 65535": f"ignore: 65535\n{SPLITS}{NAMES}",
    "100,000 names": f"{SPLITS}names: [{', '.join(f'c{n}' for n in range(100_000))}]\n",
    "a name twice": f"{SPLITS}names: [a, a, a]\n",
    "no names": f"{SPLITS}names: []\n",
    "names by number": f"{SPLITS}names: {{0: a, 1: b, 2: c}}\n",
    "names by 10^9": f"{SPLITS}names: {{1000000000: a}}\n",
    "names of lists": f"{SPLITS}names: [[a], [b]]\n",
    "nc of 10^30": f"nc: {'1' + '0' * 30}\n{SPLITS}{NAMES}",
    "an escape in a name": f'{SPLITS}names: ["\\e[2Jred", car, sky]\n',
    "a turn in a name": f'{SPLITS}names: ["a\\u202eb", car, sky]\n',
    "a lone surrogate in a name": f'{SPLITS}names: ["\\ud800", car, sky]\n',
    "forged lines in a name": f'{SPLITS}names: ["a\\nverified: yes", car, sky]\n',
    "a name of a path": f"{SPLITS}names: [../../outside/x, car, sky]\n",
    "a name of a megabyte": f"{SPLITS}names: [{'x' * 900_000}, car, sky]\n",
    "a palette of 10^9": f"palette: [[1000000000, 0, 0], [0, 0, 0], [1, 1, 1]]\n{SPLITS}{NAMES}",
    "a palette of NaN": f"palette: [[.nan, 0, 0], [0, 0, 0], [1, 1, 1]]\n{SPLITS}{NAMES}",
    "a palette of 100,000": f"palette: [{', '.join(['[0, 0, 0]'] * 100_000)}]\n{SPLITS}{NAMES}",
    "a palette with an escape": f'palette: {{"\\e[2J": [0, 0, 0]}}\n{SPLITS}{NAMES}',
    "channels of 10^30": f"channels: {'1' + '0' * 30}\n{SPLITS}{NAMES}",
    "a layout that is none": f'layout: "\\e[2J"\n{SPLITS}{NAMES}',
    "a layout that leads up": f"layout: ../../x\n{SPLITS}{NAMES}",
    "a download": f"download: touch it-ran\n{SPLITS}{NAMES}",
    "a key of another tool with an escape": f'"\\e[2Jkey": 1\n{SPLITS}{NAMES}',
    "terms with an escape": f'terms: "\\e[2J"\n{SPLITS}{NAMES}',
    "terms of a megabyte": f"terms: {'x' * 900_000}\n{SPLITS}{NAMES}",
}


def list_files(stock: Stock) -> Iterator[HostileFile]:
    """Text files in place of a split, each line naming a picture."""
    ways = of_data(stock, DATA_SET, ("check-data", "train", "evaluate"))
    texts: dict[str, bytes] = {
        "a step up": b"../../outside/secret.png\n",
        "a path from the root": b"/etc/passwd\n",
        "a device": b"/dev/zero\n",
        "a named pipe": b"pipe.png\n",
        "a link outside": b"link.png\n",
        "a null character": b"images/train/1.png\0x\n",
        "an escape": b"\x1b[2J.png\n",
        "a turn": "a\u202egnp.png\n".encode(),
        "no UTF-8": b"\xff\xfe.png\n",
        "UTF-16": "images/train/1.png\n".encode("utf-16"),
        "200,000 lines of one": b"images/train/1.png\n" * 200_000,
        "200,000 lines of nothing": b"x.png\n" * 200_000,
        "200,000 lines apart": b"".join(b"n%d.png\n" % n for n in range(200_000)),
        "a line of 10 MB": b"x" * 10_000_000 + b"\n",
        "a megabyte of blanks": b" " * 1_000_000 + b"\n" * 100_000,
        "nothing": b"",
        "itself": b"list.txt\n",
        "carriage returns": b"images/train/1.png\rverified\r",
        "a hundred steps": b"../" * 100 + b"etc/passwd\n",
        "a home": b"~root/x.png\n",
    }
    for name, text in texts.items():
        for split in ("train", "val"):
            yield HostileFile(
                name=f"list of {split}: {name}",
                kind="list",
                write=lambda place, text=text, split=split: _list(place, text, split),
                ways=ways if split == "train" else {"check-data": ways["check-data"]},
                expect="either",
            )
    for name, put in special_objects().items():
        yield HostileFile(
            name=f"list: {name}",
            kind="list",
            write=lambda place, put=put: put(_list(place, b"", "train"), place),
            ways=ways,
        )


def split_files(stock: Stock) -> Iterator[HostileFile]:
    """What can stand where a file says which split each image is in."""
    ways = of_data(stock, DATA_SET, ("check-data", "train", "evaluate"))
    head = b"split,image\n"
    texts: dict[str, bytes] = {
        "a step up": head + b"train,../../outside/secret.png\n",
        "a path of a device": head + b"train,/dev/zero\n",
        "a null character": head + b"train,images/train/1.png\0x\n",
        "an escape": head + b"train,\x1b[2J.png\n",
        "a split with an escape": head + b"\x1b[2J,images/train/1.png\n",
        "a turn": head + "train,a\u202egnp.png\n".encode(),
        "no UTF-8": b"\xff\xfe.png\n",
        "UTF-16": "split,image\ntrain,images/train/1.png\n".encode("utf-16"),
        "200,000 lines of one": head + b"train,images/train/1.png\n" * 200_000,
        "200,000 lines apart": head + b"".join(b"val,n%d.png\n" % n for n in range(200_000)),
        "a field of 10 MB": head + b"train," + b"x" * 10_000_000 + b"\n",
        "a head of 10 MB": b"split,image," + b"x" * 10_000_000 + b"\n",
        "an open quote": head + b'train,"' + b"x\n" * 10_000,
        "200,000 columns": head + b"train" + b",x" * 200_000 + b"\n",
        "nothing": b"",
        "one head": head,
    }
    for name, text in texts.items():
        yield HostileFile(
            name=f"file of splits: {name}",
            kind="list",
            write=lambda place, text=text: _split_file(place, text),
            ways=ways,
        )
    for name, put in special_objects().items():
        yield HostileFile(
            name=f"file of splits: {name}",
            kind="list",
            write=lambda place, put=put: put(_split_file(place, b""), place),
            ways=ways,
        )


def _split_file(place: Place, text: bytes) -> Path:
    root = data_set(place, f"{SPLITS}{NAMES}splits: splits.csv\n".encode())
    (root / "splits.csv").write_bytes(text)
    return root / "splits.csv"


def _list(place: Place, text: bytes, split: str) -> Path:
    other = "val" if split == "train" else "train"
    lines = f"{split}: list.txt\n{other}: images/{other}\n{NAMES}"
    root = data_set(place, lines.encode())
    os.mkfifo(root / "pipe.png")
    (root / "link.png").symlink_to(place.outside / "secret.png")
    (root / "list.txt").write_bytes(text)
    return root / "list.txt"


def other_data(stock: Stock) -> Iterator[HostileFile]:
    """What `check-data` is given that is no data set at all."""
    ways = {
        "check-data": way("check-data", brought("x")),
        "evaluate": lambda place: [
            *("evaluate", str(stock.bundle), "--data", str(place.brought / "x")),
            *("--out", str(place.out / "s.json")),
        ],
        "plan": way("plan", "--data", brought("x"), "--run", out("run")),
    }
    for name, data in {
        "a pickle": b"\x80\x04\x8c\x05posix\x94.",
        "a script": b"#!/bin/sh\ntouch it-ran\n",
        "a zip": b"PK\x03\x04" + bytes(300),
        **{f"a zip with {name}": data for name, data in hostile_zips().items()},
        "an annotation of COCO": b'{"images": [' + b"[" * 5_000,
        "nothing": b"",
    }.items():
        yield HostileFile(
            name=f"data that is {name}",
            kind="data file",
            write=lambda place, data=data: (place.brought / "x").write_bytes(data),
            ways=ways,
        )
    for name, put in special_objects().items():
        if name == "a link outside":
            continue  # whoever types the name of a link means what it leads to
        yield HostileFile(
            name=f"data that is {name}",
            kind="data file",
            write=lambda place, put=put: put(place.brought / "x", place),
            ways=ways,
            expect="either",
        )
    deep = {
        "a nest of 300 folders": lambda place: _nest(place, 300),
        "links that go round": _round,
        "a folder of 20,000 files": lambda place: _many(place, 20_000),
    }
    for name, write in deep.items():
        yield HostileFile(
            name=f"data that is {name}", kind="data file", write=write, ways=ways, expect="either"
        )


def _nest(place: Place, depth: int) -> None:
    path = place.brought / "x" / "images"
    for _ in range(depth):
        path = path / "a"
    path.mkdir(parents=True)
    (place.brought / "x" / "data.yaml").write_text(f"train: images\n{NAMES}")


def _round(place: Place) -> None:
    root = place.brought / "x"
    (root / "images" / "train").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (root / "images" / "train" / name).symlink_to(root / "images")
    (root / "data.yaml").write_text(f"train: images\n{NAMES}")


def _many(place: Place, count: int) -> None:
    root = place.brought / "x"
    root.mkdir()
    for number in range(count):
        (root / f"{number}.txt").touch()
