"""What a device measures with a kit is what the package asked for."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
from runnable_kits import CLASSES, HEIGHT, WIDTH, RunnableKit, a_network, loaded_runner

from fasterseg.kit.measured import read_measured


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return loaded_runner()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> RunnableKit:
    """A kit that was measured here, by the device's own clock."""
    kit = RunnableKit(tmp_path_factory.mktemp("measured"))
    assert loaded_runner(steady=False).main([str(kit.folder)]) == 0
    return kit


def test_what_it_writes_is_read_strictly_and_belongs_to_the_kit(measured: RunnableKit) -> None:
    found = read_measured(measured.folder / "measured.json", measured.manifest)
    assert found.timed.keys() == {*measured.blocks, "border", "net 0", "net 1"}
    assert found.promised.keys() == found.labels.keys() == {"student"}
    assert found.runtime.precision == "float32"
    assert found.runtime.version == onnxruntime.__version__
    assert found.device.language.endswith(f"NumPy {np.__version__}")


def test_the_labels_are_those_of_the_runtime(measured: RunnableKit) -> None:
    found = read_measured(measured.folder / "measured.json", measured.manifest)
    model = measured.files[next(i["file"] for i in measured.items if i["key"] == "student")]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for number, labels in enumerate(found.labels_of("student", measured.manifest)):
        image = np.frombuffer(measured.files[f"images/{number}.bin"], np.uint8)
        (wanted,) = session.run(None, {"image": image.reshape(1, HEIGHT, WIDTH, 3)})
        np.testing.assert_array_equal(labels, wanted[0])
        assert len(np.unique(labels)) > 1


def test_all_is_done_once_and_a_second_start_changes_nothing(
    measured: RunnableKit, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in measured.folder.glob("*.json*")}
    assert runner.main([str(measured.folder)]) == 0
    assert {path.name: path.read_bytes() for path in measured.folder.glob("*.json*")} == before
    assert "opening" not in capsys.readouterr().err


