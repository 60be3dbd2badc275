"""What the scripts of pages compute, beside what Python does."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from scripts import OF_KIT, OF_PAGE, SHARED, node, run_scripts

from fasterseg.artifacts import canonical_json, digest_of_bytes, digest_of_value
from fasterseg.latency.timing import Timing, percentile

VALUES = [
    {"b": [1, None, True, 'é😀\x7f\x01\\"/'], "a": {}, "Z": [], "": -5},
    {"😀": 1, "\uffee": 2, "é": 3, "z": 4, "10": 5, "9": 6},
    {"large": 2**53 - 1, "nested": {"deeper": [[[]]]}},
]


def test_digests_and_canonical_json_are_those_of_python() -> None:
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]
    texts = [bytes(range(256))[:n] if n < 256 else b"x" * n for n in lengths]
    found = run_scripts(
        [SHARED / "digests.js"],
        """([texts, values]) => [
            texts.map((text) => fasterseg.sha256(Uint8Array.from(text))),
            values.map(fasterseg.canonicalJson),
            values.map(fasterseg.digestOfValue),
        ]""",
        [[[*text] for text in texts], VALUES],
    )
    assert found[0] == [digest_of_bytes(text) for text in texts]
    assert [text.encode() for text in found[1]] == [canonical_json(value) for value in VALUES]
    assert found[2] == [digest_of_value(value) for value in VALUES]


def test_a_number_that_languages_write_differently_is_refused() -> None:
    told = run_scripts(
        [SHARED / "digests.js"],
        "(values) => values.map((v) => { try { return fasterseg.canonicalJson([v]); }"
        " catch (error) { return error.name; } })",
        [0.5, 2**60, 7],
    )
    assert told == ["TypeError", "TypeError", "[7]"]


def test_quantiles_are_those_of_python() -> None:
    numbers = random.Random(0)
    several = [[numbers.random() * 1e9 for _ in range(n)] for n in (1, 2, 3, 10, 257)]
    found = run_scripts(
        [SHARED / "quantiles.js"],
        "(several) => several.map((v) => [fasterseg.median(v), fasterseg.percentile(v, 95)])",
        several,
    )
    wanted = [[Timing.of(values).median_ms, percentile(values, 95)] for values in several]
    assert found == [pytest.approx(pair, rel=1e-12) for pair in wanted]


def test_every_script_is_one_that_node_reads() -> None:
    scripts = [file for folder in (SHARED, OF_PAGE, OF_KIT) for file in folder.glob("*.js")]
    assert len(scripts) >= 10
    for script in scripts:
        checked = subprocess.run([node(), "--check", str(script)], capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_no_page_names_an_address_elsewhere() -> None:
    files = [file for folder in (SHARED, OF_PAGE, OF_KIT) for file in Path(folder).glob("*.[hcj]*")]
    for file in files:
        text = file.read_text(encoding="utf-8")
        text = text.replace("http://www.w3.org/2000/svg", "").replace("http://localhost:8000", "")
        assert "://" not in text, file
