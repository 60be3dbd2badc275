"""docs/paper.md says what is true: each setting of the authors, its key and value, the commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from fasterseg import cli
from fasterseg.config import Recipe, build_recipe
from fasterseg.config.idle import leaves
from fasterseg.config.named_recipes import named_recipes, recipe_file
from fasterseg.config.uses import keyed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
PAPER = recipe_file("paper-cityscapes")
PAPERS = [recipe_file(one) for one in named_recipes() if one.startswith("paper-")]

# The names that the authors' three configuration files set.
SEARCH = """seed repo_name abs_dir this_dir root_dir dataset_path img_root_folder gt_root_folder
train_source eval_source test_source num_classes background image_mean image_std down_sampling
image_height image_width gt_down_sampling num_train_imgs num_eval_imgs bn_eps bn_momentum lr
momentum weight_decay num_workers train_scale_array eval_stride_rate eval_scale_array eval_flip
eval_height eval_width grad_clip train_portion arch_learning_rate arch_weight_decay layers branch
pretrain prun_modes Fch width_mult_list stem_head_width FPS_min FPS_max batch_size
niters_per_epoch latency_weight nepochs save unrolled"""
TRAIN = """seed repo_name abs_dir this_dir root_dir log_dir dataset_path img_root_folder
gt_root_folder train_source train_eval_source eval_source test_source num_classes background
image_mean image_std target_size down_sampling gt_down_sampling num_train_imgs num_eval_imgs bn_eps
bn_momentum lr momentum weight_decay nepochs niters_per_epoch num_workers train_scale_array
eval_stride_rate eval_scale_array eval_flip eval_base_size eval_crop_size eval_height eval_width
layers mode arch_idx branch width_mult_list stem_head_width load_path load_epoch teacher_path
batch_size Fch image_height image_width save is_test is_eval eval_path"""
LATENCY = """seed repo_name abs_dir this_dir root_dir num_classes layers mode arch_idx branch
width_mult_list stem_head_width load_path load_epoch teacher_path Fch image_height image_width
save"""
FILES = {
    "search/config_search.py": SEARCH,
    "train/config_train.py": TRAIN,
    "latency/config.py": LATENCY,
}


@cache
def known_of(path: Path) -> dict[str, Any]:
    """The values of a recipe by their keys, contenders by name."""
    return leaves(keyed(build_recipe(path)))


@dataclass(frozen=True, slots=True)
class Row:
    """A setting of the authors, the key that stands for it here, and what the table says of it."""

    settings: tuple[str, ...]
    key: str
    value: Any
    remark: str


def rows(section: str) -> Iterator[Row]:
    """The rows of the table under a heading."""
    _, _, after = PAGE.partition(f"### {section}\n")
    for line in re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0].splitlines():
        if (
            line.startswith("|")
            and "---" not in line
            and not line.startswith(("| line", "| where"))
        ):
            _, _, names, _, key, value, remark, _ = (cell.strip() for cell in line.split("|"))
            yield Row(
                tuple(re.findall(r"`(\w+)`", names)),
                key.strip("`"),
                yaml.safe_load(value.strip("`")) if key else None,
                remark or names,
            )


EVERY = [(name, row) for name in (*FILES, "Settings that stand in the code") for row in rows(name)]
KEYED = [(name, row) for name, row in EVERY if row.key]


@pytest.mark.parametrize("file", FILES)
def test_every_setting_of_the_authors_files_has_a_row(file: str) -> None:
    found = {setting for row in rows(file) for setting in row.settings}
    assert found == set(FILES[file].split())


@pytest.mark.parametrize(("file", "row"), KEYED, ids=lambda one: getattr(one, "key", ""))
def test_the_recipe_has_what_the_table_says(file: str, row: Row) -> None:
    known = known_of(PAPER)
    assert row.key in known, f"{file}: there is no key {row.key}"
    assert known[row.key] == row.value


def test_a_setting_without_a_key_says_why() -> None:
    assert [row for _, row in EVERY if not row.key and not row.remark] == []
    assert len(KEYED) > 90


def commands() -> Iterator[str]:
    """The commands of the page, and those that its rows of components stand for."""
    yield from re.findall(r"`(fasterseg [a-z].*?)`", PAGE)
    base = "fasterseg run --recipe paper-cityscapes --data CITYSCAPES"
    yield from (f"{base} {changes}" for changes in re.findall(r"`(--set .*?)`", PAGE))


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_of_the_page_is_understood_and_its_recipe_sound(command: str) -> None:
    words = shlex.split(command)[1:]
    verb = cli.verb_named(words[0])
    if len(words) > 1:
        cli.build_app(verb).parse_args(words, exit_on_error=False, print_error=False)
    named = [value for option, value in pairwise(words) if option == "--recipe"]
    changes = tuple(value for option, value in pairwise(words) if option == "--set")
    build_recipe(recipe_file(named[0]) if named else None, overrides=changes)


def test_what_the_page_links_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert [one for one in targets if not (ROOT / "docs" / one).exists()] == []
    named = re.findall(r"(?:benchmarks|tests)/[\w/.-]+\.(?:py|yaml)", PAGE)
    assert [one for one in named if not (ROOT / one).exists()] == []


OF_THE_PAPER = {
    "data.normalize": "imagenet",
    "target.backend": "tensorrt",
    "target.transfer": False,
    "search.mode": "exact",
    "space.paths": "paper",
    "search.heads": "all",
    "search.passes": "sum",
    "search.synchronise_norms": True,
    "student.synchronise_norms": True,
    "search.shared": "cells",
    "search.image_scale": 0.5,
    "search.label_stride": 8,
    "search.augmentation.scales": [0.75, 1.0, 1.25],
    "search.schedule": "paper",
    "search.pretraining.schedule": "paper",
    "search.pretraining.batch_size": 3,
    "search.penalty.others": "uniform",
    "search.penalty.per": "ms",
    "search.initialisation": "fan-in",
    "student.initialisation": "fan-in",
    "student.schedule": "paper",
    "student.decay_normalisation": True,
    "student.distillation.answers": "live",
    "student.distillation.every": 1,
    "search.selection.candidates": 1,
}
SIZES = {"cityscapes": (1024, 2048), "bdd100k": (720, 1280), "camvid": (720, 960)}


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_each_recipe_of_the_paper_has_what_only_the_paper_wants(path: Path) -> None:
    recipe = build_recipe(path)
    known = known_of(path)
    assert {key: known[key] for key in OF_THE_PAPER} == OF_THE_PAPER
    assert recipe.target.size == SIZES[path.stem.removeprefix("paper-")]
    assert len(recipe.space.branch_sets) == 2
    assert all(budget.endswith("fps") for budget in recipe.budgets)
    assert recipe.search.control.window_ms is not None
    fast, slow = recipe.search.control.window_ms
    assert fast < 1000 / float(recipe.budgets[0].removesuffix("fps")) < slow


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_epochs_are_the_authors_formula_and_steps_are_whole_epochs(path: Path) -> None:
    images = {"cityscapes": 2975, "bdd100k": 7000, "camvid": 367}[path.stem.removeprefix("paper-")]
    search = build_recipe(path).search
    first = search.pretraining
    assert search.steps_per_epoch == max(images // 2 // search.batch_size, 400)
    assert first.steps_per_epoch == max(images // 2 // first.batch_size, 400)
    assert search.steps == 30 * search.steps_per_epoch
    assert search.pretrain_steps == 20 * first.steps_per_epoch
    assert search.control_every == search.steps_per_epoch


def test_recipes_of_the_paper_differ_in_nothing_that_is_not_the_data_s() -> None:
    first, *others = map(known_of, PAPERS)
    apart = {key for other in others for key in first if first[key] != other[key]}
    whole = {key.rpartition(".")[0] if key.count(".") else key for key in apart}
    assert whole <= {
        "name",
        "budget",
        "data",
        "target",
        "search",
        "search.control",
        "search.pretraining",
        "search.pretraining.augmentation",
        "student.augmentation",
        "teacher.augmentation",
    }


def test_a_run_without_a_recipe_is_not_the_paper_s() -> None:
    known, usual = known_of(PAPER), leaves(keyed(Recipe()))
    assert {key for key in OF_THE_PAPER if known[key] == usual.get(key)} == set()
