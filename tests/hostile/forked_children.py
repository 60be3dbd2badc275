"""The package's children, forked from the process that asks for them instead of begun anew.

What the package does in a child it does here too: its limits, its folder, its environment, its
answer.  Only Python's start and the imports are saved, and the audit hook is inherited.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from fasterseg.children import running, start


class ForkedChild(subprocess.Popen[bytes]):
    """`subprocess.Popen` for a child of the package; what it would run is run in a fork."""

    def _execute_child(self, args: list[str], *rest: Any) -> None:
        cwd, environment = rest[4], rest[5]
        pipes = rest[9:15]
        _, _, c2pread, c2pwrite, errread, errwrite = pipes
        if args[0] != sys.executable or args[-2] != start.__file__:
            raise AssertionError(f"no child of ours: {args}")
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(c2pread)
                os.close(errread)
                _become(Path(args[-1]), c2pwrite, errwrite, str(cwd), environment)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        self._child_created = True
        self._close_pipe_fds(*pipes)


def _become(asked: Path, out: int, error: int, cwd: str, environment: dict[str, str]) -> None:
    """Be the child: its descriptors, its folder, its environment, its work."""
    os.setpgid(0, 0)
    os.dup2(out, 1)
    os.dup2(error, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    start.main(asked)
    sys.stderr.flush()


def fork_children() -> None:
    """From here on, in this process, the package's children are forks."""
    running.subprocess = _Subprocess()  # type: ignore[assignment]
    start._load_own_package = lambda: None


class _Subprocess:
    """The module, with another `Popen`."""

    Popen = ForkedChild

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)
