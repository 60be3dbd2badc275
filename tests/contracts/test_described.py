"""Every key that a user may write is described where it is defined, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ConfigDict

from fasterseg.config import Recipe
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.teacher_card import TeacherCard

SHORTEST, LONGEST = 20, 450


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation holds, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a file by its dotted name, with its description."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield key, field.description or ""
        for inner in models_in(field.annotation):
            yield from keys_of(inner, f"{key}.")


def undescribed(model: type[BaseModel]) -> list[str]:
    return [key for key, sentence in keys_of(model) if len(sentence) < SHORTEST]


@pytest.mark.parametrize("model", [Recipe, DataFile, TeacherCard])
def test_every_key_is_described(model: type[BaseModel]) -> None:
    assert undescribed(model) == []


@pytest.mark.parametrize("model", [Recipe, DataFile, TeacherCard])
def test_a_description_is_a_sentence_or_a_few(model: type[BaseModel]) -> None:
    sentences = dict(keys_of(model))
    assert [key for key, sentence in sentences.items() if len(sentence) > LONGEST] == []
    assert [key for key, text in sentences.items() if not re.match(r"[`\dA-Z]", text)] == []
    assert [key for key, text in sentences.items() if not text.endswith(".")] == []


def test_a_key_without_a_description_is_found() -> None:
    class Section(BaseModel):
        model_config = ConfigDict(use_attribute_docstrings=True)

        told: int = 0
        """How many, in pixels of the image."""
        new: int = 0

    class Whole(BaseModel):
        model_config = ConfigDict(use_attribute_docstrings=True)

        sections: tuple[Section, ...] | None = None
        """Sections, as many as there are."""

    assert undescribed(Whole) == ["sections.new"]
