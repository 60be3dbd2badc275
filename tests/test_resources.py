"""Memory and disk, as the system tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.resources import free_disk_bytes, memory_bytes, peak_bytes, resident_bytes


def test_a_container_may_use_no_more_than_its_limit(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("123456\n")
    assert memory_bytes((limit,)) == 123456
    limit.write_text("max\n")
    assert memory_bytes((limit,)) == memory_bytes(()) > 123456


def test_the_peak_is_at_least_what_is_resident_now() -> None:
    assert peak_bytes() >= 0.9 * resident_bytes() > 1 << 20


def test_disk_is_told_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    free = free_disk_bytes(tmp_path)
    assert free_disk_bytes(tmp_path / "not" / "yet") == pytest.approx(free, rel=0.05)
    assert free > 0
