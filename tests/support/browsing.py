"""A headless Chromium, where there is one, driven by its own protocol through two pipes."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio")
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
READ, WRITTEN = 3, 4  # what Chromium takes its commands from, and answers to


def chromium() -> str:
    """The program; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium here")
    return found


class Browser:
    """A Chromium that was started; what it was asked for and said is kept."""

    def __init__(self, profile: Path, *flags: str) -> None:
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        words = [chromium(), *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        self._process = _started([*words, *flags], commands, answers)
        os.close(commands)
        os.close(answers)
        self._waiting = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to one command; RuntimeError for an error."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        whose = {"sessionId": session} if session else {}
        os.write(self._out, json.dumps(asked | whose).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                found: dict[str, Any] = told["result"]
                return found
            self.events.append(told)

    def wait_for(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next event of a kind."""
        while True:
            told = self._next()
            self.events.append(told)
            if is_it(told):
                return told

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            data = os.read(self._in, 1 << 20)
            if not data:
                raise RuntimeError("Chromium has ended")
            self._waiting += data
        message, _, self._waiting = self._waiting.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def close(self) -> None:
        """End it."""
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)


def _started(words: list[str], commands: int, answers: int) -> int:
    """The number of a process that reads commands and writes answers where Chromium does."""
    # Copies far up: neither may lie where the other is to come.
    held = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (commands, answers)]
    silent = [(os.POSIX_SPAWN_OPEN, end, os.devnull, os.O_RDWR, 0) for end in (0, 1, 2)]
    copied = [(os.POSIX_SPAWN_DUP2, end, at) for end, at in zip(held, (READ, WRITTEN), strict=True)]
    started = os.posix_spawn(words[0], words, os.environ, file_actions=[*silent, *copied])
    for end in held:
        os.close(end)
    return started


class Page:
    """A tab of its own."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command to this tab."""
        return self.browser.call(method, self.session, **params)

    def open(self, address: str) -> None:
        """Go there, and wait until it is loaded."""
        self.call("Page.navigate", url=address)
        self.browser.wait_for(lambda told: told.get("method") == "Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """What an expression comes to, waited for; RuntimeError where it throws."""
        told = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            raise RuntimeError(json.dumps(told["exceptionDetails"])[:800])
        return told["result"].get("value")

    def until(self, condition: str) -> Any:
        """What an expression comes to once it is true; the page looks itself, again and again.

        A page that loads anew meanwhile is asked again.
        """
        look = (
            "new Promise((done) => { const look = () => { let found; try { found = "
            f"({condition}); }} catch {{ found = null; }} found ? done(found) : "
            "setTimeout(look, 20); }; look(); })"
        )
        while True:
            try:
                return self.value(look)
            except RuntimeError as error:
                if "context" not in str(error) and "navigated" not in str(error):
                    raise

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in an input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(file)], nodeId=node)

    def picture(self, path: Path, width: int, *, dark: bool = False) -> None:
        """Write what a window of a width shows of the whole page, as PNG."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        sized = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **sized)
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def requests(self) -> list[str]:
        """The addresses that anything was asked for, but data and blobs, which are the page's."""
        asked = [
            told["params"]["request"]["url"]
            for told in self.browser.events
            if told.get("method") == "Network.requestWillBeSent"
        ]
        return [address for address in asked if not address.startswith(("data:", "blob:"))]

    def complaints(self) -> list[str]:
        """Errors and warnings of the page, such as of its policy."""
        kinds = {"Log.entryAdded": "entry", "Runtime.exceptionThrown": "exceptionDetails"}
        told = [one for one in self.browser.events if one.get("method") in kinds]
        entries = [one["params"][kinds[one["method"]]] for one in told]
        ours = [one for one in entries if one.get("source") != "rendering"]  # of the test's looks
        return [json.dumps(one) for one in ours if one.get("level") != "verbose"]


@contextmanager
def browsing(profile: Path, *flags: str) -> Iterator[Browser]:
    """A browser with a profile of its own, ended afterwards."""
    browser = Browser(profile, *flags)
    try:
        yield browser
    finally:
        browser.close()


class _Files(SimpleHTTPRequestHandler):
    """A plain file server that says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path, *, host: str = "localhost") -> Iterator[str]:
    """The address at which a plain file server offers a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
