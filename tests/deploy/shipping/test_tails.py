"""A file that ends before its labels has the tail beside it, and says which files that are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compiled_tail import Case, labelled, program
from kept_exports import exports_kept
from tiny_export import FORM, SOURCE, evidence, faithful, origin

from fasterseg.cli import main
from fasterseg.config import OutputForm
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.tails import IN_THE_GRAPH, LEFT_TO_DO, OF_EARLIER, tail_check
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.deploy.tail.beside import digests, sources
from fasterseg.errors import FileError

LOW = replace(FORM, output="low-resolution-logits")
NAMES = {"student.onnx.tail.py", "student.onnx.tail.c"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network, ending at low-resolution logits; its report lies beside it."""
    path = tmp_path_factory.mktemp("low") / "student.onnx"
    with exports_kept():
        ship(origin(), LOW, path, evidence())
    return path


def copied(file: Path, folder: Path) -> Path:
    """The file with all that lies beside it."""
    for one in file.parent.iterdir():
        (folder / one.name).write_bytes(one.read_bytes())
    return folder / file.name


def low_card() -> ExportedCard:
    return origin().card_like(LOW)


def test_the_tail_lies_beside_the_file_and_card_and_report_say_which(file: Path) -> None:
    _, card = open_export(file)
    assert card.tail == dict(digests()) == low_card().tail
    report = ExportReport.load(report_beside(file))
    assert report.tail_files.keys() == NAMES
    assert {name: report.tail_files[f"student.onnx{name}"] for name in digests()} == card.tail
    for suffix, source in sources().items():
        assert (file.parent / f"student.onnx{suffix}").read_bytes() == source
    assert "tail: beside it, student.onnx.tail.py" in report.describe()
    (check,) = [one for one in report.verification.checks if one.name == "tail"]
    assert check.passed and "student.onnx.tail.c" in check.found


def test_both_files_make_the_file_s_own_labels_of_its_logits(file: Path, tmp_path: Path) -> None:
    session, _ = open_export(file)
    image = SOURCE.sample("train", 0).image
    labels, logits = session.labels_and_logits(image)
    assert logits is not None and logits.shape[1:] < image.shape[:2]
    names: dict[str, object] = {}
    source = file.with_name("student.onnx.tail.py").read_bytes()
    exec(compile(source, "tail.py", "exec"), names)
    found = names["label_map"](logits, image.shape[:2])  # type: ignore[operator]
    np.testing.assert_array_equal(found, labels)
    height, width = image.shape[:2]
    (c_found,) = labelled(program(tmp_path, "-std=c99"), [Case(logits, (height, width))])
    np.testing.assert_array_equal(c_found.labels, labels)


@pytest.mark.parametrize(("output", "told"), [("labels", IN_THE_GRAPH), ("logits", LEFT_TO_DO)])
def test_a_file_that_needs_no_such_tail_has_none_and_says_so(
    output: OutputForm, told: str, tmp_path: Path
) -> None:
    card = origin().card_like(replace(FORM, output=output))
    assert "tail" not in card.content()
    check = tail_check(tmp_path / "student.onnx", card)
    assert check.passed and check.found == told


def test_an_export_over_an_earlier_one_leaves_no_tail_of_it(file: Path, tmp_path: Path) -> None:
    path = copied(file, tmp_path)
    with exports_kept():
        report = ship(origin(), FORM, path, evidence())
    assert report.tail == IN_THE_GRAPH and not report.tail_files
    assert not NAMES & {one.name for one in tmp_path.iterdir()}


def test_a_tail_that_does_not_belong_to_the_file_is_noticed(file: Path, tmp_path: Path) -> None:
    path = copied(file, tmp_path)
    other = tmp_path / "student.onnx.tail.c"
    other.write_bytes(other.read_bytes() + b"\n")
    check = tail_check(path, low_card())
    assert not check.passed
    assert "student.onnx.tail.c" in check.found and "tail.py" not in check.found
    other.unlink()
    check = tail_check(path, low_card())
    assert check.passed and "not here: student.onnx.tail.c" in check.found


def test_a_tail_that_is_a_link_out_of_the_folder_is_not_read(file: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    path = copied(file, tmp_path / "here")
    other = path.with_name("student.onnx.tail.c")
    other.rename(tmp_path / "elsewhere.c")
    other.symlink_to(tmp_path / "elsewhere.c")
    with pytest.raises(FileError):
        tail_check(path, low_card())


def test_a_file_of_an_earlier_version_has_no_tail_on_its_card(tmp_path: Path) -> None:
    earlier = low_card().model_copy(update={"tail": {}})
    again = ExportedCard.from_text(earlier.to_text(), where="x", has_seal=True)
    assert not again.tail and "tail" not in json.loads(earlier.to_text())["content"]
    check = tail_check(tmp_path / "student.onnx", again)
    assert check.passed and check.found == OF_EARLIER


@pytest.mark.parametrize(
    "content",
    [
        {"output": "labels", "tail": dict(digests())},
        {"tail": {"/etc/passwd": "sha256:" + "0" * 64}},
        {"tail": {".tail.py": "sha256:0"}},
        {"tail": [".tail.py"]},
    ],
)
def test_a_card_with_another_tail_is_refused(content: dict[str, object]) -> None:
    document = json.loads(low_card().to_text())
    document["content"].update(content)
    with pytest.raises(FileError) as caught:
        ExportedCard.from_text(json.dumps(document), where="x", has_seal=True)
    assert caught.value.where and caught.value.why and caught.value.next_step


def test_describe_names_the_tail_of_a_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["describe", str(file)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "student.onnx: images of 64x128 to low-resolution-logits, float32, run by onnx" in said
    assert "tail: beside it, student.onnx.tail.py (" in said
    labels = tmp_path / "labels.onnx"
    labels.write_bytes(faithful())
    assert main(["describe", str(labels)]) == 0
    assert "tail: in the graph" in capsys.readouterr().out
    assert main(["describe", str(labels), "--size", "64x64"]) == 2
    assert "leave --size" in capsys.readouterr().err
