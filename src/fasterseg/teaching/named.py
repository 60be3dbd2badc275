"""From the names of models to the one teacher that they are together.

A model is a bundle's folder, a model by name, a file that ``fasterseg export`` wrote with logits as
its output, or an ONNX file of elsewhere with a card beside it (`foreign`).  Whatever keeps one from
teaching on the data is raised here, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch

from fasterseg.artifacts import digest_of_value
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.datasets.data_files.teacher_card import TeacherCard
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.formats import digest_of_export
from fasterseg.deploy.runtimes.models import open_bundle, require_model
from fasterseg.deploy.runtimes.opening import is_export, open_export
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import UsageError
from fasterseg.network.bundle import weights_digest
from fasterseg.network.named_models import model_path
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.network.teacher_facts import TeacherFacts
from fasterseg.paths import user_path
from fasterseg.space.blocks import Size
from fasterseg.teaching.class_map import by_name
from fasterseg.teaching.foreign import card_beside, class_map_of, read_card
from fasterseg.teaching.foreign_graph import (
    ForeignSession,
    looked_at,
    require_runs,
    texts_in,
    without_a_card,
)
from fasterseg.teaching.teachers import (
    BundleTeacher,
    ExportTeacher,
    ForeignTeacher,
    shown_size,
    stride_of,
)
from fasterseg.teaching.views import Averaged, Views

_LOW = "low-resolution-logits"


@dataclass(frozen=True, slots=True)
class TeacherInputs:
    """What teachers are asked about: images of a source, at several scales, mirrored too or not.

    `split` is one whose images they will see; `device` and `threads` are those that they run on.
    """

    source: DataSource
    split: str
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    device: torch.device = field(default_factory=partial(torch.device, "cpu"))
    threads: int = 1

    @property
    def picture(self) -> Size:
        """The size of an image that they will see: the working size, else the first image's."""
        return Size(*(self.source.working_size or self.source.image_size(self.split, 0)))


def teacher_named(models: Sequence[Path | str], asked: TeacherInputs) -> Averaged:
    """The teacher that these models are: the mean of several, each seen at all that is asked.

    Raises `UsageError` for one that cannot teach on this data (other classes, another reading, a
    size that does not go with the scales), for a card that is wrong, and for an unknown name;
    `FileError` for a file that is damaged, foreign or gives labels; `EnvironmentFault` for a
    runtime that is not installed.
    """
    opened = tuple(_single(model, asked) for model in models)
    return Averaged(tuple(Views(one, asked.scales, asked.flip) for one in opened))


def require_one_view(
    where: str, size: Size | None, asked: TeacherInputs, *, next_step: str
) -> None:
    """Raise `UsageError` where a file of one size is to be shown pictures at several scales."""
    if size is not None and any(scale != 1.0 for scale in asked.scales):
        scales = ", ".join(f"{scale:g}" for scale in asked.scales)
        raise UsageError(
            "this teacher sees pictures at one size alone",
            where=where,
            why=f"it takes {size}, and it is to see them at scales {scales}",
            next_step=f"--set student.distillation.scales=[1.0], or {next_step}",
        )


def require_readable(reading: Reading, asked: TeacherInputs, where: str) -> None:
    """Raise `UsageError` for a teacher whose pixels cannot be made of the data's.

    What it sees in grey it makes grey itself; colours that the data leaves out are gone, and deep
    images come as the data's range has them.
    """
    ours = asked.source.reading
    if reading.range != ours.range or (ours.is_grey and not reading.is_grey):
        raise UsageError(
            "the teacher reads its images otherwise than the student will",
            where=where,
            why=f"the teacher: {reading.describe()}; the data: {ours.describe()}",
            next_step="name another teacher, or write its own into data.yaml:"
            f"{reading.lines(indent=11)}",
        )


def _single(
    model: Path | str, asked: TeacherInputs
) -> BundleTeacher | ExportTeacher | ForeignTeacher:
    path = user_path(model)
    if path.is_file() and card_beside(path).exists():
        return _foreign(path, asked)
    if path.is_file() and is_export(path):
        if path.suffix == ".onnx" and METADATA_KEY not in texts_in(path):
            raise without_a_card(path)
        return _export(path, asked)
    return _bundle(model, asked)


def _bundle(model: Path | str, asked: TeacherInputs) -> BundleTeacher:
    require_model(model)
    bundle, where = open_bundle(model), str(model)
    card = bundle.card
    require_readable(card.reading, asked, where)
    names = by_name(
        card.label_space.names,
        asked.source.label_space.names,
        teacher=where,
        data=asked.source.name,
    )
    predictor = NetworkPredictor(
        bundle.network(baselines=BASELINES, where=where),
        label_space=card.label_space,
        normalisation=card.normalisation,
        reading=card.reading,
        size=card.size,
        device=asked.device,
    )
    facts = card.as_teacher(weights_digest(model_path(model)))
    return BundleTeacher(predictor, names, facts, stride_of(predictor))


def _export(path: Path, asked: TeacherInputs) -> ExportTeacher:
    session, card = open_export(path, Running(threads=asked.threads))
    _require_logits(path, card)
    require_readable(card.reading, asked, str(path))
    require_one_view(str(path), card.size, asked, next_step="export it with --dynamic")
    names = by_name(
        card.label_space.names,
        asked.source.label_space.names,
        teacher=str(path),
        data=asked.source.name,
    )
    facts = TeacherFacts(name=card.name, digest=digest_of_export(path))
    return ExportTeacher(session.graph, card, names, facts, str(path))


def _require_logits(path: Path, card: ExportedCard) -> None:
    """Raise `UsageError` for a file that ends at labels, with how it is exported to end before."""
    if card.output != "labels":
        return
    size = " --dynamic" if card.size is None else f" --size {card.size}"
    raise UsageError(
        "this file gives labels, and a student learns from what is before them",
        where=str(path),
        why="of each pixel only the likeliest class is left in it",
        next_step=f"fasterseg export MODEL --output {_LOW}{size} --out FILE{path.suffix}, of the "
        f"model that it was exported from ({card.name}), or name that model itself",
    )


def _foreign(path: Path, asked: TeacherInputs) -> ForeignTeacher:
    place = card_beside(path)
    card = read_card(place)
    names = class_map_of(card, asked.source.label_space.names, where=place, data=asked.source.name)
    graph = looked_at(path, card)
    bound = None if None in graph.bound else Size(*(side or 0 for side in graph.bound))
    require_one_view(str(path), bound, asked, next_step="export it for pictures of any size")
    sizes = [
        Size(*shown_size(asked.picture, card.shown_at, scale)) for scale in sorted(asked.scales)
    ]
    require_runs(graph, sizes, threads=asked.threads)
    meant = {
        "file": graph.digest,
        "job": asdict(graph.job),
        "size": card.size,
        "grid": card.grid,
        "channels": [[*one] for one in names.channels],
    }
    facts = TeacherFacts(name=path.stem, digest=f"sha256:{graph.digest}", pretrained=_told(card))
    return ForeignTeacher(
        session=ForeignSession(graph, threads=asked.threads),
        shown_at=card.shown_at,
        gives_probabilities=card.output == "probabilities",
        grid=card.grid,
        class_map=names,
        facts=facts,
        digest=digest_of_value(meant),
    )


def _told(card: TeacherCard) -> str:
    """What a card says that a student's card passes on."""
    return ", ".join(
        [*filter(None, [card.pretrained]), *([f"terms: {card.terms}"] if card.terms else [])]
    )
