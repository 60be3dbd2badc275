"""An exported file notices every change to itself and to what lies beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tiny_export import FORM, faithful, origin, read_back

from fasterseg.deploy.exporting.exported_card import METADATA_KEY, UnsealedCard
from fasterseg.deploy.exporting.formats import files_of
from fasterseg.deploy.exporting.seals import BLANK_SEAL, MARK, sealed
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.openvino import files as openvino_files
from fasterseg.deploy.runtimes.programs import torch_program
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.tensorrt import runtime as tensorrt
from fasterseg.deploy.shipping.verification import statements
from fasterseg.deploy.shipping.verified_export import write_files
from fasterseg.errors import EnvironmentFault, FileError

FLIPS = 300
Files = dict[str, bytes]


@cache
def written(kind: str) -> Files:
    """A good file of a kind, and what lies beside it."""
    if kind == "tensorrt":
        engine = b"an engine " * 100
        text = origin().card_like(FORM).to_text(seal=BLANK_SEAL).encode()
        return {"s.engine": engine, "s.json": sealed(text, companions=[engine])}
    if kind == "onnx":
        return {"s.onnx": faithful()}
    if kind == "openvino":
        pytest.importorskip(kind, reason="the extra 'openvino' is not installed")
    form = replace(FORM, format=kind)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"s{form.row.suffix}"
        write_files(origin().predictor.network, origin().card_like(form), form, path)
        return {file.name: file.read_bytes() for file in files_of(path)}


READERS: dict[str, Callable[[Path], object]] = {
    "onnx": onnx_files.looked_at,
    "openvino": openvino_files.looked_at,
    "torch": torch_program.read,
    "tensorrt": lambda path: tensorrt.open_file(path, Running()),
}


def flipped(files: Files, seed: int) -> Iterator[Files]:
    """The files with one bit changed: of each a share, and all around the seal and the card."""
    generator = random.Random(seed)
    total = sum(map(len, files.values()))
    for _ in range(FLIPS):
        place = generator.randrange(total)
        for name, data in files.items():
            if place < len(data):
                if generator.random() < 0.1 and (mark := data.find(MARK)) >= 0:
                    place = generator.randrange(mark - 20, min(mark + 110, len(data)))
                changed = bytearray(data)
                changed[place] ^= 1 << generator.randrange(8)
                yield {**files, name: bytes(changed)}
                break
            place -= len(data)


@pytest.mark.parametrize("kind", READERS)
def test_every_flip_is_noticed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / next(iter(written(kind)))
    for files in flipped(written(kind), 1):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        with pytest.raises(FileError) as caught:
            READERS[kind](path)
        assert len(str(caught.value).splitlines()) <= 4


@pytest.mark.parametrize("kind", READERS)
def test_what_was_not_changed_is_read(kind: str, tmp_path: Path) -> None:
    for name, data in written(kind).items():
        (tmp_path / name).write_bytes(data)
    path = tmp_path / next(iter(written(kind)))
    if kind == "tensorrt":
        with pytest.raises(EnvironmentFault, match="TensorRT"):
            READERS[kind](path)
    else:
        READERS[kind](path)


def test_a_file_of_the_time_before_is_read_and_known_as_unsealed(tmp_path: Path) -> None:
    import onnx

    earlier = UnsealedCard(**origin().card_like(FORM).model_dump())
    model = onnx.ModelProto.FromString(faithful())
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=earlier.to_text())
    file = tmp_path / "s.onnx"
    file.write_bytes(model.SerializeToString())
    _, card = open_export(file)
    assert not card.is_sealed
    assert card == earlier
    told = [one.describe() for one in statements(replace(read_back(faithful()), card=card))]
    assert any("seal: none" in line for line in told)
