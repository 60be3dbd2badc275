"""The tables of runtimes and formats say what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from pkgutil import resolve_name

import pytest

from fasterseg.config import RUNTIMES, TargetSettings, runtime_named
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.backends import backend_for, opener_of
from fasterseg.deploy.runtimes.opening import runtimes_of
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.space.blocks import Size

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_names_what_opens_it_and_formats_that_there_are(name: str) -> None:
    row = RUNTIMES[name]
    if row.is_web:
        with pytest.raises(UsageError, match="not run by this package"):
            opener_of(row)
    else:
        opener = opener_of(row)
        assert callable(opener.open_backend) and callable(opener.open_file)
    assert set(row.loads) <= set(FORMATS)
    assert row.ships_as in (None, *row.loads)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if row.extra:
        brought = " ".join(extras["optional-dependencies"][row.extra])
        assert any(distribution in brought for distribution in row.distributions)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written_and_loaded_by_something(name: str) -> None:
    row = FORMATS[name]
    assert callable(resolve_name(row.writer))
    assert [one.name for one in runtimes_of(Path(f"x{row.suffix}"))] == [
        one.name for one in RUNTIMES.values() if name in one.loads and not one.is_web
    ]
    assert runtimes_of(Path(f"x{row.suffix}"))


def test_a_name_that_stands_in_no_table_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no runtime named 'abacus'") as caught:
        runtime_named("abacus")
    assert "onnxruntime, openvino" in caught.value.next_step
    with pytest.raises(UsageError, match="no format named 'card'"):
        ExportForm("card", Size(8, 8), Size(8, 8)).require_possible()
    for unknown in ("abacus", "compiled"):  # the last times no blocks
        with pytest.raises(ValueError, match="'onnxruntime-cuda', 'tensorrt' or 'onnxruntime-web'"):
            TargetSettings(backend=unknown)


def test_no_runtime_computes_elsewhere_or_otherwise_than_it_was_told() -> None:
    with pytest.raises(EnvironmentFault, match="onnxruntime was asked for on cuda"):
        backend_for(Running("onnxruntime", device="cuda:1"))
    with pytest.raises(UsageError, match="does not turn a file to bfloat16"):
        backend_for(Running("onnxruntime", precision="bfloat16"))
    assert backend_for(Running("onnxruntime", device="auto"))
    for name in ("tensorrt", "onnxruntime-cuda"):
        with pytest.raises(EnvironmentFault, match=f"{name} was asked for on cpu"):
            backend_for(Running(name, device="cpu"))
