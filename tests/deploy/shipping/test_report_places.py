"""The report on an exported file is that file's: of several in one folder, and of earlier ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_export import FORM, evidence, origin

from fasterseg.artifacts import digest_of_file
from fasterseg.deploy.shipping.report_places import (
    earlier_report,
    evidence_beside,
    names_beside,
    report_beside,
    report_of,
)
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship


@pytest.fixture
def of_before(tmp_path: Path) -> Path:
    """A file as an earlier version left it, its report called after it without its ending."""
    file = tmp_path / "net.onnx"
    ship(origin(), FORM, file, evidence())
    report_beside(file).rename(tmp_path / "net.export.json")
    return file


def test_files_of_one_stem_have_a_report_each(tmp_path: Path) -> None:
    for form in (FORM, replace(FORM, format="torch")):
        ship(origin(), form, tmp_path / f"net{form.row.suffix}", evidence())
    for name, kind in (("net.onnx", "onnx"), ("net.pt2", "torch")):
        place = report_of(tmp_path / name)
        assert place is not None
        report = ExportReport.load(place)
        assert (report.kind, report.file_digest) == (kind, digest_of_file(tmp_path / name))


def test_nothing_beside_a_file_is_called_as_what_lies_beside_another() -> None:
    onnx, program = (names_beside(Path(name)) for name in ("net.onnx", "net.pt2"))
    shared = {name for name in onnx if name in program}
    assert shared == {"net-build_engine.py"}  # which one format alone has
    assert not {*evidence_beside(Path("net.onnx"))} & {*evidence_beside(Path("net.pt2"))}


def test_a_report_of_an_earlier_version_is_read_as_that_of_its_file(of_before: Path) -> None:
    assert report_of(of_before) == of_before.with_name("net.export.json")
    assert report_of(of_before.with_suffix(".pt2")) is None


def test_a_file_that_is_exported_again_has_one_report(of_before: Path) -> None:
    ship(origin(1), FORM, of_before, evidence())
    assert earlier_report(of_before) is None
    assert ExportReport.load(report_beside(of_before)).file_digest == digest_of_file(of_before)


def test_an_export_leaves_the_earlier_report_of_another_file(of_before: Path) -> None:
    before = ExportReport.load(of_before.with_name("net.export.json"))
    ship(origin(), replace(FORM, format="torch"), of_before.with_suffix(".pt2"), evidence())
    place = report_of(of_before)
    assert place is not None and ExportReport.load(place) == before


def test_what_cannot_be_read_is_left_and_stops_no_export(tmp_path: Path) -> None:
    (tmp_path / "net.export.json").write_text("mine")
    ship(origin(), FORM, tmp_path / "net.onnx", evidence())
    assert (tmp_path / "net.export.json").read_text() == "mine"
