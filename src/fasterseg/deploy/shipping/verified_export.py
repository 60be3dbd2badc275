"""Handing a network over: written, read back, verified, and only then given its name."""

from __future__ import annotations

import dataclasses
import os
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
from torch import nn

from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.exported_card import ExportedCard, whole_job
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.deploy.exporting.formats import ExportForm, digest_of_export, files_of
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.opening import open_export, runtimes_of, tail_for
from fasterseg.deploy.runtimes.quantisers import open_quantiser
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.tensorrt import runtime as tensorrt
from fasterseg.deploy.shipping.int8_search import Int8Evidence, Sessions, int8_of
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.report_places import (
    earlier_report,
    evidence_beside,
    report_beside,
    script_beside,
)
from fasterseg.deploy.shipping.tails import told_tail, write_tails
from fasterseg.deploy.shipping.verification import (
    Difference,
    Evidence,
    Subject,
    at_size,
    fits,
    verify,
)
from fasterseg.deploy.shipping.verification_report import ExportReport, VerificationReport
from fasterseg.deploy.tail.beside import beside, sources
from fasterseg.durable import durable_write, sync_folder, writing
from fasterseg.errors import FileError, UsageError, VerificationError
from fasterseg.events import Progress, silent
from fasterseg.network.segmentation import Segmentation, png_bytes
from fasterseg.scratch import alone_in, scratch_folder
from fasterseg.space.blocks import Size

DIFFERENT = np.array([255, 0, 0], dtype=np.uint8)


def ship(
    origin: Origin,
    form: ExportForm,
    path: Path,
    evidence: Evidence,
    *,
    running: Running | None = None,
    progress: Progress = silent,
    replace: bool = True,
) -> ExportReport:
    """Export a network to a file that exists only once it was verified; its report lies beside it.

    Raises `VerificationError` where it is not what the network is; then the file does not exist,
    and beside its place lie the report and a picture of the worst difference.  What cannot be
    written here raises `EnvironmentFault` with what is missing.  Without `replace`, `UsageError`
    where another process was faster.
    """
    form.require_possible()
    form, path, script = _buildable(form, path)
    if form.format == "tensorrt":
        running = dataclasses.replace(running or Running(), device=form.gpu)
    if form.precision == "int8":
        form = _in_int8(origin, form, path, evidence, running, progress)
    card = origin.card_like(form)
    with scratch_folder(path.parent, f".{path.name}.export") as folder:
        staged = folder / path.name
        with writing(path):
            write_files(origin.predictor.network, card, form, staged)
            tails = write_tails(staged, card)
        report, difference = _verified(origin, card, staged, path, evidence, running, progress)
        if not report.passed:
            raise _refused(path, report, difference, card)
        shipped = _report_of(form, path, staged, report, script)
        shipped = shipped.model_copy(
            update={"tail": told_tail(form.output, tails), "tail_files": tails}
        )
        shipped.save(report_beside(staged))
        _put_in_place(staged, path, replace=replace)
    if script is not None:
        tensorrt.write_script(script)
    return shipped


def _in_int8(
    origin: Origin,
    form: ExportForm,
    path: Path,
    evidence: Evidence,
    running: Running | None,
    progress: Progress,
) -> ExportForm:
    """The form with the model in int8 that the file will hold; raises as `int8_of` does."""
    by = evidence.int8
    plain = dataclasses.replace(form, precision="float32")
    card = origin.card_like(plain)
    if by is None or not fits(by.source, by.split, card):
        raise _nothing_to_judge_by(form, by)
    asked = running or Running()
    runtime = asked.runtime or runtimes_of(path)[0].name
    model = onnx_files.graph_of(whole_job(origin.predictor.network, card), plain)
    images = [_as_read(image, form.size)[None] for image in by.images]
    sessions = Sessions(
        open_quantiser(runtime, model, images, asked),
        form.output,
        tail_for(form.output, asked),
        whole=form.size is not None or form.resizes_to is not None,
    )
    found = int8_of(sessions, by, name=origin.name, progress=progress)
    return dataclasses.replace(form, quantised=found)


def _as_read(image: Pixels, size: Size | None) -> Pixels:
    return image if size is None else at_size(image, size)


def _nothing_to_judge_by(form: ExportForm, by: Int8Evidence | None) -> UsageError:
    lacking = "no labelled images were named"
    if by is not None:
        size = "any size" if form.size is None else f"{form.size.height}x{form.size.width}"
        lacking = f"{by.source.name} has other classes, or its images in {by.split} are not {size}"
    return UsageError(
        "a network in int8 takes labelled images of its size",
        where="--precision int8",
        why=f"its ranges come from training images, its score is held against that in float32, "
        f"and {lacking}",
        next_step="--data FOLDER, with the data that the model was trained on; --size as its "
        "images have it",
    )


