"""JSON lines: the hands of a video, a line a frame; written as they come, readable to the last whole line at any time.

The first line is a header; hands are those of PHOTO.json (`knuckle.export.json`), without their meshes unless asked:
pose, shape, side and wrist give them (`read_tracks(path, mesh=True)`).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.export.json import camera_to_json, rounded_hand
from knuckle.files import parse_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hand, Hands
from knuckle.live.hand_pose import HandPose, place
from knuckle.rig import load_rig

FORMAT = "knuckle hand tracks"
"""The first value of every file, by which it is known to be ours."""
VERSION = 1


@dataclass(frozen=True)
class Header:
    """What holds for a whole video: the first line."""

    video: str
    """The video's name."""
    path: str
    """Where it lies as seen from the file's folder, with slashes; an address as it is."""
    bytes: int | None
    """Its size; None where it is no file here."""
    rate: float | None
    """Frames/s, on average; None where the video does not say."""
    camera: Camera
    """Intrinsics of all frames whose lines have none of their own."""
    rig: str
    """Whose mesh, pose and shape the hands have."""
    settings: dict[str, Any]
    """Of `knuckle track`, as they were given."""
    weights: dict[str, str]
    """The networks that answered, each with its file's sha256."""
    knuckle: str
    """The version that wrote the file."""

    def to_dict(self) -> dict[str, Any]:
        """As the file has it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "video": self.video,
            "path": self.path,
            "bytes": self.bytes,
            "rate": self.rate,
            "width": self.camera.width,
            "height": self.camera.height,
            "camera": camera_to_json(self.camera),
            "rig": self.rig,
            "settings": self.settings,
            "weights": self.weights,
            "knuckle": self.knuckle,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Header":
        """Inverse of `to_dict`; raises KnuckleError naming what is missing or malformed."""
        if data.get("format") != FORMAT or data.get("version") != VERSION:
            raise KnuckleError(
                f'expected the header of "{FORMAT}", version {VERSION}, got'
                f" {data.get('format')!r}, version {data.get('version')!r}"
            )
        try:
            camera = Camera(**data["camera"], width=int(data["width"]), height=int(data["height"]))
            names = ("video", "path", "bytes", "rate", "rig", "settings", "weights", "knuckle")
            return cls(camera=camera, **{name: data[name] for name in names})
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(f"expected the header of a file of hands, got {error!r}") from error


class LinesWriter:
    """Writes a file of hands; every line is with the system when `write` returns. A context manager.

    Args:
        path: to be written, missing folders included.
        keep: bytes of an earlier run that stay; what follows them is cut off.

    Raises KnuckleError naming the path when it cannot be written; it then ends with the last whole line.
    """

    def __init__(self, path: Path, *, keep: int = 0) -> None:
        self.path = path
        self.bytes = keep
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if keep and (not path.exists() or path.stat().st_size < keep):
                raise KnuckleError(
                    f"{path}: expected the {keep} bytes that an earlier run had written, got less"
                )
            self._file = path.open("r+b" if path.exists() else "xb", buffering=0)
            self._file.truncate(keep)
            self._file.seek(keep)
        except OSError as error:
            raise self._unwritable(error) from error

    def write_header(self, header: Header) -> None:
        """The first line."""
        self._write(header.to_dict())

    def write(self, index: int, hands: Hands, camera: Camera, *, mesh: bool) -> None:
        """A frame's line.

        Args:
            index: the frame's number.
            hands: its hands, with `time_s`.
            camera: that of the header; written again only where the hands have another.
            mesh: with the vertices.
        """
        self._write(frame_to_json(index, hands, camera, mesh=mesh))

    def sync(self) -> None:
        """Make sure that what was written outlasts a loss of power."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """May be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, data: dict[str, Any]) -> None:
        line = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            done = 0
            while done < len(line):
                done += self._file.write(line[done:]) or 0
        except OSError as error:
            # Without the part of a line that found room.
            os.ftruncate(self._file.fileno(), self.bytes)
            raise self._unwritable(error) from error
        self.bytes += len(line)

    def _unwritable(self, error: OSError) -> KnuckleError:
        return KnuckleError(f"{self.path}: cannot be written ({error.strerror or error})")


