"""A page that was exported, opened in a headless Chromium whose network is off."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from browsing import CAMERA, Page, browsing, serving
from PIL import Image

from fasterseg.cli import main
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.deploy.runtimes.web_runtime import web_runtime
from fasterseg.deploy.shipping.web_page import NETWORK
from fasterseg.errors import EnvironmentFault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

READY = "document.querySelector('#controls').dataset.ready === 'yes'"
TIMED = "document.querySelector('#timed').textContent"
STATUS = "document.querySelector('#status').textContent"
MODEL = "camvid-8ms"
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
MOST_BYTES, MOST_PACKED_BYTES = 22_000_000, 10_000_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model by name as a page."""
    pytest.importorskip("fasterseg_models")
    try:
        web_runtime()
    except EnvironmentFault as error:
        pytest.skip(f"there is no ONNX Runtime Web here: {error.why}")
    folder = tmp_path_factory.mktemp("page") / "web"
    words = ["export", MODEL, "--format", "web", "--out", str(folder), "--images", "2"]
    assert main(words) == 0
    return folder


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Page]:
    """A tab of a browser whose camera is made up and which knows no machine but this one."""
    only_here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
    with browsing(tmp_path / "profile", *CAMERA, only_here) as browser:
        yield Page(browser)


def pictures() -> list[npt.NDArray[np.uint8]]:
    """Six images of the network's size, CamVid's where they are at hand, and one of another."""
    home = Path(os.environ.get("FASTERSEG_TEST_DATA", "")) / "camvid"
    if os.environ.get("FASTERSEG_TEST_DATA") and home.is_dir():
        source, split = open_data(str(home)), "test"
    else:
        source, split = (
            open_data("street", street_size=(360, 480), street_counts={"test": 6}),
            "test",
        )
    found = [source.sample(split, index).image for index in range(6)]
    return [*found, np.ascontiguousarray(found[0][:240, :400])]


def labels_shown(tab: Page) -> npt.NDArray[np.uint8]:
    """The labels in the page's picture, told by the classes' colours, which alone are shown."""
    told = tab.value(
        "(() => { const canvas = document.querySelector('#shown');"
        "const { width, height } = canvas;"
        "const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);"
        "const colours = fasterseg.about.colours.map(([r, g, b]) => r * 65536 + g * 256 + b);"
        "let text = ''; for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(65 + "
        "colours.indexOf(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]));"
        "return { width, height, text }; })()"
    )
    labels = np.frombuffer(told["text"].encode(), dtype=np.uint8) - 65
    return labels.reshape(told["height"], told["width"])


def show_alone(tab: Page) -> None:
    """Hide the pictures behind the classes' colours."""
    tab.value(
        "(() => { const range = document.querySelector('#opacity'); range.value = 100;"
        "range.dispatchEvent(new Event('input')); })()"
    )


def test_labels_are_those_of_onnx_runtime_and_no_request_leaves(
    page: Path, tab: Page, tmp_path: Path
) -> None:
    session, card = open_export(page / NETWORK)
    assert card.size is not None
    with serving(page) as home:
        tab.open(home)
        tab.until(READY)
    assert all(address.startswith(home) for address in tab.requests())
    tab.call("Network.emulateNetworkConditions", **OFFLINE)
    before = len(tab.requests())
    show_alone(tab)
    equal = total = 0
    for number, image in enumerate(pictures()):
        file = tmp_path / f"{number}.png"
        Image.fromarray(image).save(file)
        tab.choose("#photo", file)
        tab.until(f"{TIMED} === '{number + 1}'")
        labels = session.run(resampled(image, card.size))
        wanted = resize_labels(labels, (image.shape[0], image.shape[1]))
        found = labels_shown(tab)
        assert found.shape == wanted.shape
        equal += int((found == wanted).sum())
        total += wanted.size
    print(f"{100 * equal / total:.5f} % of {total:,} pixels are equal")
    assert equal / total >= 0.9999
    assert len(tab.requests()) == before, "nothing was asked for"
    assert tab.complaints() == []


