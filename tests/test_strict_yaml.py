"""What recipes and data files may not have is refused, with its line."""

from __future__ import annotations

import pytest
import yaml

from fasterseg.strict_yaml import load_yaml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x\n", "aliases are not allowed\n.*line 2"),
        ("a: 1\nb: 2\na: 3\n", "'a' is written twice.*\n.*line 3"),
        ("a:\n  b: 1\n  b: 1\n", "'b' is written twice.*\n.*line 3"),
        ("? [1, 2]\n: 3\n", "no plain value"),
        ("a: 2024-99-99\n", "month"),
        ("a: [1\n", "line 2"),
    ],
)
def test_what_is_not_strict_is_refused(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError, match=said):
        load_yaml(text)


def test_values_are_what_yaml_makes_of_them() -> None:
    assert load_yaml(b"a: [1, 2.5, yes, null, x]\nb: {c: 1}\n") == {
        "a": [1, 2.5, True, None, "x"],
        "b": {"c": 1},
    }