def frame_to_json(index: int, hands: Hands, camera: Camera, *, mesh: bool) -> dict[str, Any]:
    """A line: {"frame", "time_s", "camera" (where it is not the header's), "hands": as in PHOTO.json}."""
    if not mesh:
        hands = hands.changed(vertices_m=np.zeros((len(hands), 0, 3)))
    data = hands.to_dict()
    plain = [rounded_hand(hand) for hand in data["hands"]]
    if not mesh:
        for hand in plain:
            del hand["vertices_m"]
    # A run that goes on knows the header's camera as the file has it.
    lens = camera_to_json(hands.camera)
    own = {} if lens == camera_to_json(camera) else {"camera": lens}
    time_s = None if hands.time_s is None else round(hands.time_s, 6)
    return {"frame": index, "time_s": time_s, **own, "hands": plain}


def is_tracks(path: Path) -> bool:
    """Whether a file is one of tracks rather than a photo's: its first value says so. Raises KnuckleError for one that
    cannot be read."""
    try:
        with path.open("rb") as file:
            return FORMAT.encode() in file.read(100)
    except OSError as error:
        raise KnuckleError(f"{path}: cannot be read ({error.strerror})") from error


def read_header(path: Path) -> Header:
    """The header of a file of hands; raises KnuckleError naming the path and the problem."""
    with _opened(path) as file:
        return _header_of(path, file.readline())


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The frames of a file of hands as its lines have them, whatever its length in little memory. A last line that is
    not whole, as a killed run leaves one, is left out. Raises KnuckleError naming the path and the line."""
    with _opened(path) as file:
        _header_of(path, file.readline())
        for number, line in enumerate(file, start=2):
            if not line.endswith(b"\n"):
                return
            try:
                frame = parse_json(line)
                _check_frame(frame)
            except (ValueError, KeyError) as error:
                raise KnuckleError(
                    f"{path}, line {number}: expected a frame's hands, got {error!r}"
                ) from error
            yield frame


def read_tracks(path: str | Path, *, mesh: bool = False) -> Iterator[Hands]:
    """The hands of a video that `knuckle track` wrote, frame by frame, in little memory.

    mesh: with the vertices and faces, made from pose, shape, side and wrist where the file has none.
    Raises KnuckleError naming the path, the line and the problem.
    """
    path = Path(path)
    header = read_header(path)
    for number, frame in enumerate(read_lines(path), start=2):
        try:
            hands = hands_of_line(frame, header)
        except KnuckleError as error:
            raise KnuckleError(f"{path}, line {number}: {error}") from error
        yield with_mesh(hands, header.rig) if mesh else hands


def hands_of_line(frame: dict[str, Any], header: Header) -> Hands:
    """The hands of one line; raises KnuckleError naming what is missing or malformed."""
    camera = frame.get("camera") or camera_to_json(header.camera)
    if not all(isinstance(hand, dict) for hand in frame["hands"]):
        raise KnuckleError("hands: expected an object for each, got something else")
    plain = [{"vertices_m": np.zeros((0, 3)), **hand} for hand in frame["hands"]]
    size = {"width": header.camera.width, "height": header.camera.height}
    return Hands.from_dict({**size, "camera": camera, "time_s": frame.get("time_s"), "hands": plain})


def with_mesh(hands: Hands, rig: str) -> Hands:
    """The same hands with their meshes, of a rig by its name; raises KnuckleError where that is not at hand."""
    if not len(hands):
        return hands
    faces = load_rig(rig).faces
    if hands.vertices_m.shape[1]:
        return hands.with_faces(faces)
    return hands.changed(vertices_m=np.array([_vertices(hand, rig) for hand in hands]), faces=faces)


def _check_frame(frame: Any) -> None:
    """Raise ValueError or KeyError for what is no frame's line; its hands are looked at when they are made."""
    if not isinstance(frame, dict) or not isinstance(frame["hands"], list):
        raise ValueError("no hands")
    if type(frame["frame"]) is not int or not 0 <= frame["frame"] < 2**53:
        raise ValueError("a frame's number that is none")
    if type(frame.get("time_s")) not in (int, float, type(None)):
        raise ValueError("a time that is none")


def _vertices(hand: Hand, rig: str) -> Float[np.ndarray, "v 3"]:
    return place(load_rig(rig, side=hand.side), HandPose.of(hand)).vertices_m


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise KnuckleError(f"{path}: cannot be read ({error.strerror})") from error


def _header_of(path: Path, line: bytes) -> Header:
    try:
        data = parse_json(line)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise KnuckleError(f"{path}: expected JSON lines of knuckle's hands, got another first line")
    try:
        return Header.from_dict(data)
    except KnuckleError as error:
        raise KnuckleError(f"{path}: {error}") from error
