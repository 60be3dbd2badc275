"""Formats are what the machine has, or an error; never something else in silence."""

from pathlib import Path

import pytest
import torch

from fasterseg.errors import EnvironmentFault
from fasterseg.learning.precision import Numerics, choose_numerics, processor_flags

CPU = torch.device("cpu")


def machine(tmp_path: Path, flags: str) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: Test\nflags\t\t: fpu {flags}\n")
    return path


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_auto_is_bfloat16_on_a_processor_that_has_it(tmp_path: Path, flag: str) -> None:
    chosen = choose_numerics("auto", CPU, cpuinfo=machine(tmp_path, flag))
    assert chosen.precision == "bfloat16"
    assert flag in chosen.reason


def test_auto_is_float32_elsewhere_and_says_why(tmp_path: Path) -> None:
    chosen = choose_numerics("auto", CPU, cpuinfo=machine(tmp_path, "avx2 avx512f"))
    assert chosen.precision == "float32"
    assert "no bfloat16" in chosen.reason


def test_a_system_without_the_list_counts_as_without(tmp_path: Path) -> None:
    assert processor_flags(tmp_path / "none") == set()
    assert choose_numerics("auto", CPU, cpuinfo=tmp_path / "none").precision == "float32"


@pytest.mark.parametrize("wanted", ["bfloat16", "float16"])
def test_a_format_the_processor_lacks_is_refused(tmp_path: Path, wanted: str) -> None:
    assert wanted in ("bfloat16", "float16")
    with pytest.raises(EnvironmentFault, match=wanted) as caught:
        choose_numerics(wanted, CPU, cpuinfo=machine(tmp_path, "avx2"))  # type: ignore[arg-type]
    assert caught.value.next_step


def test_float32_can_be_asked_for_anywhere(tmp_path: Path) -> None:
    chosen = choose_numerics("float32", CPU, cpuinfo=machine(tmp_path, "amx_bf16"))
    assert chosen.precision == "float32"


def test_autocast_computes_in_the_chosen_format() -> None:
    layer, value = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with Numerics("bfloat16", CPU, "").autocast():
        assert layer(value).dtype == torch.bfloat16
    with Numerics("float32", CPU, "").autocast():
        assert layer(value).dtype == torch.float32


def test_scaler_does_nothing_outside_float16() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scaler = Numerics("float32", CPU, "").scaler()
    scaler.backward(weight.sum(), optimizer)
    scaler.step(optimizer)
    assert weight.item() == 0.5
    assert scaler.values() == {}


def test_scaler_of_float16_leaves_out_a_step_that_overflowed_and_keeps_its_state() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scaler = Numerics("float16", CPU, "").scaler()
    scaler.backward((weight * float("inf")).sum(), optimizer)
    scaler.step(optimizer)
    assert weight.item() == 1.0
    again = Numerics("float16", CPU, "").scaler()
    again.restore(scaler.values())
    assert again.values() == scaler.values()
    assert again.values()["scale"] < Numerics("float16", CPU, "").scaler().values()["scale"]
