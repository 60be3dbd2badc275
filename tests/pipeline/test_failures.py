"""Every failure that a user can meet: its exit code, four parts, and never a trace."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_settings import SMALL, settings

from fasterseg.artifacts import digest_of_value
from fasterseg.checkpoints import load_checkpoint
from fasterseg.cli import main
from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice

Fails = Callable[..., str]

ONE = "{name: one, role: student, stem_expansion: 1, head_expansion: 1}"
TWO_STUDENTS = f"[{ONE}, {ONE.replace('one', 'two')}]"
ONE_WITH_A_BUDGET = f"[{ONE.replace('}', ', budget: 9ms}')}]"
NO_STUDENT = f"[{ONE.replace('student', 'teacher')}]"


@pytest.fixture
def fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Fails:
    """A function that runs a command, checks code and form of its failure, and returns its words.

    All four parts must be there: what, where, why, and what to do next.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where the traces of bugs would go

    def run(*words: str, code: int) -> str:
        capsys.readouterr()
        found = main([*words, "--json"])
        shown = capsys.readouterr()
        assert found == code, shown.err
        assert "Traceback" not in shown.out + shown.err
        told = json.loads(shown.err.splitlines()[-1])
        assert (told["event"], told["exit_code"]) == ("error", code)
        empty = [part for part in ("what", "where", "why", "next") if not told[part]]
        assert empty == [], told
        return "\n".join(told[part] for part in ("what", "where", "why", "next"))

    return run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A folder for a run."""
    return RunFolder(tmp_path / "run")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A labelled folder of a few images."""
    return labelled_folder(tmp_path / "photos", values=(0, 1, 255))


def labelled_folder(root: Path, *, values: tuple[int, ...]) -> Path:
    generator = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for index in range(count):
            image = generator.integers(0, 256, (32, 64, 3), dtype=np.uint8)
            mask = generator.choice(np.array(values, dtype=np.uint8), (32, 64))
            for kind, pixels in (("images", image), ("masks", mask)):
                path = root / kind / split / f"{split}{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    text = "train: images/train\nval: images/val\nmasks_dir: masks\nnames: [road, car]\n"
    (root / "data.yaml").write_text(text)
    return root


def checked(run: RunFolder, *more: str) -> list[str]:
    return ["run", "--run", str(run.root), "--until", "check-data", *more]


# ------------------------------------------------------------------------------ recipes


def test_a_recipe_that_changed_on_resume_is_refused_with_the_change(
    run: RunFolder, fails: Fails
) -> None:
    assert main(checked(run, *settings())) == 0
    run.latency_table.parent.mkdir()
    run.latency_table.write_text("{}")
    said = fails(*checked(run, "--seed", "1", "--set", "space.layers=9"), code=2)
    used = "(used by latency/table.json)"
    assert f"seed: 0 -> 1 {used}; space.layers: 2 -> 9 {used}" in said


def test_a_budget_may_change_until_a_search_began_with_it(run: RunFolder, fails: Fails) -> None:
    assert main(checked(run, *settings(), "--budget", "5ms")) == 0
    assert main(checked(run, "--budget", "6ms")) == 0
    (run.search / "cosearch" / "checkpoints" / "step-000000001").mkdir(parents=True)
    assert 'budget: "6ms" -> "7ms"' in fails(*checked(run, "--budget", "7ms"), code=2)


def test_several_budgets_may_change_until_a_search_began_with_them(
    run: RunFolder, fails: Fails
) -> None:
    assert main(checked(run, *settings(), "--budget", "0.1ms", "--budget", "6ms")) == 0
    assert main(checked(run, "--budget", "5ms", "--budget", "6ms")) == 0
    assert main(checked(run)) == 0, "it goes on with these"
    (run.search / "pretraining" / "checkpoints" / "step-000000001").mkdir(parents=True)
    assert main(checked(run, "--budget", "5ms", "--budget", "6ms")) == 0
    said = fails(*checked(run, "--budget", "5ms", "--budget", "7ms"), code=2)
    assert 'students: ["student-5ms", "student-6ms"] -> ["student-5ms", "student-7ms"]' in said
    assert "contenders" not in said, "the students follow from the budgets"


