"""An OpenSSH server on the loopback, of this user, for as long as a test lasts.

    with LocalSshd(tmp_path) as sshd:
        OverSsh(SshAddress.of(sshd.address))

It is no service of the system: its keys, its port and its settings are its own, it lets one key
in, and what logs in has the folder `home` for a home.  A program called ``ssh`` that stands first
on the PATH gives OpenSSH's client the settings that know this server.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from getpass import getuser
from pathlib import Path
from typing import Self

import pytest

SERVERS = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/opt/homebrew/sbin/sshd")
PRIVILEGE_FOLDER = Path("/run/sshd")


class LocalSshd:
    """Started as a context manager; skips where there is no server to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sshd"
        self.home = folder / "home"
        self.port = _free_port()
        self._patch = pytest.MonkeyPatch()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What a user types."""
        return f"ssh://{getuser()}@127.0.0.1:{self.port}"

    @property
    def kits(self) -> list[Path]:
        """The folders of kits that lie on the device."""
        return sorted((self.home / ".cache/fasterseg-kit").glob("*"))

    def __enter__(self) -> Self:
        program = _server_program()
        self.folder.mkdir()
        self.home.mkdir()
        for name in ("host", "user", "stranger"):
            _key(self.folder / name)
        self.authorise("user")
        (self.folder / "sshd_config").write_text(self._settings())
        self.know(self.folder / "host.pub")
        self._stand_in_front()
        with (self.folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [program, "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        self._await()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()
        assert self._server is not None
        self.cut()
        self._server.kill()
        self._server.wait()

    def authorise(self, *names: str) -> None:
        """Let the owners of these keys in, and nobody else."""
        keys = [(self.folder / f"{name}.pub").read_text() for name in names]
        (self.folder / "authorized").write_text("".join(keys))

    def know(self, key: Path | None) -> None:
        """Let the client know the server by a key; by none with None."""
        text = "" if key is None else f"[127.0.0.1]:{self.port} {key.read_text()}"
        (self.folder / "known").write_text(text)

    def cut(self) -> int:
        """End all connections as a broken line does; how many there were."""
        assert self._server is not None
        sessions = _children(self._server.pid)
        # The outer process of a session first, which would end the inner one in good order.
        for number in sessions + [inner for outer in sessions for inner in _children(outer)]:
            if b"sshd" in _command(number):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
        return len(sessions)

    def _settings(self) -> str:
        return f"""
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder / "host"}
AuthorizedKeysFile {self.folder / "authorized"}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv HOME={self.home} OMP_NUM_THREADS=1
"""

    def _stand_in_front(self) -> None:
        """A program called ssh, first on the PATH, which names the settings of the test."""
        (self.folder / "ssh_config").write_text(
            f"IdentityFile {self.folder / 'user'}\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {self.folder / 'known'}\nGlobalKnownHostsFile /dev/null\n"
        )
        client = shutil.which("ssh")
        assert client is not None
        front = self.folder / "bin" / "ssh"
        front.parent.mkdir()
        front.write_text(f'#!/bin/sh\nexec {client} -F {self.folder / "ssh_config"} "$@"\n')
        front.chmod(0o755)
        self._patch.setenv("PATH", f"{front.parent}{os.pathsep}{os.environ['PATH']}")
        self._patch.delenv("SSH_AUTH_SOCK", raising=False)

    def _await(self) -> None:
        """Wait until somebody listens."""
        assert self._server is not None
        while True:
            if self._server.poll() is not None:
                pytest.skip("sshd does not start here: " + (self.folder / "log").read_text())
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return


def _server_program() -> str:
    found = shutil.which("sshd") or next((one for one in SERVERS if Path(one).exists()), None)
    if found is None or shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH's server and client: apt-get install openssh-server")
    if os.getuid() == 0 and not PRIVILEGE_FOLDER.is_dir():
        PRIVILEGE_FOLDER.mkdir(mode=0o755)
    return found


def _key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _children(number: int) -> list[int]:
    text = ""
    with suppress(OSError):
        text = Path(f"/proc/{number}/task/{number}/children").read_text()
    return [int(word) for word in text.split()]


def _command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""
