"""Where a target's device is: this machine, one that ``ssh`` reaches, or one that a person goes to.

On this machine blocks and networks are timed as they are.  For any other device they are packed
into a kit, which needs nothing of this package there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from fasterseg.errors import UsageError

HERE, BY_HAND, SSH = "here", "kit", "ssh://"
MOST_PORT = 65535

# A name that begins with a dash would be an option of the ssh client.
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
_HOST = rf"(?:{_NAME}|\[[0-9A-Fa-f:.%]{{2,60}}\])"
_ADDRESS = rf"ssh://(?:(?P<user>{_NAME})@)?(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?/?"
PATTERN = re.sub(r"\?P<\w+>", "", rf"^(?:{HERE}|{BY_HAND}|{_ADDRESS})$")


@dataclass(frozen=True, slots=True)
class SshAddress:
    """A device that OpenSSH's client reaches; without a user or a port, as its settings say."""

    host: str
    user: str = ""
    port: int | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """The address in ``ssh://user@host:port``; raises `ValueError` for what is none."""
        found = re.fullmatch(_ADDRESS, text)
        port = None if found is None or found["port"] is None else int(found["port"])
        if found is None or port == 0 or (port or 1) > MOST_PORT:
            raise ValueError(
                f"{text[:100]!r} is no device that ssh reaches; one is ssh://user@host or "
                "ssh://user@host:port"
            )
        return cls(found["host"].strip("[]"), found["user"] or "", port)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SSH}{user}{host}{'' if self.port is None else f':{self.port}'}"


def is_elsewhere(device: str | None) -> bool:
    """Whether what was given as a device is another host's; what is not well-formed is one too."""
    return device == BY_HAND or (device or "").lower().startswith("ssh:")


def host_named(device: str) -> str:
    """The host that an option names as a device; raises `UsageError` for what is no address."""
    try:
        return known_host(device)
    except ValueError as error:
        raise UsageError(
            "there is no such device",
            where=f"--device {device[:100]}",
            why=str(error),
            next_step="name a user and a host such as --device ssh://pi@192.168.1.20, or --device "
            "kit, which you carry to the device",
        ) from error


def require_host(device: str) -> None:
    """Raise `UsageError` for a device of a command that runs here, or on another host."""
    if device and not is_elsewhere(device):
        raise UsageError(
            "there is no such host",
            where=f"--device {device[:100]}",
            why="here a file runs where its runtime does; --backend says which",
            next_step="--device kit, or --device ssh://user@host:port; or leave --device out",
        )


def known_host(host: str) -> str:
    """The host, well-formed; raises `ValueError` for what is none."""
    if host in (HERE, BY_HAND):
        return host
    if not host.startswith(SSH):
        raise ValueError(f"Input should be {HERE!r}, {BY_HAND!r} or 'ssh://user@host:port'")
    return str(SshAddress.of(host))
