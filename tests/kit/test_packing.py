"""A kit holds all that a device needs, and its table is the device's own."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import onnxruntime
import pytest
from made_kits import device_says
from packed_kits import OPTIONS, TARGET, packed_kit, whole

from fasterseg.config import ProfileSettings, TargetSettings
from fasterseg.deploy.exporting.borders import border_shares
from fasterseg.errors import FileError, UsageError
from fasterseg.kit.graphs import PATTERN
from fasterseg.kit.kept import agreement_of, kit_of, networks_of
from fasterseg.kit.labels import packed_labels
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.packing import border_key, pack_networks, require_packable
from fasterseg.kit.reading import latencies_of, table_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.blocks import BlockSpec

SETTINGS = ProfileSettings(calibration_networks=4)


def packed(into: Path) -> PackedKit:
    return packed_kit(into, name="small", settings=SETTINGS)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> PackedKit:
    return packed(tmp_path_factory.mktemp("kits") / "small")


def test_one_recipe_gives_the_same_bytes_wherever_it_is_packed(
    kit: PackedKit, tmp_path: Path
) -> None:
    again = packed(tmp_path / "elsewhere")
    assert again.manifest == kit.manifest
    assert again.zip.read_bytes() == kit.zip.read_bytes()


def test_the_zip_holds_what_the_folder_does_and_the_manifest_lists_all_of_it(
    kit: PackedKit,
) -> None:
    lying = {
        path.relative_to(kit.folder).as_posix(): path.read_bytes()
        for path in kit.folder.rglob("*")
        if path.is_file()
    }
    with ZipFile(kit.zip) as archive:
        zipped = {name.removeprefix("kit/"): archive.read(name) for name in archive.namelist()}
    assert zipped == lying
    listed = {name: (one.sha256, one.bytes) for name, one in kit.manifest.files.items()}
    del lying["manifest.json"]
    told = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in lying.items()}
    assert listed == told
    assert KitManifest.load(kit.folder / "manifest.json") == kit.manifest
    assert "fasterseg kit read measured.json" in lying["README.txt"].decode()


def test_no_number_of_the_manifest_is_a_fraction(kit: PackedKit) -> None:
    text = (kit.folder / "manifest.json").read_text()
    assert not re.search(r"[0-9]\.[0-9]|[0-9]e[-+0-9]", re.sub(r'"[^"]*"', "", text))
    assert json.loads(text)["content"] == kit.manifest.content()


def test_every_block_is_timed_once_beside_all_of_its_borders(kit: PackedKit) -> None:
    specs = specs_of(OPTIONS, TARGET.geometry)
    groups = kit.manifest.groups
    assert sorted(key for group in groups for key in group if " in group " not in key) == sorted(
        spec.key for spec in specs
    )
    for number, group in enumerate(groups):
        for spec in (one for one in specs if one.key in group):
            assert {border_key(b.key, number) for b in border_shares(spec)} <= {*group}
    networks = [key for group in kit.manifest.network_groups for key in group]
    assert len(networks) == 4
    assert [network.key for network in networks_of(kit)] == networks


def inputs_of(kit: PackedKit, key: str) -> dict[str, np.ndarray]:
    return {one.name: np.zeros(one.shape, one.type) for one in kit.manifest.item(key).inputs}


def test_every_graph_runs_and_its_weights_are_a_short_pattern(kit: PackedKit) -> None:
    long = 0
    for item in kit.manifest.items:
        data = (kit.folder / item.file).read_bytes()
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        (output,) = session.run(None, inputs_of(kit, item.key))
        assert output.size
        for tensor in onnx.ModelProto.FromString(data).graph.initializer:
            numbers = onnx.numpy_helper.to_array(tensor).ravel()
            if numbers.dtype == np.float32 and len(numbers) > PATTERN:
                long += 1
                assert (numbers[PATTERN:] == numbers[:-PATTERN]).all()
                assert numbers[:PATTERN].std() > 0
                assert np.abs(numbers).min() > 1e-20
    assert long > 10


def expected_ms(spec: BlockSpec) -> float:
    return 0.4 + 0.001 * spec.out_channels - 0.2 * sum(border_shares(spec).values())


def test_the_table_is_the_devices_less_the_borders_and_calibrated(kit: PackedKit) -> None:
    specs = specs_of(OPTIONS, TARGET.geometry)
    table = table_of(kit.manifest, device_says(kit.manifest), specs, networks_of(kit))
    assert [*table.entries] == [spec.key for spec in specs]
    for spec in specs:
        assert table.measured_ms(spec) == pytest.approx(expected_ms(spec))
    assert table.floor_ms == 0.00009
    assert table.conditions["processor"] == "Cortex-A76"
    assert table.conditions["onnxruntime"] == "1.16.3"
    assert table.target == TARGET
    assert len(table.calibration.networks) == 4
    assert table.reference is not None
    assert table.reference.measured_ms == pytest.approx(10.0, rel=1e-3)


def test_a_table_of_another_space_is_refused(kit: PackedKit) -> None:
    specs = specs_of([whole()], TARGET.geometry)
    with pytest.raises(FileError, match="another search space"):
        table_of(kit.manifest, device_says(kit.manifest), specs, networks_of(kit))


def test_what_only_we_read_of_a_kit_may_not_change(tmp_path: Path) -> None:
    kit = packed(tmp_path / "kit")
    path = kit.folder / "architectures.json"
    path.write_text(path.read_text().replace('"stride":32', '"stride":16', 1))
    with pytest.raises(FileError, match="a file of the kit was changed"):
        networks_of(kit_of(kit.folder))
    (kit.folder / "manifest.json").write_text("{}")
    with pytest.raises(FileError, match="there is no kit here"):
        kit_of(kit.folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backend": "pytorch"}, "no kit runs on pytorch"),
        ({"backend": "openvino", "precision": "int8"}, "no kit in int8 runs on openvino"),
        ({"tail": "fast"}, "cannot time the tail 'fast'"),
        ({"backend": "onnxruntime-cuda", "transfer": False}, "times the copies"),
    ],
)
def test_what_no_kit_can_do_is_refused_before_anything_is_packed(
    changes: dict[str, object], told: str
) -> None:
    settings = TargetSettings.model_validate({"height": 32, "width": 64, **changes})
    with pytest.raises(UsageError, match=told) as caught:
        require_packable(settings)
    assert caught.value.next_step.startswith("--set target.")


def model_of(kit: PackedKit) -> bytes:
    """A whole job: image in, labels out."""
    return (kit.folder / kit.manifest.item(networks_of(kit)[0].key).file).read_bytes()


def images(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    return [generator.integers(0, 256, (32, 64, 3), dtype=np.uint8) for _ in range(count)]


def test_finished_networks_bring_back_their_latency_and_labels(
    kit: PackedKit, tmp_path: Path
) -> None:
    small = pack_networks(
        {"student.onnx": model_of(kit)},
        TARGET,
        images=images(2),
        reference=(model_of(kit), 9_000_000),
        name="two",
        into=tmp_path / "two",
    )
    manifest = small.manifest
    assert (manifest.reference, manifest.reference_ns) == ("reference", 9_000_000)
    assert [item.role for item in manifest.labelled()] == ["file"]
    expected = json.loads((small.folder / "expected.json").read_text())["student.onnx"]
    other = np.zeros((32, 64), np.uint8)
    wanted = onnxruntime.InferenceSession(model_of(kit)).run(None, {"in0": images(2)[1][None]})[0]
    measured = device_says(
        manifest,
        promised={
            "student.onnx": {
                "median_ns": 8_000_000,
                "p95_ns": 8_500_000,
                "windows": 4,
                "queries": 256,
                "steady_windows": 4,
                "spread_ppm": 20_000,
                "pace_ppm": 1_000_000,
                "sha256": hashlib.sha256(model_of(kit)).hexdigest(),
            }
        },
        labels={"student.onnx": [expected[0], packed_labels(other)]},
    )
    (found,) = latencies_of(manifest, measured).values()
    assert (found.p95_ms, found.median_ms, found.spread) == (8.5, 8.0, 0.02)
    share = (32 * 64 + int((wanted == 0).sum())) / (2 * 32 * 64)
    assert agreement_of(small, measured) == {"student.onnx": share}


def test_labels_of_more_classes_than_a_byte_tells_are_refused(
    kit: PackedKit, tmp_path: Path
) -> None:
    many = TARGET.model_copy(update={"classes": 257})
    with pytest.raises(UsageError, match="labels of 257 classes"):
        pack_networks(
            {"a": model_of(kit)}, many, images=images(1), name="many", into=tmp_path / "many"
        )
    assert not [*tmp_path.iterdir()]
