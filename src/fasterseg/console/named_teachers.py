"""The option that names whom students learn from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fasterseg.console.option_values import PathsOrTexts, as_texts
from fasterseg.console.options import Common
from fasterseg.paths import user_path

OPTION = "--teacher"

Teachers = Annotated[
    PathsOrTexts,
    Parameter(
        name=OPTION,
        negative="",
        help="A model to learn from, in place of the run's own teacher: a bundle, an exported file "
        "with logits, or an ONNX file of elsewhere with its FILE.teacher.yaml beside it. Repeated, "
        "their answers are averaged.",
    ),
]


def named_teachers(teacher: PathsOrTexts) -> tuple[str, ...]:
    """The models that were named, one or several, each once; raises `UsageError` for no path."""
    asked = filter(None, as_texts(teacher))
    return tuple(dict.fromkeys(str(user_path(one, OPTION)) for one in asked))


def with_teachers(common: Common, teacher: PathsOrTexts) -> Common:
    """The options with models to learn from over the recipe's; none leaves it be.

    What lies here is named so that any folder finds it.
    """
    models = [_found_anywhere(one) for one in named_teachers(teacher)]
    if not models:
        return common
    change = f"student.distillation.teachers={json.dumps(models)}"
    return replace(common, set=(*common.set, change))


def _found_anywhere(model: str) -> str:
    path = Path(model)
    return str(path.absolute()) if path.exists() else model
