"""Scripts of the pages, run by Node.js where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fasterseg

SOURCE = Path(fasterseg.__file__).parent
SHARED = SOURCE / "deploy" / "runtimes" / "web"
OF_PAGE = SOURCE / "deploy" / "shipping" / "web"
OF_KIT = SOURCE / "kit" / "runners" / "page"
_LOAD = (
    "const fs = require('fs'), vm = require('vm');"
    "const [paths, given] = JSON.parse(fs.readFileSync(0, 'utf8'));"
    "for (const path of paths) vm.runInThisContext(fs.readFileSync(path, 'utf8'), path);"
    "const answer = eval(process.argv[1])(given);"
    "Promise.resolve(answer).then((found) => process.stdout.write(JSON.stringify(found)));"
)


def node() -> str:
    """The program; the test is skipped where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node.js here")
    return found


def run_scripts(scripts: Sequence[Path], function: str, given: Any) -> Any:
    """What a function comes to, of a JSON value, once these scripts were loaded."""
    ended = subprocess.run(
        [node(), "-e", _LOAD, function],
        input=json.dumps([[str(path) for path in scripts], given]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
