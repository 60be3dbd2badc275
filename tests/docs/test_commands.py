"""What README, the site and each verb's help tell to type is understood; slowly, all of it is run.

`short_recipes` says what is cut short of it, `laid_ready` what lies there, `typed_programs` which
programs are not started.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from shutil import which

import pytest
from kept_exports import exports_kept
from short_recipes import short_runs
from told_commands import Told, commands_of, told_in
from told_sandbox import Sandbox
from typed_programs import PROGRAMS, understood, understood_by_torchrun

from fasterseg import cli
from fasterseg.console.help_text import docstring_sections
from fasterseg.deploy.runtimes import web_runtime
from fasterseg.verbs import VERBS, Verb

ROOT = Path(__file__).parents[2]
AT_THE_TOP = ("README.md", "CONTRIBUTING.md", "packages/fasterseg-models/README.md")
RECORDS = ("decisions", "studies")
"""Folders of what was typed once: of decisions nothing is read, of studies nothing is run."""
NOT_RUN = {
    "fasterseg VERB --help": "any verb's",
    "fasterseg recipe KEY": "any key's",
    "fasterseg train NAME": "any contender's",
    "fasterseg predict MODEL 0": "a camera",
    "fasterseg run --recipe paper-cityscapes --data CITYSCAPES": "what the rows of a table end",
}
"""Commands that stand for others, or want what no test has."""
ELSEWHERE = {"fasterseg benchmark published --backend tensorrt": 4}
"""What wants another machine, with the exit code that it has where there is no such GPU."""


def pages() -> list[Path]:
    """The pages with commands that hold today."""
    docs = ROOT / "docs"
    left_out = ("project/*.md", "*/generated-*.md", "decisions/*.md")
    found = {*docs.rglob("*.md")} - {page for one in left_out for page in docs.glob(one)}
    named = [ROOT / name for name in AT_THE_TOP]
    return [page for page in (*named, *sorted(found)) if page.is_file()]


def of_page(page: Path) -> list[Told]:
    """What a page tells to type, but for what stands for others."""
    return [told for told in told_in(page) if told.text not in NOT_RUN]


def name_of(page: Path) -> str:
    """A page as it is called in reports."""
    return page.relative_to(ROOT).as_posix()


def is_record(page: Path) -> bool:
    """Whether a page tells what was typed once."""
    return page.parent.name in RECORDS


def test_what_is_not_run_stands_on_a_page() -> None:
    told = {one.text for page in pages() for one in told_in(page)}
    assert {*NOT_RUN, *ELSEWHERE} <= told


each_page = pytest.mark.parametrize("page", [one for one in pages() if of_page(one)], ids=name_of)
each_run_page = pytest.mark.parametrize(
    "page", [one for one in pages() if of_page(one) and not is_record(one)], ids=name_of
)


@each_page
def test_each_command_of_a_page_is_understood(page: Path) -> None:
    wrong = []
    for told in of_page(page):
        try:
            _understand(told)
        except (Exception, SystemExit) as error:
            wrong.append(f"{name_of(page)}:{told.line}: {told.text}\n  {error!r}")
    assert not wrong, "\n".join(wrong)


def _understand(told: Told) -> None:
    if told.is_a_name:
        cli.verb_of(told.text.split()[1:])
    elif told.kind == "command":
        for command in commands_of(told.text):
            understood(command)
    elif told.kind == "python":
        compile(told.text, "<page>", "exec")
    elif told.kind == "script":
        _understand_script(told.text)


def _understand_script(text: str) -> None:
    """A script is one of the shell's, and torchrun knows what it is called with."""
    if (bash := which("bash")) is not None:
        subprocess.run([bash, "-n"], input=text, text=True, check=True)
    joined = text.replace("\\\n", " ")
    (line,) = re.findall(r"exec (torchrun .*?)'", joined)
    values = re.sub(r'"\$(\w+)[^"]*"', "1", line)
    understood_by_torchrun(*commands_of(values))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The current folder of all pages, one after the other, where everything takes seconds."""
    here, home = tmp_path_factory.mktemp("around") / "here", tmp_path_factory.mktemp("home")
    modules = tmp_path_factory.mktemp("modules")
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch, short_runs(), exports_kept():
        patch.setenv("HOME", str(home))
        patch.chdir(here)
        patch.setattr(web_runtime, "_from_npm", lambda digests: dict.fromkeys(digests, b""))
        patch.syspath_prepend(str(modules))
        yield Sandbox(here, tmp_path_factory.mktemp("store"), modules)


def run(told: list[Told], sandbox: Sandbox, page: str) -> None:
    """Type all of it in its order; what does not follow from what stands before begins anew."""
    wrong = []
    for part in _parts(told):
        names: dict[str, object] = {"__name__": "page"}
        sandbox.begin(part)
        for one in part:
            try:
                wrong += [f"{page}:{one.line}: {what}" for what in _do(one, sandbox, names)]
            except Exception as error:
                wrong.append(f"{page}:{one.line}: {one.text}\n  {error!r}")
    assert not wrong, "\n".join(wrong)


def _parts(told: list[Told]) -> Iterator[list[Told]]:
    count = 0

    def number(one: Told) -> int:
        nonlocal count
        count += one.afresh
        return count

    for _, part in groupby(told, number):
        yield list(part)


def _do(told: Told, sandbox: Sandbox, names: dict[str, object]) -> Iterator[str]:
    """What went wrong where it is done: exit codes that are not those that are told."""
    if told.kind == "python":
        exec(compile(told.text, "<page>", "exec"), names)
    elif told.kind == "file":
        sandbox.write(told.name, told.text)
    elif told.kind == "command" and not told.is_a_name:
        for command in commands_of(told.text):
            done = PROGRAMS[command.program].done
            due = ELSEWHERE.get(told.text, told.code)
            if done and (code := done(command, sandbox)) != due:
                yield f"{' '.join(command.words)}\n  exit code {code}, and {due} is told"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@each_run_page
def test_each_command_of_a_page_runs(page: Path, sandbox: Sandbox) -> None:
    run(of_page(page), sandbox, name_of(page))


def examples_of(verb: Verb) -> list[str]:
    """The commands in a verb's help."""
    module = __import__(f"fasterseg.commands.{verb.function}", fromlist=["_"])
    return docstring_sections(getattr(module, verb.function))["Examples"].splitlines()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_examples_in_a_verbs_help_run(verb: Verb, sandbox: Sandbox) -> None:
    told = [Told("command", line, 1, afresh=True) for line in examples_of(verb)]
    run(told, sandbox, verb.name)
