"""The doctor: facts as they are, faults that stop work, and advice in four parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fasterseg import cli, machine
from fasterseg.commands.doctor import doctor
from fasterseg.machine import (
    CudaDevice,
    Disk,
    Processor,
    Torch,
    features_of,
)
from fasterseg.pipeline.advising import Advice, Backend, advise
from fasterseg.pipeline.diagnosing import diagnosed

GOOD_CPU = Processor(
    name="x",
    cores=4,
    usable_cores=4.0,
    memory_mib=8192,
    features=features_of("avx2 avx512f avx512_bf16 avx512_vnni"),
)
GOOD_TORCH = Torch(version="2.13.0+cpu", threads=4)
GOOD_BACKENDS = (Backend(name="onnxruntime", version="1.32.0", install="pip install x"),)
GOOD_DISK = Disk(folder="/x", free_mib=100_000, write_mib_per_s=100.0)
READ_ONLY_DISK = Disk(folder="/x", free_mib=9000, write_mib_per_s=None, fault="read-only")


def advice_for(
    *,
    cpu: Processor = GOOD_CPU,
    torch: Torch = GOOD_TORCH,
    backends: tuple[Backend, ...] = GOOD_BACKENDS,
    disk: Disk = GOOD_DISK,
    python: tuple[int, int] = (3, 11),
) -> list[Advice]:
    """Return the advice for a good machine with something changed."""
    return list(advise(cpu, torch, backends, disk, python=python))


def test_a_machine_that_has_everything_gets_no_advice() -> None:
    assert advice_for() == []


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"python": (3, 10)}, "fault"),
        ({"torch": Torch(version=None, fault="no module")}, "fault"),
        ({"torch": Torch(version="2.9.1", threads=4)}, "fault"),
        ({"torch": Torch(version="2.13.0", threads=4, cuda_build="13.0")}, "hint"),
        ({"torch": Torch(version="2.13.0", threads=16)}, "hint"),
        ({"cpu": GOOD_CPU.model_copy(update={"features": features_of("avx2")})}, "hint"),
        ({"cpu": GOOD_CPU.model_copy(update={"features": None})}, "hint"),
        ({"disk": READ_ONLY_DISK}, "fault"),
        ({"disk": GOOD_DISK.model_copy(update={"free_mib": 10})}, "hint"),
        (
            {"backends": (Backend(name="onnxruntime", version=None, install="pip install y"),)},
            "hint",
        ),
    ],
)
def test_each_shortcoming_gives_one_advice_in_four_parts(
    change: dict[str, object], level: str
) -> None:
    (advice,) = advice_for(**change)  # type: ignore[arg-type]
    assert advice.level == level
    assert all((advice.what, advice.where, advice.why, advice.next_step))


def test_a_gpu_makes_the_processor_s_missing_bf16_unimportant() -> None:
    device = CudaDevice(name="gpu", memory_mib=1, capability="9.0")
    torch = Torch(version="2.13.0", threads=4, cuda_build="13.0", cuda_devices=(device,))
    assert (
        advice_for(torch=torch, cpu=GOOD_CPU.model_copy(update={"features": features_of("avx2")}))
        == []
    )


def test_the_gpus_that_torch_sees_are_told_with_their_drivers(
    device: torch.device, tmp_path: Path
) -> None:
    report = diagnosed(tmp_path)
    assert len(report.gpus) == len(report.torch.cuda_devices) == torch.cuda.device_count()
    assert len(report.gpus) >= (device.type == "cuda")
    for gpu in report.gpus:
        assert gpu["gpu"] in report.describe()
        assert f"driver {gpu['driver']}" in report.describe()


def test_two_packages_of_onnx_runtime_in_one_folder_are_told() -> None:
    both = Backend(name="onnxruntime-gpu", version="1.22", install="pip x", beside="onnxruntime")
    (advice,) = advice_for(backends=(both,))
    assert advice.level == "hint"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu, then pip x" in advice.next_step


@pytest.mark.parametrize(
    ("flags", "present"),
    [
        ("fpu avx2", {"avx2"}),
        ("avx2 avx512f avx512_bf16 avx512_vnni", {"avx2", "avx512", "bf16", "vnni"}),
        ("avx2 avx_vnni", {"avx2", "vnni"}),
        ("avx2 avx512f amx_tile amx_bf16", {"avx2", "avx512", "bf16", "amx"}),
        ("fp asimd bf16", {"neon", "bf16"}),
    ],
)
def test_features_are_read_from_the_processor_s_own_list(flags: str, present: set[str]) -> None:
    assert {name for name, there in features_of(flags).items() if there} == present


def test_a_container_s_quota_limits_the_usable_cores(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000\n", encoding="ascii")
    assert machine.usable_cores(quota) == 0.5
    quota.write_text("max 100000\n", encoding="ascii")
    assert machine.usable_cores(quota) == machine.usable_cores(tmp_path / "absent") >= 1.0


def test_the_disk_test_leaves_nothing_behind_and_takes_the_nearest_folder(tmp_path: Path) -> None:
    facts = machine.disk(tmp_path / "runs" / "first")
    assert facts.folder == str(tmp_path)
    assert facts.write_mib_per_s
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> float:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(machine, "_write_speed", refuse)
    facts = machine.disk(tmp_path)
    assert (facts.write_mib_per_s, facts.fault) == (None, "Read-only file system")


def test_the_doctor_tells_versions_backends_and_features(run_folder: Path) -> None:
    report = doctor(run=run_folder)
    text = report.describe()
    assert report.torch.version is not None
    assert {backend.name for backend in report.backends} >= {"torch", "onnxruntime", "openvino"}
    for backend in report.backends:
        assert (backend.version or f"absent: {backend.install}") in text
    assert report.exit_code == 0


def test_a_fault_makes_the_doctor_exit_with_the_environment_s_code(run_folder: Path) -> None:
    report = doctor(run=run_folder)
    fault = Advice(level="fault", what="a", where="b", why="c", next_step="d")
    assert report.model_copy(update={"advice": (fault,)}).exit_code == 4


def test_the_command_prints_one_json_object(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--run", str(run_folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == set(doctor(run=run_folder).model_fields_set)


@pytest.fixture(autouse=True)
def small_write_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write little in tests."""
    monkeypatch.setattr(machine, "_WRITE_TEST_BYTES", 4096)
    yield


@pytest.mark.parametrize(
    ("gpus", "told"),
    [(0, "one for a search"), (1, "one: several need"), (4, "--processes 4 shares")],
)
def test_it_says_how_many_processes_make_sense(gpus: int, told: str, tmp_path: Path) -> None:
    report = diagnosed(tmp_path)
    seen = [CudaDevice(name="x", memory_mib=1024, capability="9.0")] * gpus
    torch = report.torch.model_copy(update={"cuda_devices": tuple(seen)})
    (line,) = [
        line
        for line in report.model_copy(update={"torch": torch}).describe().splitlines()
        if line.startswith("processes")
    ]
    assert line.split(maxsplit=1)[1].startswith(told)


def test_what_is_kept_is_told_with_the_command_that_deletes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "what is kept"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doctor"]) == 0
    assert "what is kept: less than 1 MiB" in capsys.readouterr().out
    drawn = tmp_path / "what is kept" / "drawn" / "ab"
    drawn.mkdir(parents=True)
    (drawn / "mask.png").write_bytes(bytes(3 << 20))
    assert cli.main(["doctor"]) == 0
    assert f"3 MiB of what can be made again from the data; rm -r '{tmp_path}/what is kept'" in (
        capsys.readouterr().out
    )
