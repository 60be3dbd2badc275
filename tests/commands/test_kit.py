"""A kit is packed for a run, and what a device measured with it becomes the run's table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun
from made_kits import as_written, device_says, measured_content

import fasterseg
from fasterseg import cli
from fasterseg.artifacts import digest_of_file
from fasterseg.config import Recipe
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.errors import FastersegError, FileError, UsageError
from fasterseg.kit.kept import kit_of
from fasterseg.kit.labels import inflated_labels, packed_labels
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.table import LatencyTable
from fasterseg.runs import RunFolder

RECIPE = Recipe.model_validate(
    {
        "name": "board",
        "data": {
            "source": "street",
            "street": {"height": 32, "width": 64, "train": 2, "val": 2, "test": 2},
        },
        "space": {"layers": 3, "operators": ["skip", "conv"], "expansions": [2, 4]},
        "contenders": [{"name": "student", "role": "student"}],
        "target": {"threads": 2, "height": 32, "width": 64},
        "profile": {"calibration_networks": 4},
    }
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose kit is packed."""
    run = tmp_path_factory.mktemp("packed") / "run"
    result = fasterseg.kit_pack(recipe=RECIPE, run=run)
    assert f"kit read measured.json --run {run}" in result.describe()
    assert (result.blocks, result.networks) == (len(blocks_of(run)), 4)
    return run


def blocks_of(run: Path) -> list[str]:
    return [
        one.key
        for one in kit_of(RunFolder(run).kits / "space").manifest.items
        if one.role == "block"
    ]


@pytest.fixture
def run(packed: Path, tmp_path: Path) -> Iterator[RunFolder]:
    """A run of its own, with the kit and nothing else."""
    for path in packed.rglob("*"):
        if path.is_file() and path.name != "lock":
            copy = tmp_path / "run" / path.relative_to(packed)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.hardlink_to(path)
    yield RunFolder(tmp_path / "run")


def came_back(run: RunFolder, path: Path, **changes: object) -> Path:
    manifest = kit_of(run.kits / "space").manifest
    return as_written(device_says(manifest, **changes), path / "measured.json")


def test_a_run_that_is_packed_knows_that_its_target_is_elsewhere(packed: Path) -> None:
    assert Recipe.load(RunFolder(packed).recipe).target.host == "kit"


def test_what_comes_back_is_the_runs_table_with_the_devices_conditions(
    run: RunFolder, tmp_path: Path
) -> None:
    path = came_back(run, tmp_path)
    result = fasterseg.kit_read(path, run=run.root)
    table = LatencyTable.load(run.latency_table)
    assert sorted(table.entries) == sorted(blocks_of(run.root))
    assert (table.conditions["device"], table.conditions["governor"]) == ("board", "performance")
    assert table.reference is not None
    assert "measured on board (Cortex-A76) with onnxruntime 1.16.3" in result.describe()
    assert f"next: fasterseg run --run {run.root}" in result.describe()
    assert (run.kits / "space-measured.json").read_bytes() == path.read_bytes()
    again = fasterseg.kit_read(path, run=run.root)
    assert again.describe() == result.describe()


def test_a_file_that_lies_in_the_kit_finds_its_run(run: RunFolder) -> None:
    fasterseg.kit_read(came_back(run, run.kits / "space"))
    assert run.latency_table.is_file()


def test_a_table_that_is_there_is_not_replaced_by_another(run: RunFolder, tmp_path: Path) -> None:
    fasterseg.kit_read(came_back(run, tmp_path), run=run.root)
    before = run.latency_table.read_bytes()
    other = came_back(run, tmp_path, floor_ns=77_000)
    with pytest.raises(UsageError, match="another latency table"):
        fasterseg.kit_read(other, run=run.root)
    assert run.latency_table.read_bytes() == before


def test_what_was_measured_with_another_kit_is_refused_and_nothing_is_written(
    run: RunFolder, tmp_path: Path
) -> None:
    path = came_back(run, tmp_path, kit="sha256:" + "1" * 64)
    before = sorted(run.root.rglob("*"))
    with pytest.raises(FileError, match="is not here") as caught:
        fasterseg.kit_read(path, run=run.root)
    assert "111111111111" in caught.value.why
    with pytest.raises(FileError, match="another kit"):
        fasterseg.kit_read(path, run=run.root, kit=run.kits / "space")
    assert sorted(run.root.rglob("*")) == before


