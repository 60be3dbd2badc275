"""``fasterseg init``: from an export to files that a run begins with, and commands that work."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_timings import target_timing
from own_data import own_data
from tool_sets import cvat_set, mmsegmentation_set, zipped

import fasterseg
from fasterseg.cli import main
from fasterseg.config import Recipe, build_recipe
from fasterseg.console.asking import Ask, take_usual
from fasterseg.console.progress import progress_for
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError, UsageError
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.settings.sizing import with_sizes
from fasterseg.pipeline.setup.setting_up import set_up
from fasterseg.pipeline.setup.setup_report import SetupReport
from fasterseg.pipeline.setup.wishes import SetupOptions

NAMES = [f"drive{drive}_{frame:03d}" for drive in range(8) for frame in range(3)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with caches of its own."""
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photos(here: Path) -> Path:
    """What CVAT writes of 24 frames of eight drives, without a split."""
    cvat_set(here / "photos", {"default": NAMES})
    return Path("photos")


def measured(kind: type[Any], job: Job, folder: Path) -> Any:
    """A target on which the fastest network takes 4 ms, whatever its size."""
    assert (kind.__name__, job.kind) == ("TargetTiming", "target")
    return target_timing(job.recipe)


def begun(path: str | Path, *, ask: Ask = take_usual, out: str = "", **wished: Any) -> SetupReport:
    wishes = SetupOptions(**{"budget": "12ms", "hours": 8.0, **wished})
    return set_up(
        path,
        progress_for(json=False),
        wishes,
        out=out,
        layout="auto",
        outside=False,
        ask=ask,
        take=measured,
    )


def recipe_at(folder: str) -> Recipe:
    return build_recipe(Path(folder) / "fasterseg.yaml")


def test_an_export_gets_a_data_file_splits_and_a_recipe(photos: Path) -> None:
    report = begun(photos)
    recipe, source = open_settled(recipe_at("photos"))

    assert [*report.written] == ["photos/splits.csv", "photos/data.yaml", "photos/fasterseg.yaml"]
    assert source.splits() == ("train", "val", "test")
    assert recipe.budget == "12ms"
    assert with_sizes(recipe, source).target.size == (36, 64)


def test_the_recipe_says_what_each_key_does_and_why_it_is_as_it_is(photos: Path) -> None:
    report = begun(photos)
    text = (photos / "fasterseg.yaml").read_text()

    assert text.startswith("# yaml-language-server: $schema=")
    assert "# Active hours of pre-training and search together" in text
    said = " ".join(line.removeprefix("#").strip() for line in text.splitlines())
    for choice in report.chosen:
        assert choice in said
    assert max(map(len, text.splitlines())) <= 100


def test_the_recipe_fits_data_hours_and_machine(photos: Path) -> None:
    begun(photos, hours=4.0)
    recipe = recipe_at("photos")

    assert (recipe.search.hours, recipe.student.hours) == (1.6, 2.0)
    assert recipe.student.start == "supernet"
    assert recipe.student.batch_size == 8
    assert len(recipe.student.class_weights) == 10
    assert recipe.student.augmentation.crop == (32, 64)
    assert recipe.name == "photos"
    assert [one.name for one in recipe.contenders] == ["student"]


def test_the_commands_that_follow_name_what_is_there(photos: Path) -> None:
    plan, run, predict = (shlex.split(command) for command in begun(photos).next)

    words = ["--recipe", "photos/fasterseg.yaml", "--run", "runs/photos"]
    assert plan == ["fasterseg", "plan", *words]
    assert run == ["fasterseg", "run", *words]
    assert predict[:3] == ["fasterseg", "predict", "runs/photos/export/student.onnx"]
    assert Path(predict[3]).is_file()
    held_out = open_data(photos)
    assert Path(predict[3]).stem in held_out.names("test")


def test_classes_that_nobody_named_stand_in_the_data_file_to_be_named(here: Path) -> None:
    mmsegmentation_set(here / "photos", {".": 6}, folders=("images", "masks"))
    begun("photos")
    file = here / "photos" / "data.yaml"

    assert yaml.safe_load(file.read_text())["names"] == [f"class{label}" for label in range(9)]
    file.write_text(file.read_text().replace("class1,", "road,"))
    assert open_data("photos").label_space.names[:3] == ("class0", "road", "class2")


def test_a_zip_is_left_as_it_is_and_gets_a_folder_beside_it(photos: Path, here: Path) -> None:
    archive = zipped(photos, here / "my photos.zip")
    shutil.rmtree(photos)
    before = archive.read_bytes()
    report = begun("my photos.zip")

    assert archive.read_bytes() == before
    assert open_data("my photos").splits() == ("train", "val", "test")
    assert recipe_at("my photos").name == "my-photos"
    assert "--recipe 'my photos/fasterseg.yaml'" in report.next[0]
    assert Path(shlex.split(report.next[2])[3]).is_file()


