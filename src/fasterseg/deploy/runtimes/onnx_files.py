"""ONNX files: written with a card, and read, of unknown origin: one file of standard operators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.artifacts import durable_write
from fasterseg.deploy.exporting.export import export_network, require_onnx
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.errors import FileError
from fasterseg.network.network import WholeJob
from fasterseg.opened_files import bytes_of

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

SEAL_KEY = f"{METADATA_KEY}.seal"
MOST_BYTES = 1 << 30
STANDARD = ("", "ai.onnx")


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a job as an ONNX file."""
    durable_write(path, sealed_model(graph_of(job, form), card))


def graph_of(job: WholeJob, form: ExportForm) -> bytes:
    """The ONNX model of a job, without a card."""
    return export_network(job, form.size or form.example_size, any_size=form.size is None)


def sealed_model(model: bytes, card: ExportedCard) -> bytes:
    """A model with a card and its seal in its metadata, in place of those that it has."""
    import onnx

    carrying = onnx.ModelProto.FromString(model)
    del carrying.metadata_props[:]
    for key, text in ((METADATA_KEY, card.to_text()), (SEAL_KEY, BLANK_SEAL)):
        carrying.metadata_props.add(key=key, value=text)
    return sealed(bytes(carrying.SerializeToString()))


def read(path: Path) -> tuple[bytes, ExportedCard]:
    """The model's bytes and its card.

    Raises `FileError` for a file that is no ONNX model, that wants other files beside it, or that
    asks for operators from elsewhere.
    """
    require_onnx()
    import onnx

    data = _bytes(path)
    has_seal = check_seal(data, str(path))
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # what protobuf raises is not its public face
        raise _refused(path, "it is not an ONNX model, or only a part of one") from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise _refused(path, "its weights lie in other files, which are never opened")
    foreign = {n.domain for n in model.graph.node} - set(STANDARD)
    if foreign or model.functions:
        raise _refused(path, f"it has operators of its own: {', '.join(sorted(foreign)) or '...'}")
    texts = {entry.key: entry.value for entry in model.metadata_props}
    return data, ExportedCard.from_text(texts.get(METADATA_KEY), where=str(path), has_seal=has_seal)


def _bytes(path: Path) -> bytes:
    try:
        return bytes_of(path, most_bytes=MOST_BYTES)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _tensors(model: ModelProto) -> list[TensorProto]:
    inside = [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    return [*model.graph.initializer, *inside]


def _refused(path: Path, why: str) -> FileError:
    return FileError(
        "cannot read this ONNX file",
        where=str(path),
        why=why,
        next_step="fasterseg export MODEL --format onnx --out FILE",
    )