@pytest.mark.parametrize(
    ("budgets", "changes", "words"),
    [
        (("5ms", "5.0 ms"), {}, "5ms and 5.0 ms are one budget"),
        (("50%", "halfway"), {}, "50% and halfway are one budget"),
        (("5ms", "fast"), {}, "'fast' is none of halfway, 12ms, 80fps and 40%"),
        (("5ms", "6ms"), {"contenders": TWO_STUDENTS}, "its students are: one, two"),
        (("5ms", "6ms"), {"contenders": ONE_WITH_A_BUDGET}, "has a budget of its own"),
        (("5ms", "6ms"), {"contenders": NO_STUDENT}, "no contender is a student"),
    ],
)
def test_budgets_that_make_no_students_are_refused(
    run: RunFolder,
    fails: Fails,
    budgets: tuple[str, ...],
    changes: dict[str, str],
    words: str,
) -> None:
    options = [word for budget in budgets for word in ("--budget", budget)]
    assert words in fails(*checked(run, *settings(**changes), *options), code=2)
    assert not run.recipe.exists()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("serach.steps=3", "did you mean 'search'?"),
        ("search.stesp=3", "did you mean 'steps'?"),
        ("search.steps=many", "search.steps"),
        ("budget=fast", "a share (50%)"),
        ("budget=8", "did you mean 8ms?"),
        ("budget=[8.5, 12ms]", "did you mean 8.5ms?"),
        ("nothing", "--set a.b=value"),
        ("search.steps=[", "--set search.steps=["),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_meant(
    run: RunFolder, fails: Fails, change: str, wanted: str
) -> None:
    assert wanted in fails(*checked(run, "--set", change), code=2)
    assert not run.root.exists(), "a run must not begin with a wrong recipe"


