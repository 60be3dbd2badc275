"""What a process must not do, as Python's audit hook and the kernel tell of it.

The hook sees what Python code does; libraries in C open files past it, so the kernel is asked to
tell of every file that is opened in the folders that nobody may touch (`Watched`).
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fasterseg.children import start

RAN = "executed"
LEFT = "outside"

_STARTS = {
    "os.system": RAN,
    "os.exec": RAN,
    "os.posix_spawn": RAN,
    "os.startfile": RAN,
    "pty.spawn": RAN,
    "webbrowser.open": RAN,
    "socket.connect": RAN,
    "socket.bind": RAN,
    "socket.getaddrinfo": RAN,
    "socket.gethostbyname": RAN,
    "urllib.Request": RAN,
    "ftplib.connect": RAN,
    "smtplib.connect": RAN,
    "code.__new__": RAN,
    "pickle.find_class": RAN,
}
"""Events that no honest file leads to."""

_CHANGES = (
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
    *("os.setxattr", "os.removexattr", "os.chdir"),
)
"""Events that change what their paths name."""

_OWN = ("/dev/", "/proc/")
"""Below these a process may write: its own devices, what the system keeps of it."""

_SYSTEM = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/dev/shm/", "/etc/ld.so", "/etc/mime")
_SYSTEM_FILES = (
    *("/etc/localtime", "/etc/passwd", "/etc/nsswitch.conf", "/etc/os-release", "/etc/apache2"),
    *("/usr/lib/", "/usr/lib64/", "/usr/share/", "/lib/", "/lib64/", "/usr/local/lib/"),
)


class Hook:
    """Notes what a process does that it must not; added to a process once, and never taken away.

    Before `arm` it notes nothing.  What it notes goes into a file at once, a line of JSON each: a
    pair of what it is and what was seen.  So forked children note into the same file, and what a
    process saw outlives it.
    """

    def __init__(self, *, readable: Sequence[Path]) -> None:
        self._readable = tuple(f"{os.path.realpath(path)}/" for path in readable)
        self._own: tuple[str, ...] = ()
        self._libraries: tuple[str, ...] = ()
        self._writable: tuple[str, ...] = ()
        self._notes = -1
        self._left = 20
        self._armed = self._busy = False

    def arm(
        self, notes: Path, *, read: Sequence[Path], write: Sequence[Path], foreign: Sequence[Path]
    ) -> None:
        """Begin to note: `read` and `write` may be, no code may come from `foreign`."""
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._own = tuple(f"{os.path.realpath(path)}/" for path in (*read, *write))
        self._writable = tuple(f"{os.path.realpath(path)}/" for path in write)
        self._libraries = tuple(f"{os.path.realpath(path)}/" for path in foreign)
        self._armed = True

    def disarm(self) -> None:
        """Note nothing from here on."""
        self._armed = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python tells of an event."""
        if not self._armed or self._busy:
            return
        self._busy = True
        try:
            self._look(event, arguments)
        finally:
            self._busy = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._look_at_open(*arguments)
        elif event in ("exec", "compile"):
            self._look_at_code(event, arguments)
        elif event == "import":
            self._look_at_import(arguments)
        elif event == "ctypes.dlopen":
            self._look_at_library(arguments[0])
        elif event == "subprocess.Popen":
            self._look_at_child(arguments)
        elif event in _CHANGES:
            self._look_at_change(event, arguments)
        elif event in _STARTS and not _is_honest(event, arguments):
            self._note(_STARTS[event], f"{event} {arguments!r}")

    def _look_at_open(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int) or path is None or _is_in_tree(path):
            return
        found = _real(path)
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
        if mode is not None and set(mode) & set("wax+"):
            writes = True
        compiled = "/__pycache__" in found and _is_below(found, self._readable)
        if writes and not (compiled or _is_below(found, self._writable) or found.startswith(_OWN)):
            self._note(LEFT, f"wrote {found}")
        elif not writes and not self._may_be_read(found) and found != os.path.realpath("."):
            self._note(LEFT, f"read {found}")

    def _may_be_read(self, path: str) -> bool:
        if _is_below(path, self._own) or _is_below(path, self._readable):
            return True
        return path.startswith(_SYSTEM) or path.startswith(_SYSTEM_FILES)

    def _look_at_change(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.chdir":
            return
        paths = arguments[:2] if event in ("os.rename", "os.link", "shutil.move") else arguments[:1]
        if event == "os.symlink":
            paths = arguments[1:2]
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike):
                whole = Path(os.fsdecode(path))
                # What is changed is the name itself: only the folder that it is in is followed.
                found = f"{os.path.realpath(whole.parent)}/x"
                harmless = event == "os.mkdir" and whole.is_dir()
                if not whole.is_absolute() and _has_folder_descriptor(event, arguments):
                    continue
                compiled = "/__pycache__" in found and _is_below(found, self._readable)
                if not (harmless or compiled or _is_below(found, self._writable)):
                    self._note(LEFT, f"{event} {whole}")

    def _look_at_code(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "exec":
            code = arguments[0]
            if not isinstance(code, types.CodeType):
                return
            generated = code.co_filename.startswith("<")
            if not generated and _is_below(os.path.realpath(code.co_filename), self._libraries):
                self._note(RAN, f"code of {code.co_filename}")
            elif _mentions_mark(code):
                self._note(RAN, f"code that leaves a mark, of {code.co_filename}")
        elif arguments and isinstance(arguments[0], str | bytes):
            text = arguments[0]
            marked = "it-ran" in text if isinstance(text, str) else b"it-ran" in text
            if marked:
                self._note(RAN, f"compiled: {text[:120]!r}")

    def _look_at_import(self, arguments: tuple[Any, ...]) -> None:
        module, file = arguments[0], arguments[1]
        if isinstance(file, str) and _is_below(os.path.realpath(file), self._libraries):
            self._note(RAN, f"imported {module} from {file}")

    def _look_at_library(self, name: Any) -> None:
        if isinstance(name, str | bytes) and os.sep in os.fsdecode(name):
            found = os.path.realpath(os.fsdecode(name))
            if not _is_below(found, self._readable) and not found.startswith(_SYSTEM_FILES):
                self._note(RAN, f"opened the library {found}")

    def _look_at_child(self, arguments: tuple[Any, ...]) -> None:
        command = [os.fsdecode(word) for word in _as_words(arguments[1])]
        if command != ["uname", "-p"] and not is_our_child(command):  # what `platform` asks
            self._note(RAN, f"started {command!r}"[:300])

    def _note(self, kind: str, what: str) -> None:
        self._left -= 1
        if self._left >= 0:
            line = json.dumps([kind, f"{what[:300]} [{_whence()}]"])
            os.write(self._notes, f"{line}\n".encode())


def is_our_child(command: Sequence[str]) -> bool:
    """Whether a command starts this very Python on a module of the package, in isolation."""
    if not command or os.path.realpath(command[0]) != os.path.realpath(sys.executable):
        return False
    options = [word for word in command[1:] if word.startswith("-")]
    isolated = any(set("IP") & set(word) for word in options if not word.startswith("--"))
    ours = os.path.realpath(start.__file__)
    return isolated and any(os.path.realpath(word) == ours for word in command[1:])


def mapped_libraries(folders: Sequence[Path]) -> list[str]:
    """What of these folders is in this process's memory as code: a library that was loaded."""
    text = Path("/proc/self/maps").read_text("utf-8", "replace")
    fields = [line.split(maxsplit=5) for line in text.splitlines()]
    paths = {found[5].strip() for found in fields if len(found) == 6 and "x" in found[1]}
    below = tuple(f"{os.path.realpath(folder)}/" for folder in folders)
    return sorted(path for path in paths if path.startswith(below))


class Watched:
    """Files that are opened or changed in some folders, as the kernel tells; a context manager."""

    OPENED, MODIFIED, CREATED, DELETED, MOVED = 0x20, 0x2, 0x100, 0x200, 0xC0
    _IS_FOLDER = 0x40000000

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._names: dict[int, Path] = {}

    def __enter__(self) -> Watched:
        self._number = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        mask = self.OPENED | self.MODIFIED | self.CREATED | self.DELETED | self.MOVED
        for folder in self._folders:
            for place, _, _ in os.walk(folder):
                watch = self._libc.inotify_add_watch(self._number, os.fsencode(place), mask)
                self._names[watch] = Path(place)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._number)

    def seen(self) -> list[tuple[str, str]]:
        """What happened since the last call, each once: pairs of what it is and what was seen."""
        return list(dict.fromkeys(self._told()))

    def _told(self) -> Iterator[tuple[str, str]]:
        while True:
            try:
                data = os.read(self._number, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = struct.unpack_from("iIII", data, at)
                name = data[at + 16 : at + 16 + length].rstrip(b"\0")
                at += 16 + length
                if mask & self._IS_FOLDER and mask & self.OPENED:
                    continue  # it was listed
                if not name:
                    continue
                path = self._names.get(watch, Path("?")) / os.fsdecode(name)
                yield LEFT, f"{'opened' if mask & self.OPENED else 'changed'} {path}"


def _is_in_tree(path: Any) -> bool:
    """Whether a name is meant from a folder that `shutil.rmtree` holds open: it says so itself."""
    if Path(os.fsdecode(path)).is_absolute():
        return False
    frame: types.FrameType | None = sys._getframe(4)
    return frame is not None and frame.f_code.co_name.startswith("_rmtree")


def _real(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return f"{path}/".startswith(folders) if folders else False


def _has_folder_descriptor(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a relative path is meant from a folder that was opened, as `shutil.rmtree` does."""
    last = arguments[-1] if arguments else None
    return isinstance(last, int) and last != -1 and event in ("os.remove", "os.rmdir", "os.mkdir")


def _as_words(arguments: Any) -> list[Any]:
    return [arguments] if isinstance(arguments, str | bytes) else list(arguments or ())


def _is_local(arguments: tuple[Any, ...]) -> bool:
    """A socket of this machine's own, as libraries use among their processes."""
    return any(isinstance(one, str) and one.startswith("/") for one in arguments[1:])


def _is_honest(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "pickle.find_class":
        return _is_harmless(arguments)
    return event.startswith("socket.") and _is_local(arguments)


def _is_harmless(arguments: tuple[Any, ...]) -> bool:
    """A pickle of Numba's own, which it keeps its compiled kernels in, or of our errors."""
    if tuple(arguments[:2]) in {("collections", "OrderedDict"), ("fasterseg.errors", "_as_it_was")}:
        return True
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("numba."):
            return True
        frame = frame.f_back
    return False


def _mentions_mark(code: types.CodeType, depth: int = 0) -> bool:
    for one in (*code.co_consts, *code.co_names):
        if isinstance(one, str) and "it-ran" in one:
            return True
        if isinstance(one, types.CodeType) and depth < 4 and _mentions_mark(one, depth + 1):
            return True
    return False


def _whence() -> str:
    """Where in the package an event came from."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("fasterseg"):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "no line of ours"
