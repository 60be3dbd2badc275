"""A trained network on a target: one exported file, written, verified, opened and scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.config import runtime_named
from fasterseg.deploy.exporting.formats import ExportForm, graph_output
from fasterseg.deploy.runtimes.backends import running_on
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Backend, Running, Session
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.verification import Evidence
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import FileError
from fasterseg.evaluation import evaluate_predictor
from fasterseg.events import Progress, silent
from fasterseg.latency.table import Target
from fasterseg.network.network import WholeJob


@dataclass(frozen=True, slots=True)
class Deployed:
    """A network's session on the target.

    `mean_iou` is its own score, None where the images do not have the target's size.
    """

    session: Session
    mean_iou: float | None


def deploy(
    origin: Origin,
    evidence: Evidence,
    target: Target,
    file: Path,
    *,
    backend: Backend,
    progress: Progress = silent,
) -> Deployed:
    """Export a network for a target, and verify, open and score what stands in that file.

    Where the runtime takes the network as it is, there is no file, and `backend` opens it.  Raises
    `VerificationError` where the file is not what the network is.
    """
    form = export_form(target)
    if form is None:
        return _as_it_is(origin, evidence, target, backend, progress)
    return _shipped(origin, evidence, running_on(target), form, file, progress)


def deploy_for(
    origin: Origin,
    evidence: Evidence,
    target: Target,
    file: Path,
    *,
    progress: Progress = silent,
) -> Deployed:
    """As `deploy`, for a target that is another host's: an ONNX file, verified and scored here.

    What runs there is that very file; ONNX Runtime runs it here.
    """
    return _shipped(origin, evidence, running_here(target), form_for(target), file, progress)


def form_for(target: Target) -> ExportForm:
    """What a network is exported to for a target that is another host's."""
    size, runtime = target.geometry.size, runtime_named(target.backend)
    return ExportForm(
        "onnx",
        size,
        size,
        precision=runtime.written_in(target.precision),
        for_engine=target.backend == "tensorrt",
    )


def running_here(target: Target) -> Running:
    """How a file that is for another host is run on this machine."""
    return Running("onnxruntime", target.threads)


def _shipped(
    origin: Origin,
    evidence: Evidence,
    running: Running,
    form: ExportForm,
    file: Path,
    progress: Progress,
) -> Deployed:
    """The session of the very file that was written and verified, and that file's score."""
    path = file.with_suffix(form.row.suffix)
    report = ship(origin, form, path, evidence, running=running, progress=progress)
    session, _ = open_export(path, replace(running, made_here=report.file_digest))
    if session.digest != report.file_digest:
        raise FileError(
            "the exported file changed after it was verified",
            where=str(path),
            why="it does not have the digest that was verified",
            next_step="run the command again",
        )
    return Deployed(session, report.verification.mean_iou)


def export_form(target: Target) -> ExportForm | None:
    """What a network is exported to for a target; None where it runs as it is, from no file."""
    kind = runtime_named(target.backend).ships_as
    if kind is None:
        return None
    size, wanted = target.geometry.size, target.precision
    written = runtime_named(target.backend).written_in(wanted)
    form = ExportForm(kind, size, size, graph_output(target.tail), written)
    form = form if written == wanted else replace(form, computes_in=wanted)
    return replace(form, gpu=target.device) if target.device.startswith("cuda") else form


def _as_it_is(
    origin: Origin, evidence: Evidence, target: Target, backend: Backend, progress: Progress
) -> Deployed:
    """The network where its runtime takes it as it is, as PyTorch does: there is no file."""
    card = origin.bundle.card
    network, grey = origin.predictor.network, card.reading.is_grey
    job = WholeJob(network, card.mean, card.std, output=graph_output(target.tail), grey=grey).eval()
    session = backend.open_network(job, target.geometry.size)
    assert evidence.source is not None
    report = evaluate_predictor(
        session.run, evidence.source, evidence.split, subject=origin.name, progress=progress
    )
    return Deployed(session, report.mean_iou)
