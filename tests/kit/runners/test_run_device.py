"""What a device says of itself: also one of Arm, whose kernel names no processor."""

from __future__ import annotations

import platform
from pathlib import Path
from types import ModuleType

import pytest
from runnable_kits import loaded_runner

PI = """processor\t: {0}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: {1}

"""


@pytest.fixture
def runner() -> ModuleType:
    return loaded_runner()


def told(runner: ModuleType, path: Path, text: str) -> None:
    path.write_text(text)
    runner.CPUINFO = path


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (["0xd0b"] * 4, "4 x Cortex-A76"),
        (["0xd03"] * 4 + ["0xd08"] * 2, "4 x Cortex-A53 + 2 x Cortex-A72"),
        (["0xfff", "odd"], "1 x Arm part 0xfff + 1 x Arm part odd"),
    ],
)
def test_cores_of_arm_are_named_by_their_numbers(
    parts: list[str], name: str, runner: ModuleType, tmp_path: Path
) -> None:
    told(runner, tmp_path / "cpuinfo", "".join(PI.format(n, p) for n, p in enumerate(parts)))
    assert runner.processor_name() == name


def test_a_processor_that_is_named_is_called_so(runner: ModuleType, tmp_path: Path) -> None:
    told(runner, tmp_path / "cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: sse\n")
    assert runner.processor_name() == "AMD EPYC"
    told(runner, tmp_path / "cpuinfo", "nothing that is known")
    assert runner.processor_name() == (platform.processor() or platform.machine())


def test_a_board_is_called_what_its_device_tree_says(runner: ModuleType, tmp_path: Path) -> None:
    board = tmp_path / "model"
    board.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\x00")
    runner.MODELS = (tmp_path / "absent", board)
    assert runner.device()["name"] == "Raspberry Pi 5 Model B Rev 1.0"


def test_strange_texts_are_short_and_in_one_line(runner: ModuleType, tmp_path: Path) -> None:
    told(runner, tmp_path / "cpuinfo", "model name\t: odd\x1b[31m" + "y" * 1000)
    name = runner.device()["processor"]
    assert name.startswith("odd\\x1b[31myyy")
    assert len(name) == 200


def test_governor_temperature_and_frequency_are_told_where_the_system_does(
    runner: ModuleType, tmp_path: Path
) -> None:
    for number, (governor, kilohertz) in enumerate([("ondemand", 600), ("performance", 2400)]):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(governor + "\n")
        (folder / "scaling_cur_freq").write_text(f"{kilohertz}000\n")
    for number, text in enumerate(["41000", "-1", "55250\n", "no number", "999999"]):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "temp").write_text(text)
    runner.CPUS = runner.THERMAL = tmp_path
    assert runner.state() == {
        "governor": "ondemand, performance",
        "temperature_mc": 55250,
        "frequency_khz": 1_500_000,
    }


def test_what_the_system_does_not_tell_is_none(runner: ModuleType, tmp_path: Path) -> None:
    runner.CPUS = runner.THERMAL = tmp_path / "absent"
    told(runner, tmp_path / "cpuinfo", "cpu MHz\t\t: 2596.124\ncpu MHz\t\t: odd\n")
    state = runner.state()
    assert state == {"governor": None, "temperature_mc": None, "frequency_khz": 2_596_124}
    later = {"governor": "powersave", "temperature_mc": 1, "frequency_khz": 5}
    assert runner._states(state, later) == {
        "governor": None,
        "temperature_mc": None,
        "frequency_khz": [2_596_124, 5],
    }
    changed = runner._states({**later, "governor": "performance"}, later)
    assert changed["governor"] == "performance, then powersave"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (89, "89 s"), (200, "3 min"), (5399, "1 h 30 min"), (7810, "2 h 10 min")],
)
def test_time_left_is_told_in_words(seconds: float, words: str, runner: ModuleType) -> None:
    assert runner.in_words(seconds) == words
