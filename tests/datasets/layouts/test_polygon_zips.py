from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from held_sets import held_to
from polygon_sets import cvat_coco, labelme_set, roboflow_coco, scenes, yolo_set

from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.sample import Sample

Make = Callable[[Path, list[Sample]], Path]
FORMS: dict[str, Make] = {
    "labelme": labelme_set,
    "coco": cvat_coco,
    "roboflow": lambda root, samples: roboflow_coco(root, {"train": samples}),
    "yolo": lambda root, samples: yolo_set(root, {"train": samples}),
}


@pytest.mark.parametrize(
    ("form", "inner"), [*((form, "") for form in FORMS), ("labelme", "a"), ("coco", "a")]
)
def test_a_zip_of_an_export_opens_as_its_folder_does(form: str, inner: str, tmp_path: Path) -> None:
    samples = scenes(1)
    FORMS[form](tmp_path / "made" / inner, samples)
    archive = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "made"))

    source = open_data(archive)

    held_to(
        source, {"train": samples}, ignored=source.label_space.ignore if form == "labelme" else 0
    )
    assert source.files is not None
    assert source.files.layout.place == archive
    folder = open_data(tmp_path / "made" / inner)
    assert folder.digest("train") == source.digest("train")


def _digest(where: Path) -> str:
    return open_files(where).digest("train")


@pytest.mark.slow
def test_several_processes_may_open_the_same_data_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cvat_coco(tmp_path / "data", scenes(6))
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        digests = pool.map(_digest, [tmp_path / "data"] * 3)

    assert len(set(digests)) == 1
    assert len(list((tmp_path / "caches" / "drawn").rglob("*.png"))) == 6
    assert not list((tmp_path / "caches" / "drawn").rglob("*.tmp"))
