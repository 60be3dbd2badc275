"""ONNX Runtime Web's files: from npm's own client, from a place, or from what is kept."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.runtimes.web_runtime import (
    ARCHIVE,
    BINARY,
    DIGESTS,
    GLUE,
    PACKAGE,
    PAGE_SCRIPTS,
    SCRIPT,
    VERSION,
    web_runtime,
)
from fasterseg.errors import EnvironmentFault, FileError

FILES = {SCRIPT: b"script", GLUE: b"glue", BINARY: b"\0asm" * 1000}
KNOWN = {name: digest_of_bytes(data) for name, data in FILES.items()}


def archive_of(files: dict[str, bytes]) -> bytes:
    """An archive as npm packs one."""
    packed = io.BytesIO()
    manifest = json.dumps({"name": PACKAGE, "version": VERSION}).encode()
    inside = {"package.json": manifest, **{f"dist/{name}": data for name, data in files.items()}}
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in inside.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of caches of the test's own."""
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A registry on this machine that npm is set to; the paths that it was asked for."""
    asked: list[str] = []
    archive = archive_of(FILES)

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            home = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[attr-defined]
            sha512 = base64.b64encode(hashlib.sha512(archive).digest()).decode()
            dist = {"tarball": f"{home}/{ARCHIVE}", "integrity": f"sha512-{sha512}"}
            version = {"name": PACKAGE, "version": VERSION, "dist": dist}
            told = {"name": PACKAGE, "versions": {VERSION: version}, "dist-tags": {}}
            body = archive if self.path.endswith(".tgz") else json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed here")


@needs_npm
@pytest.mark.slow
def test_npm_brings_the_files_once_and_they_are_kept(registry: list[str], cache: Path) -> None:
    assert web_runtime(digests=KNOWN).files == FILES
    assert any(path.endswith(".tgz") for path in registry)
    registry.clear()
    assert web_runtime(digests=KNOWN).files == FILES
    assert registry == []
    (cache / f"{PACKAGE}-{VERSION}" / GLUE).write_bytes(b"damaged")
    assert web_runtime(digests=KNOWN).files == FILES, "what was damaged is brought anew"


@needs_npm
@pytest.mark.slow
def test_another_file_than_the_known_one_is_refused_and_not_kept(
    registry: list[str], cache: Path
) -> None:
    with pytest.raises(FileError, match=f"not {PACKAGE} {VERSION}") as told:
        web_runtime(digests=DIGESTS)
    assert "another file" in told.value.why
    assert not (cache / f"{PACKAGE}-{VERSION}").exists()


@needs_npm
@pytest.mark.slow
def test_a_registry_that_does_not_answer_is_told_with_npm_s_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(EnvironmentFault, match="could not be brought") as told:
        web_runtime(digests=KNOWN)
    assert "ECONNREFUSED" in told.value.why
    assert f"--web-runtime {ARCHIVE}" in told.value.next_step


def test_without_npm_the_message_says_what_to_type_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFault, match="could not be brought") as told:
        web_runtime(digests=KNOWN)
    assert "npm" in told.value.why
    assert f"npm pack {PACKAGE}@{VERSION}" in told.value.next_step


@pytest.mark.parametrize("inside", ["", "dist", "package/dist", f"node_modules/{PACKAGE}/dist"])
def test_files_are_taken_from_a_folder_however_deep_they_lie(tmp_path: Path, inside: str) -> None:
    (tmp_path / "given" / inside).mkdir(parents=True)
    for name, data in FILES.items():
        (tmp_path / "given" / inside / name).write_bytes(data)
    assert web_runtime(tmp_path / "given", digests=KNOWN).files == FILES
    assert web_runtime(digests=KNOWN).files == FILES, "what was named once is kept"
    (tmp_path / "given" / inside / SCRIPT).unlink()
    with pytest.raises(FileError) as told:
        web_runtime(tmp_path / "given", digests=KNOWN)
    assert told.value.why == f"it holds no {SCRIPT}"


def test_files_are_taken_from_an_archive_and_from_nothing_else(tmp_path: Path) -> None:
    packed = tmp_path / "x.tgz"
    packed.write_bytes(archive_of(FILES))
    assert web_runtime(packed, digests=KNOWN).files == FILES
    packed.write_bytes(packed.read_bytes()[:200])
    with pytest.raises(FileError, match="this is not"):
        web_runtime(packed, digests=KNOWN)
    packed.write_bytes(b"no archive")
    with pytest.raises(FileError, match="this is not"):
        web_runtime(packed, digests=KNOWN)
    with pytest.raises(FileError) as told:
        web_runtime(tmp_path / "nothing.tgz", digests=KNOWN)
    assert told.value.why == "there is no such file"


def test_a_folder_of_caches_that_takes_nothing_stops_nobody(tmp_path: Path, cache: Path) -> None:
    cache.write_text("no folder")
    packed = tmp_path / "x.tgz"
    packed.write_bytes(archive_of(FILES))
    assert web_runtime(packed, digests=KNOWN).files == FILES


def test_a_page_loads_two_scripts_that_hold_all_of_it(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    scripts = web_runtime(tmp_path, digests=KNOWN).scripts()
    assert scripts[PAGE_SCRIPTS[0]] == FILES[SCRIPT]
    told = json.loads(scripts[PAGE_SCRIPTS[1]].partition(b" = ")[2].rstrip(b";\n"))
    assert told["glue"].encode() == FILES[GLUE]
    assert gzip.decompress(base64.b64decode(told["binary"])) == FILES[BINARY]
    assert told["version"] == VERSION
