"""The page of a kit in a headless Chromium: a whole kit, resumed after a reload, read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import Page, browsing, serving
from page_kits import images, page_kit
from small_onnx import small_bytes
from small_spaces import make_space

from fasterseg.artifacts import digest_of_value
from fasterseg.config import ContenderSettings, ProfileSettings
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.errors import EnvironmentFault
from fasterseg.kit.kept import networks_of
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import KitMeasured, read_measured
from fasterseg.kit.packing import pack_space
from fasterseg.kit.page import page_files
from fasterseg.kit.reading import table_of
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.table import Target
from fasterseg.space.widest import options_of

SMALL = {"threads": 1, "height": 32, "width": 64, "classes": 3}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

READY = "!document.querySelector('#start').disabled"
DONE = "!document.querySelector('#download').hidden"
REFUSED = "!document.querySelector('#refused').hidden"
RESULT = "fetch(document.querySelector('#download').href).then((answer) => answer.text())"
GROUPS = (
    "(async () => { const kit = await fasterseg.readKit();"
    "const journal = await fasterseg.Journal.of(kit.digest); return journal.all('group'); })()"
)


@pytest.fixture(scope="module")
def page() -> dict[str, bytes]:
    """The files of a kit's page."""
    try:
        return page_files()
    except EnvironmentFault as error:
        pytest.skip(f"there is no ONNX Runtime Web here: {error.why}")


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Page]:
    """A tab of a browser that knows no machine but this one."""
    only_here = "--host-resolver-rules=MAP * 127.0.0.1"
    with browsing(tmp_path / "profile", only_here) as browser:
        yield Page(browser)


def measured_in(tab: Page, manifest: KitManifest, path: Path) -> KitMeasured:
    """What the page offers once all is measured, read back as a kit's is."""
    tab.until(f"({DONE}) || ({REFUSED})")
    assert not tab.value(REFUSED), tab.value("document.querySelector('#reasons').textContent")
    path.write_text(tab.value(RESULT))
    return read_measured(path, manifest)


def test_a_whole_kit_is_measured_resumed_after_a_reload_and_read_back(
    page: dict[str, bytes], tab: Page, tmp_path: Path
) -> None:
    manifest = page_kit(tmp_path / "kit", page)
    with serving(tmp_path / "kit") as home:
        tab.open(home)
        tab.until(READY)
        tab.value("document.querySelector('#start').click()")
        tab.until("document.querySelector('#told').textContent.startsWith('2 of ')")
        before = tab.value(GROUPS)
        tab.open(home)  # resumes by itself
        found = measured_in(tab, manifest, tmp_path / "measured.json")
        after = tab.value(GROUPS)
        requests = tab.requests()
    assert len(before) >= 2
    assert after[: len(before)] == before, "what was finished is untouched"
    numbers = [one["group"] for one in after]
    assert numbers[:4] == [0, 1, 2, 3], "none is measured twice but what was disturbed"
    assert found.runner == "index.html"
    assert found.runtime.name == "onnxruntime-web"
    assert found.runtime.threads == 1
    assert all(address.startswith(home) for address in requests)
    assert tab.complaints() == []
    document = json.loads((tmp_path / "measured.json").read_text())
    assert document["digest"] == digest_of_value(document["content"])
    graph = OnnxRuntimeBackend(threads=1).open_graph(small_bytes())
    session = Session(graph, "labels", None)
    for image, labels in zip(images(), found.labels_of("file", manifest), strict=True):
        assert np.array_equal(labels, session.run(image))


def test_a_small_space_is_measured_in_a_page_and_makes_a_latency_table(
    page: dict[str, bytes], tab: Page, tmp_path: Path
) -> None:
    student = ContenderSettings(name="student", role="student")
    options = [options_of(make_space(3, operators=("skip", "conv")), student)]
    settings = ProfileSettings(
        calibration_networks=4, runs=3, warmup_runs=1, seconds_per_block=0.005
    )
    target = Target.model_validate(
        {**SMALL, "device": "cpu", "backend": "onnxruntime-web", "precision": "float32"}
    )
    kit = pack_space(options, target, settings, seed=0, name="small", into=tmp_path / "kit")
    assert {*page} <= {*kit.manifest.files}
    with serving(kit.folder) as home:
        tab.open(home)
        tab.until(READY)
        tab.value("document.querySelector('#start').click()")
        tab.until("document.querySelector('#told').textContent.startsWith('3 of ')")
        before = tab.value(GROUPS)
        tab.open(home)  # resumes by itself
        found = measured_in(tab, kit.manifest, tmp_path / "measured.json")
        after = tab.value(GROUPS)
    assert after[: len(before)] == before
    specs = specs_of(options, target.geometry)
    table = table_of(kit.manifest, found, specs, networks_of(kit))
    assert {*table.entries} == {spec.key for spec in specs}
    assert all(table.entries[spec.key].median_ms < 100 for spec in specs)


def test_over_plain_http_there_is_one_thread_and_a_kit_for_two_is_refused(
    page: dict[str, bytes], tab: Page, tmp_path: Path
) -> None:
    page_kit(tmp_path / "two", page, threads=2)
    manifest = page_kit(tmp_path / "one", page)
    with serving(tmp_path / "two", host="device.test") as home:
        tab.open(home)
        tab.until(REFUSED)
        told = tab.value("document.querySelector('#reasons').textContent")
    assert "this kit is for 2 threads" in told
    assert "plain http has one thread" in told
    with serving(tmp_path / "one", host="device.test") as home:
        tab.open(home)
        tab.until(READY)
        assert not tab.value("isSecureContext")
        tab.value("document.querySelector('#start').click()")
        found = measured_in(tab, manifest, tmp_path / "measured.json")
    assert found.clock_ns >= 50_000, "such a page has a coarse clock"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core here")
def test_on_localhost_a_kit_for_two_threads_is_measured_with_two(
    page: dict[str, bytes], tab: Page, tmp_path: Path
) -> None:
    manifest = page_kit(tmp_path / "kit", page, threads=2)
    with serving(tmp_path / "kit") as home:
        tab.open(home)
        tab.until(READY)
        tab.value("document.querySelector('#start').click()")
        found = measured_in(tab, manifest, tmp_path / "measured.json")
        assert tab.value("crossOriginIsolated && ort.env.wasm.numThreads === 2")
    assert found.runtime.threads == 2
    assert found.clock_ns < 50_000, "an isolated page has a finer clock"


def test_a_damaged_file_of_a_kit_is_told(page: dict[str, bytes], tab: Page, tmp_path: Path) -> None:
    page_kit(tmp_path, page)
    (tmp_path / "graphs" / "0003.onnx").write_bytes(b"damaged")
    with serving(tmp_path) as home:
        tab.open(home)
        tab.until(READY)
        tab.value("document.querySelector('#start').click()")
        tab.until(REFUSED)
        told = tab.value("document.querySelector('#reasons').textContent")
    assert "graphs/0003.onnx" in told
    assert "its digest is not the one" in told
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["content"]["name"] = "another"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with serving(tmp_path) as home:
        tab.open(home)
        tab.until(REFUSED)
        assert "does not have the digest" in tab.value("document.body.textContent")


def test_opened_from_a_disk_the_page_says_what_to_do(
    page: dict[str, bytes], tab: Page, tmp_path: Path
) -> None:
    page_kit(tmp_path, page)
    tab.open((tmp_path / "index.html").as_uri())
    tab.until(REFUSED)
    assert "python3 -m http.server" in tab.value("document.querySelector('#reasons').textContent")
