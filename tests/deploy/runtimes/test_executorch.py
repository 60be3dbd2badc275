"""ExecuTorch's programs: looked at before they run, and run in a process of its own alone."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from fake_executorch import pte, stand_in
from tiny_export import FORM, SIZE, SOURCE, evidence, origin

from fasterseg.cli import main
from fasterseg.config import OutputForm
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.backends import backend_for
from fasterseg.deploy.runtimes.executorch import environment as executorch_environment
from fasterseg.deploy.runtimes.executorch import runtime as executorch_runtime
from fasterseg.deploy.runtimes.executorch.environment import ENVIRONMENT, python
from fasterseg.deploy.runtimes.executorch.files import read, with_card
from fasterseg.deploy.runtimes.executorch.process import Child
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import EnvironmentFault, FastersegError, FileError, UsageError
from fasterseg.space.blocks import Size

PTE = replace(FORM, format="executorch")
IMAGE = SOURCE.sample("train", 0).image


def card(output: OutputForm = "labels") -> ExportedCard:
    return origin().card_like(replace(PTE, output=output))


def written(folder: Path, program: bytes, output: OutputForm = "labels") -> Path:
    """A program with the tiny network's card."""
    path = folder / "student.pte"
    path.write_bytes(with_card(program, card(output)))
    return path


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stand-in for ExecuTorch's environment."""
    folder = tmp_path / "environment"
    folder.mkdir()
    monkeypatch.setenv(ENVIRONMENT, str(stand_in(folder)))
    return folder


def assert_four_parts(error: FastersegError) -> None:
    assert error.what and error.where and error.why and error.next_step


# ----------------------------------------------------------------------------- the environment


def test_without_an_environment_the_commands_that_make_one_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr(executorch_environment, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentFault, match="ExecuTorch is not to be had") as caught:
        python()
    assert_four_parts(caught.value)
    assert "pip install executorch torch && export FASTERSEG_EXECUTORCH" in caught.value.next_step
    with pytest.raises(EnvironmentFault):
        backend_for(Running("executorch"))
    with pytest.raises(EnvironmentFault):
        ship(origin(), PTE, tmp_path / "student.pte", evidence())
    assert not list(tmp_path.iterdir())


def test_where_executorch_is_importable_this_python_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr(executorch_environment, "find_spec", lambda name: object())
    assert python() == Path(sys.executable)


@pytest.mark.parametrize("named", ["executorch", "/nowhere/executorch", "/etc/passwd"])
def test_a_name_that_leads_to_no_python_is_refused(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, named)
    with pytest.raises(EnvironmentFault) as caught:
        python()
    assert_four_parts(caught.value)
    assert named in caught.value.where


def test_a_python_without_executorch_is_refused_by_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, sys.executable)
    if executorch_environment.find_spec("executorch") is not None:
        pytest.skip("executorch is installed in this environment")
    with pytest.raises(EnvironmentFault, match="not to be had") as caught:
        Child.start("lower", tmp_path, {"programs": []})
    assert "cannot import it" in caught.value.why and "executorch" in caught.value.why


# ------------------------------------------------------------------------- looked at before run


def test_the_card_of_a_program_stands_behind_it(tmp_path: Path) -> None:
    data, graph, found = read(written(tmp_path, pte()))
    assert found == card() and data.startswith(pte())
    assert graph.delegates == 1 and "argmax" in graph.describe()


STRANGE = {
    "another method": pte(methods=("forward", "steal")),
    "no method": pte(methods=()),
    "a strange operator": pte(operators=("aten::argmax", "mine::run_shell")),
    "another backend": pte(delegates=("XnnpackBackend", "QnnBackend")),
    "no delegate": pte(delegates=()),
    "two inputs": pte(inputs=2),
    "too much memory": pte(memory=1 << 40),
    "a negative memory": pte(memory=-1),
    "a name too long": pte(operators=("aten::" + "x" * 5000,)),
    "no FlatBuffer": b"hello" * 20,
    "nothing": b"",
    "a header alone": pte()[:40],
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_program_that_no_export_is_is_refused_before_anything_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Child, "start", None)
    with pytest.raises(FileError) as caught:
        open_export(written(tmp_path, STRANGE[name]))
    assert_four_parts(caught.value)


