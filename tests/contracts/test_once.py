"""What has one definition is not written a second time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fasterseg

SOURCE = Path(fasterseg.__file__).parent
RUNNERS = SOURCE / "kit" / "runners"
"""Files for devices without this package: what they have in common with it is held by
`tests/agreement/test_kit_runner.py`."""
ONCE = {
    "the type of progress callbacks": (r"Callable\[\[int, int(, str)?\], None\]", "events.py"),
    "progress that nobody looks at": (r"lambda \*_\w*: None|lambda _\w+, _\w+, _\w+: None", ""),
    "peak memory": (r"/proc/self/(status|clear_refs)|ru_maxrss", "resources.py"),
    "a reader of YAML": (r"yaml\.(\w*[Ll]oad\w*|parse|scan|compose)\b", "foreign/strict_yaml.py"),
    "a reader of JSON": (
        r"json\w*\.loads?\b|JSONDecoder|validate_json|from_json",
        "foreign/strict_json.py",
    ),
    "OpenVINO, which sends nothing": (
        r"\bimport openvino\b",
        "deploy/runtimes/openvino/installed.py",
    ),
    "what starts a child": (
        r"\bPopen\(|os\.(system|popen|exec\w+|spawn\w+)\b",
        "children/running.py",
    ),
    "steps without end": (r"10 ?\*\* ?9", "learning/step_times.py"),
    "a formatter of durations": (r"// ?3600", "amounts.py"),
    "what is steady": (r"STEADY_\w+ = 0\.", "latency/pace.py"),
    "the precisions": (r'Literal\["float32", "(bfloat16|float16)", ', "config/runtimes.py"),
}


@pytest.mark.parametrize("what", ONCE)
def test_it_is_written_in_one_place(what: str) -> None:
    pattern, place = ONCE[what]
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if RUNNERS not in path.parents and re.search(pattern, path.read_text())
    }
    assert found == ({place} if place else set())
