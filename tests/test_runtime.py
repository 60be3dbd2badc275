"""What the process keeps, and gives back."""

from __future__ import annotations

import platform
import resource
from pathlib import Path

import pytest
import torch

from fasterseg.errors import EnvironmentFault
from fasterseg.runtime import memory_kept, select_device

NUMBERS = 6 << 20
PAGES = 4 * NUMBERS // resource.getpagesize()


def pages_for(tensors: int) -> int:
    """How many pages the system made ready for so many tensors of 24 MiB, one after another."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(tensors):
        torch.ones(NUMBERS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told to keep")
def test_memory_is_kept_inside_and_given_back_on_leaving() -> None:
    with memory_kept():
        pages_for(8)
        assert pages_for(8) < PAGES
        held = resident_bytes()
    assert resident_bytes() < held - 2 * NUMBERS


def test_keeping_memory_lets_errors_through() -> None:
    with pytest.raises(KeyError), memory_kept():
        raise KeyError


@pytest.mark.parametrize("name", ["meta", "cuda:99", "gpu"])
def test_a_device_that_computes_nothing_here_is_refused_before_the_work(name: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        select_device(name)
    assert name in str(caught.value)
    assert "--device cpu" in caught.value.next_step or "use cpu" in caught.value.next_step
    assert select_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["mps", "mps:0", "xpu"])
def test_a_device_of_another_kind_is_refused_even_where_it_is_there(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasterseg.runtime._require_values", lambda device, name: None)
    with pytest.raises(
        EnvironmentFault, match=f"nothing of fasterseg computes on {name}"
    ) as caught:
        select_device(name)
    assert "use cpu" in caught.value.next_step


@pytest.mark.parametrize(
    ("name", "advice"),
    [("0", "--device cuda:0"), ("0,1", "torchrun --nproc-per-node=2 -m fasterseg")],
)
def test_devices_by_number_are_answered_with_their_names(name: str, advice: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        select_device(name)
    assert advice in caught.value.next_step
