"""``fasterseg describe``: what a network consists of, and where its cost lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.option_values import PathOrText
from fasterseg.console.options import Classes, Common, ImageSize, OptionsOfARun
from fasterseg.paths import user_path

if TYPE_CHECKING:
    from fasterseg.commands.results import DescribeResult


def describe(
    model: PathOrText,
    *,
    size: ImageSize = "",
    classes: Classes = 0,
    table: Annotated[
        Path | str, Parameter(help="A latency table: the network's price by it.")
    ] = "",
    **options: Unpack[OptionsOfARun],
) -> DescribeResult:
    """Describe a network: branches, operators, widths, multiply-adds and parameters by part.

    A baseline's parts are its modules, and its blocks their convolutions.  Multiply-adds are those
    of the convolutions; beside them stands the count that adds four operations for each output of
    a batch norm, as some papers do.  An exported file is described by what goes in and comes out,
    and by what makes labels of that: its tail.  Nothing is written.

    Parameters
    ----------
    model
        A bundle's folder, a model by name, an architecture's JSON file, a run's folder, an
        exported file, or a baseline, trained or not: baseline:fast-scnn.

    Returns
    -------
    DescribeResult
        The facts of each network found there, or of the file.

    Examples
    --------
    fasterseg describe camvid-8ms --size 720x960
    """
    from fasterseg.commands.results import DescribeResult
    from fasterseg.deploy.runtimes.opening import is_export
    from fasterseg.pipeline.models.describing import describe_file, describe_named

    path = user_path(model)
    if is_export(path) and path.is_file():
        asked = bool(size) or bool(classes) or bool(table)
        return DescribeResult(file=describe_file(path, is_asked=asked))
    found = describe_named(str(model), Common.of(options), size=size, classes=classes, table=table)
    return DescribeResult(networks=found)
