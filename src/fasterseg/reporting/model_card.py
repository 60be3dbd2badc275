"""A model's card for a hub: Markdown with the front matter that hubs read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from fasterseg.reporting.model_facts import (
    ModelFacts,
    commands_for,
    intended_use,
    python_for,
    told_latency,
    told_score,
)
from fasterseg.terminal_text import lines_as_shown

CARD_NAME, PICTURE_NAME = "MODEL_CARD.md", "MODEL_CARD.jpg"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def render_model_card(facts: ModelFacts, *, picture: str = "") -> str:
    """The whole card; `picture` is the file beside it that shows an example, empty without one."""
    lines = [*_front_matter(facts), "", *_body(facts, picture)]
    return lines_as_shown("\n".join(lines) + "\n")


def _front_matter(facts: ModelFacts) -> Iterator[str]:
    """What hubs sort models by; texts are quoted as JSON, which YAML reads."""
    terms = facts.card.training.terms
    yield "---"
    yield "library_name: fasterseg"
    yield "pipeline_tag: image-segmentation"
    yield "tags: [semantic-segmentation, real-time, fasterseg]"
    yield "license: other"
    yield f"license_name: {json.dumps(terms or 'terms of the data are not known')}"
    if not facts.card.scores:
        yield "---"
        return
    yield "model-index:"
    yield f"  - name: {json.dumps(facts.card.name)}"
    yield "    results:"
    for score in facts.card.scores:
        yield "      - task: {type: image-segmentation, name: Semantic segmentation}"
        dataset = json.dumps(f"{score.data}/{score.split}")
        yield f"        dataset: {{type: {json.dumps(score.data)}, name: {dataset}}}"
        yield f"        metrics: [{{type: mean_iou, value: {score.mean_iou:.4f}}}]"
    yield "---"


def _body(facts: ModelFacts, picture: str) -> Iterator[str]:
    yield f"# {_plain(facts.card.name)}"
    yield ""
    yield _plain(facts.card.describe().splitlines()[0] + ".")
    if facts.card.training.taught_by is not None:
        yield _plain(f"It was {facts.card.training.taught_by.describe()}.")
    if picture and facts.example is not None:
        yield from ("", f"![{_plain(facts.example.words)}]({picture})", "")
        yield _plain(facts.example.words)
    yield from ("", "## Intended use", "")
    yield from (f"- {_plain(sentence)}" for sentence in intended_use(facts))
    yield from ("", "## Scores", "")
    yield from (f"- {_plain(told_score(score))}" for score in facts.card.scores)
    yield from [] if facts.card.scores else ["Not scored yet."]
    yield from _classes(facts)
    yield from ("", "## Latency", "", _plain(told_latency(facts)))
    yield from ("", f"## How to use it{_plain(facts.where)}", "", "```bash")
    yield from (command.line for command in commands_for(facts))
    yield from ("```", "", "```python", *python_for(facts), "```")
    yield from ("", "## Files", "")
    yield from (f"- {_plain(name)}: `{digest}`" for name, digest in facts.files)


def _classes(facts: ModelFacts) -> Iterator[str]:
    if facts.report is None:
        return
    yield from ("", "| class | IoU |", "| --- | ---: |")
    for name, iou in facts.report.iou.items():
        yield f"| {_plain(name)} | {'absent' if iou is None else f'{100 * iou:.1f} %'} |"


def _plain(text: str) -> str:
    """A text as Markdown shows it, whatever signs are in it; on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
