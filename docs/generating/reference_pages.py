"""Pages of the site made from the code: commands with their options, keys of files.

They are made anew with every build, from what the program itself goes by, so that they cannot tell
of another program than the one that they come with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fasterseg.cli import build_app
from fasterseg.reference.explained import explained
from fasterseg.reference.keys import Key, keys_of
from fasterseg.reference.schemas import FileKind
from fasterseg.verbs import VERBS

EXAMPLE = re.compile(r"^For example:\n((?:  .*\n?)+)", re.MULTILINE)
TITLES = {
    "recipe": "Keys of a recipe",
    "data": "Keys of a data.yaml",
    "teacher": "Keys of a teacher's card",
}
INTRODUCTIONS = {
    "recipe": "A recipe describes a run; every key may be left out. `fasterseg recipe` prints all "
    "of them with their defaults, `fasterseg recipe KEY` what is told here of one, and "
    "`--set KEY=VALUE` changes one for a command. *Used by* says what of a run is made by a key: "
    "from then on it may not change.",
    "data": "A data.yaml says what a data set of one's own is. Keys of other tools are passed over "
    "and named. `fasterseg schema data` prints its JSON Schema, for editors.",
    "teacher": "`FILE.teacher.yaml` beside `FILE.onnx` says what an ONNX file of elsewhere is fed "
    "and gives, so that it can teach ([how](../how-to/foreign-teachers.md)). "
    "`fasterseg schema teacher` prints its JSON Schema, for editors.",
}


def commands_page() -> str:
    """Every command with its options."""
    told = build_app(*VERBS).generate_docs(include_hidden=False, heading_level=1)
    told = EXAMPLE.sub(_example, told.replace("PATH|STR", "PATH"))
    return told.replace("# fasterseg\n", "# Commands\n", 1)


def _example(found: re.Match[str]) -> str:
    lines = "\n".join(line.strip() for line in found[1].splitlines())
    return f"For example:\n\n```console\n{lines}\n```\n"


def keys_page(kind: FileKind) -> str:
    """Every key of a file, section by section."""
    return "\n".join([f"# {TITLES[kind]}", "", INTRODUCTIONS[kind], "", *_sections(kind)])


def _sections(kind: FileKind) -> Iterator[str]:
    known = [key for key in keys_of(kind) if not key.is_earlier]
    told: dict[tuple[str, ...], str] = {}
    yield from _table(kind, [key for key in known if "." not in key.name and not key.is_section])
    for section in (key for key in known if key.is_section):
        own = [key for key in known if key.name.rpartition(".")[0] == section.name]
        yield from (f"## {section.name}", "", section.sentence, "")
        same = told.setdefault(tuple(key.last + key.sentence for key in own), section.name)
        if same != section.name:
            yield from (f"Its keys are those of [{same}](#{same.replace('.', '')}).", "")
        else:
            yield from _table(kind, [key for key in own if not key.is_section])


def _table(kind: FileKind, keys: Sequence[Key]) -> Iterator[str]:
    used = kind == "recipe"
    heads = ["key", "what it says", "value", "default", *(["used by"] if used else [])]
    if keys:
        yield from (_row(heads), _row(["---"] * len(heads)))
    for key in keys:
        uses = [", ".join(explained(key).used_by)] if used else []
        default = f"`{key.default}`" if key.default else ""
        yield _row([f"`{key.last}`", key.sentence, key.form, default, *uses])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def reference_pages() -> dict[str, str]:
    """Every page, by its place below the site's folder of texts."""
    return {
        "reference/generated-commands.md": commands_page(),
        "reference/generated-recipe.md": keys_page("recipe"),
        "reference/generated-data.md": keys_page("data"),
        "reference/generated-teacher.md": keys_page("teacher"),
    }
