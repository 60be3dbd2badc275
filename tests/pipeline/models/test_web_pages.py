"""What no page can be exported of is refused before anything is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_export import origin

from fasterseg.cli import main
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.errors import UsageError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dynamic"], "brings every picture to the size of its network"),
        (["--resize"], "brings pictures to the network's size itself"),
        (["--output", "logits"], "a page shows labels"),
        (["--precision", "float16"], "WebAssembly computes in float32 and int8"),
        (["--max-drop", "1"], "--precision int8"),
        (["--images", "0"], "nothing to verify on"),
    ],
)
def test_what_no_page_does_is_refused_first(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page"
    asked = ["export", "camvid-8ms", "--format", "web", "--out", str(out), *words]
    assert main(asked) == UsageError.exit_code
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_network_of_deep_pictures_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = origin().bundle
    card = bundle.card.model_copy(update={"reading": Reading(range=(0.0, 4095.0))})
    replace(bundle, card=card).save(tmp_path / "model")
    asked = ["export", str(tmp_path / "model"), "--format", "web", "--out", str(tmp_path / "page")]
    assert main(asked) == UsageError.exit_code
    assert "browsers tell 8 bits" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_a_runtime_for_pages_is_refused_with_another_format(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", "camvid-8ms", "--web-runtime", "x.tgz"]) == UsageError.exit_code
    assert "ONNX Runtime Web is for a page" in capsys.readouterr().err