def test_a_photo_of_any_size_is_labelled_as_predict_does_it(
    page: Path, tab: Page, tmp_path: Path
) -> None:
    session, card = open_export(page / NETWORK)
    predictor = ExportedPredictor(session, card, where=NETWORK)
    scene = open_data("street", street_size=(720, 1280), street_counts={"test": 1})
    photo = tmp_path / "photo.jpg"
    pixels = Image.fromarray(scene.sample("test", 0).image)
    upright = Image.Exif()
    upright[0x0112] = 6  # lies on its side
    pixels.save(photo, quality=92, exif=upright)
    with serving(page) as home:
        tab.open(home)
        tab.until(READY)
        show_alone(tab)
        tab.choose("#photo", photo)
        tab.until(f"{TIMED} === '1'")
    wanted = predictor(photo, size=card.size).labels
    found = labels_shown(tab)
    assert found.shape == wanted.shape == (1280, 720)
    print(f"{100 * np.mean(found == wanted):.5f} % of a JPEG's pixels are equal")
    assert np.mean(found == wanted) >= 0.999, "two decoders of JPEG may round otherwise"


def test_over_plain_http_there_is_one_thread_and_no_camera_and_both_are_said(
    page: Path, tmp_path: Path
) -> None:
    rule = "--host-resolver-rules=MAP device.test 127.0.0.1"
    with browsing(tmp_path / "profile", rule) as browser, serving(page, host="device.test") as home:
        tab = Page(browser)
        tab.open(home)
        tab.until(READY)
        assert not tab.value("isSecureContext")
        assert tab.value("document.querySelector('#camera').disabled")
        told = tab.value("document.body.textContent")
        tab.value("document.querySelector('.sample').click()")
        tab.until(f"{TIMED} === '1'")
    assert "The camera needs https, or a page from localhost" in told
    assert "one thread; several need localhost or https" in told


def test_a_page_is_small_enough(page: Path, tmp_path: Path) -> None:
    files = [file for file in page.iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    packed = tmp_path / "page.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    assert packed.stat().st_size <= MOST_PACKED_BYTES


def test_samples_camera_and_times_work_by_keyboard(page: Path, tab: Page) -> None:
    with serving(page) as home:
        tab.open(home)
        tab.until(READY)
        assert tab.value("crossOriginIsolated"), "a service worker isolates a page from localhost"
        tab.value("document.querySelector('.sample').focus()")
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" ")
        tab.until(f"{TIMED} === '1'")
        assert "%" in tab.value("document.querySelector('#shown').getAttribute('aria-label')")
        tab.value("document.querySelector('#camera').click()")
        tab.until(f"Number({TIMED}) >= 4")
        tab.value("document.querySelector('#camera').click()")
        tab.until("document.querySelector('#camera').getAttribute('aria-pressed') === 'false'")
        tab.until("!document.querySelector('#measure').disabled")
    told = tab.value(
        "['median', 'p95', 'promised', 'promise'].map((id) => fasterseg.at(id).textContent)"
    )
    assert all(text.endswith(" ms") for text in told[:3])
    assert "on another target" in told[3]
    assert tab.complaints() == []


def test_everything_has_a_name_for_a_screen_reader_and_fits_a_telephone(
    page: Path, tab: Page
) -> None:
    with serving(page) as home:
        tab.open(home)
        tab.until(READY)
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    wanted = {"button", "image", "slider", "table", "region", "link"}
    nodes = [node for node in tree if node.get("role", {}).get("value") in wanted]
    nameless = [node for node in nodes if not node.get("name", {}).get("value")]
    assert nodes and [node["role"]["value"] for node in nameless] == []
    for width in (390, 768, 1440):
        sized = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        tab.call("Emulation.setDeviceMetricsOverride", **sized)
        wide = tab.value("document.documentElement.scrollWidth")
        assert wide <= width, f"nothing is to be scrolled sideways at {width}"


def test_opened_from_a_disk_it_asks_for_the_network_and_takes_no_other(
    page: Path, tab: Page, tmp_path: Path
) -> None:
    tab.open((page / "index.html").as_uri())
    tab.until("!document.querySelector('#choose-network').hidden")
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another")
    tab.choose("#network-file", other)
    tab.until(f"{STATUS}.includes('its digest is another')")
    tab.choose("#network-file", page / NETWORK)
    tab.until(READY)
    tab.value("document.querySelector('.sample').click()")
    tab.until(f"{TIMED} === '1'")
    assert json.dumps(tab.requests()).count("http") == 0


def test_the_folder_is_verified_as_its_network_is(page: Path, tmp_path: Path) -> None:
    words = ["--against", MODEL, "--images", "1", "--out", str(tmp_path / "x.onnx")]
    assert main(["verify", str(page), *words]) == 0
    kept = (page / "page.js").read_bytes()
    (page / "page.js").write_bytes(kept + b"\n")
    assert main(["verify", str(page), *words]) == 3
    (page / "page.js").write_bytes(kept)
