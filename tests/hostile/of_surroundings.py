"""Hostile current folders and environments: modules and files lying where a command is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from case import HostileFile, Place, Words
from native import library_that_marks
from stock import Stock, small
from ways import of_model, out, way

MODULES = (
    *("json", "numpy", "torch", "sitecustomize", "usercustomize", "PIL", "yaml", "fasterseg"),
    *("onnx", "onnxruntime", "encodings", "site", "typing", "os", "random", "pydantic", "re2"),
    *("openvino", "matplotlib", "antigravity", "numba", "tensorrt"),
)


def current_folders(stock: Stock) -> Iterator[HostileFile]:
    """A folder of modules with the names of libraries, in which commands are typed."""
    ways: dict[str, Words] = {
        **of_model(stock, "MODEL", ()),
        "predict": lambda place: [
            *("predict", str(stock.bundle), str(stock.picture), "--out", str(place.out / "p"))
        ],
        "predict-onnx": lambda place: [
            *("predict", str(stock.onnx), str(stock.picture), "--out", str(place.out / "p"))
        ],
        "predict-pt2": lambda place: [
            *("predict", str(stock.program), str(stock.picture), "--out", str(place.out / "p"))
        ],
        "check-data": lambda place: ["check-data", str(stock.data)],
        "describe": lambda place: ["describe", str(stock.bundle)],
        "doctor": way("doctor", "--run", out("run")),
        "plan": way("plan", "--run", out("run"), *small(), "--set", "budget=1000ms"),
        "import-official": way(
            *(
                "import-official",
                "--table",
                Path(__file__).parents[1] / "parity/data/latency_lookup_table.npy",
            ),
            *("--out", out("o")),
        ),
    }
    for name in MODULES:
        yield HostileFile(
            name=f"a current folder with {name}.py",
            kind="current folder",
            write=lambda place, name=name: _module(place.here, name, place),
            ways={verb: ways[verb] for verb in ("check-data", "describe", "doctor")},
            expect="right",
            codes=(0, 4),
        )
    yield HostileFile(
        name="a current folder with all of them",
        kind="current folder",
        write=lambda place: [_module(place.here, name, place) for name in MODULES],
        ways=ways,
        expect="either",
        codes=(0, 2, 3, 4, 5),
    )
    for name, write in _files().items():
        yield HostileFile(
            name=f"a current folder with {name}",
            kind="current folder",
            write=write,
            ways={verb: ways[verb] for verb in ("predict", "check-data", "predict-onnx")},
            expect="either",
            codes=(0, 2, 3, 4),
        )


def _module(folder: Path, name: str, place: Place) -> None:
    text = f"open({str(place.mark)!r}, 'w').close()\n"
    (folder / f"{name}.py").write_text(text)
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "__init__.py").write_text(text)


def _files() -> dict[str, Callable[[Place], object]]:
    return {
        "a shared library": lambda place: [
            (place.here / name).write_bytes(library_that_marks(place.mark))
            for name in ("libgomp.so.1", "libonnxruntime.so", "libstdc++.so.6", "libc.so.6")
        ],
        "a table of the authors'": lambda place: (
            place.here / "latency_lookup_table.npy"
        ).write_bytes(b"\x93NUMPY"),
        "configuration files": lambda place: [
            (place.here / name).write_text(text)
            for name, text in {
                ".numba_config.yaml": "{cache_dir: .}",
                "matplotlibrc": "backend: module://evil",
                "pyvenv.cfg": "home = .",
                ".env": "LD_PRELOAD=./libc.so.6",
                "setup.cfg": "",
            }.items()
        ],
        "plugins of OpenVINO": lambda place: (place.here / "plugins.xml").write_text(
            '<ie><plugins><plugin name="CPU" location="./libevil.so"/></plugins></ie>'
        ),
    }


def environments(stock: Stock) -> Iterator[HostileFile]:
    """Environment variables that a folder's owner may have set, and text that they lead to."""
    odd = {
        "COLUMNS of 10^9": {"COLUMNS": "1000000000"},
        "COLUMNS of text": {"COLUMNS": "\x1b[2J"},
        "a TERM of an escape": {"TERM": "\x1b[2J"},
        "a TMPDIR that is none": {"TMPDIR": "/nowhere/\x1b[2J"},
        "a HOME that is none": {"HOME": "/nowhere"},
        "LANG of nothing": {"LANG": "C", "LC_ALL": "C"},
        "PYTHONPATH of the current folder": {"PYTHONPATH": "."},
        "PYTHONSTARTUP": {"PYTHONSTARTUP": "json.py", "PYTHONINSPECT": "1"},
        "FASTERSEG_TEST_DATA": {"FASTERSEG_TEST_DATA": "/etc"},
        "a cache of Numba in the current folder": {"NUMBA_CACHE_DIR": "."},
        "OMP_NUM_THREADS of 10^9": {"OMP_NUM_THREADS": "1000000000"},
        "OMP_NUM_THREADS of text": {"OMP_NUM_THREADS": "\x1b[2J"},
        "colours forced": {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
    }
    for name, variables in odd.items():
        yield HostileFile(
            name=f"environment: {name}",
            kind="environment",
            write=lambda place: _module(place.here, "json", place),
            ways={
                "check-data": lambda place: ["check-data", str(stock.data)],
                "describe": lambda place: ["describe", str(stock.bundle)],
                "doctor": way("doctor", "--run", out("run")),
                "a word that is none": way("predikt"),
            },
            expect="either",
            codes=(0, 2, 3, 4),
            environment=variables,
        )
