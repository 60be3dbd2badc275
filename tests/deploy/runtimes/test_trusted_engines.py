"""An engine is a program: it is opened where somebody vouches for it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_cuda import pretend_a_gpu
from tiny_export import FORM, origin

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.exporting.exported_card import UnsealedCard
from fasterseg.deploy.exporting.seals import BLANK_SEAL, sealed
from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.tensorrt import runtime as tensorrt
from fasterseg.errors import FastersegError, FileError

ENGINE = b"what a GPU runs"
DIGEST = digest_of_bytes(ENGINE)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine and its sealed card, on a machine that could run it."""
    monkeypatch.setattr(tensorrt, "is_installed", lambda: True)
    pretend_a_gpu(monkeypatch)
    path = tmp_path / "student.engine"
    path.write_bytes(ENGINE)
    text = origin().card_like(FORM).to_text(seal=BLANK_SEAL).encode()
    path.with_suffix(".json").write_bytes(sealed(text, companions=[ENGINE]))
    return path


def opened(path: Path, running: Running, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What TensorRT is given to load."""
    given = watched(monkeypatch)
    tensorrt.open_file(path, replace(running, device="cuda"))
    return given


def watched(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Where what TensorRT is given is kept."""
    given: list[bytes] = []

    def load(data: bytes, _gpu: Gpu, *, where: str) -> None:
        given.append(data)

    monkeypatch.setattr(tensorrt.TensorrtGraph, "open", load)
    return given


def test_an_engine_of_a_stranger_is_not_opened(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tensorrt.TRUSTED, "sha256:0, all, *")
    given = watched(monkeypatch)
    with pytest.raises(FileError, match="could run any code") as caught:
        tensorrt.open_file(engine, Running(made_here="sha256:1"))
    assert f"{tensorrt.TRUSTED}={DIGEST}" in caught.value.next_step
    assert not given


def test_an_engine_that_this_process_built_is_opened(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened(engine, Running(made_here=DIGEST), monkeypatch) == [ENGINE]


def test_an_engine_that_the_user_names_is_opened(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tensorrt.TRUSTED, f"sha256:0,{DIGEST}")
    assert opened(engine, Running(), monkeypatch) == [ENGINE]


def test_a_card_that_is_a_link_to_elsewhere_is_not_read(engine: Path, tmp_path: Path) -> None:
    card = engine.with_suffix(".json")
    (tmp_path / "folder").mkdir()
    moved = engine.rename(tmp_path / "folder" / engine.name)
    moved.with_suffix(".json").symlink_to(card)
    with pytest.raises(FastersegError, match=r"link|outside|leads"):
        tensorrt.open_file(moved, Running(made_here=DIGEST))


def test_an_engine_of_the_time_before_seals_has_to_be_named_too(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = UnsealedCard(**origin().card_like(FORM).model_dump())
    engine.with_suffix(".json").write_text(earlier.to_text())
    with pytest.raises(FileError, match="could run any code"):
        tensorrt.open_file(engine, Running())
    monkeypatch.setenv(tensorrt.TRUSTED, DIGEST)
    assert opened(engine, Running(), monkeypatch) == [ENGINE]
