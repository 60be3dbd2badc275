"""What a tail is timed on: logits as scenes have them."""

from __future__ import annotations

import numpy as np

from fasterseg.deploy.tail.label_maps import NumpyTail
from fasterseg.deploy.tail.scenes import SceneTail, scene_logits


def test_scenes_have_patches_of_several_classes_and_are_the_same_each_time() -> None:
    logits = scene_logits((9, 16, 32))
    classes, counts = np.unique(logits.argmax(axis=0), return_counts=True)
    assert len(classes) > 4 and counts.max() < 16 * 32 / 2
    assert np.array_equal(logits, scene_logits((9, 16, 32)))


def test_a_tail_takes_a_scene_whatever_it_is_given() -> None:
    tail = NumpyTail()
    scene = SceneTail(tail)
    given = np.zeros((9, 16, 32), dtype=np.float32)
    labels = scene(given, (128, 256))
    assert np.array_equal(labels, tail(scene_logits((9, 16, 32)), (128, 256)))
    assert labels.shape == (128, 256) and scene.name == tail.name
    assert scene(given, (64, 128)).shape == (64, 128)
