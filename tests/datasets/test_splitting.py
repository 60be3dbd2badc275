from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fasterseg.datasets.splitting import split_halves


def test_halves_are_disjoint_and_whole() -> None:
    weights, architecture = split_halves([f"name{i}" for i in range(101)], 3)

    assert sorted(weights + architecture) == list(range(101))
    assert (len(weights), len(architecture)) == (51, 50)


def test_halves_do_not_depend_on_the_order_of_the_names() -> None:
    names = [f"name{i}" for i in range(40)]
    turned = names[::-1]

    assert {names[i] for i in split_halves(names, 1)[0]} == {
        turned[i] for i in split_halves(turned, 1)[0]
    }
    assert split_halves(names, 1) != split_halves(names, 2)


def test_halves_are_equal_in_three_processes() -> None:
    program = (
        "from fasterseg.datasets.splitting import split_halves;"
        "print(split_halves([f'scene {i}' for i in range(30)], 7))"
    )
    source = Path(__file__).parents[2] / "src"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(run), "PYTHONPATH": str(source)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for run in range(3)
    ]

    seen = {process.communicate(timeout=60)[0] for process in processes}

    assert seen == {f"{split_halves([f'scene {i}' for i in range(30)], 7)}\n"}


def test_images_of_a_group_stay_in_one_half() -> None:
    groups = [f"drive {index // 7}" for index in range(100)]

    weights, architecture = split_halves([f"name{i}" for i in range(100)], 3, groups=groups)

    assert sorted(weights + architecture) == list(range(100))
    assert not {groups[i] for i in weights} & {groups[i] for i in architecture}
    assert 50 <= len(weights) < 57
    assert split_halves([""] * 100, 4, groups=groups) != (weights, architecture)
