"""Started in a folder of strangers' files, nothing of it is imported or read as settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fasterseg
from fasterseg.current_folder import away_from_here

SOURCE = str(Path(fasterseg.__file__).parents[1])
HOSTILE = ("json", "numpy", "torch", "yaml", "pydantic", "difflib", "cyclopts", "sitecustomize")
PLACES = os.pathsep.join(place for place in sys.path if place)


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    mark = f"open({str(tmp_path / 'it-ran')!r}, 'a').write(__name__ + ' ')\n"
    for name in HOSTILE:
        (tmp_path / f"{name}.py").write_text(mark)
    (tmp_path / ".env").write_text("PYTHONSTARTUP=json.py\nLD_PRELOAD=./evil.so\n")
    (tmp_path / ".numba_config.yaml").write_text(f"cache_dir: {tmp_path / 'kernels'}\n")
    os.mkfifo(tmp_path / "matplotlibrc")  # whoever reads it waits for ever
    return tmp_path


def started(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": PLACES, **more}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_package_started_as_a_module_imports_nothing_from_there(hostile_folder: Path) -> None:
    done = started(hostile_folder, "-m", "fasterseg", "train", "--help")
    assert done.returncode == 0, done.stderr
    assert not (hostile_folder / "it-ran").exists()


def test_the_package_started_where_it_lies_is_found(tmp_path: Path) -> None:
    done = started(Path(SOURCE), "-m", "fasterseg", "--version")
    assert done.returncode == 0
    assert done.stdout.strip() == fasterseg.__version__


def test_kernels_are_kept_nowhere_that_the_current_folder_says(hostile_folder: Path) -> None:
    pytest.importorskip("numba")
    asks = (
        "from fasterseg.deploy.tail.kernels import arg_max_row as kernel; import numba.core.config;"
        "numba.core.config.reload_config(); print(numba.core.config.CACHE_DIR or 'none');"
        "print(kernel.stats.cache_path)"
    )
    done = started(hostile_folder, "-P", "-c", asks)
    setting, place = done.stdout.split()
    assert setting == "none", done.stderr
    assert Path(place).is_absolute()
    assert hostile_folder not in Path(place).parents


def test_kernels_are_kept_in_no_relative_folder(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    asks = "from fasterseg.deploy.tail.kernels import arg_max_row as k; print(k.stats.cache_path)"
    done = started(tmp_path, "-P", "-c", asks, NUMBA_CACHE_DIR="kept")
    assert Path(done.stdout.strip()).is_absolute(), done.stderr
    assert not [*tmp_path.iterdir()]


def test_charts_are_drawn_without_the_settings_that_lie_there(hostile_folder: Path) -> None:
    asks = (
        "from fasterseg.reporting.charts import *;"
        "print(len(line_chart('t', [], Frame('x', 'y')).svg))"
    )
    done = started(hostile_folder, "-P", "-c", asks)
    assert int(done.stdout) > 0, done.stderr


def test_one_comes_back_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyError), away_from_here():
        assert Path.cwd() == Path(SOURCE) / "fasterseg"
        raise KeyError
    assert Path.cwd() == tmp_path


def test_a_current_folder_that_is_gone_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with away_from_here():
        pass
    with pytest.raises(FileNotFoundError):
        Path.cwd()