def test_it_says_how_far_it_is_and_on_what(
    tmp_path: Path, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    kit = RunnableKit(tmp_path)
    assert runner.main([str(kit.folder)]) == 0
    told = capsys.readouterr().err
    assert "kit small: 9 graphs" in told
    assert f"onnxruntime {onnxruntime.__version__}, CPUExecutionProvider, 1 threads" in told
    assert "0 of 7 measured\n" in told
    assert re.search("^1 of 7 measured, about [0-9]+ s left$", told, re.MULTILINE)
    assert "7 of 7 measured\n" in told
    assert "fasterseg kit read measured.json" in told


@pytest.mark.parametrize("inside", ["", "small-kit/"])
def test_a_zip_is_measured_without_being_unpacked(
    inside: str, tmp_path: Path, runner: ModuleType
) -> None:
    kit = RunnableKit(tmp_path / "packed")
    there = tmp_path / "there"
    there.mkdir()
    archive = kit.zipped(there / "small.zip", inside=inside)
    assert runner.main([str(archive)]) == 0
    assert {path.name for path in there.iterdir()} == {
        "small.zip",
        "small-journal.jsonl",
        "small-measured.json",
        "small-run.lock",
    }
    found = read_measured(there / "small-measured.json", kit.manifest)
    assert found.kit == kit.manifest.digest()


def test_a_file_that_ends_at_logits_of_the_image_s_size_is_labelled_by_the_largest(
    tmp_path: Path, runner: ModuleType
) -> None:
    both = {"student": a_network(3, ends="logits"), "net 0": a_network(3)}
    kit = RunnableKit(tmp_path, graphs=both)
    assert runner.main([str(kit.folder)]) == 0
    (first, _) = read_measured(tmp_path / "measured.json", kit.manifest).labels_of(
        "student", kit.manifest
    )
    session = onnxruntime.InferenceSession(both["net 0"], providers=["CPUExecutionProvider"])
    image = np.frombuffer(kit.files["images/0.bin"], np.uint8).reshape(1, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(first, session.run(None, {"image": image})[0][0])


TAIL = """
def label_map(logits, size, out=None):
    assert logits.ndim == 3
    return (logits.argmax(0)[:size[0], :size[1]]).astype("uint8")
"""


def test_a_tail_beside_the_graph_is_the_kit_s_own_file(tmp_path: Path, runner: ModuleType) -> None:
    kit = RunnableKit(tmp_path, graphs={"student": a_network(3, ends="logits")}, images=1)
    tail = {"file": "tail.py", "height": HEIGHT, "width": WIDTH}
    kit.files["tail.py"] = TAIL.encode()
    kit.items[-1]["tail"] = tail
    logits = {"name": "logits", "shape": [CLASSES, HEIGHT, WIDTH], "type": "float32"}
    kit.items.append(
        {
            "key": "tail",
            "role": "block",
            "file": None,
            "tail": tail,
            "inputs": [{**logits, "fill": "scene"}],
        }
    )
    kit.content["groups"].append(["tail"])
    kit.write()
    assert runner.main([str(kit.folder)]) == 0
    assert kit.measured["timed"]["tail"]["median_ns"] > 0
    assert len(kit.measured["labels"]["student"]) == 1


def test_a_group_that_was_disturbed_is_measured_again_and_the_quietest_counts(
    tmp_path: Path, runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = iter([1000, 1300, 1000, 1010, 1300, 1200])

    def timed(calls: Any, canary: Any, timer: Any, watch: Any) -> Any:
        canary_ns = next(beside)
        return {key: [canary_ns] for key in calls}, canary_ns

    monkeypatch.setattr(runner, "timed_in_turn", timed)
    kit = RunnableKit(tmp_path)
    assert runner.main([str(kit.folder)]) == 0
    groups = [(one["group"], one["attempt"]) for one in kit.journal if one["is"] == "group"]
    assert groups == [(0, 1), (1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]
    assert kit.measured["unquiet"] == 1
    assert kit.measured["canary_ns"] == 1000
    assert kit.measured["timed"]["conv block 1"]["canary_ns"] == 1200
    assert kit.measured["timed"]["conv block 1"]["median_ns"] == 1200


def test_a_group_whose_threads_waited_for_a_processor_was_disturbed(
    tmp_path: Path, runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = 10**9
    waited = iter([0, 0, 0, second, second, second, second, second, second, second])
    monkeypatch.setattr(runner, "waited_ns", lambda: {"1": next(waited), "2": 0})
    kit = RunnableKit(tmp_path)
    assert runner.main([str(kit.folder)]) == 0
    groups = [(one["group"], one["waited_ppm"] > 30_000) for one in kit.journal if "group" in one]
    assert groups == [(0, False), (1, True), (2, False), (3, False), (1, False)]
    assert kit.measured["unquiet"] == 0


@pytest.mark.parametrize(
    ("took_ns", "counted"), [(1000, 5), (12_000_000, 5), (30_000_000, 2), (200_000_000, 1)]
)
def test_a_canary_that_takes_long_is_asked_less_often(
    took_ns: int, counted: int, runner: ModuleType
) -> None:
    def watch(_call: object) -> int:
        return took_ns

    times = runner.several(lambda: None, watch, calls=5, most_ns=50_000_000)
    assert times == [took_ns] * counted


def test_how_long_threads_waited_is_what_linux_tells(tmp_path: Path, runner: ModuleType) -> None:
    for thread, text in {"1": "5 70 3", "2": "odd", "3": ""}.items():
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(text)
    runner.TASKS = tmp_path
    try:
        assert runner.waited_ns() == {"1": 70}
    finally:
        runner.TASKS = Path("/nowhere")


def test_a_kit_of_networks_alone_has_a_canary_too(tmp_path: Path, runner: ModuleType) -> None:
    kit = RunnableKit(tmp_path, changes={"purpose": "networks", "groups": [], "network_groups": []})
    assert runner.main([str(kit.folder)]) == 0
    found = read_measured(tmp_path / "measured.json", kit.manifest)
    assert (found.canary_ns, found.timed, found.unquiet) == (1000, {}, 0)


def test_what_is_promised_alternates_with_the_reference_at_its_known_pace(
    tmp_path: Path, runner: ModuleType
) -> None:
    promise = {"windows": 2, "queries": 3, "warmup_runs": 0, "needed": 2, "most": 4}
    changes = {"reference": "net 0", "reference_ns": 1, "promise": promise}
    kit = RunnableKit(tmp_path, changes=changes)
    assert runner.main([str(kit.folder)]) == 0
    found = kit.measured["promised"]["student"]
    assert found["queries"] == 3
    assert found["pace_ppm"] == 1000 * 1_000_000
    assert found["median_ns"] == 1
    windows = [one for one in kit.journal if one["is"] == "window"]
    assert [one["number"] for one in windows] == list(range(found["windows"]))


def test_the_command_s_help_is_the_file_s_own_words(
    runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        runner.main(["--help"])
    assert "the same command resumes" in capsys.readouterr().out


def test_a_kit_lies_beside_its_runner_unless_another_is_named(tmp_path: Path) -> None:
    kit = RunnableKit(tmp_path)
    path = Path(shutil.copy(loaded_runner().__file__ or "", tmp_path / "run.py"))
    namespace: dict[str, Any] = {"__name__": "run", "__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    assert namespace["main"]([]) == 0
    document = json.loads((tmp_path / "measured.json").read_text())
    assert document["content"]["kit"] == kit.manifest.digest()
