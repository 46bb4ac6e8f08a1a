"""MediaPipe's two hand networks, taken at first use out of its last wheel that carries them.

The networks (Apache-2.0, "MediaPipe Hands", Zhang et al. 2020) are data files, the same in the wheel of every
platform. The wheel comes through pip, so a private index or mirror the user has set up is used; it is never
installed.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from knuckle.cache import cache_folder
from knuckle.errors import KnuckleError
from knuckle.files import atomic_path

VERSION = "0.10.21"
WHEEL = f"mediapipe-{VERSION}-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"


@dataclass(frozen=True)
class _Member:
    path: str
    sha256: str


ModelFile = Literal["palm_detection_full", "hand_landmark_full"]

MEMBERS: dict[ModelFile, _Member] = {
    "palm_detection_full": _Member(
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    ),
    "hand_landmark_full": _Member(
        "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    ),
}


def folder() -> Path:
    """Where the networks lie once fetched."""
    return cache_folder() / f"mediapipe-{VERSION}"


def installed(name: ModelFile) -> bool:
    """Whether that network is in the cache, undamaged."""
    return _matches(folder() / f"{name}.tflite", MEMBERS[name].sha256)


def fetch(name: ModelFile) -> Path:
    """The path of a network, fetching both at first use (a download of 36 MB, of which 8 MB are kept).

    Raises KnuckleError when the wheel cannot be had (offline, say), is not the pinned one, or the cache
    cannot be written. A wheel put into the cache folder by hand is used without any download.
    """
    path = folder() / f"{name}.tflite"
    if not _matches(path, MEMBERS[name].sha256):
        _fetch_all()
    return path


def _fetch_all() -> None:
    target = folder()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnuckleError(
            f"{target}: expected a writable cache for the hand detector's networks, got {error.strerror};"
            " set KNUCKLE_CACHE to a folder you can write to"
        ) from error
    given = target / WHEEL
    if given.exists():
        _extract(given)
        return
    # A folder of this process alone: two first uses at once must not tread on each other's download.
    with tempfile.TemporaryDirectory(prefix="download-", dir=target) as download:
        _download(Path(download))
        _extract(Path(download) / WHEEL)


def _download(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", f"mediapipe=={VERSION}", "--dest", str(target)]
    command += ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    # This one wheel on every system: only data files are read from it.
    command += ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp"]
    result = subprocess.run([*command, "--abi", "cp311"], capture_output=True, text=True, check=False)
    if result.returncode or not (target / WHEEL).exists():
        lines = [line for line in (result.stderr or result.stdout).splitlines() if line.strip()]
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {result.returncode}"
        raise KnuckleError(
            f"finding hands needs MediaPipe's networks, fetched once through pip, and that failed ({reason}):"
            f" go online, or put {WHEEL} into {folder()}, or give boxes and sides, which needs no detector"
        )


def _extract(wheel: Path) -> None:
    if not _matches(wheel, WHEEL_SHA256):
        raise KnuckleError(
            f"{wheel}: expected the wheel of sha256 {WHEEL_SHA256}, got another or a damaged file"
        )
    with zipfile.ZipFile(wheel) as archive:
        for name, member in MEMBERS.items():
            data = archive.read(member.path)
            if hashlib.sha256(data).hexdigest() != member.sha256:
                raise KnuckleError(f"{wheel}: expected {member.path} of sha256 {member.sha256}, got another")
            with atomic_path(folder() / f"{name}.tflite") as temporary:
                temporary.write_bytes(data)


def _matches(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False
