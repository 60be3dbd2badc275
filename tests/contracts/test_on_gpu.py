"""The script for whoever has a GPU for fifteen minutes, in its dry form on the processor."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_cuda import CONDITIONS
from fake_onnx_cuda import pretend_onnx_cuda

from fasterseg.cli import main

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "on_gpu.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("on_gpu", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["on_gpu"] = module  # where dataclasses look for their types
    spec.loader.exec_module(module)
    return module


class InThisProcess:
    """Runs steps of some verbs here, and answers for the others."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *verbs: str) -> None:
        self.capsys, self.verbs = capsys, verbs
        self.asked: list[str] = []

    def __call__(self, step: Any) -> tuple[int | None, str]:
        self.asked.append(step.words[0])
        if step.words[0] not in self.verbs:
            return {"tests": (0, "2 passed in 1.0s\n")}.get(step.words[0], (None, ""))
        self.capsys.readouterr()
        code = main([*step.words])
        return code, self.capsys.readouterr().out


def test_the_dry_form_asks_for_every_step_and_writes_what_it_found(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = InThisProcess(capsys, "doctor")
    assert script.main(["--device", "cpu", "--out", str(tmp_path)], run=run) == 1
    assert run.asked == ["doctor", "tests", "profile", "profile", "benchmark", "run"]
    text = (tmp_path / "report.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert any("tests of a GPU | ok" in row and "2 passed" in row for row in rows)
    assert any("search | stopped after 420 s" in row for row in rows)
    assert all("torch" in row and "device cpu" in row for row in rows[2:]), "beside each figure"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_dry_form_profiles_and_runs_a_whole_search_in_seconds(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = InThisProcess(capsys, "doctor", "profile", "benchmark", "run")
    assert script.main(["--device", "cpu", "--out", str(tmp_path)], run=run) == 0
    text = (tmp_path / "report.md").read_text()
    for what in ("profile, pytorch cpu float32", "profile, onnxruntime cpu float32", "search"):
        assert f"| {what} | ok |" in text
    assert "% mean IoU" in text and "not understood" not in text


def test_what_is_not_installed_beside_the_gpu_is_said_and_the_rest_is_run(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_onnx_cuda(monkeypatch)
    found, missing = script.targets_on("cuda")
    assert found == [
        "pytorch cuda float32",
        "onnxruntime-cuda cuda float32",
        "onnxruntime-cuda cuda float16",
    ]
    assert list(missing) == ["tensorrt"]
    assert "fasterseg[cuda]" in missing["tensorrt"]
    steps = [*script.steps_of("cuda", "/data/camvid", Path("/out"), found)]
    words = [word for step in steps for word in step.words]
    assert {"evaluate", "--device=cuda", "/data/camvid"} <= {*words}
    assert {*words} >= {"pytorch", "onnxruntime-cuda", "float16"}
    searched = next(step for step in steps if step.words[0] == "run")
    assert "target.backend=onnxruntime-cuda" in searched.words


def test_what_there_is_no_time_for_is_said_and_not_begun(script: ModuleType) -> None:
    steps = [script.Step(name, ("doctor",), 60) for name in ("first", "second")]
    asked = []
    script.play(
        steps, lambda step: (asked.append(step.seconds), (0, ""))[1], seconds=30.0, tell=len
    )
    assert asked[0] <= 30
    done = script.play(steps, lambda _step: (0, ""), seconds=5.0, tell=len)
    assert {one.outcome for one in done} == {"not run: the minutes are over"}
    assert script.searched_on(["pytorch cuda float32", "tensorrt cuda float16"]).startswith(
        "pytorch"
    )


def test_each_figure_has_the_device_and_the_versions_beside_it(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        script, "gpu_conditions", lambda index: {**CONDITIONS, "gpu": f"GPU {index}"}
    )
    facts = script.facts_of("cuda:1")
    assert (facts["device"], facts["gpu"], facts["driver"]) == ("cuda:1", "GPU 1", "570.1")
    assert facts["onnxruntime"]
    done = [
        script.Done("profile", "ok", 2.0, {"blocks": "16"}),
        script.Done("run", "exit code 4", 1),
    ]
    text = script.report(done, facts, {"tensorrt": "missing"})
    assert all("driver 570.1" in line for line in text.splitlines() if line.startswith("| p"))
    assert "- tensorrt was not run: missing" in text
