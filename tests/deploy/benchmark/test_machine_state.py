"""The machine's state: read where the system tells it, None where it does not."""

from __future__ import annotations

import os
from pathlib import Path

from fasterseg.deploy.benchmark.machine_state import machine_facts, machine_state


def test_the_governor_s_own_frequency_comes_before_the_list(tmp_path: Path) -> None:
    for core, (kilohertz, governor) in enumerate([("2000000", "powersave"), ("3000000", "x")]):
        folder = tmp_path / f"cpu{core}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(kilohertz + "\n")
        (folder / "scaling_governor").write_text(governor + "\n")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("cpu MHz\t\t: 1000.5\n\ncpu MHz\t\t: 1001.5\n")
    nowhere = tmp_path / "nowhere"
    told = machine_state(cpus=tmp_path, cpuinfo=cpuinfo, stat=nowhere)
    assert (told.frequency_mhz, told.governor) == (2500.0, "powersave, x")
    listed = machine_state(cpus=nowhere, cpuinfo=cpuinfo, stat=nowhere)
    assert (listed.frequency_mhz, listed.governor) == (1001.0, None)


def test_stolen_time_is_the_eighth_field_in_seconds(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  1 2 3 4 5 6 7 250 9 10\ncpu0 1 1 1 1 1 1 1 999 1 1\n")
    told = machine_state(stat=stat)
    assert told.steal_seconds == 250 / os.sysconf("SC_CLK_TCK")
    stat.write_text("cpu  1 2 3\n")
    assert machine_state(stat=stat).steal_seconds is None


def test_what_the_system_does_not_tell_is_none(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    told = machine_state(cpus=nowhere, stat=nowhere, cpuinfo=nowhere)
    assert (told.frequency_mhz, told.governor, told.steal_seconds) == (None, None, None)


def test_versions_of_what_is_not_installed_are_left_out() -> None:
    facts = machine_facts()
    assert facts["torch"]
    assert all(facts.values())
