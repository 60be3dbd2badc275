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


def test_autocast_computes_in_the_chosen_format(device: torch.device) -> None:
    layer, value = torch.nn.Linear(2, 2).to(device), torch.ones(1, 2, device=device)
    with Numerics("bfloat16", device, "").autocast():
        assert layer(value).dtype == torch.bfloat16
    with Numerics("float32", device, "").autocast():
        assert layer(value).dtype == torch.float32
    if device.type == "cuda":
        with Numerics("float16", device, "").autocast():
            assert layer(value).dtype == torch.float16


def test_auto_is_a_format_that_the_device_computes_in(device: torch.device) -> None:
    chosen = choose_numerics("auto", device)
    layer, value = torch.nn.Conv2d(2, 2, 1).to(device), torch.ones(1, 2, 4, 4, device=device)
    with chosen.autocast():
        layer(value).float().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.isfinite().all()


def test_scaler_does_nothing_outside_float16() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scaler = Numerics("float32", CPU, "").scaler()
    scaler.scaled(weight.sum()).backward()
    scaler.unscale(optimizer)
    scaler.step(optimizer)
    assert weight.item() == 0.5
    assert scaler.values() == {}


def test_scaler_of_float16_leaves_out_a_step_that_overflowed_and_keeps_its_state(
    device: torch.device,
) -> None:
    weight = torch.nn.Parameter(torch.ones(1, device=device))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scaler = Numerics("float16", device, "").scaler()
    scaler.scaled((weight * float("inf")).sum()).backward()
    scaler.unscale(optimizer)
    scaler.step(optimizer)
    assert weight.item() == 1.0
    again = Numerics("float16", device, "").scaler()
    again.restore(scaler.values())
    assert again.values() == scaler.values()
    assert again.values()["scale"] < Numerics("float16", device, "").scaler().values()["scale"]
    optimizer.zero_grad()
    again.scaled(weight.sum()).backward()
    again.unscale(optimizer)
    assert weight.grad is not None and weight.grad.item() == 1.0


def test_with_auto_all_ranks_take_a_format_that_each_of_them_has(tmp_path: Path) -> None:
    file = machine(tmp_path, "avx512_bf16")
    others = {"rank 1": ("bfloat16", "float32"), "rank 2": ("float32",)}
    chosen = choose_numerics("auto", CPU, cpuinfo=file, others=others)
    assert (chosen.precision, chosen.reason) == ("float32", "rank 2 has no bfloat16")
    del others["rank 2"]
    assert choose_numerics("auto", CPU, cpuinfo=file, others=others).precision == "bfloat16"


def test_a_format_that_one_rank_lacks_is_refused_and_the_rank_named(tmp_path: Path) -> None:
    file = machine(tmp_path, "avx512_bf16")
    with pytest.raises(EnvironmentFault, match="rank 1 cannot do it") as caught:
        choose_numerics("bfloat16", CPU, cpuinfo=file, others={"rank 1": ("float32",)})
    assert caught.value.why == "it computes in float32"
