"""The cheapest reproduction: the authors' files imported and scored on Cityscapes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from official_files import arch_file, write_weights
from published_trees import CITYSCAPES_SIZE, cityscapes_tree

from fasterseg import load_model
from fasterseg.cli import main
from fasterseg.datasets.opening import open_data
from fasterseg.evaluation import ConfusionMatrix, EvaluationReport

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"
MOST_BYTES = 2_500_000_000
# The command, and the most memory that it held, in kilobytes, on the last line of stderr.
MEASURED = """
import resource, sys
from fasterseg.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def documented(folder: Path) -> list[list[str]]:
    """The words of each command of the documented line, with the files of this folder."""
    (line,) = (one for one in DOCUMENT.read_text().splitlines() if "import-official" in one)
    files = {
        "arch_1.pt": str(arch_file("student")),
        "weights1.pt": str(write_weights("student", folder)),
        "cityscapes": str(folder / "cityscapes"),
        "student": str(folder / "student"),
    }
    commands = [shlex.split(part) for part in line.split("&&")]
    assert all(words[0] == "fasterseg" for words in commands)
    return [[files.get(word, word) for word in words[1:]] for words in commands]


def test_the_documented_line_imports_and_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = cityscapes_tree(tmp_path / "cityscapes", size=(64, 128))

    for words in documented(tmp_path):
        assert main(words) == 0

    assert "4 images of val, 64x128" in capsys.readouterr().out
    report = EvaluationReport.load(tmp_path / "student-val.json")
    source, model = open_data(city), load_model(tmp_path / "student")
    known = ConfusionMatrix(19)
    for index in range(source.length("val")):
        sample = source.sample("val", index)
        known.update(model(sample.image).labels, sample.labels, ignore=255)
    assert np.array_equal(np.array(report.confusion), known.counts)


@pytest.mark.slow
def test_the_documented_line_fits_into_memory_at_the_real_size(tmp_path: Path) -> None:
    cityscapes_tree(tmp_path / "cityscapes", size=CITYSCAPES_SIZE)

    for words in documented(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *words, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    assert json.loads(done.stdout)["report"]["resolution"] == "1024x2048"
    used = int(done.stderr.splitlines()[-1]) * 1024
    assert used < MOST_BYTES
