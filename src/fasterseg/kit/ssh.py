"""A kit measured on a device that ssh reaches: copied, run, fetched, and removed there.

Nothing is installed on the device.  The kit lies in a folder of its own below the user's caches,
named after the kit's digest, so that whatever breaks on the way (the connection, this command, the
device) the same command finds what was measured.  While the connection is down the device measures
on; once it is back, the runner there is waited for, or started again to resume.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from fasterseg.artifacts import digest_of_file
from fasterseg.children.programs import Ran
from fasterseg.config.hosts import SshAddress
from fasterseg.errors import EnvironmentFault, FastersegError, FileError, Interrupted
from fasterseg.events import Progress, Tell, note_on_stderr, silent
from fasterseg.foreign.opened_files import MOST_BYTES
from fasterseg.kit.hosts import answered, keep_answer
from fasterseg.kit.measured import MEASURED_FILE, KitMeasured
from fasterseg.kit.ssh_client import ConnectionLost, SshClient, typed
from fasterseg.kit.writing import PackedKit
from fasterseg.scratch import scratch_folder
from fasterseg.stopping import StopRequest

PYTHON = "FASTERSEG_DEVICE_PYTHON"
"""The variable of the environment that names the Python of the device, as one in a venv there."""

OLDEST_PYTHON = (3, 8)
RUNNER, ZIP, ANSWER = "run.py", "kit.zip", f"kit-{MEASURED_FILE}"
MOST_LOST, MOST_PAUSED_S = 20, 15
"""So often in a row a connection is tried that brought nothing new, after two seconds and more."""
MOST_STOPPING_S = 30.0
"""So long whoever stopped this waits until the device has stopped too."""

_MARK = "fasterseg-answers:"
"""Begins what we asked for: the settings of a shell there may write lines of their own."""

_DONE = re.compile(r"(\d{1,9}) of (\d{1,9}) measured(?:, (.*))?")
_ASK = (
    "import hashlib, os, sys; "
    f"print('{_MARK}', *sys.version_info[:2]); "
    f"[print('{_MARK}', n, hashlib.sha256(open(n, 'rb').read()).hexdigest()) "
    f"for n in {(RUNNER, ZIP)} if os.path.exists(n)]"
)


@dataclass(frozen=True, slots=True)
class OverSsh:
    """A device that OpenSSH's client reaches, with the Python that is called `python` there."""

    address: SshAddress
    python: str = field(default_factory=lambda: os.environ.get(PYTHON) or "python3")
    tell: Tell = note_on_stderr
    progress: Progress = silent
    stop: StopRequest | None = None
    pause: Callable[[float], None] = time.sleep

    def measured(self, kit: PackedKit, *, why: str) -> KitMeasured:
        """What the device measures with a kit, or has measured already; `why` says what for.

        Raises `EnvironmentFault` where the device cannot be reached or lacks something,
        `Interrupted` where this was stopped, and `FileError` for an answer that is none.
        """
        found = answered(kit)
        if found is not None:
            return found
        self.tell(f"{self.address} is asked to tell {why}")
        return _Visit(self, kit, SshClient(self.address, self._look)).measured()

    def _look(self) -> None:
        if self.stop is not None:
            self.stop.raise_if_set(str(self.address))


