from __future__ import annotations

import io
import json
from typing import Any

import pytest

from fasterseg.foreign import json_lists
from fasterseg.foreign.json_lists import elements_in
from fasterseg.foreign.strict_json import NotStrict

CONTENT = {
    "info": {"year": 2026, "list": [1, 2]},
    "licenses": [{"id": 0}],
    "images": [{"id": number, "file_name": f"straße/{number}.jpg"} for number in range(50)],
    "annotations": [{"id": number, "segmentation": [[1.5, 2, 3]]} for number in range(400)],
    "score": 12,
}


def read(data: bytes, *keys: str) -> list[tuple[str, Any]]:
    return [(one.key, one.value) for one in elements_in(io.BytesIO(data), keys)]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("step", [1 << 20, 64, 1])
def test_elements_are_those_that_json_itself_reads(
    indent: int | None, ascii_only: bool, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lists, "_STEP_BYTES", step)
    small = CONTENT | {"annotations": CONTENT["annotations"][: 400 if step > 1 else 3]}  # type: ignore[index]
    data = json.dumps(small, indent=indent, ensure_ascii=ascii_only).encode()

    found = read(data, "images", "annotations")

    expected = [(key, one) for key in ("images", "annotations") for one in small[key]]  # type: ignore[attr-defined]
    assert found == expected


def test_an_element_says_where_its_text_stands() -> None:
    data = b"\xef\xbb\xbf " + json.dumps(CONTENT, ensure_ascii=False, indent=2).encode()

    for element in elements_in(io.BytesIO(data), ("images",)):
        assert data[element.offset :].startswith(element.text)
        assert json.loads(element.text) == element.value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "its end, where '{'"),
        (b"[]", "'[', where '{'"),
        (b'{"images": [1', "its end, where ','"),
        (b'{"images": [1,]}', "Expecting value"),
        (b'{"images": [NaN]}', "NaN"),
        (b'{"images": [{"a": 1, "a": 2}]}', "'a' is written twice"),
        (b'{"images": [], "images": []}', "written twice"),
        (b'{"images": []} more', "follows its end"),
        (b'{"images": {}}', "'images' is no list"),
        (b'{"images": ["a', "Unterminated"),
        (b'{"images": ' + b"[" * 100_000, "nested"),
        (b'{"images": [' + b"1" * 5000 + b"]}", "4300 digits"),
        (b'{"images": ["\xff"]}', "utf-8"),
        (b"{5: 1}", "no key"),
        (b'{"a": 1 "b": 2}', "where ','"),
    ],
)
def test_what_is_no_such_object_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(NotStrict, match=reason.replace("[", r"\[").replace("{", r"\{")):
        read(data, "images")


def test_one_element_has_a_limit_and_the_file_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lists, "MOST_ELEMENT_BYTES", 2000)
    monkeypatch.setattr(json_lists, "_STEP_BYTES", 500)
    many = {"images": [{"name": "a" * 100}] * 100}
    large = {"images": [{"name": "a" * 3000}]}

    assert len(read(json.dumps(many).encode(), "images")) == 100
    for data in (json.dumps(large).encode(), b'{"images": ["' + b"a" * 100_000):
        with pytest.raises(NotStrict, match="a value of"):
            read(data, "images")
