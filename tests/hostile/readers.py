"""The readers that are fuzzed: what each begins with, how that is changed, how it is called."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import mutating as by
from case import Place
from odd_exports import resealed_export
from stock import Stock

from fasterseg.deploy.exporting.seals import MARK, sealed


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader to be fuzzed: what it begins with, how inputs are changed, and how it is called."""

    name: str
    seeds: Callable[[Stock], Sequence[bytes]]
    mutations: Sequence[by.Mutate]
    call: Callable[[bytes, Place, Stock], object]
    refusals: tuple[type[Exception], ...] = ()


def _written(name: str, data: bytes, place: Place) -> Path:
    path = place.brought / name
    path.write_bytes(data)
    return path


def _load_json(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.foreign.strict_json import load_json

    load_json(data)


def _load_yaml(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.foreign.strict_yaml import load_yaml

    load_yaml(data)


def _recipe(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.config import build_recipe

    build_recipe(_written("r.yaml", data, place))


def _override(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.config import build_recipe

    build_recipe(None, overrides=(os.fsdecode(data).replace("\0", ""),))


def _data_file(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.data_files.reading import read_data_file

    read_data_file(_written("data.yaml", data, place))


def _data_set(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.opening import open_data

    root = place.brought / "data"
    if not root.exists():
        stock.copy(stock.data, root)
    (root / "data.yaml").write_bytes(data)
    open_data(root)


def _list(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.opening import open_data

    root = place.brought / "listed"
    if not root.exists():
        stock.copy(stock.data, root)
        text = (root / "data.yaml").read_text()
        (root / "data.yaml").write_text(text.replace("train: images/train", "train: list.txt"))
    (root / "list.txt").write_bytes(data)
    open_data(root)


def _split_file(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.opening import open_files

    root = place.brought / "divided"
    if not root.exists():
        stock.copy(stock.data, root)
        with (root / "data.yaml").open("a") as file:
            file.write("splits: splits.csv\n")
    (root / "splits.csv").write_bytes(data)
    open_files(root)


def _tensors(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.network.foreign_files import read_tensors

    read_tensors(_written("x.pt", data, place))


def _numbers(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.network.foreign_files import read_numbers
    from fasterseg.network.official_table import official_table

    official_table(read_numbers(_written("x.npy", data, place)), where="x.npy")


def _import(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.network.foreign_files import read_tensors
    from fasterseg.network.official import decode, read_logits

    decode(read_logits(read_tensors(_written("x.pt", data, place)), where="x.pt"))


def _program(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.deploy.runtimes.programs import torch_program

    torch_program.read(_written("m.pt2", data, place))


def _pte(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.deploy.runtimes.executorch import files as executorch_files

    executorch_files.read(_written("m.pte", resealed_export(data), place))


def _onnx(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.deploy.runtimes.onnx import files as onnx_files

    onnx_files.looked_at(_written("m.onnx", resealed_export(data), place))


def _foreign_teacher(data: bytes, place: Place, stock: Stock) -> None:
    import foreign_teachers

    from fasterseg.datasets.data_files.teacher_card import TeacherCard
    from fasterseg.teaching.foreign_graph import looked_at

    looked_at(_written("m.onnx", data, place), TeacherCard.model_validate(foreign_teachers.CARD))


def _foreign_models(stock: Stock) -> list[bytes]:
    from foreign_teachers import foreign_model

    return [foreign_model().SerializeToString(), foreign_model((64, 96)).SerializeToString()]


def _teacher_card(data: bytes, place: Place, stock: Stock) -> None:
    from foreign_teachers import OURS

    from fasterseg.teaching.foreign import class_map_of, read_card

    path = _written("m.teacher.yaml", data, place)
    class_map_of(read_card(path), OURS, where=path, data="pictures")


def _teacher_cards(stock: Stock) -> list[bytes]:
    import yaml
    from foreign_teachers import CARD

    return [yaml.safe_dump(CARD, default_flow_style=flow).encode() for flow in (False, True)]


def _openvino(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.deploy.runtimes.openvino import files as openvino_files

    if not (place.brought / "m.bin").exists():
        stock.copy(stock.openvino.with_suffix(".bin"), place.brought / "m.bin")
    weights = (place.brought / "m.bin").read_bytes()
    whole = sealed(data, companions=[weights]) if data.count(MARK) == 1 else data
    openvino_files.looked_at(_written("m.xml", whole, place))


def _card(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.deploy.exporting.exported_card import ExportedCard

    ExportedCard.from_text(data.decode("utf-8", "surrogateescape"), where="m.onnx", has_seal=True)


def _image(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.decoding import decode

    decode(_written("a.png", data, place))


def _mask(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.masks.mask_reading import read_mask

    read_mask(_written("a.png", data, place))


def _log(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.events import EventLog

    _written("events.jsonl", data, place)
    log = EventLog(place.brought / "events.jsonl")
    log.events()
    log.damaged_lines()


def _journal(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.latency.entries_file import EntriesFile

    path = place.out / "entries.jsonl"
    path.write_bytes(data)
    EntriesFile(path).open({})


def _checked(data: bytes, place: Place, stock: Stock) -> None:
    """Lines of what was checked, each with the checksum that it should have."""
    from fasterseg.datasets.checking import checked_files
    from fasterseg.datasets.checking.seen import KeptLook

    path, (head, *lines) = place.out / "checked", data.split(b"\n")
    bodies = [line.partition(b" ")[2] for line in lines]
    sealed_lines = [checked_files._check(body) + b" " + body for body in bodies]
    path.write_bytes(b"\n".join([head, *sealed_lines]))
    found = checked_files.CheckedFiles(path, "0", place.brought)
    for known in found._known.values():
        KeptLook.of_line(known.seen)


def _measured(data: bytes, place: Place, stock: Stock) -> None:
    """What a device measured, with the digest that it should have."""
    import made_kits

    from fasterseg.artifacts import digest_of_value
    from fasterseg.kit.measured import read_measured

    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        if isinstance(document, dict):
            content = document.get("content")
            data = json.dumps({**document, "digest": digest_of_value(content)}).encode()
    read_measured(_written("measured.json", data, place), made_kits.manifest())


def _measured_seeds(stock: Stock) -> Sequence[bytes]:
    import made_kits

    path = stock.root / "measured.json"
    return [made_kits.as_written(made_kits.measured(), path).read_bytes()]


def _camvid_file(name: str, data: bytes, place: Place, stock: Stock) -> None:
    from published_trees import camvid_full_tree

    from fasterseg.datasets.opening import open_data

    root = place.brought / "camvid"
    if not root.exists():
        camvid_full_tree(root, size=(32, 32), lists=True)
    (root / name).write_bytes(data)
    open_data(root)


def _tool_file(form: str, name: str, data: bytes, place: Place, stock: Stock) -> None:
    import tool_sets

    from fasterseg.datasets.opening import open_data

    root = place.brought / form
    if not root.exists():
        made = {"default": ["a"]} if form == "cvat_set" else {"train": 1}
        listed = {"train": ["a"]} if form == "paddle_set" else made
        getattr(tool_sets, form)(root, listed)
    (root / name).write_bytes(data)
    open_data(root)


def _data_zip(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.datasets.opening import open_data

    os.environ["FASTERSEG_CACHE"] = str(place.out / "cache")
    open_data(_written("photos.zip", data, place))


def _zips_of_data(stock: Stock) -> list[bytes]:
    import shutil

    folder = Path(tempfile.mkdtemp(dir=stock.root))
    return [Path(shutil.make_archive(str(folder / "photos"), "zip", stock.data)).read_bytes()]


def _artifact(kind: str, data: bytes, place: Place, stock: Stock) -> None:
    import fasterseg

    getattr(fasterseg, kind).load(_written("a.json", data, place))


def _bundle_file(file: str, data: bytes, place: Place, stock: Stock) -> None:
    from of_bundles import reseal_bundle

    from fasterseg.baselines.catalogue import BASELINES
    from fasterseg.network.bundle import ModelBundle

    folder = place.brought / f"bundle-{file}"
    if not folder.exists():
        stock.copy(stock.bundle, folder)
    (folder / file).write_bytes(data)
    if file != "manifest.json":
        reseal_bundle(folder)
    bundle = ModelBundle.load(folder)
    bundle.card.describe()
    bundle.network(baselines=BASELINES)


def _of_polygons(form: str, file: str, data: bytes, place: Place, stock: Stock) -> None:
    from of_polygons import SETS

    from fasterseg.datasets.opening import open_data

    root = place.brought / form
    for name, content in {**SETS[form], file: data}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    open_data(root)


def _set_of(form: str) -> dict[str, bytes]:
    from of_polygons import SETS

    return SETS[form]


def _polygons(stock: Stock) -> list[bytes]:
    from of_polygons import COCO, COCO_PACKED

    return [COCO, COCO_PACKED]


def _zip(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.foreign.strict_zip import read_zip

    found = read_zip(data)
    for name in found.members:
        found.read(name)


def _checkpoint(data: bytes, place: Place, stock: Stock) -> None:
    from fasterseg.checkpoints import load_checkpoint

    folder = place.brought / "checkpoints" / "step-000000001"
    if not folder.exists():
        from of_logs import forge_checkpoint

        folder.mkdir(parents=True)
        forge_checkpoint(folder, 1, {}, place)
    (folder / "manifest.json").write_bytes(data)
    load_checkpoint(folder.parent, warn=lambda _: None)


def _one(path: Callable[[Stock], Path]) -> Callable[[Stock], list[bytes]]:
    return lambda stock: [path(stock).read_bytes()]


def _run_jsons(stock: Stock) -> list[bytes]:
    return [path.read_bytes() for path in sorted(stock.run.rglob("*.json"))]


def _card_of(stock: Stock) -> list[bytes]:
    import onnx

    model = onnx.ModelProto.FromString(stock.onnx.read_bytes())
    return [one.value.encode() for one in model.metadata_props if one.key == "fasterseg"]


def _ptes(stock: Stock) -> list[bytes]:
    from fake_executorch import pte

    from fasterseg.deploy.exporting.exported_card import ExportedCard
    from fasterseg.deploy.runtimes.executorch.files import with_card

    (text,) = _card_of(stock)
    return [with_card(pte(), ExportedCard.from_text(text.decode(), where="m", has_seal=True))]


def _pictures(stock: Stock) -> list[bytes]:
    from image_zoo import zoo

    folder = Path(tempfile.mkdtemp(dir=stock.root))
    found = []
    for index, animal in enumerate(zoo()):
        if animal.holds is not None and animal.role == "image":
            path = folder / str(index)
            animal.put(path)
            found.append(path.read_bytes())
    return found


def _masks(stock: Stock) -> list[bytes]:
    from zoo_encoders import classes, ids, png, saved

    return [png(ids()), png(classes(), bits=2), saved(ids(), "TIFF"), saved(ids(), "BMP")]


def _data_files(stock: Stock) -> list[bytes]:
    from of_data_files import ODD_KEYS

    odd = [text.encode("utf-8", "surrogatepass") for text in ODD_KEYS.values() if len(text) < 2_000]
    return [(stock.data / "data.yaml").read_bytes(), *odd]


def _overrides(stock: Stock) -> list[bytes]:
    from of_recipes import VALUES

    return [f"{key}={value}".encode() for key, value in VALUES.values() if len(value) < 2_000]


def _recipes(stock: Stock) -> list[bytes]:
    from of_recipes import TEXTS

    return [stock.recipe.read_bytes(), *(text for text in TEXTS.values() if len(text) < 2_000)]


def _pickles(stock: Stock) -> list[bytes]:
    from of_official import DATA, opcodes, torch_zip

    few = [torch_zip(code) for code in opcodes().values() if len(code) < 2_000]
    return [(DATA / "arch_1.pt").read_bytes(), (DATA / "arch_0.pt").read_bytes(), *few]


def _tables(stock: Stock) -> list[bytes]:
    from of_official import TABLE, npy_head, opcodes

    few = [npy_head() + code for code in opcodes().values() if len(code) < 2_000]
    return [TABLE.read_bytes()[:20_000], *few]


def _zip_pickles(data: bytes, dice: Random) -> bytes:
    return by.by_records(data, dice, by.by_opcodes)


def _xml(data: bytes, dice: Random) -> bytes:
    return by.by_lines(data, dice)


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "strict_json",
            _run_jsons,
            (by.by_values, by.by_bytes, by.by_lines),
            _load_json,
            (ValueError,),
        ),
        Reader("strict_yaml", _recipes, (by.by_lines, by.by_bytes), _load_yaml, (ValueError,)),
        Reader("recipe", _recipes, (by.by_lines, by.by_bytes), _recipe),
        Reader("measured", _measured_seeds, (by.by_values, by.by_bytes, by.by_lines), _measured),
        Reader("set", _overrides, (by.by_bytes,), _override),
        Reader("data_yaml", _data_files, (by.by_lines, by.by_bytes), _data_file),
        Reader("data_set", _data_files, (by.by_lines, by.by_bytes), _data_set),
        Reader(
            "list",
            lambda _: [b"images/train/0.png\nimages/train/1.png\n"],
            (by.by_lines, by.by_bytes),
            _list,
        ),
        Reader(
            "split_file",
            lambda _: [
                b'split,image,recording\ntrain,images/train/0.png,rec 1\nunused,"a,b.png",\n',
                b"split;image\r\nval;images/val/0.png\r\n",
            ],
            (by.by_lines, by.by_bytes),
            _split_file,
        ),
        Reader(
            "coco",
            _polygons,
            (by.by_values, by.by_bytes, by.by_lines),
            partial(_of_polygons, "coco", "annotations/instances_default.json"),
        ),
        *(
            Reader(
                form,
                lambda _, form=form, file=file: [_set_of(form)[file]],
                mutations,
                partial(_of_polygons, form, file),
            )
            for form, file, mutations in (
                ("labelme", "a.json", (by.by_values, by.by_bytes, by.by_lines)),
                ("yolo", "labels/train/a.txt", (by.by_bytes, by.by_lines)),
            )
        ),
        *(
            Reader(
                f"camvid-{name}",
                lambda _, seed=seed: [seed],
                (by.by_lines, by.by_bytes),
                partial(_camvid_file, name),
            )
            for name, seed in {
                "label_colors.txt": b"64 128 64\tAnimal\n192 0 128\tArchway\n0 0 0\t\tVoid\n",
                "train.txt": b"/SegNet/CamVid/train/0006R0_f00930.png /SegNet/a/b.png\n",
            }.items()
        ),
        *(
            Reader(
                f"{form}-{Path(name).name}",
                lambda _, seed=seed: [seed],
                (by.by_lines, by.by_bytes),
                partial(_tool_file, form, name),
            )
            for form, name, seed in (
                ("cvat_set", "labelmap.txt", b"# label:color_rgb:parts:actions\nroad:0,0,0::\n"),
                ("cvat_set", "ImageSets/Segmentation/default.txt", b"a\n"),
                ("roboflow_set", "train/_classes.csv", b"Pixel Value, Class\n0, background\n"),
                ("paddle_set", "train.txt", b"images/a.jpg annotations/a_gt.png\n"),
                ("ade20k_set", "objectInfo150.txt", b"Idx\tRatio\tName\n1\t0.1\twall, walls\n"),
            )
        ),
        Reader("data_zip", _zips_of_data, (by.by_records, by.by_bytes), _data_zip),
        Reader(
            "checked",
            lambda _: [
                b"fasterseg.checked/1 0\n"
                b"x 936b8a789e0a68e48cd6bcfc66535e36 32 64 1 2 3 4 5 6 -\n"
                b'x 8cd6bcfc66535e3632940e0013a28cd6 32 64 1 2 3 4 5 6 {"hash":"%s",'
                b'"values":{"0":4},"interpreted":["DEEP"],"depth":[0,1,2]}\n' % (b"a" * 64)
            ],
            (by.by_lines, by.by_bytes),
            _checked,
        ),
        Reader("opcodes", _pickles, (_zip_pickles, by.by_opcodes, by.by_bytes), _tensors),
        Reader("official_table", _tables, (by.by_opcodes, by.by_bytes), _numbers),
        Reader("official_arch", _pickles, (_zip_pickles, by.by_bytes), _import),
        Reader("pt2", _one(lambda s: s.program), (by.by_records, by.by_bytes), _program),
        Reader("pte", _ptes, (by.by_bytes,), _pte),
        Reader("onnx", _one(lambda s: s.onnx), (by.by_fields, by.by_bytes), _onnx),
        Reader("teacher", _foreign_models, (by.by_fields, by.by_bytes), _foreign_teacher),
        Reader("teacher_card", _teacher_cards, (by.by_lines, by.by_bytes), _teacher_card),
        Reader("openvino", _one(lambda s: s.openvino), (_xml, by.by_bytes), _openvino),
        Reader("card", _card_of, (by.by_values, by.by_bytes), _card),
        Reader("image", _pictures, (by.by_chunks, by.by_bytes), _image),
        Reader("mask", _masks, (by.by_chunks, by.by_bytes), _mask),
        Reader(
            "log",
            _one(lambda s: s.run / "search/cosearch/events.jsonl"),
            (by.by_lines, by.by_bytes),
            _log,
        ),
        Reader(
            "journal",
            lambda _: [b'{"conditions": {}, "check": "x"}\n'],
            (by.by_lines, by.by_values, by.by_bytes),
            _journal,
        ),
        Reader(
            "table",
            _one(lambda s: s.run / "latency/table.json"),
            (by.by_values, by.by_bytes),
            partial(_artifact, "LatencyTable"),
        ),
        Reader(
            "architecture",
            _one(lambda s: s.architecture),
            (by.by_values, by.by_bytes),
            partial(_artifact, "Architecture"),
        ),
        Reader(
            "stored_recipe",
            _one(lambda s: s.run / "recipe.json"),
            (by.by_values, by.by_bytes),
            partial(_artifact, "Recipe"),
        ),
        *(
            Reader(
                f"bundle-{file}",
                _one(lambda s, file=file: s.bundle / file),
                mutations,
                partial(_bundle_file, file),
            )
            for file, mutations in {
                "card.json": (by.by_values, by.by_bytes),
                "description.json": (by.by_values, by.by_bytes),
                "manifest.json": (by.by_values, by.by_bytes),
                "weights.safetensors": (by.by_header, by.by_bytes),
            }.items()
        ),
        Reader(
            "checkpoint",
            lambda _: [
                b'{"schema": "fasterseg/checkpoint/1", "step": 1, "digest": "x", '
                b'"files": {"values.json": "sha256:0"}}'
            ],
            (by.by_values, by.by_bytes),
            _checkpoint,
        ),
        Reader(
            "zip",
            lambda s: [s.program.read_bytes(), *_pickles(s)[:4]],
            (by.by_records, by.by_bytes),
            _zip,
            (ValueError,),
        ),
    )
}
