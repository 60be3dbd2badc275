"""Nothing in a stranger's file runs, leaves its folder, costs much or fails as a bug.

One case of each kind, and in the slow tier all of them.  A case is run alone, with all that it
says, by its name: ``python tests/hostile/corpus.py show NAME``.
"""

from __future__ import annotations

import pytest
from corpus import KINDS, Keeper, Tally, cases_of_kind, files

REPRESENTATIVES = (
    "architecture/architecture 100,000 brackets@describe",
    "table/table of a price below 0@describe",
    "bundle/card an escape in a class@describe",
    "bundle/card a resolution of 10^4300@report",
    "bundle/bundle with a named pipe for card.json@load_network",
    "safetensors/safetensors of a header of 2^63@load_model",
    "answer/answer of a fraction@kit read",
    "kit/kit of a file above it@kit read",
    "run/stored recipe with a contender that leads up@describe",
    "log/search/cosearch/events.jsonl: no UTF-8 behind@report",
    "journal/journal: 4,301 digits@profile",
    "checkpoint/checkpoint that lists a file outside@train",
    "recipe/recipe: a tag of Python@check-data",
    "recipe/recipe: 60,000 keys@check-data",
    "set/set a name that leads up@check-data",
    "data file/data.yaml with groups of a backtracking star@check-data",
    "data file/data.yaml with a path that leads up@check-data",
    "list/list of train: 200,000 lines of one@check-data",
    "special file/masks/train/1.png: a named pipe@check-data",
    "layout/camvid with an escape in a name@check-data",
    "name/a picture called a turn@check-data",
    "picture/picture: png cut at 50%@predict",
    "mask/mask: mask: floats@check-data",
    "costly picture/image of 62 megapixels of one bit@check-data",
    "video/video of a playlist@predict",
    "official/pt zip with os.system@import-arch",
    "official/npy opcodes: a memo of 2^31@import-table",
    "onnx/onnx: no JSON@load_model",
    "openvino/xml entities@load_model",
    "engine/engine with a card: 5,000 brackets@load_model",
    "pt2/pt2 of a mere pickle@load_model",
    "teacher/teacher with a card: a tag of Python@train-teacher",
    "current folder/a current folder with json.py@check-data",
    "environment/environment: COLUMNS of text@describe",
)


@pytest.mark.timeout(600)  # of a busy machine
def test_a_hostile_file_of_each_kind_is_right_or_refused_in_a_sentence(keeper: Keeper) -> None:
    cases = {case.name: case for kind in KINDS for case in cases_of_kind(kind, keeper.stock)}
    kinds = {case.file.kind for case in cases.values()}
    found = {name: keeper.run(cases[name], quick=True)[1] for name in REPRESENTATIVES}
    assert {name: one for name, one in found.items() if one.is_fault} == {}
    assert {cases[name].file.kind for name in REPRESENTATIVES} | {"card"} == kinds


def test_there_are_files_enough(keeper: Keeper) -> None:
    assert len({(file.kind, file.name) for file in files(keeper.stock)}) >= 500


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_hostile_file_is_right_or_refused_by_every_verb(kind: object, keeper: Keeper) -> None:
    tally, wrong = Tally(), []
    for case in cases_of_kind(kind, keeper.stock):  # type: ignore[arg-type]
        _, verdict = keeper.run(case)
        tally.add(case, verdict)
        if verdict.is_fault:
            wrong.append(f"{verdict.word}: {case.name}: {verdict.why}")
    print(tally.table())
    assert not wrong, "\n".join(wrong)