@pytest.mark.parametrize(
    "text", ["search: {steps: 3", "- a\n- b\n", "seed: 1\nseed: 2\n", "serach: {steps: 3}", "\0"]
)
def test_a_wrong_recipe_file_is_named(
    run: RunFolder, fails: Fails, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert str(file) in fails(*checked(run, "--recipe", str(file)), code=2)


def test_a_recipe_file_that_is_not_there_is_named(run: RunFolder, fails: Fails) -> None:
    assert "absent.yaml" in fails(*checked(run, "--recipe", "absent.yaml"), code=2)


def test_a_stage_that_does_not_exist_is_answered_with_the_nearest(
    run: RunFolder, fails: Fails
) -> None:
    assert "did you mean 'search'?" in fails(
        "run", "--run", str(run.root), "--until", "serach", code=2
    )
    assert not run.root.exists()


# --------------------------------------------------------------------------------- data


def test_data_that_changed_on_resume_is_refused(run: RunFolder, photos: Path, fails: Fails) -> None:
    words = checked(run, "--data", str(photos))
    assert main(words) == 0
    (run.search / "pretraining" / "checkpoints" / "step-000000001").mkdir(parents=True)
    digest = DataReport.load(run.data_report).digests["train"]
    began = {"data_digest": digest}
    sealed = {"schema": "", "digest": digest_of_value(began), "content": began}
    run.search_began.write_text(json.dumps(sealed))
    assert main(words) == 0
    Image.new("RGB", (64, 32)).save(photos / "images" / "train" / "train0.png")
    said = fails(*words, code=2)
    assert "the data differs" in said
    assert "train of photos holds other images" in said


def test_no_data_at_the_path(run: RunFolder, fails: Fails, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert absent in fails("check-data", absent, code=3)
    assert absent in fails(*checked(run, "--data", absent), code=3)


def test_a_folder_of_no_known_layout(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "data.yaml" in fails("check-data", str(tmp_path / "empty"), code=3)


@pytest.mark.parametrize("verb", ["check-data", "run"])
def test_masks_of_0_and_255_are_refused_with_the_two_lines_that_settle_it(
    run: RunFolder, tmp_path: Path, fails: Fails, verb: str
) -> None:
    folder = labelled_folder(tmp_path / "binary", values=(0, 255))
    (folder / "data.yaml").write_text(
        "train: images/train\nval: images/val\nmasks_dir: masks\nnames: [car]\n"
    )
    words = (
        ["check-data", str(folder)] if verb == "check-data" else checked(run, "--data", str(folder))
    )
    said = fails(*words, code=3)
    assert "background: class" in said
    assert "ignore: 255" in said


def test_an_image_without_a_mask_is_refused_before_anything_is_computed(
    run: RunFolder, photos: Path, fails: Fails
) -> None:
    (photos / "masks" / "train" / "train1.png").unlink()
    assert "train1.png" in fails(*checked(run, "--data", str(photos)), code=3)


# ------------------------------------------------------------------------------ machine


def test_a_device_that_is_not_there_is_refused_before_anything_is_computed(
    run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ["run", "--run", str(run.root), *settings(), "--device", "cuda"]
    assert "CUDA" in fails(*words, code=4)
    assert not run.data_report.exists()
    assert "warp" in fails(*words[:-1], "warp", code=4)


@pytest.mark.parametrize("library", ["onnxruntime", "onnx"])
def test_a_missing_library_is_told_with_its_extra_before_anything_is_computed(
    run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    words = ["run", "--run", str(run.root), *settings(target__backend="onnxruntime")]
    said = fails(*words, code=4)
    assert library in said
    assert "fasterseg[onnx]" in said
    assert not run.data_report.exists()


def test_a_full_disk_is_the_machine_s_fault(
    run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    said = fails(*checked(run, *settings()), code=4)
    assert "No space left" in said
    assert str(run.root) in said
    assert list(run.root.iterdir()) == []


def test_a_disk_that_fills_up_in_training_is_the_machine_s_fault_and_the_run_goes_on(
    trained: RunFolder, run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = Architecture.load(trained.architecture("student"))
    architecture.save(run.architecture("student"))
    words = ["train", "--run", str(run.root), *settings()]

    def full(path: Path, *_more: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("fasterseg.events.EventLog.append", lambda log, _event: full(log.path))
        assert "No space left" in fails(*words, code=4)
    assert main(words) == 0


def test_a_training_that_diverges_is_told_to_learn_more_slowly_and_is_no_bug(
    trained: RunFolder, run: RunFolder, fails: Fails
) -> None:
    Architecture.load(trained.architecture("student")).save(run.architecture("student"))
    wild = SMALL["student"].replace("{", "{lr: 1.0e+30, ", 1)
    said = fails("train", "--run", str(run.root), *settings(student=wild), code=2)
    assert "not finite" in said
    assert "lower the learning rate" in said
    assert not (run.root / "logs").exists()


def test_a_device_that_is_not_there_leaves_no_run_behind(
    run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for verb in ("train", "search", "profile", "plan", "run"):
        words = [verb, "--run", str(run.root), *settings(), "--device", "cuda"]
        assert "CUDA" in fails(*words, code=4)
        assert not run.root.exists()


def test_a_killed_worker_is_the_machine_s_fault_and_the_step_that_is_named_goes_on(
    trained: RunFolder, run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    Architecture.load(trained.architecture("student")).save(run.architecture("student"))
    words = ["train", "--run", str(run.root), *settings(data__workers="2")]

    arrays = TrainingBatches._arrays

    def deadly(batches: TrainingBatches, step: int) -> object:
        os.kill(os.getpid(), signal.SIGKILL if step == 3 else 0)
        return arrays(batches, step)

    with monkeypatch.context() as patch:
        patch.setattr("fasterseg.datasets.batches.loading.TrainingBatches._arrays", deadly)
        said = fails(*words, code=4)
    assert "SIGKILL" in said
    assert "--set data.workers=0" in said
    assert main(["train", "--run", str(run.root), "--set", "data.workers=0"]) == 0
    ends = [load_checkpoint(r.training("student").checkpoints) for r in (run, trained)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert all(torch.equal(t, ends[1].tensors[name]) for name, t in ends[0].tensors.items())


# --------------------------------------------------------------------- latency and budget


def test_a_latency_table_for_another_target_or_from_other_conditions_is_refused(
    run: RunFolder, fails: Fails
) -> None:
    words = ["profile", "--run", str(run.root)]
    assert main([*words, *settings()]) == 0
    document = json.loads(run.latency_table.read_text())
    for part, key, value in (("target", "threads", 2), ("conditions", "torch", "1.0")):
        changed = json.loads(json.dumps(document))
        changed["content"][part][key] = value
        reseal(changed)
        run.latency_table.write_text(json.dumps(changed))
        said = fails(*words, code=2)
        assert f"{key}: {json.dumps(value)} -> " in said


def reseal(document: dict[str, object]) -> None:
    """Give a changed artifact the digest of its content."""
    document["digest"] = digest_of_value(document["content"])


def test_a_budget_out_of_reach_names_the_fastest_network_before_the_search(
    run: RunFolder, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasterseg.deploy.benchmark.on_target.ATTEMPTS", 1)
    monkeypatch.setattr("fasterseg.deploy.benchmark.on_target.WINDOWS", 1)
    monkeypatch.setattr("fasterseg.deploy.benchmark.on_target.WINDOW_SECONDS", 0.001)
    assert main(["profile", "--run", str(run.root), *settings()]) == 0
    words = ["search", "--run", str(run.root)]
    said = fails(*words, *settings(budget="0.0001ms"), code=5)
    assert "fastest" in said
    assert "--budget" in said
    assert not (run.search / "pretraining").exists(), "nothing was computed for it"
    assert main([*checked(run), "--budget", "90ms"]) == 0, "the run goes on with a higher one"


# -------------------------------------------------------------------- files of our own


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with a network that was trained for a few steps."""
    run = RunFolder(tmp_path_factory.mktemp("trained") / "run")
    cells = (CellChoice(kind="conv", expansion=1),)
    found = Architecture(widths={"stem": 1, "head": 1}, branches=(Branch(stride=8, cells=cells),))
    found.save(run.architecture("student"))
    assert main(["train", "--run", str(run.root), *settings()]) == 0
    return run


@pytest.fixture
def interrupted(trained: RunFolder, run: RunFolder) -> RunFolder:
    """The run as if it had been killed after its last checkpoint."""
    shutil.copytree(trained.root, run.root)
    folder = run.training("student").root
    (folder / "report.json").unlink()
    for which in ("best", "last", "ema"):
        shutil.rmtree(folder / which)
    return run


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def checkpoints(run: RunFolder) -> list[Path]:
    return sorted(run.training("student").checkpoints.glob("step-*"))


def test_a_damaged_checkpoint_falls_back_to_the_one_before_it(
    interrupted: RunFolder, trained: RunFolder
) -> None:
    flip_a_bit(checkpoints(interrupted)[-1] / "tensors.safetensors")
    before = load_checkpoint(interrupted.training("student").checkpoints)
    assert before is not None
    assert before.step == 4
    assert main(["train", "--run", str(interrupted.root)]) == 0
    ends = [load_checkpoint(r.training("student").checkpoints) for r in (interrupted, trained)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0].step == ends[1].step == 6
    assert all(torch.equal(t, ends[1].tensors[name]) for name, t in ends[0].tensors.items())


def test_damaged_checkpoints_alone_are_refused(interrupted: RunFolder, fails: Fails) -> None:
    for path in checkpoints(interrupted):
        flip_a_bit(path / "tensors.safetensors")
    said = fails("train", "--run", str(interrupted.root), code=3)
    assert str(interrupted.training("student").root) in said


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "description.json", "card.json", "manifest.json"]
)
def test_a_bundle_with_one_flipped_bit_is_refused(
    trained: RunFolder, fails: Fails, tmp_path: Path, name: str
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(trained.bundle("student"), bundle)
    flip_a_bit(bundle / name)
    Image.new("RGB", (64, 32)).save(tmp_path / "image.png")
    for words in (
        ("evaluate", str(bundle), "--run", str(trained.root)),
        ("predict", str(bundle), str(tmp_path / "image.png")),
        ("draw", str(bundle), "--out", str(tmp_path / "drawing.svg")),
    ):
        assert str(bundle) in fails(*words, code=3)


def test_a_file_of_ours_with_one_flipped_bit_is_refused(run: RunFolder, fails: Fails) -> None:
    assert main(checked(run, *settings())) == 0
    for path in (run.data_report, run.recipe):
        flip_a_bit(path)
        assert str(path) in fails(*checked(run), code=3)


def test_a_file_of_another_program_or_version_is_refused(run: RunFolder, fails: Fails) -> None:
    run.root.mkdir()
    for text in ("{}", "[]", '{"schema": "fasterseg/recipe/99"}', "\0"):
        run.recipe.write_text(text)
        assert str(run.recipe) in fails(*checked(run), code=3)


def test_a_model_that_does_not_exist_is_answered_with_the_nearest(
    trained: RunFolder, fails: Fails
) -> None:
    bundle = str(trained.bundle("student"))
    assert f"did you mean '{bundle}'?" in fails("evaluate", bundle + "t", code=2)


def test_a_file_that_does_not_exist_is_answered_with_the_nearest(
    tmp_path: Path, fails: Fails
) -> None:
    (tmp_path / "student.onnx").touch()
    (tmp_path / "student.txt").touch()
    said = fails("benchmark", str(tmp_path / "studnt.onnx"), code=2)
    assert "the models there are student.onnx;" in said
    assert f"did you mean '{tmp_path / 'student.onnx'}'?" in said


@pytest.mark.usefixtures("shipped_models")
@pytest.mark.parametrize("verb", ["evaluate", "predict", "export", "benchmark"])
def test_a_model_of_no_run_that_does_not_exist_is_what_is_told(verb: str, fails: Fails) -> None:
    words = ["absent.png"] if verb == "predict" else []
    said = fails(verb, "camvid-8m", *words, code=2)
    assert "there is no model 'camvid-8m'" in said
    assert "did you mean 'camvid-8ms'?" in said


@pytest.mark.usefixtures("shipped_models")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "nosuch"], "there is no contender 'nosuch'"),
        (["train", "studnt"], "did you mean 'student'?"),
        (["train", "pupil"], "name one of these, as "),
        (["train", "random:nosuch:1"], "there is no student 'nosuch'"),
        (["train", "teacher", "student", "--architecture", "x"], "whose architecture is it?"),
        (["train", "--teacher", "camvid-8m"], "did you mean 'camvid-8ms'?"),
        (["plan", "--memory", "inf"], "--memory is below zero, or no number"),
        (["benchmark", "camvid-8ms", "--threads", "-1"], "no such number of threads"),
        (["benchmark", "camvid-8ms", "--size", "1x1"], "too small"),
        (["benchmark", "camvid-8ms", "--backend", "tensorrt"], "TensorRT"),
        (["verify", "x.onnx", "--against", "camvid-8ms", "--threads", "0"], "number of threads"),
        (["verify", "x.onnx", "--against", "camvid-8ms", "--images", "0"], "nothing to verify"),
        (["describe", "camvid-8ms", "--classes", "-1"], "one class at least"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_argument_that_cannot_be_is_refused_before_anything_is_begun(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails: Fails,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in fails(*words, code=4 if "tensorrt" in words else 2)
    assert main([*words, "--json"])
    assert '"begin"' not in capsys.readouterr().err
    assert not [*tmp_path.iterdir()], "nothing is left behind"


@pytest.mark.usefixtures("shipped_models")
def test_a_model_that_is_named_twice_is_refused_before_any_is_read(fails: Fails) -> None:
    assert "named twice" in fails("benchmark", "camvid-8ms", "camvid-8ms", code=2)


def test_a_folder_that_is_no_model_names_the_one_in_it(trained: RunFolder, fails: Fails) -> None:
    folder = trained.training("student").root
    assert str(trained.bundle("student")) in fails("evaluate", str(folder), code=3)
    assert "bundle" in fails("evaluate", str(trained.search), "--run", str(trained.root), code=3)


def test_a_model_of_other_classes_is_refused(
    trained: RunFolder, photos: Path, fails: Fails
) -> None:
    bundle = str(trained.bundle("student"))
    said = fails("evaluate", bundle, "--data", str(photos), "--split", "val", code=2)
    assert "the model knows other classes than the data" in said
    assert "does not have" in said


def test_a_split_that_does_not_exist_is_named(trained: RunFolder, fails: Fails) -> None:
    bundle = str(trained.bundle("student"))
    assert "train, val, test" in fails("evaluate", bundle, "--split", "tets", code=3)


def test_a_stage_before_its_time_names_the_one_before_it(run: RunFolder, fails: Fails) -> None:
    words = ["--run", str(run.root)]
    assert "fasterseg search" in fails("train", *words, *settings(), code=3)
    assert "fasterseg search" in fails("draw", str(run.root), code=3)


def test_nothing_to_predict_on_or_to_draw(trained: RunFolder, fails: Fails, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.png")
    assert absent in fails("predict", str(trained.bundle("student")), absent, code=2)
    assert absent in fails("draw", absent, code=2)
    assert absent in fails("report", absent, code=3)


@pytest.mark.parametrize(
    "words", [("run", "--nonsense"), ("evaluate",), ("train", "--seed", "many"), ("rnu",)]
)
def test_a_command_that_cannot_be_understood_is_answered_with_help(
    words: tuple[str, ...], fails: Fails
) -> None:
    assert "--help" in fails(*words, code=2)
