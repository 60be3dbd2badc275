"""The page of a kit: all that it loads is in the kit, under names that a manifest takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_kits import page_kit

from fasterseg.cli import main
from fasterseg.deploy.runtimes.web_runtime import DIGESTS, PAGE_SCRIPTS, WebRuntime
from fasterseg.errors import UsageError
from fasterseg.kit import page
from fasterseg.kit.manifest import KitManifest


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files, around a runtime that is none."""
    runtime = WebRuntime(dict.fromkeys(DIGESTS, b"made up"))
    monkeypatch.setattr(page, "web_runtime", lambda: runtime)
    return page.page_files()


def test_a_page_of_a_kit_loads_only_what_the_kit_holds(files: dict[str, bytes]) -> None:
    loaded = set(re.findall(r'(?:src|href)="([^"]+)"', files["index.html"].decode())) - {"data:,"}
    assert loaded <= {*files}
    assert {*PAGE_SCRIPTS, "kit.js", "timing.js", "licences.txt"} <= loaded
    assert "isolation.js" in files, "what a service worker is"
    assert b"Microsoft Corporation" in files["licences.txt"]


def test_a_manifest_takes_all_of_it(files: dict[str, bytes], tmp_path: Path) -> None:
    manifest = page_kit(tmp_path, files)
    assert KitManifest.load(tmp_path / "manifest.json") == manifest
    assert {*files} <= {*manifest.files}


def test_a_runtime_for_pages_is_refused_with_a_kit_for_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["kit", "pack", "--recipe", "demo", "--run", str(tmp_path / "run")]
    assert main([*words, "--web-runtime", str(tmp_path)]) == UsageError.exit_code
    assert "this kit is for onnxruntime" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