def test_a_zip_elsewhere_is_allowed_by_the_commands_and_by_no_file(
    photos: Path, here: Path
) -> None:
    zipped(photos, here / "photos.zip")
    report = begun("photos.zip", out="mine")

    assert all("--set data.outside=true" in command for command in report.next[:2])
    with pytest.raises(DataError, match="outside"):
        open_settled(recipe_at("mine"))


def test_splits_that_there_are_stay_and_only_the_recipe_is_written(here: Path) -> None:
    own_data(here / "own", {"train": 6, "val": 3})
    before = {path: path.read_bytes() for path in Path("own").rglob("*.*")}
    report = begun("own")

    assert [*report.written] == ["own/fasterseg.yaml"]
    assert {path: path.read_bytes() for path in before} == before
    assert report.found.division is None
    assert "with splits of its own: train 6, val 3" in report.describe()


def test_a_test_that_there_is_stays_the_test(here: Path) -> None:
    own_data(here / "own", {"train": 12, "test": 3})
    for kind in ("images", "masks"):
        for path in (here / "own" / kind / "test").iterdir():
            path.rename(path.with_name(f"t{path.name}"))
    begun("own", by="image")
    source = open_data("own")

    assert source.names("test") == ("t0", "t1", "t2")
    assert (source.length("train"), source.length("val")) == (10, 2)


def test_nothing_is_overwritten(photos: Path) -> None:
    begun(photos)
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="a recipe already") as caught:
        begun(photos, hours=2.0)

    assert "fasterseg plan --recipe" in caught.value.next_step
    assert {path: path.read_bytes() for path in before} == before


def test_what_is_wrong_is_told_before_anything_is_written(photos: Path) -> None:
    (photos / "JPEGImages" / f"{NAMES[0]}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        begun(photos)

    assert not [path for path in photos.iterdir() if path.suffix in (".yaml", ".csv")]


WRONG = [{"budget": "8"}, {"budget": "fast"}, {"hours": -1.0}, {"hours": 0.0}, {"size": "360"}]


@pytest.mark.parametrize("wished", WRONG, ids=str)
def test_what_means_nothing_is_refused_before_anything_is_read(
    wished: dict[str, Any], photos: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        begun(photos, **wished)

    assert caught.value.next_step


@pytest.mark.parametrize("budget", ["halfway", "40%", "8ms,12ms", "80fps", "baseline:fast-scnn"])
def test_every_kind_of_budget_gets_a_recipe(budget: str, photos: Path) -> None:
    begun(photos, budget=budget)

    assert recipe_at("photos").budgets == tuple(budget.split(","))


def test_classes_that_a_data_file_weighs_are_weighed_by_it(here: Path) -> None:
    own_data(here / "own", {"train": 6, "val": 3}, more="class_weights: auto")
    begun("own")

    assert recipe_at("own").student.class_weights == "data"


def test_few_photos_make_small_batches(here: Path) -> None:
    own_data(here / "own", {"train": 3, "val": 1})
    report = begun("own")

    assert recipe_at("own").student.batch_size == 3
    assert any("train has 3 images" in choice for choice in report.chosen)


class Answers:
    """Answers questions, and remembers them."""

    def __init__(self, *answers: str) -> None:
        self.answers = [*answers]
        self.asked: list[tuple[str, str]] = []

    def __call__(self, question: str, usual: str, *, wrong: Callable[[str], str]) -> str:
        self.asked.append((question, usual))
        answer = self.answers.pop(0) or usual
        assert not wrong(answer)
        return answer


def test_what_is_left_open_is_asked_with_what_would_be_taken(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = Answers("9ms", "", "64x96")
    begun(photos, ask=ask, budget="", hours=None)
    recipe = recipe_at("photos")

    assert [usual for _, usual in ask.asked] == ["halfway", "8", "36x64"]
    assert (recipe.budget, recipe.search.hours) == ("9ms", 3.2)
    assert tuple(recipe.data.size or ()) == (64, 96)
    assert "24 images of 8 recordings" in capsys.readouterr().err


def test_what_was_said_is_not_asked(photos: Path) -> None:
    begun(photos, ask=Answers(), size="48x64")


def test_the_verb_takes_the_usual_answers_where_nobody_sits_before_it(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "photos", "--size", "32x64", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert recipe_at("photos").budget == "halfway"
    assert told["next"][0] == "fasterseg plan --recipe photos/fasterseg.yaml --run runs/photos"


def test_it_ends_with_three_commands(photos: Path) -> None:
    report = fasterseg.init(photos, budget="12ms", size=(32, 64))
    lines = report.describe().splitlines()

    assert lines[-4] == "next:"
    assert [line.split()[:2] for line in lines[-3:]] == [
        ["fasterseg", verb] for verb in ("plan", "run", "predict")
    ]


def test_its_data_file_is_one(photos: Path) -> None:
    begun(photos)
    content = yaml.safe_load((photos / "data.yaml").read_text())

    assert content == {"layout": "cvat", "splits": "splits.csv", "groups": "^([^_/]+)_"}
