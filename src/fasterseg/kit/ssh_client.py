"""OpenSSH's own client as a child process: users' own keys and settings, and never a question.

Only what `config.hosts` took for an address gets into the command, and what runs on the device is a
script of ours for its `sh`.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fasterseg.children.programs import Ran, run_program
from fasterseg.config.hosts import SshAddress
from fasterseg.errors import EnvironmentFault

CONNECTION_FAILED = 255
"""What the client ends with where it, and not the command there, failed."""

_OPTIONS = {
    "BatchMode": "yes",  # it asks nobody for a password: there may be nobody
    "ConnectTimeout": "20",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "ControlMaster": "no",  # one that is there is used; none is left behind
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "LogLevel": "ERROR",
}


class ConnectionLost(Exception):
    """The connection could not be made, or ended before the command did."""

    def __init__(self, address: SshAddress, said: list[str]) -> None:
        super().__init__(said[-1] if said else "the connection was closed")
        self.address = address
        self.said = said

    @property
    def is_lasting(self) -> bool:
        """Whether trying again would end the same way."""
        return any(sign in text for text in self.said for sign in (*_KEYS, *_LOGIN, *_SETTINGS))

    def fault(self) -> EnvironmentFault:
        """What it is, and what to type next."""
        text = "\n".join(self.said)
        known = (row[1:] for row in _FAULTS if any(sign in text for sign in row[0]))
        what, next_step = next(known, _LOST)
        return EnvironmentFault(
            what,
            where=str(self.address),
            why=str(self),
            next_step=next_step.format(ssh=typed("ssh", self.address), **_parts(self.address)),
        )


_CHANGED = ("REMOTE HOST IDENTIFICATION HAS CHANGED", "Host key for ")
_KEYS = (*_CHANGED, "Host key verification failed", "host key is known")
_LOGIN = ("Permission denied", "Too many authentication failures", "no mutual signature")
_SETTINGS = ("Bad configuration option", "terminating,", "Could not resolve hostname")
_LOST = ("the connection to the device was lost", "{ssh}, to see why")
_FAULTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        _CHANGED,
        "the device does not have the key by which it is known here",
        "where that is right, as after it was set up anew: ssh-keygen -R {known}, then {ssh}",
    ),
    (
        _KEYS,
        "the device is not known here yet",
        "{ssh}, once: compare the fingerprint that it shows, and answer yes",
    ),
    (
        _LOGIN,
        "the device lets nobody in without a password",
        "{copy_id}; or let an agent hold the passphrase of your key: ssh-add",
    ),
    (
        ("Could not resolve hostname",),
        "no device has this name",
        "look at the name, or write the device's number",
    ),
    (
        ("Connection refused",),
        "nothing on the device answers by ssh",
        "start its ssh server there (sudo systemctl start ssh), or name its port: "
        "ssh://{name}:PORT",
    ),
    (
        ("timed out", "No route to host", "unreachable", "Host is down"),
        "the device does not answer",
        "look whether it is on and in the same network: {ssh}",
    ),
)


def typed(program: str, address: SshAddress) -> str:
    """What a person types to reach the device with a program of OpenSSH."""
    port = [] if address.port is None else ["-p", str(address.port)]
    return shlex.join([program, *port, _destination(address)])


def _destination(address: SshAddress) -> str:
    return f"{address.user}@{address.host}" if address.user else address.host


def _parts(address: SshAddress) -> dict[str, str]:
    """The words that a next step may name."""
    host = address.host
    known = host if address.port in (None, 22) else f"[{host}]:{address.port}"
    name = str(SshAddress(address.host, address.user)).removeprefix("ssh://")
    return {
        "known": shlex.quote(known),
        "name": name,
        "copy_id": typed("ssh-copy-id", address),
    }


@dataclass(frozen=True, slots=True)
class SshClient:
    """Runs scripts of ours on a device."""

    address: SshAddress
    look: Callable[[], None]
    """Called twice a second while one runs; what it raises ends the connection."""

    def run(
        self,
        script: str,
        *,
        source: Path | None = None,
        most_bytes: int = 1 << 20,
        line: Callable[[str], None] = lambda _line: None,
    ) -> Ran:
        """Run a script by the device's `sh`; raises `ConnectionLost`."""
        ran = run_program(
            [*self._command(), "sh -c " + shlex.quote(script)],
            folder=Path.home() if Path.home().is_dir() else Path("/"),
            environment=os.environ,
            source=source,
            most_bytes=most_bytes,
            line=line,
            look=self.look,
        )
        if ran.code == CONNECTION_FAILED:
            raise ConnectionLost(self.address, ran.said)
        return ran

    def _command(self) -> list[str]:
        program = shutil.which("ssh")
        if program is None:
            raise EnvironmentFault(
                "the device is reached by OpenSSH's client, which is not installed here",
                where=str(self.address),
                why="there is no program called ssh",
                next_step="install it (apt-get install openssh-client), or carry the kit there: "
                "--device kit",
            )
        options = [word for name, text in _OPTIONS.items() for word in ("-o", f"{name}={text}")]
        port = [] if self.address.port is None else ["-p", str(self.address.port)]
        return [program, "-T", *options, *port, "--", _destination(self.address)]
