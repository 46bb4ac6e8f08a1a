"""A photo's or video's hands frame by frame, in any order, and the pictures that they were found in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from knuckle.errors import KnuckleError
from knuckle.export.json import read_json
from knuckle.files import parse_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hand, Hands
from knuckle.photos.reading import read_image
from knuckle.tracks.lines import Header, hands_of_line, is_tracks, read_header, read_lines, with_mesh
from knuckle.video import open_video

PICTURE_PX = 640
"""The longer side of pictures shown beside hands."""
QUALITY = 80
"""Of their JPEGs."""


@dataclass(frozen=True, eq=False)
class Footage:
    """The hands of a file, read from it when they are asked for."""

    path: Path
    """VIDEO.hands.jsonl or PHOTO.json."""
    camera: Camera
    source: Path | None
    """The video or photo itself, where it still lies where the file says."""
    times_s: Float[np.ndarray, "F"]
    frames: Int[np.ndarray, "F"]
    """Their numbers in the video."""
    header: Header | None
    """None of a photo."""
    offsets: tuple[int, ...]
    """Where each frame's line begins, bytes."""
    rig: str
    """Whose mesh the hands have."""

    def __len__(self) -> int:
        return len(self.times_s)

    def hands(self, row: int) -> Hands:
        """Of one frame, with meshes. Raises KnuckleError naming the file where the line is damaged."""
        if self.header is None:
            return with_mesh(read_json(self.path), self.rig)
        with self.path.open("rb") as file:
            file.seek(self.offsets[row])
            line = file.readline()
        try:
            return with_mesh(hands_of_line(parse_json(line), self.header), self.rig)
        except (KnuckleError, KeyError, ValueError) as error:
            raise KnuckleError(f"{self.path}, frame {self.frames[row]}: {error}") from error

    def pictures(self, *, most: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Rows and the JPEGs of their frames, in order; none where the source is gone.

        most: so many at most, evenly spaced.
        """
        if self.source is None:
            return
        if self.header is None:
            yield 0, small_jpeg(read_image(self.source))
            return
        step = 1 if most is None else max(1, -(-len(self) // most))
        row_of = {int(frame): row for row, frame in enumerate(self.frames) if row % step == 0}
        with open_video(str(self.source)) as video:
            for frame in video:
                if frame.index in row_of:
                    yield row_of[frame.index], small_jpeg(frame.image)


def open_footage(path: str | Path, *, rig: str | None = None) -> Footage:
    """Open what `knuckle track` or `knuckle estimate` wrote.

    rig: whose mesh the hands have, where the file's own name of it is none that `load_rig` takes. Raises KnuckleError
    naming the file and the problem: not ours, no frames, another rig.
    """
    path = Path(path)
    if not is_tracks(path):
        hands = read_json(path)
        photo = parse_json(path.read_text(encoding="utf-8")).get("photo")
        source = None if photo is None else path.parent / str(photo)
        return Footage(
            path,
            hands.camera,
            source if source is not None and _is_there(source) else None,
            np.zeros(1),
            np.zeros(1, int),
            None,
            (0,),
            rig or "open",
        )
    header = read_header(path)
    try:
        rows = [(int(line["frame"]), float(line["time_s"])) for line in read_lines(path)]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise KnuckleError(f"{path}: expected frames with their numbers and times, got {error!r}") from error
    if not rows:
        raise KnuckleError(f"{path}: expected at least one frame of hands, got none")
    source = path.parent / header.path
    return Footage(
        path,
        header.camera,
        source if header.bytes is not None and _is_there(source) else None,
        np.array([time_s for _, time_s in rows]),
        np.array([frame for frame, _ in rows]),
        header,
        _line_starts(path)[1 : len(rows) + 1],
        rig or header.rig,
    )


def name_of(hand: Hand, place: int) -> str:
    """What a hand is called in viewers: side and identity; in a photo its place stands for the identity."""
    return f"{hand.side}_hand_{place if hand.identity is None else hand.identity}"


def small_jpeg(picture: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """An RGB picture as a JPEG of at most `PICTURE_PX`."""
    height, width = picture.shape[:2]
    scale = min(1.0, PICTURE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    _, coded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return coded.tobytes()


def _is_there(path: Path) -> bool:
    """Whether a file is where another one says; names that no system takes, such as too long ones, are of none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _line_starts(path: Path) -> tuple[int, ...]:
    starts, place = [], 0
    with path.open("rb") as file:
        for line in file:
            starts.append(place)
            place += len(line)
    return tuple(starts)
