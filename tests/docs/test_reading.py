"""What a page tells to type, as it is read from the page."""

from __future__ import annotations

import re

import pytest
from short_recipes import shortened
from told_commands import Command, Told, commands_of, told_by, typed_lines
from told_sandbox import needed_by
from typed_programs import understood

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.named_recipes import named_recipes, recipe_file

PAGE = """
Type `fasterseg recipe lr`, not `fasterseg plan`, and look at `lr`.

```shell
fasterseg plan --recipe demo \\
    --run runs/demo   # a comment
# and another
make test && make demo
```

<!-- exit code 5 -->
```console
$ fasterseg plan
no budget
```

   ```python
   print(1)
   ```

```python
# fog.py, which PYTHONPATH finds
```

```text
fasterseg nothing
```

Or <!-- afresh -->`fasterseg doctor --json`.
"""


def test_blocks_sentences_and_marks_are_read_in_their_order() -> None:
    assert told_by(PAGE) == [
        Told("command", "fasterseg recipe lr", 2, within=True),
        Told("command", "fasterseg plan", 2, within=True),
        Told("command", "fasterseg plan --recipe demo --run runs/demo   # a comment", 5),
        Told("command", "make test && make demo", 5),
        Told("command", "fasterseg plan", 13, code=5),
        Told("python", "print(1)\n", 18),
        Told("file", "# fog.py, which PYTHONPATH finds\n", 22, name="fog.py"),
        Told("command", "fasterseg doctor --json", 29, afresh=True, within=True),
    ]


def test_only_what_a_sentence_says_of_a_verb_is_a_name() -> None:
    names = [told.line for told in told_by(PAGE) if told.is_a_name]
    assert names == [2]


def test_a_line_is_its_programs_and_the_file_that_it_writes() -> None:
    assert commands_of("fasterseg schema recipe > a.json && pip install 'x[y]'  # z") == [
        Command(("fasterseg", "schema", "recipe"), "a.json"),
        Command(("pip", "install", "x[y]")),
    ]
    with pytest.raises(ValueError, match="<"):
        commands_of("fasterseg run < file")


def test_of_a_block_with_prompts_only_these_lines_are_typed() -> None:
    assert typed_lines("$ ls a\nb\n$ ls c\n") == ["ls a", "ls c"]


def test_what_commands_name_before_they_make_it_lies_there() -> None:
    def needed(*lines: str) -> list[str]:
        return needed_by([Told("command", line, 1) for line in lines])

    assert needed("fasterseg run --recipe demo --run runs/demo", "fasterseg draw runs/demo") == []
    assert needed("fasterseg draw runs/demo --out photo.jpg") == ["runs/demo"]
    assert needed("fasterseg init photos.zip", "fasterseg split photos/") == ["photos.zip"]
    assert needed("fasterseg plan --recipe paper-cityscapes") == ["cityscapes"]
    assert needed("fasterseg train --set data.source=CAMVID") == ["CAMVID"]
    assert needed_by([Told("python", "load('runs/photos/x')", 1)]) == ["runs/photos"]


@pytest.mark.parametrize("name", named_recipes())
def test_a_recipe_that_was_cut_short_stays_as_it_is_once_kept(name: str) -> None:
    short = shortened(build_recipe(recipe_file(name)))
    kept = Recipe.model_validate(short.content())
    assert kept == short == shortened(kept)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("curl https://example.org", "what is curl?"),
        ("fasterseg plam --recipe demo", "plam"),
        ("fasterseg plan --recipes demo", "--recipes"),
        ("fasterseg plan --recipe dem", "no recipe: dem"),
        ("fasterseg plan --recipe demo --set student.step=1", "student.step"),
        ("fasterseg predict camvid-8ms", "SOURCE"),
        ("pip install 'fasterseg[onxx]'", "no such extra"),
        ("pip install fastersegs", "does not know fastersegs"),
        ("make tests", "tests"),
        ("python benchmarks/no.py", "no.py"),
    ],
)
def test_what_is_unknown_is_not_understood(line: str, what: str) -> None:
    (command,) = commands_of(line)
    with pytest.raises(Exception, match=re.escape(what)):
        understood(command)


@pytest.mark.parametrize(
    "line", ["python benchmarks/arms.py", "torchrun --nodes 2 --no-python -- fasterseg run"]
)
def test_arguments_that_a_program_does_not_take_are_not_understood(line: str) -> None:
    (command,) = commands_of(line)
    with pytest.raises(SystemExit):
        understood(command)
