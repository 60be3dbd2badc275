"""ONNX Runtime Web's files: one version, known by its digests, from npm or from where they lie.

It is not on PyPI.  npm's own client brings it, from whichever registry that is set to use, or the
user names a folder or an archive of it.  What it comes to is the same to the byte, or refused; it
is kept in the folder of caches.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fasterseg.artifacts import digest_of_bytes
from fasterseg.caches import cache_folder, keeping
from fasterseg.durable import durable_write
from fasterseg.errors import EnvironmentFault, FastersegError, FileError
from fasterseg.foreign.opened_files import bytes_of, opened
from fasterseg.paths import user_path
from fasterseg.scratch import scratch_folder

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
ARCHIVE = f"{PACKAGE}-{VERSION}.tgz"
OPTION = "--web-runtime"
SCRIPT, GLUE, BINARY = (
    "ort.wasm.min.js",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
DIGESTS: Mapping[str, str] = {
    SCRIPT: "sha256:faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    GLUE: "sha256:e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    BINARY: "sha256:3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The script, what starts the WASM in it, and the WASM, which knows one thread and several."""

PAGE_SCRIPTS = ("ort.js", "runtime.js")
"""What a page loads: `SCRIPT` as it is, and the other two files in one script of data."""

_MOST_BYTES = 64 << 20
_DOWNLOAD_S = 600.0
_IN_ARCHIVES = "package/dist/"
_IN_FOLDERS = ("dist", "package/dist", f"node_modules/{PACKAGE}/dist", "")


@dataclass(frozen=True, slots=True)
class WebRuntime:
    """The files of one version, by name, each as its digest says."""

    files: Mapping[str, bytes]

    def scripts(self) -> dict[str, bytes]:
        """What a page loads, by name: two classic scripts, which a browser opens from a disk too.

        The WASM is packed in them to a quarter of its size; the page unpacks it.
        """
        binary = gzip.compress(self.files[BINARY], 9, mtime=0)
        text = json.dumps(
            {
                "version": VERSION,
                "glue": self.files[GLUE].decode(),
                "binary": base64.b64encode(binary).decode(),
            }
        )
        return {
            PAGE_SCRIPTS[0]: self.files[SCRIPT],
            PAGE_SCRIPTS[1]: f"globalThis.onnxRuntimeWeb = {text};\n".encode(),
        }


def web_runtime(place: Path | str = "", *, digests: Mapping[str, str] = DIGESTS) -> WebRuntime:
    """The files from a folder or an archive, else those that are kept, else from npm.

    What was named once is kept too, for the commands that follow.  Raises `FileError` for other
    files than those that are known, `EnvironmentFault` where npm is missing or cannot bring them.
    """
    folder = cache_folder() / f"{PACKAGE}-{VERSION}"
    kept = _kept(folder, digests)
    if place:
        found = _of_place(user_path(place, OPTION), digests)
    elif kept is None:
        found = _from_npm(digests)
    else:
        found = kept
    if found != kept:
        with suppress(EnvironmentFault):  # a folder of caches that takes nothing stops nobody
            for name, data in found.items():
                durable_write(folder / name, data)
    return WebRuntime(found)


def _kept(folder: Path, digests: Mapping[str, str]) -> dict[str, bytes] | None:
    """What is kept; None where anything is missing or damaged, which is then brought anew."""
    found = {}
    for name, digest in digests.items():
        try:
            found[name] = bytes_of(folder / name, most_bytes=_MOST_BYTES)
        except (OSError, FastersegError):
            return None
        if digest_of_bytes(found[name]) != digest:
            return None
    return found


def _of_place(place: Path, digests: Mapping[str, str]) -> dict[str, bytes]:
    """The files in a folder, or in npm's archive, that a user named."""
    if place.is_dir():
        return _checked(lambda name: _in_folder(place, name), place, digests)
    if not place.exists():
        raise _not_it(place, "there is no such file")
    with opened(place) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r:gz") as archive:
                return _checked(lambda name: _in_archive(archive, name), place, digests)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise _not_it(place, f"it is no archive that npm packed: {error}") from error


def _checked(
    read: Callable[[str], bytes | None], place: Path, digests: Mapping[str, str]
) -> dict[str, bytes]:
    found = {}
    for name, digest in digests.items():
        data = read(name)
        if data is None:
            raise _not_it(place, f"it holds no {name}")
        if digest_of_bytes(data) != digest:
            raise _not_it(place, f"its {name} is another file than that of version {VERSION}")
        found[name] = data
    return found


def _in_folder(folder: Path, name: str) -> bytes | None:
    for inside in _IN_FOLDERS:
        with suppress(FileNotFoundError):
            return bytes_of(folder / inside / name, most_bytes=_MOST_BYTES)
    return None


def _in_archive(archive: tarfile.TarFile, name: str) -> bytes | None:
    try:
        member = archive.getmember(_IN_ARCHIVES + name)
    except KeyError:
        return None
    stream = archive.extractfile(member) if member.isfile() else None
    return None if stream is None else stream.read(_MOST_BYTES)


def _from_npm(digests: Mapping[str, str]) -> dict[str, bytes]:
    """The files as npm's own client brings them, by the user's own settings of it."""
    npm = shutil.which("npm")
    if npm is None:
        raise _not_brought("npm, which brings it, is not installed here")
    with (
        keeping("what npm brings", home := cache_folder()),
        scratch_folder(home, f".{PACKAGE}.") as folder,
    ):
        words = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--no-update-notifier"]
        try:
            ended = subprocess.run(
                [*words, "--pack-destination", str(folder)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_DOWNLOAD_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_brought(f"npm did not end: {error}") from error
        if ended.returncode or not (folder / ARCHIVE).is_file():
            raise _not_brought(f"npm says: {_last_words(ended.stderr)}")
        return _of_place(folder / ARCHIVE, digests)


def _last_words(said: bytes) -> str:
    """What npm says of a failure, without the file that it writes all about it into."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    told = [line for line in lines if line and "debug-" not in line and "complete log" not in line]
    return " ".join(told[:4]) or "nothing"


def _not_brought(why: str) -> EnvironmentFault:
    return EnvironmentFault(
        "ONNX Runtime Web could not be brought here",
        where=f"{PACKAGE} {VERSION}",
        why=why,
        next_step=f"npm pack {PACKAGE}@{VERSION} where there is a network, then {OPTION} {ARCHIVE}",
    )


def _not_it(place: Path, why: str) -> FileError:
    return FileError(
        f"this is not {PACKAGE} {VERSION}",
        where=str(place),
        why=why,
        next_step=f"npm pack {PACKAGE}@{VERSION}, then {OPTION} {ARCHIVE}",
    )
