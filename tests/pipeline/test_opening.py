"""A run keeps its recipe: options describe a new one, and may only repeat an old one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.console.progress import progress_for
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION, Normalisation
from fasterseg.errors import Interrupted, UsageError
from fasterseg.pipeline.opening import open_run, open_settled, open_source
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.runs import RunFolder
from fasterseg.stopping import StopRequest


def test_a_new_run_stores_the_recipe_that_its_options_describe(tmp_path: Path) -> None:
    common = Common(run=tmp_path, data="street", seed=3, set=("search.steps=7",))
    recipe, run, _ = open_run(common)
    assert (recipe.seed, recipe.data.source, recipe.search.steps) == (3, "street", 7)
    assert Recipe.load(run.recipe) == recipe


def test_a_run_goes_on_with_its_own_recipe(tmp_path: Path) -> None:
    first, _, _ = open_run(Common(run=tmp_path, seed=3, set=("search.steps=7",)))
    again, _, _ = open_run(Common(run=tmp_path))
    repeated, _, _ = open_run(Common(run=tmp_path, seed=3))
    assert again == first == repeated


def begin(run: RunFolder, *files: str) -> None:
    """As if the run had made something already."""
    for name in files:
        (run.root / name).parent.mkdir(parents=True, exist_ok=True)
        (run.root / name).write_text("{}")


TEACHER = "training/teacher/report.json"
STUDENT = "training/student/report.json"
SCORED = "evaluation/student-result.json"
# The first thing that is made by a key, and something that is made before.
FIRST = [
    ("target.threads=1", "data.json", "latency/entries.jsonl"),
    ("profile.runs=3", "data.json", "latency/entries.jsonl"),
    ("space.layers=7", "latency/entries.jsonl", "latency/table.json"),
    ("seed=4", "latency/entries.jsonl", "latency/table.json"),
    ("search.lr=1", "latency/table.json", "search/pretraining/checkpoints/step-1"),
    ("data.normalize=imagenet", "latency/table.json", "search/pretraining/checkpoints/step-1"),
    ("search.pretraining.lr=1", "latency/table.json", "search/pretraining/checkpoints/step-1"),
    ("search.image_scale=0.5", "latency/table.json", "search/pretraining/checkpoints/step-1"),
    ("threads=1", "latency/table.json", "search/pretraining/checkpoints/step-1"),
    ("budget=[8ms, 12ms]", "latency/table.json", "search/pretraining/checkpoints/step-1"),
    ("budget=8ms", "search/pretraining/checkpoints/step-1", "search/cosearch/checkpoints/step-1"),
    (
        "search.penalty_strength=1",
        "search/pretraining/checkpoints/step-1",
        "search/cosearch/checkpoints/step-1",
    ),
    ("promise=median", "search/cosearch/checkpoints/step-1", "search/summary.json"),
    ("data.val_split=test", "search/cosearch/checkpoints/step-1", "search/summary.json"),
    ("data.training_split=train+val", "search/summary.json", TEACHER),
    ("teacher.lr=1", "search/summary.json", TEACHER),
    ("student.lr=1", TEACHER, STUDENT),
    ("student.lr=1", TEACHER, "training/fast-scnn/checkpoints/step-1"),
]


@pytest.mark.parametrize(("change", "before", "first"), FIRST)
def test_a_key_may_change_until_the_first_thing_is_made_by_it(
    change: str, before: str, first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(open_run(Common(run=tmp_path)).folder, before)
    capsys.readouterr()
    changed, run, _ = open_run(Common(run=tmp_path, set=(change,)))
    assert Recipe.load(run.recipe) == changed != Recipe()
    assert change.partition("=")[0] in capsys.readouterr().err
    begin(run, first)
    with pytest.raises(UsageError, match="the recipe differs") as caught:
        open_run(Common(run=tmp_path, recipe=write(tmp_path, "name: fasterseg\n")))
    assert f"(used by {first})" in caught.value.why
    assert Recipe.load(run.recipe) == changed


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_to_undo_a_change_that_is_refused_is_to_go_on(tmp_path: Path) -> None:
    known, run, _ = open_run(Common(run=tmp_path, set=("student.lr=1",)))
    begin(run, STUDENT)
    with pytest.raises(UsageError, match="the recipe differs") as caught:
        open_run(Common(run=tmp_path, set=("student.lr=2",)))
    assert caught.value.next_step.startswith("undo the change to resume")
    assert open_run(Common(run=tmp_path))[0] == known


def test_a_new_run_takes_the_recipe_that_another_keeps_and_a_change(tmp_path: Path) -> None:
    first = ("budget=[8ms, 12ms]", "student.lr=1")
    known, run, _ = open_run(Common(run=tmp_path / "run", set=first))
    begin(run, STUDENT)
    with pytest.raises(UsageError, match="the recipe differs") as caught:
        open_run(Common(run=run.root, set=("student.lr=2",)))
    kept = caught.value.next_step.rpartition("--recipe ")[2]
    fresh, _, _ = open_run(Common(run=tmp_path / "new", recipe=kept, set=("student.lr=2",)))
    assert fresh.student.lr == 2
    assert fresh.model_copy(update={"student": known.student}) == known


def test_the_split_that_is_scored_may_change_when_all_is_done(tmp_path: Path) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    begin(run, "latency/table.json", "search/summary.json", TEACHER, STUDENT, SCORED)
    assert open_run(Common(run=tmp_path, set=("data.test_split=val",)))[0].data.test_split == "val"


def test_a_search_s_plan_that_nothing_was_made_by_is_forgotten_with_its_recipe(
    tmp_path: Path,
) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    begin(run, "search/began.json", "search/allowance.json")
    open_run(Common(run=tmp_path))
    assert run.search_began.exists()
    open_run(Common(run=tmp_path, set=("search.lr=1",)))
    assert not [*run.search.iterdir()]


def test_workers_and_checkpoints_may_change(tmp_path: Path) -> None:
    open_run(Common(run=tmp_path))
    changed, _, _ = open_run(
        Common(run=tmp_path, set=("data.workers=3", "student.checkpoint_every=7"))
    )
    assert changed.data.workers == 3
    assert changed.student.checkpoint_every == 7


def test_a_recipe_file_is_read_and_options_go_over_it(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: mine\nseed: 1\nsearch:\n  steps: 9\n")
    recipe, run, _ = open_run(Common(run=tmp_path / "run", recipe=file, seed=2))
    assert (recipe.name, recipe.seed, recipe.search.steps) == ("mine", 2, 9)
    begin(run, "latency/table.json")
    with pytest.raises(UsageError, match="seed: 2 -> 1"):
        open_run(Common(run=run.root, recipe=file))


def test_a_run_without_a_folder_is_called_by_its_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, run, _ = open_run(Common(set=("name=demo",)))
    assert run.root == Path("runs/demo")
    assert (tmp_path / "runs" / "demo" / "recipe.json").is_file()


def test_a_data_folder_is_stored_so_that_it_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = resolve_recipe(Common(run=tmp_path / "run", data=Path("it's mine")))
    assert recipe.data.source == str(tmp_path / "it's mine")


def test_street_has_the_size_and_counts_of_the_recipe(tmp_path: Path) -> None:
    changes = ("data.street.height=32", "data.street.width=48", "data.street.val=3")
    recipe, _, _ = open_run(Common(run=tmp_path, set=changes))
    source = open_source(recipe)
    assert source.length("val") == 3
    assert source.sample("val", 0).labels.shape == (32, 48)


def test_a_recipe_may_be_an_object(tmp_path: Path) -> None:
    mine = Recipe(name="mine", budget=("8ms", "12ms"), seed=3)
    opened = open_run(Common(run=tmp_path, recipe=mine, set=("search.steps=9",)))
    assert (opened.recipe.name, opened.recipe.seed, opened.recipe.search.steps) == ("mine", 3, 9)
    assert [one.name for one in opened.recipe.students()] == ["student-8ms", "student-12ms"]
    again = open_run(Common(run=tmp_path, recipe=opened.recipe)).recipe
    assert again == opened.recipe == open_run(Common(run=tmp_path)).recipe


def test_an_object_with_students_of_its_own_keeps_them() -> None:
    pair = tuple(
        Recipe().students()[0].model_copy(update={"name": name, "budget": budget})
        for name, budget in (("small", "8ms"), ("large", "30ms"))
    )
    mine = Recipe(contenders=pair)
    assert resolve_recipe(Common(recipe=mine)).contenders == pair


@pytest.mark.parametrize(
    "name", ["two\nlines", "quo'te", "next\x85line", "del\x7f", "\U0001f600", "\\n"]
)
def test_a_data_set_is_found_whatever_its_name(name: str, tmp_path: Path) -> None:
    recipe = resolve_recipe(Common(data=tmp_path / name))
    assert recipe.data.source == str(tmp_path / name)


def test_an_empty_word_for_the_data_is_not_the_current_folder() -> None:
    with pytest.raises(UsageError, match="a path is empty") as caught:
        resolve_recipe(Common(data=""))
    assert caught.value.where.startswith("--data")


def test_what_networks_are_fed_is_what_the_recipe_says_and_else_what_the_data_says() -> None:
    own = "data.normalize=[[0.5, 0.25, 0.5], [0.25, 0.5, 0.25]]"
    said = {
        "data.normalize=auto": Normalisation(),
        "data.normalize=imagenet": IMAGENET_NORMALISATION,
        own: Normalisation((0.5, 0.25, 0.5), (0.25, 0.5, 0.25)),
    }
    for change, meant in said.items():
        source = open_source(resolve_recipe(Common(set=(change,))))
        assert source.normalisation == meant


def test_a_stop_that_is_asked_for_while_data_is_unpacked_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    archive, stop = tmp_path / "photos.zip", StopRequest()
    with zipfile.ZipFile(archive, "w") as new:
        new.writestr("data.yaml", "train: images\nnames: [road]\n")
    stop.signal_name = "SIGINT"
    recipe = Recipe.model_validate({"data": {"source": str(archive)}})
    with pytest.raises(Interrupted, match="stopped by SIGINT") as caught:
        open_settled(recipe, show=progress_for(), stop=stop)
    assert caught.value.where == "Opening the data"
    assert not list((tmp_path / "cache").rglob("data.yaml"))
