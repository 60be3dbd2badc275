"""``fasterseg describe``: what a network consists of, and where its cost lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.commands.draw import (
    Classes,
    ImageSize,
)
from fasterseg.console.options import Common, CommonOptions
from fasterseg.reporting.described import DescribedNetwork


class DescribeResult(BaseModel):
    """Every network that was named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[DescribedNetwork, ...]

    def describe(self) -> str:
        """Return all of them as text."""
        return "\n\n".join(network.describe() for network in self.networks)


def describe(
    model: str,
    *,
    size: ImageSize = "",
    classes: Classes = 0,
    table: Annotated[
        Path | str, Parameter(help="A latency table: the network's price by it.")
    ] = "",
    **options: Unpack[CommonOptions],
) -> DescribeResult:
    """Describe a network: branches, operators, widths, multiply-adds and parameters by part.

    A baseline's parts are its modules, and its blocks their convolutions.

    Multiply-adds are those of the convolutions; beside them stands the count that adds four
    operations for each output of a batch norm, as some papers do.

    Parameters
    ----------
    model
        A bundle's folder, a shipped name, an architecture's JSON file, a run's folder, or a
        baseline, trained or not: baseline:fast-scnn.

    Returns
    -------
    DescribeResult
        The facts of each network found there.
    """
    from fasterseg.pipeline.describing import describe_named

    found = describe_named(model, Common(**options), size=size, classes=classes, table=table)
    return DescribeResult(networks=found)
