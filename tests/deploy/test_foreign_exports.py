"""Exported files of unknown origin are refused in a few lines, and nothing in them runs."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import helper
from tiny_export import FORM, evidence, faithful, origin

from fasterseg.deploy.exporting.exported_card import METADATA_KEY
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import FileError, UsageError


class Marks:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return (Path.touch, (self.path,))


def altered(change: Callable[[onnx.ModelProto], None]) -> bytes:
    """The good file with a change."""
    model = onnx.ModelProto.FromString(faithful())
    change(model)
    return bytes(model.SerializeToString())


def with_weights_elsewhere(model: onnx.ModelProto) -> None:
    """Its first weight lies in a file outside."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


def with_weights_elsewhere_in_a_node(model: onnx.ModelProto) -> None:
    """A constant of a node lies in a file outside."""
    tensor = onnx.TensorProto(name="far", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["far"], value=tensor))


def with_own_operator(model: onnx.ModelProto) -> None:
    """An operator of a library that would have to be loaded."""
    model.graph.node.append(helper.make_node("Run", ["image"], ["x"], domain="com.example"))


def with_odd_card(text: str) -> Callable[[onnx.ModelProto], None]:
    """Another text in place of the card."""

    def change(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]
        model.metadata_props.add(key=METADATA_KEY, value=text)

    return change


ONNX_FILES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no model": lambda: b"\x80\x04never a model",
    "cut": lambda: faithful()[:-1000],
    "a pickle": lambda: pickle.dumps({"a": 1}),
    "weights elsewhere": lambda: altered(with_weights_elsewhere),
    "weights of a node elsewhere": lambda: altered(with_weights_elsewhere_in_a_node),
    "an operator of its own": lambda: altered(with_own_operator),
    "no card": lambda: altered(lambda model: model.metadata_props.pop() and None),
    "a card of another kind": lambda: altered(with_odd_card('{"schema": "x/1", "content": {}}')),
    "a card without classes": lambda: altered(
        with_odd_card('{"schema": "fasterseg/exported/1", "content": {"name": "x"}}')
    ),
    "a card that is no JSON": lambda: altered(with_odd_card("{{{{")),
    "a card nested without end": lambda: altered(with_odd_card("[" * 100_000)),
}


@pytest.mark.parametrize("name", ONNX_FILES)
def test_a_foreign_onnx_file_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "student.onnx"
    file.write_bytes(ONNX_FILES[name]())
    with pytest.raises(FileError) as caught:
        open_export(file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The good program."""
    path = tmp_path_factory.mktemp("program") / "student.pt2"
    ship(origin(), replace(FORM, format="torch"), path, evidence())
    return path


def rewritten(
    program: Path, folder: Path, change: Callable[[str, bytes], tuple[str, bytes]]
) -> Path:
    """The program's archive with changed members."""
    path = folder / "changed.pt2"
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return path


def test_a_program_holds_no_pickle_that_it_needs(program: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        for name in archive.namelist():
            if name.endswith("_config.json"):
                assert '"use_pickle": true' not in archive.read(name).decode()


def test_pickles_in_a_program_are_never_read(program: Path, tmp_path: Path) -> None:
    payload = pickle.dumps(Marks(tmp_path / "it-ran"))

    def sample(name: str, data: bytes) -> tuple[str, bytes]:
        return (name, payload) if "/sample_inputs/" in name else (name, data)

    def weight(name: str, data: bytes) -> tuple[str, bytes]:
        if name.endswith("weights_config.json"):
            config = json.loads(data)
            for entry in config["config"].values():
                entry["use_pickle"] = True
            return name, json.dumps(config).encode()
        return (name, payload) if "/data/weights/weight_" in name else (name, data)

    for change in (sample, weight):
        changed = rewritten(program, tmp_path, change)
        with pytest.raises(FileError):
            open_export(changed)
    added = rewritten(program, tmp_path, lambda name, data: (name, data))
    with zipfile.ZipFile(added, "a") as archive:
        archive.writestr("student/data/constants/opaque_obj_0", payload)
    with pytest.raises(FileError):
        open_export(added)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not an archive"])
def test_a_broken_program_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "student.pt2"
    file.write_bytes(content)
    with pytest.raises(FileError):
        open_export(file)


def test_a_broken_openvino_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    file = tmp_path / "student.xml"
    file.write_text("<net>")
    with pytest.raises(FileError):
        open_export(file)


def test_a_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "student.tflite"
    file.write_bytes(b"")
    with pytest.raises(UsageError, match=r"student\.tflite"):
        open_export(file)
