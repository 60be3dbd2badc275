"""A made-up runtime and its files: ONNX Runtime under another name, as one module and its rows."""

from __future__ import annotations

from pathlib import Path

from fasterseg.config import Runtime
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.format_table import Format
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.onnx.cpu import OnnxGraph, OnnxRuntimeBackend
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.network.network import WholeJob

RUNTIME = Runtime(
    name="twin",
    module="twin_runtime",
    distributions=("twin_runtime", "onnxruntime"),
    extra="twin",
    loads=("onnx", "twin"),
    ships_as="twin",
    shows_peak=True,
)
FORMAT = Format("twin", ".twin", writer="twin_runtime:write")


class TwinGraph(OnnxGraph):
    """A graph that says whose it is."""

    def facts(self) -> dict[str, str]:
        """What ONNX Runtime says, under the other name."""
        return {**super().facts(), "runtime": "twin"}


class TwinBackend(OnnxRuntimeBackend):
    """A backend of such graphs."""

    def open_graph(self, model: bytes) -> TwinGraph:
        """A model, ready to run."""
        return TwinGraph(model, self._session(model))

    def versions(self) -> dict[str, str]:
        """What tells its latencies from ONNX Runtime's."""
        return {"twin": "1"}


def open_backend(running: Running, tail: Tail | None) -> TwinBackend:
    """See `sessions.Opener`."""
    return TwinBackend(threads=running.threads, tail=tail)


def open_file(path: Path, running: Running) -> tuple[TwinGraph, ExportedCard]:
    """See `sessions.Opener`."""
    data, card = onnx_files.read(path, running, runtime="onnxruntime")
    return open_backend(running, None).open_graph(data), card


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """A file of the made-up format, which is an ONNX file."""
    onnx_files.write(job, card, form, path)
