"""``draw``: what it accepts, what it assumes aloud, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import FakeRun

from fasterseg.cli import main
from fasterseg.commands.draw import draw
from fasterseg.errors import FileError, UsageError
from fasterseg.runs import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose networks were trained."""
    return FakeRun(until="train").write(tmp_path_factory.mktemp("run"))


def test_a_run_s_folder_is_all_its_architectures_at_the_target_s_size(run: RunFolder) -> None:
    result = draw(str(run.root))
    assert result.text.startswith("teacher\n")
    assert "\n\nstudent\n" in result.text
    assert result.text.count("for 64x128 images and 9 classes") == 2
    assert result.notes == ()


def test_an_architecture_s_file_in_a_run_takes_the_run_s_size(run: RunFolder) -> None:
    result = draw(str(run.architecture("student")))
    assert "for 64x128 images and 9 classes" in result.text
    assert result.notes == ()


def test_a_bundle_is_drawn_with_its_own_classes(run: RunFolder) -> None:
    result = draw(str(run.bundle("student")))
    assert result.text.startswith("student (best)\n")
    assert "for 64x128 images and 9 classes" in result.text


def test_size_and_classes_may_be_named(run: RunFolder) -> None:
    result = draw(str(run.architecture("student")), size="360x480", classes=11)
    assert "for 360x480 images and 11 classes" in result.text


def test_what_is_not_known_is_assumed_aloud(run: RunFolder, tmp_path: Path) -> None:
    alone = tmp_path / "found.json"
    alone.write_bytes(run.architecture("student").read_bytes())
    result = draw(str(alone))
    assert "for 1024x2048 images and 19 classes" in result.text
    assert len(result.notes) == 2
    assert "--size" in result.describe()


def test_the_svg_holds_every_architecture_and_is_never_replaced_silently(
    run: RunFolder, tmp_path: Path
) -> None:
    path = tmp_path / "drawing.svg"
    assert draw(str(run.root), out=path).file == str(path)
    assert path.read_text(encoding="utf-8").count('class="fs-arch" role="img"') == 2
    before = path.read_bytes()
    with pytest.raises(UsageError, match="already"):
        draw(str(run.architecture("student")), out=path)
    assert path.read_bytes() == before
    draw(str(run.architecture("student")), out=path, overwrite=True)
    assert path.read_bytes() != before


def test_a_drawing_is_called_as_what_it_is(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="written as SVG") as caught:
        draw(str(run.architecture("student")), out=tmp_path / "a b.png")
    assert caught.value.next_step == f"--out '{tmp_path / 'a b.svg'}'"


@pytest.mark.parametrize("size", ["360", "0x480", "axb", "360x480x3", "-1x4"])
def test_a_size_that_is_none_is_refused(size: str, run: RunFolder) -> None:
    with pytest.raises(UsageError, match="cannot read the size"):
        draw(str(run.architecture("student")), size=size)


def test_a_file_that_holds_something_else_is_refused(run: RunFolder) -> None:
    with pytest.raises(FileError, match="holds no architecture"):
        draw(str(run.recipe))


def test_a_run_before_its_search_says_which_command_comes_next(tmp_path: Path) -> None:
    run = FakeRun(until="data").write(tmp_path)
    with pytest.raises(FileError) as caught:
        draw(str(run.root))
    assert caught.value.next_step.startswith("fasterseg search")


def test_the_command_line_prints_the_text_and_exits_with_two_for_nothing(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", str(run.architecture("student"))]) == 0
    assert "layer 1" in capsys.readouterr().out
    assert main(["draw", "no-such-thing"]) == 2