def write_files(network: nn.Module, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a network in a form to `path`, and its companions beside it; nothing is checked."""
    form.require_possible()
    # TensorRT resizes without antialiasing; on a GPU, products of matrices cost little.
    by_products = form.for_engine or form.format == "tensorrt"
    job = whole_job(network, card, by_products=by_products)
    resolve_name(form.row.writer)(job, card, form, path)


def _report_of(
    form: ExportForm, path: Path, staged: Path, report: VerificationReport, script: Path | None
) -> ExportReport:
    size = "any size" if form.size is None else f"{form.size.height}x{form.size.width}"
    size += "" if form.resizes_to is None else f", seen at {form.resizes_to},"
    return ExportReport(
        file=str(path),
        file_digest=report.digest_of_file,
        kind=form.format,
        output=form.output,
        precision=form.precision,
        size=size,
        bytes=sum(file.stat().st_size for file in files_of(staged)),
        verification=report,
        script="" if script is None else str(script),
    )


def written_file(path: Path, format: str) -> Path:
    """The file that is written for a path: the graph in ONNX where no engine can be built."""
    if format == "tensorrt" and not tensorrt.is_installed():
        return path.with_suffix(FORMATS["onnx"].suffix)
    return path


def require_free(path: Path) -> None:
    """Raise `UsageError` where there is a file of this name already."""
    if path.exists():
        raise UsageError(
            "there is a file of this name already",
            where=str(path),
            next_step="choose another with --out, or add --overwrite",
        )


def _verified(
    origin: Origin,
    card: ExportedCard,
    staged: Path,
    path: Path,
    evidence: Evidence,
    running: Running | None,
    progress: Progress,
) -> tuple[VerificationReport, Difference | None]:
    # What this process has just written needs no trial before it is opened.
    made_here = dataclasses.replace(running or Running(), made_here=digest_of_export(staged))
    session, read_back = open_export(staged, made_here)
    subject = Subject(session, read_back, card, origin.predictor, path.name, origin.name, staged)
    return verify(subject, evidence, progress=progress)


def _buildable(form: ExportForm, path: Path) -> tuple[ExportForm, Path, Path | None]:
    """The form itself, or what stands in for an engine where none can be built: see `script`."""
    written = written_file(path, form.format)
    if written == path:
        return form, path, None
    graph = dataclasses.replace(form, format="onnx", for_engine=True)
    return graph, written, script_beside(path)


def _put_in_place(staged: Path, path: Path, *, replace: bool) -> None:
    """Rename a file and its companions; the file itself comes last, when all of it is there.

    One process at a time, so that no file ever stands beside the companions of another's.
    """
    companions = sorted(file for file in staged.parent.iterdir() if file != staged)
    with writing(path), alone_in(path.parent):
        if not replace:
            require_free(path)
        if len(files_of(path)) > 1:  # until the new pair is there, there is none
            path.unlink(missing_ok=True)
        for suffix in sources():  # of an earlier export under this name
            beside(path, suffix).unlink(missing_ok=True)
        with suppress(FileError):  # what cannot be read is not known to be this file's
            if (earlier := earlier_report(path)) is not None:
                earlier.unlink()
        for file in (*companions, staged):
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
            file.replace(path.with_name(file.name))
        sync_folder(path.parent)


def _refused(
    path: Path, report: VerificationReport, difference: Difference | None, card: ExportedCard
) -> VerificationError:
    return VerificationError(
        f"{path.name} is not what {report.against} is, so it was not kept",
        where=save_evidence(path, report, difference, card).evidence,
        why=report.failures(),
        next_step="fasterseg doctor, to see the versions of the exporter and of the runtime",
    )


def save_evidence(
    path: Path, report: VerificationReport, difference: Difference | None, card: ExportedCard
) -> VerificationReport:
    """Write a report beside a file, and where it failed a picture of the worst difference.

    Returns the report, which then says where to look.
    """
    file, picture = evidence_beside(path)
    shown = file
    if difference is not None and not report.passed:
        shown = picture
        durable_write(shown, png_bytes(difference_picture(difference, card)))
    else:
        picture.unlink(missing_ok=True)  # of an earlier file, or of another model
    found = report.model_copy(update={"evidence": str(shown)})
    found.save(file)
    return found


def difference_picture(difference: Difference, card: ExportedCard) -> Pixels:
    """Image, the network's labels, the file's, and where they differ in red, side by side."""
    space = card.label_space
    wanted, found = (
        Segmentation(difference.image, labels.astype(np.int64).clip(0, space.classes - 1), space)
        for labels in (difference.wanted, difference.found)
    )
    dimmed = difference.image // 3
    marked = np.where((difference.wanted != difference.found)[..., None], DIFFERENT, dimmed)
    panels = [difference.image, wanted.colours(), found.colours(), marked.astype(np.uint8)]
    gap = np.full((difference.image.shape[0], 4, 3), 255, dtype=np.uint8)
    joined = [part for panel in panels for part in (panel, gap)][:-1]
    return np.concatenate(joined, axis=1)
