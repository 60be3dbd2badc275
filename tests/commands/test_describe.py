"""``describe``: costs by part add up and agree with what is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from fake_run import FakeRun
from small_spaces import UNTIED, make_space, random_architectures
from torch import nn

from fasterseg import load_network
from fasterseg.cli import main
from fasterseg.commands.describe import describe
from fasterseg.errors import UsageError
from fasterseg.reporting.counting import NORMALISATION_COST
from fasterseg.space.options import Options


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network's folder."""
    run = FakeRun(until="train", teacher=False, layers=4).write(tmp_path_factory.mktemp("run"))
    return str(run.bundle("student"))


def test_parameters_are_those_of_the_built_network_part_by_part(bundle: str) -> None:
    (facts,) = describe(bundle).networks
    network = load_network(bundle)
    counted = {part.name: 0 for part in facts.parts}
    for name, parameter in network.named_parameters():
        counted[name.removeprefix("blocks.").partition("_")[0].partition(".")[0]] += (
            parameter.numel()
        )
    assert {part.name: part.parameters for part in facts.parts} == counted
    assert facts.total.parameters == sum(counted.values()) - counted["auxiliary"]


def test_batch_norms_are_counted_by_what_they_write(bundle: str) -> None:
    (facts,) = describe(bundle, size="64x128").networks
    network, written = load_network(bundle), []
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _m, _i, output: written.append(output.numel()))
    network(torch.zeros(1, 3, 64, 128))
    extra = facts.total.macs_with_normalisation - facts.total.macs
    assert extra == NORMALISATION_COST * sum(written)


def test_a_run_is_described_with_all_its_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRun(until="search").write(tmp_path)
    assert main(["describe", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "teacher: 64x128" in said
    assert "student: 64x128" in said
    for word in ("stem", "cells", "fusion", "head", "auxiliary", "parameters"):
        assert word in said


def test_the_widths_of_stem_fusion_and_head_are_told(tmp_path: Path) -> None:
    options = Options.of_space(make_space(4, **UNTIED))
    for index, found in enumerate(random_architectures(options, 4)):
        path = found.save(tmp_path / f"{index}.json")
        (facts,) = describe(str(path), size="64x64", classes=3).networks
        told = f"stem:{found.widths['stem']} fusion:{found.widths['fusion']}"
        assert f"  {told} head:{found.widths['head']}\n" in facts.describe()


def test_a_file_in_the_first_form_is_described(tmp_path: Path) -> None:
    found = random_architectures(Options.of_space(make_space(4)), 1)[0]
    old = {"schema": "fasterseg/architecture/1", "content": found.oldest_form(), "provenance": {}}
    assert "stem_expansion" in found.oldest_form()
    (tmp_path / "old.json").write_text(json.dumps(old))
    now = found.save(tmp_path / "now.json")
    told = [describe(str(path), size="64x64", classes=3) for path in (tmp_path / "old.json", now)]
    assert told[0].networks[0].total == told[1].networks[0].total


def test_a_block_outside_the_cells_that_is_not_the_papers_is_told(tmp_path: Path) -> None:
    space = make_space(4, stem_kinds=("separable_conv",))
    path = random_architectures(Options.of_space(space), 1)[0].save(tmp_path / "a.json")
    (facts,) = describe(str(path), size="64x64", classes=3).networks
    assert "  stem.1:separable_conv stem.2:separable_conv\n" in facts.describe()


def test_a_network_is_priced_by_a_table_of_its_space(tmp_path: Path) -> None:
    run = FakeRun(until="search", teacher=False).write(tmp_path)
    (facts,) = describe(str(run.architecture("student")), table=run.latency_table).networks
    assert facts.prices_ms["table.json"] > 0


def test_nothing_of_that_name_is_told() -> None:
    with pytest.raises(UsageError, match="nothing called"):
        describe("nowhere")