@dataclass(slots=True)
class _Visit:
    """One kit on one device."""

    host: OverSsh
    kit: PackedKit
    client: SshClient
    lost: int = 0
    unsaid: str = ""

    def measured(self) -> KitMeasured:
        self._prepare()
        self._lasting(self._copy)
        try:
            self._lasting(self._run)
        except (Interrupted, KeyboardInterrupt):
            self._stop_there()
            raise
        with scratch_folder(Path(tempfile.gettempdir()), "fasterseg-ssh-") as folder:
            answer = folder / MEASURED_FILE
            self._lasting(partial(self._fetch, answer))
            found = keep_answer(self.kit, answer)
        self._lasting(self._clean)
        return found

    @property
    def _folder(self) -> str:
        """The kit's folder, as the device's shell understands it."""
        return f'"$HOME/.cache/fasterseg-kit/{self.kit.manifest.digest().removeprefix("sha256:")}"'

    @property
    def _python(self) -> str:
        """The device's Python, as its shell understands it."""
        home, _, rest = self.host.python.partition("/")
        return f'"$HOME"/{shlex.quote(rest)}' if home == "~" else shlex.quote(self.host.python)

    def _lasting(self, step: Callable[[], None]) -> None:
        """Take a step, again where the line broke, until it is done or the device stays away."""
        while True:
            try:
                step()
                self.lost = 0
                return
            except ConnectionLost as error:
                self.lost, self.unsaid = self.lost + 1, ""
                if error.is_lasting or self.lost > MOST_LOST:
                    fault = error.fault()
                    step_now = f"the same command resumes; before, {fault.next_step}"
                    raise EnvironmentFault(
                        fault.what, where=fault.where, why=fault.why, next_step=step_now
                    ) from error
                self.host.tell(f"the connection was lost ({error}); the device measures on")
                for _ in range(min(MOST_PAUSED_S, 2**self.lost)):
                    self.client.look()
                    self.host.pause(1.0)

    def _prepare(self) -> None:
        """Make the folder there; told at once is whoever cannot be reached."""
        try:
            ran = self.client.run(f"umask 077; mkdir -p {self._folder}")
        except ConnectionLost as error:
            raise error.fault() from error
        if ran.code != 0:
            self._refuse("no folder can be made on the device", ran)

    def _copy(self) -> None:
        """Bring over what is not there yet, and look whether it arrived whole."""
        files = {RUNNER: self.kit.folder / RUNNER, ZIP: self.kit.zip}
        wanted = {name: digest_of_file(path)[7:] for name, path in files.items()}
        there = self._there()
        for name, path in files.items():
            if there.get(name) != wanted[name]:
                self.host.tell(f"{name}, {path.stat().st_size:,} bytes, is copied to the device")
                script = f"cd {self._folder} && cat > {name}.part && mv {name}.part {name}"
                ran = self.client.run(script, source=path)
                if ran.code != 0:
                    self._refuse("the kit cannot be copied to the device", ran)
        if self._there() != wanted:
            raise EnvironmentFault(
                "the kit did not arrive whole on the device",
                where=str(self.host.address),
                why="its digest there is not the one that it has here",
                next_step=f"look at its disk: {typed('ssh', self.host.address)} df -h",
            )

    def _there(self) -> dict[str, str]:
        """The digests of what lies there; raises `EnvironmentFault` for a Python that is none."""
        ran = self.client.run(f"cd {self._folder} && {self._python} -c {shlex.quote(_ASK)}")
        told = [
            text.removeprefix(_MARK).split()
            for text in ran.output.decode("utf-8", "replace").splitlines()
            if text.startswith(_MARK)
        ]
        if ran.code != 0 or not told:
            self._refuse(
                f"there is no Python called {self.host.python} on the device",
                ran,
                next_step=f"install one there from 3.8 on, or name it: {PYTHON}=/path/to/python3",
            )
        version, *files = told
        if not _is_new_enough(version):
            raise EnvironmentFault(
                "the Python on the device is too old",
                where=f"{self.host.address}: {self.host.python}",
                why=f"it is {'.'.join(version)}, and 3.8 or later is needed",
                next_step=f"name a later one: {PYTHON}=/path/to/python3",
            )
        return {words[0]: words[-1] for words in files}

    def _run(self) -> None:
        """Run the kit there, or wait for the runner that is at it already."""
        words = f"{self._python} {RUNNER} {ZIP} --wait"
        ran = self.client.run(f"cd {self._folder} && exec {words}", line=self._hear)
        if ran.code == Interrupted.exit_code:
            raise Interrupted(
                "the measurement was stopped on the device",
                where=str(self.host.address),
                why="somebody ended it there; what is finished is kept",
                next_step="the same command resumes",
            )
        if ran.code != 0:
            self._refuse("the kit could not be measured on the device", ran)

    def _hear(self, line: str) -> None:
        """A line of the runner: how far it is, or something else that is worth knowing.

        A line is told when the next one comes: one with others below it is a sentence for whoever
        sits at the device, and what is wrong there is raised.
        """
        if self.unsaid and not line.startswith("  "):
            told = self.unsaid.removeprefix("note: ")
            self.host.tell(f"{self.host.address.host}: {told}")
        self.unsaid = ""
        if done := _DONE.fullmatch(line):
            self.lost = 0
            self.host.progress(int(done[1]), int(done[2]), done[3] or "")
        elif not line.startswith("  "):
            self.unsaid = line

    def _stop_there(self) -> None:
        """Let the device stop too; where it cannot be reached, it ends by itself some time."""
        client = SshClient(self.host.address, _at_most(MOST_STOPPING_S, self.host.address))
        try:
            client.run(f"cd {self._folder} && {self._python} {RUNNER} {ZIP} --stop")
        except ConnectionLost as error:
            self.host.tell(f"the device could not be told to stop ({error}): it measures on")

    def _fetch(self, answer: Path) -> None:
        """What was measured, as a file here."""
        script = f"cd {self._folder} && echo {_MARK} && cat {ANSWER}"
        ran = self.client.run(script, most_bytes=MOST_BYTES)
        if ran.too_much:
            raise FileError(
                "what the device measured is too large",
                where=f"{self.host.address}: {ANSWER}",
                why=f"it has more than {MOST_BYTES:,} bytes, and a kit asks for far less",
                next_step="look at what lies there; the folder is .cache/fasterseg-kit",
            )
        if ran.code != 0:
            self._refuse("what the device measured cannot be fetched", ran)
        answer.write_bytes(ran.output.partition(f"{_MARK}\n".encode())[2])

    def _clean(self) -> None:
        """Leave nothing there."""
        script = f'rm -rf {self._folder}; rmdir "$HOME/.cache/fasterseg-kit" 2>/dev/null; true'
        self.client.run(script)

    def _refuse(self, what: str, ran: Ran, *, next_step: str = "") -> NoReturn:
        """Raise what the device said: the runner's own sentence, or the last line of another."""
        parts = _sentence(ran.said)
        where = f"{self.host.address}: {parts['where']}" if parts else str(self.host.address)
        if parts and "pip install" in parts["next"]:
            parts["next"] += f"; or name a Python there that has it: {PYTHON}=/path/to/python3"
        last = ran.said[-1] if ran.said else f"it ended with code {ran.code}"
        if any(sign in last for sign in ("No space left", "quota")):
            next_step = "free some space there; the same command resumes"
        kind: type[FastersegError] = FileError if ran.code == FileError.exit_code else _FAULT
        raise kind(
            parts["what"] if parts else what,
            where=where,
            why=parts["why"] if parts else last,
            next_step=(parts["next"] if parts else next_step)
            or f"look there: {typed('ssh', self.host.address)}; the same command resumes",
        )


_FAULT = EnvironmentFault


def _at_most(seconds: float, address: SshAddress) -> Callable[[], None]:
    """A look that takes the device for lost after so many seconds."""
    begun = time.monotonic()

    def look() -> None:
        if time.monotonic() - begun > seconds:
            raise ConnectionLost(address, [f"no answer in {seconds:g} s"])

    return look


def _is_new_enough(version: list[str]) -> bool:
    numbers = tuple(int(text) for text in version if text.isdecimal())
    return numbers >= OLDEST_PYTHON


def _sentence(said: list[str]) -> dict[str, str]:
    """The parts of the last sentence of a runner; nothing where there is none."""
    found: dict[str, str] = {}
    for before, text in pairwise(said):
        told = re.fullmatch(r"  (where|why|next): +(.*)", text)
        if told and told[1] == "where":
            found = {"what": before, "where": "", "why": "", "next": ""}
        if told and found:
            found[told[1]] = told[2]
    return found
