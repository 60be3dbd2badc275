"""Which of a teacher's channels stand for the data's classes."""

from __future__ import annotations

import numpy as np
import pytest

from fasterseg.errors import UsageError
from fasterseg.teaching.class_map import ClassMap, by_name, probabilities

LOGITS = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)


def test_the_same_classes_in_the_same_order_are_left_as_they_are() -> None:
    names = ["road", "sky", "car", "tree"]
    found = by_name(names, names, teacher="t", data="d")
    assert found.is_identity
    assert found.of_logits(LOGITS) is LOGITS


def test_classes_are_found_by_name_in_any_order() -> None:
    found = by_name(["road", "sky", "car", "tree"], ["tree", "road"], teacher="t", data="d")
    assert found.channels == ((3,), (0,))
    assert np.array_equal(found.of_logits(LOGITS), LOGITS[[3, 0]])


def test_what_is_left_out_counts_as_if_it_were_not_known() -> None:
    found = probabilities(ClassMap(((0,), (1,)), 4).of_logits(LOGITS))
    shares = probabilities(LOGITS)[:2]
    np.testing.assert_allclose(found, shares / shares.sum(axis=0), rtol=1e-5)


def test_of_several_channels_for_one_class_the_probabilities_add_up() -> None:
    several = ClassMap(((2,), (0, 3), (1,)), 4)
    shares = probabilities(LOGITS)
    by_hand = np.stack([shares[2], shares[0] + shares[3], shares[1]])
    np.testing.assert_allclose(probabilities(several.of_logits(LOGITS)), by_hand, rtol=1e-5)
    np.testing.assert_allclose(np.exp(several.of_probabilities(shares)), by_hand, rtol=1e-4)


def test_where_a_teacher_is_sure_of_what_is_left_out_it_says_nothing() -> None:
    shares = np.zeros((3, 1, 1), np.float32)
    shares[2] = 1
    found = ClassMap(((0,), (1,)), 3).of_probabilities(shares)
    assert np.isfinite(found).all()
    assert found[0] == found[1]


def test_a_class_that_the_teacher_lacks_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as told:
        by_name(["road", "persons"], ["road", "person"], teacher="the teacher", data="street")
    assert "'persons' may be 'person'" in told.value.why
    assert told.value.next_step
