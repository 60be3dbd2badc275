"""Networks that people have made, as members of the space ``mobile``: each called by its name."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from fasterseg.errors import UsageError
from fasterseg.space.architecture import Architecture

FOLDER = Path(__file__).parent / "known"
"""Where those of the package lie."""


def known_names() -> tuple[str, ...]:
    """The names of the networks in the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def is_known_name(network: str) -> bool:
    """Whether a network of the package is meant, and not a file that lies here."""
    return network in known_names() and not Path(network).is_file()


def known_network(network: str, *, where: str) -> Architecture:
    """Return a network by its name, or from its architecture's file.

    Raises `UsageError` where there is neither, `FileError` for a file that holds none; `where` is
    the key that names it.
    """
    if is_known_name(network):
        return Architecture.load(FOLDER / f"{network}.json")
    if not Path(network).is_file():
        near = get_close_matches(network, known_names(), n=1)
        raise UsageError(
            "there is no such network",
            where=f"{where}, {network}",
            why="no file lies there, and none of the package's has this name",
            next_step=(f"did you mean {near[0]!r}? Else " if near else "")
            + f"name an architecture's file, or one of {', '.join(known_names())}",
        )
    return Architecture.load(Path(network))
