"""``export`` and ``verify`` as they are typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from fake_run import FakeRun
from onnx import numpy_helper

import fasterseg
from fasterseg.cli import main
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.deploy.runtimes.onnx.files import looked_at, sealed_model
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification_report import ExportReport, VerificationReport
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.pipeline.models import exporting
from fasterseg.pipeline.models.evaluating import default_report_path
from fasterseg.pipeline.models.exporting import default_file
from fasterseg.runs import RunFolder
from fasterseg.runtime import threads_kept
from fasterseg.space.blocks import Size

SCENES = [
    word
    for change in ("height=64", "width=128", "test=6")
    for word in ("--set", f"data.street.{change}")
]


@pytest.mark.parametrize(("given", "step"), [("ONNX", "did you mean 'onnx'?"), ("tflite", "")])
def test_a_format_that_there_is_not_is_told_in_python_too(given: str, step: str) -> None:
    with pytest.raises(UsageError, match=f"there is no format '{given}'") as caught:
        fasterseg.export("camvid-8ms", format=given, out="a.onnx")
    assert step in caught.value.next_step


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network's folder, in a run whose data are 64x128 scenes."""
    run = FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("run"))
    return str(run.bundle("student"))


@pytest.fixture(scope="module")
def exported(bundle: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its exported file."""
    file = tmp_path_factory.mktemp("exported") / "student.onnx"
    assert main(["export", bundle, "--out", str(file), "--images", "3", *SCENES]) == 0
    return file


def test_export_writes_a_verified_file_and_says_so(
    bundle: str, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ExportReport.load(report_beside(exported))
    assert report.verification.passed
    assert report.size == "64x128"
    assert report.verification.mean_iou is not None
    assert main(["export", bundle, "--out", str(exported)]) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "next_step"),
    [
        (".", "name another place with --out"),
        ("/", "name another place with --out"),
        ("net.ONNX", "--out net.onnx"),
        ("my net", "--out 'my net.onnx'"),
        ("my net.xml", "--out 'my net.onnx', or --format openvino"),
    ],
)
def test_a_name_that_cannot_be_is_answered_with_one_that_can(
    bundle: str, out: str, next_step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        fasterseg.export(bundle, out=out)
    assert caught.value.next_step == next_step


def test_a_disk_that_is_full_is_told_before_anything_is_computed(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = sum(tensor.numel() for tensor in open_bundle(bundle).tensors.values())
    asked: list[Path] = []

    def free(folder: Path) -> int:
        asked.append(folder)
        return 8 * numbers - 1

    monkeypatch.setattr(exporting, "free_disk_bytes", free)
    monkeypatch.setattr(exporting, "evidence_for", lambda *_, **__: pytest.fail("it was begun"))
    with pytest.raises(EnvironmentFault, match="not enough room") as caught:
        fasterseg.export(bundle, out=tmp_path / "new.onnx")
    assert asked == [tmp_path] and "--out" in caught.value.next_step
    assert not list(tmp_path.iterdir())


def test_verify_passes_the_file_and_fails_another(
    bundle: str, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--against", bundle, "--images", "3", *SCENES]
    assert main(["verify", str(exported), *words]) == 0
    assert "does what the network does" in capsys.readouterr().out
    model = onnx.load(exported)
    weight = next(t for t in model.graph.initializer if len(t.dims) == 4)
    weight.CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(weight)[::-1].copy(), weight.name)
    )
    changed = tmp_path / "changed.onnx"
    onnx.save(model, changed)
    assert main(["verify", str(changed), *words, "--json"]) == 3
    assert "changed after it was written" in capsys.readouterr().err
    _, card = looked_at(exported)
    changed.write_bytes(sealed_model(model.SerializeToString(), card))
    assert main(["verify", str(changed), *words, "--json"]) == 6
    told = VerificationReport.model_validate(json.loads(capsys.readouterr().out))
    assert not told.passed
    assert Path(told.evidence) == tmp_path / "changed.onnx-difference.png"
    assert VerificationReport.load(tmp_path / "changed.onnx-verification.json") == told


def test_a_bundle_of_no_run_is_verified_on_the_built_in_scenes(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    for file in Path(bundle).iterdir():
        (lonely / file.name).write_bytes(file.read_bytes())
    file = tmp_path / "x.onnx"
    assert (
        main(["export", str(lonely), "--size", "32x48", "--out", str(file), "--images", "2"]) == 0
    )
    told = capsys.readouterr().out
    assert "the built-in street scenes" in told
    assert "mIoU" not in told


def test_an_exported_file_is_a_model_for_predict_and_evaluate(
    bundle: str, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(Path(bundle).parents[2])
    report = tmp_path / "report.json"
    assert main(["evaluate", str(exported), "--run", run, "--out", str(report), *SCENES]) == 0
    assert main(["evaluate", bundle, "--out", str(tmp_path / "own.json"), *SCENES]) == 0
    scores = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mIoU")]
    assert scores[0] == scores[1]


def test_an_exported_file_says_what_it_was_trained_on(
    bundle: str, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(Path(bundle).parents[2])
    for split, expected in (("train", "note: it was trained on train of street"), ("test", "")):
        words = ["--run", run, "--split", split, "--out", str(tmp_path / f"{split}.json")]
        assert main(["evaluate", str(exported), *words, *SCENES]) == 0
        out = capsys.readouterr().out
        assert expected in out and ("note: it was trained" in out) == bool(expected)
    assert main(["describe", str(exported)]) == 0
    facts = open_bundle(bundle).card.training
    said = f"trained on: {facts.images} images of street/train; nothing pre-trained"
    assert said in capsys.readouterr().out
    earlier = looked_at(exported)[1].model_copy(update={"trained_on": None})
    assert "trained_on" not in earlier.content()
    again = ExportedCard.from_text(earlier.to_text(), where="x", has_seal=True)
    assert again.trained_on is None


def test_images_of_another_size_are_compared_but_not_scored_and_that_is_told(
    bundle: str, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--set", "data.street.test=6"]  # of 128x256, as the run's recipe has them
    assert main(["verify", str(exported), "--against", bundle, "--images", "2", *few]) == 0
    assert "not scored: not all images of test are 64x128" in capsys.readouterr().out


def test_a_model_that_was_scored_on_several_sizes_gets_a_graph_of_any(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = open_bundle(bundle)
    (score,) = known.card.scores
    several = score.model_copy(update={"resolution": "48x96,64x128 and 3 more"})
    model = tmp_path / "student"
    replace(known, card=known.card.model_copy(update={"scores": (several,)})).save(model)
    assert main(["export", str(model), "--out", str(tmp_path / "one.onnx")]) == 2
    assert "--dynamic" in capsys.readouterr().err, "which is advised, and works"
    words = ["--dynamic", "--images", "1", "--out", str(tmp_path / "any.onnx")]
    assert main(["export", str(model), *words]) == 0


@pytest.mark.parametrize(
    ("words", "name", "told"),
    [
        (["--size", "64x128", "--dynamic"], "x.onnx", "one size or any"),
        (["--size", "64"], "x.onnx", "cannot read the size"),
        (["--precision", "float16", "--format", "torch"], "x.pt2", "float32"),
        (["--images", "0"], "x.onnx", "nothing to verify on"),
    ],
)
def test_what_cannot_be_exported_is_refused_first(
    bundle: str,
    words: list[str],
    name: str,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", bundle, "--out", str(tmp_path / name), *words]) == 2
    assert told in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["--out", "student"], "student.onnx"),
        pytest.param(["--out", "a.pt", "--format", "torch"], "a.pt.pt2", marks=pytest.mark.slow),
    ],
)
def test_a_name_without_the_ending_of_its_format_is_answered_with_one_that_works(
    bundle: str,
    words: list[str],
    written: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", bundle, *words, "--json"]) == 2
    advice = json.loads(capsys.readouterr().err.splitlines()[-1])["next"]
    assert advice == f"--out {written}"
    assert main(["export", bundle, *words[2:], *advice.split(), "--images", "1", *SCENES]) == 0
    assert (tmp_path / written).is_file()


def test_a_name_with_another_format_s_ending_is_answered_with_both_ways(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.xml"
    assert main(["export", bundle, "--out", str(out), "--json"]) == 2
    advice = json.loads(capsys.readouterr().err.splitlines()[-1])["next"]
    assert advice == f"--out {tmp_path / 'a.onnx'}, or --format openvino"


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_what_makes_int8_is_asked_for_before_any_data_are_read(
    format: str,
    bundle: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing() -> None:
        raise EnvironmentFault("what makes int8 is not installed")

    def none(*_words: object, **_options: object) -> None:
        raise AssertionError("data were looked for")

    module = f"fasterseg.deploy.runtimes.{format}.quantiser"
    if format == "openvino":
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    monkeypatch.setattr(f"{module}.require_installed", missing)
    monkeypatch.setattr("fasterseg.pipeline.models.exporting.evidence_on", none)
    ending = {"onnx": ".onnx", "openvino": ".xml"}[format]
    words = ["--precision", "int8", "--format", format, "--out", str(tmp_path / f"a{ending}")]
    assert main(["export", bundle, *words]) == 4
    assert "what makes int8 is not installed" in capsys.readouterr().err


def test_a_graph_that_stands_in_for_an_engine_replaces_no_other(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "x.onnx"
    there.write_bytes(b"the one before")
    words = ["--format", "tensorrt", "--out", str(tmp_path / "x.engine")]
    assert main(["export", bundle, *words]) == 2
    assert str(there) in capsys.readouterr().err
    assert there.read_bytes() == b"the one before"


def test_a_model_is_scored_and_verified_on_the_threads_that_were_asked_for(
    bundle: str, exported: Path, tmp_path: Path
) -> None:
    scored = ["evaluate", bundle, "--out", str(tmp_path / "score.json")]
    verified = ["verify", str(exported), "--against", bundle, "--images", "1"]
    verified += ["--out", str(tmp_path / "verified")]
    for command in (scored, verified):
        for threads in (2, 1):
            with threads_kept():
                torch.set_num_threads(3)
                assert main([*command, *SCENES, "--set", f"threads={threads}"]) == 0
                assert torch.get_num_threads() == threads


@pytest.mark.parametrize("words", [["--split", "tset"], ["--set", "data.test_split=tset"]])
def test_a_mistyped_split_is_told_with_what_named_it(
    words: list[str], bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "student.onnx"
    assert main(["export", bundle, "--out", str(out), *words, *SCENES]) == 3
    said = capsys.readouterr().err
    assert f"where: {words[-1].removesuffix('=tset') if '=' in words[-1] else '--split'}" in said
    assert "did you mean 'test'?" in said


def test_files_are_called_after_a_model_that_is_named_from_a_folder_beside_it(
    bundle: str,
) -> None:
    form = ExportForm("onnx", None, Size(64, 128))
    beside = f"{bundle}/../../student/best"
    assert default_file(beside, form) == default_file(bundle, form)
    run = RunFolder(Path(bundle).parents[2])
    assert default_report_path(run, beside, "test") == default_report_path(run, bundle, "test")


def test_a_report_takes_the_place_of_no_other_file(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "data.yaml"
    own.write_text("names: [road]\n")
    assert main(["evaluate", bundle, "--out", str(own), *SCENES]) == 2
    said = capsys.readouterr().err
    assert "name another file with --out" in said
    assert "delete" not in said


def test_an_exported_file_is_not_to_be_given_up_because_it_is_no_architecture(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", str(exported)]) == 3
    said = capsys.readouterr().err
    assert "name the bundle's folder that it was exported from" in said
    assert "delete" not in said
