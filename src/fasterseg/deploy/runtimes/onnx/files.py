"""ONNX files: written with a card and a seal; read, of unknown origin, if they are plain."""

from __future__ import annotations

from pathlib import Path

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.exporting.export import export_network, require_onnx
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes.onnx.graphs import parsed, plain_graph, texts_of
from fasterseg.deploy.runtimes.onnx.tensorrt_graphs import fitted
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.untrusted.claims import require_true
from fasterseg.deploy.runtimes.untrusted.trials import require_runs
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain
from fasterseg.durable import durable_write
from fasterseg.errors import FileError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.network.network import WholeJob

SEAL_KEY = f"{METADATA_KEY}.seal"
MOST_BYTES = 320 << 20


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a job as an ONNX file."""
    durable_write(path, sealed_model(graph_of(job, form), card))


def graph_of(job: WholeJob, form: ExportForm) -> bytes:
    """The ONNX model of a job, without a card: in int8 the very one that was chosen."""
    if form.quantised is not None:
        return bytes(form.quantised.model)
    model = export_network(job, form.size or form.example_size, any_size=form.size is None)
    return fitted(model) if form.for_engine else model


def sealed_model(model: bytes, card: ExportedCard) -> bytes:
    """A model with a card and its seal in its metadata, in place of those that it has."""
    import onnx

    carrying = onnx.ModelProto.FromString(model)
    del carrying.metadata_props[:]
    for key, text in ((METADATA_KEY, card.to_text()), (SEAL_KEY, BLANK_SEAL)):
        carrying.metadata_props.add(key=key, value=text)
    return sealed(bytes(carrying.SerializeToString()))


def read(path: Path, running: Running, *, runtime: str) -> tuple[bytes, ExportedCard]:
    """The model's bytes and its card, which a runtime has been seen to run as it says it does.

    Raises `FileError` for a file that is no ONNX model, that is none of a plain network, of which
    its card is not true, or that does not run.
    """
    data, card = looked_at(path)
    if digest_of_bytes(data) != running.made_here:
        require_runs([path], [data], card, runtime=runtime, threads=running.threads)
    return data, card


def looked_at(path: Path) -> tuple[bytes, ExportedCard]:
    """The model's bytes and its card, of which all is true that can be seen without running it.

    Raises `FileError` as `read` does.
    """
    require_onnx()
    data = _bytes(path)
    has_seal = check_seal(data, str(path))
    try:
        model = parsed(data)
        graph, texts = plain_graph(model), texts_of(model)
        card = ExportedCard.from_text(texts.get(METADATA_KEY), where=str(path), has_seal=has_seal)
        require_true(card, graph)
    except NotPlain as error:
        raise _refused(path, str(error)) from error
    return data, card


def _bytes(path: Path) -> bytes:
    try:
        return bytes_of(path, most_bytes=MOST_BYTES)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _refused(path: Path, why: str) -> FileError:
    return FileError(
        "cannot read this ONNX file",
        where=str(path),
        why=why,
        next_step="fasterseg export MODEL --format onnx --out FILE",
    )