def test_a_program_without_a_card_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pte"
    path.write_bytes(pte())
    with pytest.raises(FileError, match="cannot read this ExecuTorch program") as caught:
        open_export(path)
    assert "no card" in caught.value.why


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path, random = written(tmp_path, pte()), Random(21)
    whole = path.read_bytes()
    for _ in range(100):
        at = random.randrange(len(whole))
        changed = bytearray(whole)
        changed[at] ^= 1 << random.randrange(8)
        path.write_bytes(changed if random.random() < 0.8 else whole[:at])
        with pytest.raises(FileError):
            read(path)


def test_programs_changed_at_random_and_sealed_anew_raise_nothing_else(tmp_path: Path) -> None:
    random, whole = Random(5), pte()
    for _ in range(150):
        changed = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(whole))
            changed[at : at + 4] = random.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", random.randbytes(4)]
            )
        try:
            read(written(tmp_path, bytes(changed)))
        except FileError as error:
            assert_four_parts(error)


@pytest.mark.parametrize("what", ["a named pipe", "a device", "a folder", "nothing"])
def test_what_is_no_file_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "m.pte"
    if what == "a named pipe":
        os.mkfifo(path)
    elif what == "a device":
        path.symlink_to("/dev/zero")
    elif what == "a folder":
        path.mkdir()
    with pytest.raises(FileError) as caught:
        read(path)
    assert_four_parts(caught.value)


def test_a_card_of_any_size_or_another_type_is_refused(tmp_path: Path) -> None:
    for change in ({"size": None}, {"precision": "float16"}):
        path = tmp_path / "odd.pte"
        path.write_bytes(with_card(pte(), origin().card_like(replace(PTE, **change))))  # type: ignore[arg-type]
        with pytest.raises(FileError, match="cannot read"):
            read(path)


# ------------------------------------------------------------------------------------- running


def test_a_program_runs_in_a_child_with_a_bare_environment_and_limits(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "mine")
    session, found = open_export(written(tmp_path, pte()), Running(threads=2))
    assert found == card()
    np.testing.assert_array_equal(session.run(IMAGE), IMAGE[..., 0] % 9)
    facts = session.facts()
    assert facts["runtime"].startswith("executorch 9.9.9") and "own" in facts["runtime"]
    assert facts["threads"] == "2" and "portable kernels: aten::argmax" in facts["operators"]
    seen = json.loads((environment / "seen.json").read_text())
    assert "SECRET_TOKEN" not in seen["env"] and seen["env"]["HOME"] != os.environ.get("HOME")
    assert 0 < seen["memory_bytes"] <= 4 << 30
    assert session.call(IMAGE, transfer=True)() is not None


def test_a_run_s_parts_are_told_by_the_child_s_own_clock(environment: Path, tmp_path: Path) -> None:
    session, _ = open_export(written(tmp_path, pte()))
    parts = session.parts_ms(IMAGE, lambda call: (call(), 0.25)[1])
    assert parts.keys() == {"copy in", "network", "copy out"}
    assert parts["network"] == 2.0 and parts["copy out"] >= 0.25


def test_an_image_of_another_size_is_refused_and_the_next_one_runs(
    environment: Path, tmp_path: Path
) -> None:
    session, found = open_export(written(tmp_path, pte()))
    with pytest.raises(FastersegError, match="does not run on this image"):
        session.run(IMAGE[:32])
    labels = ExportedPredictor(session, found, where="student.pte").labels(IMAGE)
    assert labels.shape == IMAGE.shape[:2]


def test_low_resolution_logits_go_through_the_tail(environment: Path, tmp_path: Path) -> None:
    path = written(tmp_path, pte("logits"), "low-resolution-logits")
    session, _ = open_export(path, Running(tail="numpy"))
    assert session.run(IMAGE).shape == IMAGE.shape[:2]
    assert session.facts()["tail"].startswith("numpy")


