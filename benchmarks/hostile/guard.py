"""Notes what a process does that reading a file must not: start programs, reach the network, write elsewhere, call
what a pickle names."""

import os
import sys
from pathlib import Path
from typing import Any

_PROGRAMS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pty.spawn")
_NETWORK = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.Request")
_PATHS = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
)
_OTHERS = ("pickle.find_class", "ctypes.dlopen", "signal.pthread_kill")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Installed once in a process (a hook cannot be removed); `watch` says when it looks.

    network: whether the process is to talk to itself over loopback.
    """

    def __init__(self, *, network: bool) -> None:
        self._network = network
        self._folder: str | None = None
        self._noted: list[str] = []
        sys.addaudithook(self._hook)

    def watch(self, folder: Path) -> None:
        """Look from now on; files may be written in this folder."""
        self._noted, self._folder = [], str(folder.resolve())

    def noted(self) -> list[str]:
        """What was seen since, and stop looking."""
        self._folder = None
        return self._noted

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._folder is None:
            return
        if event in _PROGRAMS or event in _OTHERS or (event in _NETWORK and not self._network):
            if event == "ctypes.dlopen" and not str(arguments[0]).startswith(self._folder):
                return
            self._noted.append(f"{event} {str(arguments[:2])[:120]}")
        elif event == "open" and self._writes(arguments) and not self._is_within(arguments[0]):
            self._noted.append(f"opened to write: {arguments[0]}")
        elif event in _PATHS and not self._is_within(_target(event, arguments)):
            self._noted.append(f"{event} {str(arguments[:2])[:120]}")

    @staticmethod
    def _writes(arguments: tuple[Any, ...]) -> bool:
        _, mode, flags = arguments
        by_mode = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        return by_mode or (isinstance(flags, int) and bool(flags & _WRITING))

    def _is_within(self, path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True  # a file that is open already
        whole = os.path.realpath(os.fsdecode(path))
        return whole in ("/dev/null", "/dev/tty") or f"{whole}/".startswith(f"{self._folder}/")


def _target(event: str, arguments: tuple[Any, ...]) -> Any:
    """What a call changes: of two names the new one, seen from the folder that is given as open where one is."""
    path = arguments[1] if event in ("os.rename", "os.link", "os.symlink") else arguments[0]
    folder = arguments[-1]
    if event == "os.truncate" or not isinstance(folder, int) or folder < 0 or isinstance(path, int):
        return path
    return Path(f"/proc/self/fd/{folder}").readlink() / os.fsdecode(path)