def test_what_is_for_no_run_or_for_another_is_refused_and_nothing_is_made(
    run: RunFolder, tmp_path: Path
) -> None:
    path, kit = came_back(run, tmp_path), run.kits / "space"
    with pytest.raises(UsageError, match="not known for which run"):
        fasterseg.kit_read(path, run=tmp_path / "none", kit=kit)
    assert not (tmp_path / "none").exists()
    smaller = RECIPE.model_copy(update={"name": "other"}).content()
    smaller["space"]["operators"] = ["conv"]
    other = RunFolder(tmp_path / "other")
    Recipe.model_validate(smaller).save(other.recipe)
    with pytest.raises(FileError, match="another search space"):
        fasterseg.kit_read(path, run=other.root, kit=kit)
    assert not other.latency_table.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"set": ("target.tail=fast",)}, "the tail fast is timed on this machine only"),
        ({"set": ("target.backend=pytorch",)}, "pytorch is timed on this machine only"),
        ({"set": ("target.host=here",)}, "a kit is for a device elsewhere"),
        ({"out": "elsewhere"}, "the kit of a space goes into its run"),
        ({"networks": ("baseline:fast-scnn",)}, "a baseline has no weights"),
        ({"networks": ("none",)}, "none"),
    ],
)
def test_what_no_kit_can_do_is_refused_before_anything_is_written(
    options: dict[str, object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FastersegError) as caught:
        fasterseg.kit_pack(recipe=RECIPE, **options)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_both_verbs_speak_json(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = came_back(run, tmp_path)
    assert cli.main(["kit", "read", str(path), "--run", str(run.root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["told"]["device"] == "board (Cortex-A76)"
    path.write_text("{}")
    assert cli.main(["kit", "read", str(path), "--run", str(run.root), "--json"]) == 3
    failure = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert all(failure[part] for part in ("what", "where", "why", "next"))


SCENES = tuple(f"data.street.{change}" for change in ("height=64", "width=128", "test=12"))


@pytest.fixture(scope="module")
def of_networks(tmp_path_factory: pytest.TempPathFactory) -> PackedKit:
    """The kit of a bundle that lies in a run, and of the file that was exported from it."""
    run = FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("run"))
    exported = tmp_path_factory.mktemp("exported") / "student.onnx"
    fasterseg.export(str(run.bundle("student")), out=exported, images=1, set=SCENES)
    out = tmp_path_factory.mktemp("packed") / "proof"
    settings = ("target.backend=onnxruntime", "target.tail=graph", *SCENES)
    models = (str(run.bundle("student")), str(exported))
    result = fasterseg.kit_pack(networks=models, out=out, run=run.root, set=settings)
    assert (result.blocks, result.networks, result.images) == (0, 2, 10)
    assert result.read_with == f"fasterseg kit read measured.json --kit {out}"
    return kit_of(out)


@pytest.mark.slow
def test_finished_networks_are_packed_as_they_are_shipped(of_networks: PackedKit) -> None:
    manifest, folder = of_networks.manifest, of_networks.folder
    (_, bundle), (name, file) = [(i.key, folder / i.file) for i in manifest.labelled()]
    assert file.read_bytes() == Path(name).read_bytes()
    told = open_export(bundle)[1]
    assert (told.size, told.output) == ((64, 128), "labels")
    assert [(one.height, one.width) for one in manifest.images] == [(64, 128)] * 10
    assert manifest.promised == tuple(item.key for item in manifest.labelled())


@pytest.mark.slow
def test_latencies_digests_and_equal_labels_come_back(
    of_networks: PackedKit, tmp_path: Path
) -> None:
    manifest = of_networks.manifest
    expected = json.loads((of_networks.folder / "expected.json").read_text())
    (bundle, exported), promised = manifest.promised, {}
    for key in manifest.promised:
        sha256 = manifest.files[manifest.item(key).file].sha256
        promised[key] = {**measured_content()["promised"]["student"], "sha256": sha256}
    first, *others = expected[bundle]
    (labels,) = [inflated_labels(first, manifest.images[0])]
    wrong = packed_labels(np.where(labels == 0, 1, 0))
    answer = device_says(manifest, promised=promised, labels={**expected, bundle: [wrong, *others]})
    path = as_written(answer, tmp_path / "measured.json")
    found = fasterseg.kit_read(path, kit=of_networks.folder)
    assert found.networks[0].agreement == 0.9
    assert found.networks[1].agreement == 1.0
    assert "p95 0.004 ms" in found.describe()
    assert "90.0000 % equal labels" in found.describe()
    assert found.networks[1].digest == digest_of_file(Path(exported))


def test_a_damaged_file_is_to_be_copied_once_more_and_a_strange_manifest_is_passed_over(
    run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    path = came_back(run, tmp_path)
    fasterseg.kit_read(path, run=run.root)
    path.write_text(path.read_text().replace('"floor_ns": 90', '"floor_ns": 91'))
    with pytest.raises(FileError, match="was changed") as caught:
        fasterseg.kit_read(path, run=run.root)
    assert caught.value.next_step.startswith("copy measured.json from the device once more")