BAD = {
    "does not load": "does not load",
    "says nonsense": "cannot be read",
    "another shape": "labels are uint8 (1, 64, 7)",
    "another type": "gives other",
    "huge": "it gives uint8",
    "crashes": "signal 6",
    "fails": "no memory for this",
    "odd labels": "labels from 200",
}


@pytest.mark.parametrize("how", BAD)
def test_a_stranger_s_program_that_misbehaves_ends_with_its_child(
    how: str, environment: Path, tmp_path: Path
) -> None:
    with pytest.raises(FileError) as caught:
        open_export(written(tmp_path, pte(how)))
    assert_four_parts(caught.value)
    assert BAD[how] in caught.value.why


def test_a_program_that_never_ends_is_ended(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executorch_runtime, "LEAST_RUN_S", 0.5)
    with pytest.raises(FileError, match="does not run") as caught:
        open_export(written(tmp_path, pte("never ends")))
    assert "it took more than" in caught.value.why


def test_the_child_ends_with_what_opened_it(environment: Path, tmp_path: Path) -> None:
    session, _ = open_export(written(tmp_path, pte()))
    child = session.graph.child  # type: ignore[attr-defined]
    assert child.process.poll() is None
    process = child.process
    del session, child
    gc.collect()
    assert process.wait(20) is not None


# ------------------------------------------------------------------------- around the programs


@pytest.mark.parametrize(("words", "told"), [("--dynamic", "--dynamic"), ("--resize", "--resize")])
def test_a_program_of_any_size_cannot_be_asked_for(words: str, told: str, tmp_path: Path) -> None:
    size = Size(32, 64) if words == "--resize" else None
    form = replace(PTE, size=None, resizes_to=size)
    with pytest.raises(UsageError, match="images of one size") as caught:
        form.require_possible()
    assert told in caught.value.where and "--size" in caught.value.next_step


def test_blocks_are_timed_elsewhere(environment: Path) -> None:
    backend = backend_for(Running("executorch"))
    with pytest.raises(UsageError, match="no blocks") as caught:
        backend.floor_call()
    assert_four_parts(caught.value)
    assert str(environment) in backend.versions()["executorch"]


def test_what_was_lowered_and_is_not_the_network_gets_no_name(
    environment: Path, tmp_path: Path
) -> None:
    (environment / "program.pte").write_bytes(pte())
    place = tmp_path / "student.pte"
    with pytest.raises(FastersegError, match="is not what student is"):
        ship(origin(), PTE, place, evidence())
    assert not place.exists()


# ------------------------------------------------------------------------------ the real thing


@pytest.fixture(scope="module")
def real() -> Iterator[None]:
    """ExecuTorch itself."""
    if ENVIRONMENT not in os.environ and executorch_environment.find_spec("executorch") is None:
        pytest.skip(f"no environment of ExecuTorch is named: {executorch_environment.ROW.install}")
    yield


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("output", ["labels", "low-resolution-logits", "logits"])
def test_executorch_lowers_and_runs_the_network_and_gives_its_labels(
    output: OutputForm, real: None, tmp_path: Path
) -> None:
    form, path = replace(PTE, output=output), tmp_path / "student.pte"
    report = ship(origin(), form, path, evidence())
    assert report.verification.passed and report.verification.mean_iou is not None
    assert "XNNPACK in 1 part(s)" in report.verification.facts["operators"]
    session, found = open_export(path, Running(threads=2))  # as a stranger's
    assert found == origin().card_like(form) and session.digest == report.file_digest
    labels = session.run(IMAGE)
    assert (labels == origin().predictor.label_map(IMAGE)).mean() > 0.9999
    parts = session.parts_ms(IMAGE, session_watch)
    assert parts["network"] > 0
    assert main(["benchmark", str(path), "--quick", "--size", str(SIZE)]) == 0


def session_watch(call: object) -> float:
    """A stopwatch that does not look."""
    assert callable(call)
    call()
    return 0.0
