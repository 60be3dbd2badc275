"""The harness can fail: each planted misdeed is noticed, under its own name."""

from __future__ import annotations

from pathlib import Path

import pytest
from case import Case, Expected, HostileFile, Place
from corpus import Keeper
from server import Seen
from verdicts import Cost, judge
from ways import way

CHEAP = {
    "mark": "executed",
    "code": "executed",
    "pickle": "executed",
    "child": "executed",
    "shell": "executed",
    "socket": "executed",
    "native": "executed",
    "read": "outside",
    "read through C": "outside",
    "read of the current folder": "outside",
    "read elsewhere": "outside",
    "write": "outside",
    "write beside": "outside",
    "delete": "outside",
    "delete a tree": "outside",
    "rename": "outside",
    "link out": "outside",
    "secret": "outside",
    "crash": "crash",
    "trace": "bug",
    "bug": "bug",
    "escape": "escape",
    "bidi": "escape",
    "nothing": "right",
    "big": "big",
}
COSTLY = {"slow": "slow", "endless": "slow", "waits": "slow"}


def planted(what: str, expect: Expected = "either") -> Case:
    """A case that does something on purpose."""
    words = way("python", "planted", what, lambda place: place.root)
    file = HostileFile(
        name=what, kind="planted", write=bait, ways={"planted": words}, expect=expect
    )
    return Case(file, "planted")


def bait(place: Place) -> None:
    """What a misdeed needs."""
    from native import library_that_marks

    (place.brought / "lib.so").write_bytes(library_that_marks(place.mark))


@pytest.mark.timeout(600)  # of a busy machine
def test_every_planted_misdeed_is_noticed_under_its_name(keeper: Keeper) -> None:
    found = {what: keeper.run(planted(what))[1].word for what in CHEAP}
    assert found == CHEAP


@pytest.mark.slow
@pytest.mark.parametrize("what", COSTLY)
def test_what_takes_long_or_waits_for_ever_is_noticed(what: str, keeper: Keeper) -> None:
    assert keeper.run(planted(what))[1].word == COSTLY[what]


def test_memory_beyond_all_bounds_is_a_refusal_of_the_machine_and_no_crash(keeper: Keeper) -> None:
    seen, verdict = keeper.run(planted("huge"))
    assert seen.code == 4
    assert verdict.word == "wrong code"  # no file of a stranger's may lead there


def test_what_ought_to_be_refused_and_is_not_is_noticed(keeper: Keeper) -> None:
    assert keeper.run(planted("nothing", expect="refused"))[1].word == "taken"


GOOD = "cannot read it\n  where: x\n  why:   it is odd\n  next:  name another\n"


@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (3, GOOD, "refused"),
        (2, GOOD, "refused"),
        (1, GOOD, "bug"),
        (4, GOOD, "wrong code"),
        (3, "cannot read it\n", "told badly"),
        (3, f"warning: x\n{GOOD}", "refused"),
        (3, 13 * "warning: x\n" + GOOD, "told badly"),
        (3, "x" * 5000 + GOOD, "told badly"),
        (3, f'  File "a.py", line 1\n{GOOD}', "bug"),
        (3, f"\x1b[31m{GOOD}", "escape"),
        (3, f"a\r{GOOD}", "escape"),
        (3, f"a\u202eb{GOOD}", "escape"),
        (3, f"a\x9b31m{GOOD}", "escape"),
        (3, f"a\udcff{GOOD}", "escape"),
        (None, "", "slow"),
    ],
)
def test_a_refusal_is_judged_by_its_code_and_its_words(
    code: int | None, error: str, word: str
) -> None:
    seen = Seen(code=code, out="", error=error, cpu_s=0, peak_bytes=0, finds=[])
    file = HostileFile(name="x", kind="x", write=lambda _: None, ways={})
    assert judge(seen, file, Cost()).word == word


def test_what_is_honest_is_right(keeper: Keeper) -> None:
    for words in (way("describe", keeper.stock.bundle), way("check-data", keeper.stock.data)):
        file = HostileFile(
            name="honest", kind="x", write=lambda _: None, ways={"x": words}, expect="right"
        )
        seen, verdict = keeper.run(Case(file, "x"))
        assert verdict.word == "right", (verdict, seen.error)


def test_a_library_in_machine_code_leaves_its_mark(tmp_path: Path) -> None:
    import ctypes

    from native import library_that_marks

    library = tmp_path / "lib.so"
    library.write_bytes(library_that_marks(tmp_path / "it-ran"))
    ctypes.CDLL(str(library))
    assert (tmp_path / "it-ran").exists()
