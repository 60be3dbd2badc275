"""Whatever comes back from a device is what its kit asked for, or refused in a sentence."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import made_kits
import pytest

from fasterseg.artifacts import digest_of_value
from fasterseg.errors import FileError
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import KitMeasured, read_measured

Change = Callable[[dict[str, Any]], object]


def written(content: Any, path: Path) -> Path:
    """A file of this content with the digest that belongs to it, as a runner writes it."""
    document = {
        "schema": KitMeasured.schema_tag,
        "digest": digest_of_value(content),
        "content": content,
    }
    path.write_text(json.dumps(document))
    return path


def test_what_a_device_measured_is_read_with_its_labels(tmp_path: Path) -> None:
    path = written(made_kits.measured_content(), tmp_path / "measured.json")
    found = read_measured(path, made_kits.manifest())
    assert found.timed["block b"].median_ns == 940
    (labels,) = found.labels_of("student", made_kits.manifest())
    assert labels.shape == (4, 6)
    assert labels[0].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_manifest_is_the_same_bytes_each_time_and_read_back(tmp_path: Path) -> None:
    data = made_kits.manifest().to_bytes()
    path = tmp_path / "manifest.json"
    path.write_bytes(data)
    assert made_kits.manifest().to_bytes() == data
    assert KitManifest.load(path) == made_kits.manifest()


def timed(key: str, **numbers: Any) -> Change:
    return lambda content: content["timed"][key].update(numbers)


def promised(**numbers: Any) -> Change:
    return lambda content: content["promised"]["student"].update(numbers)


def labels(*texts: str) -> Change:
    return lambda content: content["labels"].update(student=list(texts))


def inside(section: str, **values: Any) -> Change:
    return lambda content: content[section].update(values)


WRONG: dict[str, tuple[Change, str]] = {
    "a median below zero": (timed("block a", median_ns=-5), "greater than or equal to 1"),
    "a median of nothing": (timed("block a", median_ns=0), "greater than or equal to 1"),
    "a median of years": (timed("block a", median_ns=10**15), "less than or equal to"),
    "a float for a whole number": (timed("block a", median_ns=900.0), "valid integer"),
    "a text for a whole number": (timed("block a", median_ns="900"), "valid integer"),
    "a boolean for a whole number": (timed("block a", runs=True), "valid integer"),
    "a number of 30 digits": (timed("block a", p95_ns=10**29), "less than or equal to"),
    "a spread above its median": (timed("block a", spread_ns=902), "a spread is larger"),
    "a percentile below its median": (timed("net", p95_ns=4999), "below the median"),
    "a key too many in an entry": (timed("net", mean_ns=4999), "Extra inputs"),
    "a key missing in an entry": (lambda c: c["timed"]["net"].pop("runs"), "Field required"),
    "a section missing": (lambda c: c.pop("device"), "Field required"),
    "a block missing": (lambda c: c["timed"].pop("block a"), "1 are missing, as of block a"),
    "a block of another space": (
        lambda c: c["timed"].update({"block c": c["timed"]["net"]}),
        "as of block c",
    ),
    "a latency too many": (
        lambda c: c["promised"].update({"teacher": c["promised"]["student"]}),
        "as of teacher",
    ),
    "another kit": (lambda c: c.update(kit="sha256:" + "1" * 64), "it names 111111111111"),
    "no digest of a kit": (lambda c: c.update(kit="sha256:1"), "should match pattern"),
    "another file": (promised(sha256="2" * 64), "student"),
    "more steady windows than windows": (promised(steady_windows=6), "more windows were steady"),
    "too few windows": (promised(windows=3, steady_windows=3), "3 windows of 256 queries"),
    "too few queries": (promised(queries=2), "5 windows of 2 queries"),
    "a promise below its median": (promised(p95_ns=3999), "below the median"),
    "another number of threads": (
        inside("runtime", threads=4),
        "threads: 4 there, 2 in the kit",
    ),
    "another runtime": (
        inside("runtime", name="openvino"),
        "runtime: openvino there, onnxruntime in the kit",
    ),
    "another precision": (inside("runtime", precision="int8"), "precision: int8 there"),
    "a runtime that there is not": (inside("runtime", name="caffe"), "Input should be"),
    "a device's name of a megabyte": (inside("device", name="x" * 10**6), "at most 300"),
    "no cores": (inside("device", cores=0), "greater than or equal to 1"),
    "more unquiet groups than groups": (lambda c: c.update(unquiet=3), "more groups were unquiet"),
    "no labels": (lambda c: c["labels"].clear(), "1 are missing, as of student"),
    "labels of two images": (
        labels(made_kits.packed_labels(*[0] * 24), made_kits.packed_labels(*[0] * 24)),
        "2 of 1",
    ),
    "labels that inflate to 100 megabytes": (
        labels(base64.b64encode(zlib.compress(bytes(10**8))).decode()),
        "they are not 4x6 bytes",
    ),
    "labels that are too short": (labels(made_kits.packed_labels(*[0] * 23)), "not 4x6 bytes"),
    "labels that are no zlib": (labels(base64.b64encode(b"x" * 24).decode()), "incorrect header"),
    "labels that are cut off": (
        labels(base64.b64encode(zlib.compress(bytes(24))[:-2]).decode()),
        "not 4x6 bytes",
    ),
    "labels that are no base64": (labels("§"), "only ASCII"),
    "labels of no class": (labels(made_kits.packed_labels(*[3] * 24)), "3, and there are 3"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_content_is_refused_in_a_sentence_though_its_digest_is_right(
    what: str, tmp_path: Path
) -> None:
    change, why = WRONG[what]
    content = deepcopy(made_kits.measured_content())
    change(content)
    path = written(content, tmp_path / "measured.json")
    with pytest.raises(FileError) as caught:
        read_measured(path, made_kits.manifest())
    error = caught.value
    assert why in error.why
    assert (error.where, error.next_step[:19]) == (str(path), "copy measured.json ")
    assert error.what
    assert len(str(error)) < 1000


TEXTS = {
    "NaN": (lambda text: text.replace("950", "NaN"), "NaN is no number"),
    "an infinite number": (lambda text: text.replace("950", "1e999"), "1e999 is no number"),
    "Infinity": (lambda text: text.replace("950", "Infinity"), "Infinity is no number"),
    "a number of 1000 digits": (lambda text: text.replace("950", "9" * 1000), "more than 40"),
    "a key written twice": (
        lambda text: text.replace('"floor_ns"', '"unquiet": 0, "floor_ns"'),
        "'unquiet' is written twice",
    ),
    "brackets without end": (lambda text: "[" * 100_000 + text, "nested more than"),
    "a wrong digest": (lambda text: text.replace('"floor_ns": 90', '"floor_ns": 91'), "digest"),
    "a key beside the content": (lambda text: text.replace("{", '{"x": 1, ', 1), "has the key 'x'"),
    "another file of ours": (lambda text: text.replace("kit-measured", "recipe"), "was expected"),
    "half a file": (lambda text: text[: len(text) // 2], "line 1 column"),
    "nothing": (lambda text: "", "Expecting value"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_that_two_readers_could_take_differently_is_refused(
    what: str, tmp_path: Path
) -> None:
    change, why = TEXTS[what]
    path = written(made_kits.measured_content(), tmp_path / "measured.json")
    path.write_text(change(path.read_text()))
    with pytest.raises(FileError) as caught:
        read_measured(path, made_kits.manifest())
    assert why in caught.value.why + caught.value.what


def test_a_file_of_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(FileError, match="too large"):
        read_measured(path, made_kits.manifest())
