"""Importing the authors' released files as bundles and tables of this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.layouts.published.cityscapes import LABELS, TERMS
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION
from fasterseg.durable import durable_write
from fasterseg.errors import UsageError
from fasterseg.latency.table import LatencyTable
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import Card, TrainingFacts
from fasterseg.network.description import NetworkDescription
from fasterseg.network.foreign_files import read_numbers, read_tensors
from fasterseg.network.official import decode, read_logits
from fasterseg.network.official_table import misread, official_table
from fasterseg.network.official_weights import Weights, convert_weights
from fasterseg.paths import place_for_folder, user_path
from fasterseg.reporting.described import CITYSCAPES, Subject, facts_of
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.imported import ImportedNetwork, ImportResult
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.choices import channels_of
from fasterseg.space.search_space import Role
from fasterseg.stage_folders import CARD, DESCRIPTION, MANIFEST, WEIGHTS

RIGHT_KEY, WRONG_KEY = "by the authors' table", "as their search misread it"


OURS = (
    "architecture.json",
    "architecture.svg",
    "report.html",
    "table.json",
    "table-misread.json",
    *(MANIFEST, DESCRIPTION, WEIGHTS, CARD),
)
"""What may lie in the folder of one network."""


def import_files(
    out: Path | str,
    *,
    arch: tuple[Path, ...],
    weights: tuple[Path, ...],
    role: Role | None,
    table: Path | str,
    overwrite: bool,
) -> ImportResult:
    """Read their architectures, weights and latency table; write them into a folder."""
    _require_something(arch, weights, table)
    place = place_for_folder(out, "--out", names=OURS)
    prices = _tables(user_path(table, "--table")) if table else {}
    found = [_read(path, role, _at(weights, index)) for index, path in enumerate(arch)]
    folders = [place / one.role if len(arch) > 1 else place for one in found]
    _require_free([*folders, *([place / "table.json"] if table else [])], overwrite=overwrite)
    written = _write_tables(prices, place)
    networks = [_write(one, folder, prices) for one, folder in zip(found, folders, strict=True)]
    return ImportResult(networks=tuple(networks), tables=tuple(written))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a pair of the authors' files holds."""

    role: str
    architecture: Architecture
    weights: Weights | None
    source: str


def _require_something(arch: tuple[Path, ...], weights: tuple[Path, ...], table: object) -> None:
    if not arch and not table:
        raise UsageError(
            "there is nothing to import",
            why="neither --arch nor --table was given",
            next_step="fasterseg import-official --arch arch_1.pt --out student",
        )
    if weights and len(weights) != len(arch):
        raise UsageError(
            f"{len(weights)} files of weights for {len(arch)} architectures",
            next_step="name one --weights for each --arch, in the same order, or none",
        )


def _at(weights: tuple[Path, ...], index: int) -> Path | None:
    return user_path(weights[index], "--weights") if weights else None


def _read(path: Path, role: Role | None, weights: Path | None) -> _Found:
    logits = read_logits(read_tensors(user_path(path, "--arch")), where=str(path), role=role)
    architecture = decode(logits)
    converted = None
    if weights is not None:
        converted = convert_weights(architecture, read_tensors(weights), where=str(weights))
    return _Found(logits.role, architecture, converted, str(path))


def _tables(path: Path) -> dict[str, LatencyTable]:
    right = official_table(read_numbers(path), where=str(path))
    return {RIGHT_KEY: right, WRONG_KEY: misread(right)}


def _require_free(paths: list[Path], *, overwrite: bool) -> None:
    """Raise `UsageError` before anything is written where something would be replaced."""
    taken = [path for path in paths if (any(path.iterdir()) if path.is_dir() else path.exists())]
    if taken and not overwrite:
        raise UsageError(
            "there is something of this name already",
            where=str(taken[0]),
            next_step="choose another folder with --out, or add --overwrite",
        )
    for path in taken:
        foreign = [p.name for p in path.iterdir() if p.name not in OURS] if path.is_dir() else []
        if foreign:
            raise UsageError(
                "will not replace a folder that holds other things",
                where=str(path),
                why=f"{foreign[0]} is none of the files that are written here",
                next_step="choose another folder with --out",
            )


def _write_tables(tables: dict[str, LatencyTable], out: Path) -> list[str]:
    names = {RIGHT_KEY: "table.json", WRONG_KEY: "table-misread.json"}
    return [str(table.save(out / names[name])) for name, table in tables.items()]


def _write(found: _Found, folder: Path, prices: dict[str, LatencyTable]) -> ImportedNetwork:
    classes = found.weights.classes if found.weights else CITYSCAPES.classes
    subject = Subject(f"published {found.role}", found.architecture)
    geometry = Geometry(CITYSCAPES.size, classes)
    # The table was measured for the paper's classes.
    facts = facts_of(subject, geometry, prices=prices if geometry == CITYSCAPES else None)
    bundle = "" if found.weights is None else str(_write_bundle(found, found.weights, folder))
    drawing = folder / "architecture.svg"
    durable_write(drawing, draw_svg(found.architecture, geometry, title=subject.title).encode())
    unused = _unused(found)
    heads = next(part.parameters for part in facts.parts if part.name == "auxiliary")
    return ImportedNetwork(
        role=found.role,
        facts=facts,
        architecture=str(found.architecture.save(folder / "architecture.json")),
        drawing=str(drawing),
        bundle=bundle,
        unused_parameters=unused,
        parameters_as_counted=facts.total.parameters + unused,
        parameters_with_heads_as_counted=facts.total.parameters + heads + unused,
        notes=_notes(found),
    )


def _unused(found: _Found) -> int:
    """Numbers of the fusion's attention: two square matrices over its channels."""
    if found.weights is not None:
        return found.weights.unused
    branches, head = found.architecture.branches, found.architecture.widths["head"]
    fused = channels_of(head, 8 * len(branches))
    return 2 * fused * fused


def _notes(found: _Found) -> tuple[str, ...]:
    if found.weights is None or not found.weights.differing:
        return ()
    count = len(found.weights.differing)
    return (
        f"{count} tensors of cells that both branches share differ from their second copy; the "
        "second is used, as in the authors' code",
    )


def _write_bundle(found: _Found, weights: Weights, folder: Path) -> Path:
    cityscapes = weights.classes == LABELS.classes
    numbered = [f"class {index}" for index in range(weights.classes)]
    card = Card(
        name=f"published {found.role}",
        which="last",
        label_space=LABELS if cityscapes else LabelSpace.from_names(numbered),
        mean=IMAGENET_NORMALISATION.mean,
        std=IMAGENET_NORMALISATION.std,
        training=TrainingFacts(
            data="cityscapes" if cityscapes else "unknown",
            data_digest="",
            split="train",
            images=0,
            terms=TERMS if cityscapes else "not known: imported from the authors' format",
            resolution=str(CITYSCAPES.size),
            steps=0,
            batch_size=0,
            seed=0,
            precision="float32",
        ),
    )
    bundle = ModelBundle(
        NetworkDescription(classes=weights.classes, architecture=found.architecture),
        weights.tensors,
        card,
    )
    return bundle.save(folder, replace=True)
