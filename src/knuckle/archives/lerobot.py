"""A table as a LeRobot data set, version 3: an episode a clip, a row a frame, and the clips as MP4 files.

Written by our own code after the format's files (codebase v3.0); nothing of LeRobot or torch is needed.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.archives import lerobot_video
from knuckle.archives.lerobot_frames import (
    INDICES,
    VIDEO,
    Joined,
    Statistics,
    arrays_of,
    features,
    longest_of_sides,
)
from knuckle.archives.read import rows_of_part
from knuckle.archives.rows import import_arrow
from knuckle.archives.table import Table, about_part
from knuckle.archives.worker import local_copy
from knuckle.errors import KnuckleError
from knuckle.files import atomic_path

CODEBASE = "v3.0"
FILES_A_CHUNK, DATA_MB, VIDEO_MB = 1000, 100, 500
"""LeRobot's own defaults."""
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEOS = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"


@dataclass
class Clip:
    """A clip of the table that is to be an episode."""

    part: Path
    name: str
    frames: int
    kind: tuple[int, int, int]
    """Width, height and frames/s (whole): those of all clips of a data set."""


@dataclass
class Written:
    """What came of it."""

    episodes: int = 0
    frames: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    """Clips that are not in it, with the reason."""


def write_lerobot(
    table: Table,
    folder: Path,
    *,
    task: str,
    video: bool = True,
    io_config: Any = None,
    tick: Callable[[int], None] = lambda _: None,
) -> Written:
    """Write the clips of a table as a LeRobot data set; the folder appears when all of it is there, and takes the place
    of an earlier one of knuckle.

    Args:
        table: a finished one.
        folder: to be written.
        task: what is done in the clips, in words: LeRobot keeps one for each frame.
        video: whether the clips themselves go along.
        io_config: Daft's, to fetch clips with.
        tick: told after every clip.

    Raises KnuckleError for a folder of somebody else, a table without clips, and what cannot be written. A data set has
    clips of one size and rate: those that most of the frames have. Others are left out, and named.
    """
    import_arrow()
    if video:
        lerobot_video.import_av()
    check_folder(folder)
    clips = [_clip(part) for part in table.parts()]
    frames_of = Counter[tuple[int, int, int]]()
    for clip in clips:
        frames_of[clip.kind] += clip.frames
    if not clips:
        raise KnuckleError(f"{table.folder}: expected a table with clips, got none")
    # Of equally many frames, the larger ones.
    kind = max(frames_of, key=lambda kind: (frames_of[kind], kind))
    written = Written()
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        writer = _Writer(temporary, kind, task, video, io_config)
        for clip in clips:
            if clip.kind != kind:
                written.left_out[clip.name] = (
                    f"{clip.name}: expected {_text(kind)} as most of the archive, got {_text(clip.kind)}"
                )
            else:
                try:
                    writer.write(clip)
                    written.episodes += 1
                    written.frames += clip.frames
                except KnuckleError as error:
                    written.left_out[clip.name] = str(error)
            tick(1)
        if not written.episodes:
            reason = next(iter(written.left_out.values()))
            raise KnuckleError(f"{folder}: expected clips to write, but none could be: {reason}")
        writer.close()
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    except OSError as error:
        raise KnuckleError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def check_folder(folder: Path) -> None:
    """Raise KnuckleError for a folder that is somebody else's, or cannot be made."""
    if os.path.lexists(folder) and not (folder / "meta/knuckle.json").is_file() and not _is_empty(folder):
        raise KnuckleError(
            f"{folder}: expected a new folder, or a LeRobot data set of knuckle, got another one"
        )


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


class _Writer:
    """Writes episode after episode."""

    def __init__(
        self, folder: Path, kind: tuple[int, int, int], task: str, video: bool, io_config: Any
    ) -> None:
        self.folder, self.task, self.video, self.io_config = folder, task, video, io_config
        self.width, self.height, self.rate = kind
        self.features = features()
        self.episodes: list[dict[str, Any]] = []
        self.frames = 0
        self.joined: dict[str, Joined] = {}
        self.data_file = 0
        self.data: Any = None
        self.about: dict[str, Any] = {}
        self.video_info: dict[str, Any] = {}

    def write(self, clip: Clip) -> None:
        """A clip's frames and video. Raises KnuckleError where its video is not what the table was made of."""
        number = len(self.episodes)
        self.about = self.about or about_part(clip.part)
        videos: dict[str, Any] = {}
        statistics: dict[str, Statistics] = {}
        if self.video:
            # First, as it may not be there any more.
            videos, colours = self._video(clip, number)
            statistics[VIDEO] = Statistics()
            statistics[VIDEO].see(colours)
        counts = longest_of_sides(rows_of_part(clip.part))
        done = 0
        for row in rows_of_part(clip.part):
            arrays = arrays_of(row["frames"], counts)
            length = len(row["frames"])
            place = np.arange(done, done + length)
            arrays["timestamp"] = (place / self.rate).astype(np.float32)
            own = (place, np.full(length, number), self.frames + place, np.zeros(length))
            arrays |= {name: value.astype(np.int64) for name, value in zip(INDICES, own, strict=True)}
            for name, values in arrays.items():
                statistics.setdefault(name, Statistics()).see(values)
            self._data(arrays)
            done += length
        data_file = self.data_file
        self._roll()
        plain = {name: each.to_dict() for name, each in statistics.items()}
        if VIDEO in plain:
            # A number a channel, as of pictures.
            plain[VIDEO] = {
                name: value if name == "count" else [[[number]] for number in value]
                for name, value in plain[VIDEO].items()
            }
        for name, values in plain.items():
            self.joined.setdefault(name, Joined()).add(values)
        self.episodes.append(
            {
                "episode_index": number,
                "tasks": [self.task],
                "length": done,
                "clip": clip.name,
                "data/chunk_index": data_file // FILES_A_CHUNK,
                "data/file_index": data_file % FILES_A_CHUNK,
                "dataset_from_index": self.frames,
                "dataset_to_index": self.frames + done,
                **videos,
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
                **{
                    f"stats/{name}/{key}": value
                    for name, each in plain.items()
                    for key, value in each.items()
                },
            }
        )
        self.frames += done

    def _video(self, clip: Clip, number: int) -> tuple[dict[str, Any], np.ndarray]:
        chunk, file = divmod(number, FILES_A_CHUNK)
        path = self.folder / VIDEOS.format(video_key=VIDEO, chunk_index=chunk, file_index=file)
        with local_copy(clip.name, self.io_config) as source:
            colours = lerobot_video.write_episode_video(
                source, path, name=clip.name, frames=clip.frames, rate=self.rate
            )
        self.video_info = self.video_info or lerobot_video.describe(path, self.rate)
        key = f"videos/{VIDEO}"
        places = {"chunk_index": chunk, "file_index": file}
        times = {"from_timestamp": 0.0, "to_timestamp": clip.frames / self.rate}
        return {f"{key}/{name}": value for name, value in {**places, **times}.items()}, colours

    def _data(self, arrays: dict[str, np.ndarray]) -> None:
        arrow = import_arrow()
        from pyarrow import parquet

        columns, fields = [], []
        for name, feature in self.features.items():
            values, size = arrays[name], feature["shape"][0]
            kind = arrow.type_for_alias(feature["dtype"])
            column = arrow.array(values.reshape(-1), type=kind)
            if size > 1:
                column = arrow.FixedSizeListArray.from_arrays(column, size)
            columns.append(column)
            fields.append(arrow.field(name, column.type))
        table = arrow.Table.from_arrays(columns, schema=arrow.schema(fields))
        if self.data is None:
            path = self._data_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            self.data = parquet.ParquetWriter(path, table.schema, compression="zstd")
        self.data.write_table(table)

    def _data_path(self) -> Path:
        chunk, file = divmod(self.data_file, FILES_A_CHUNK)
        return self.folder / DATA.format(chunk_index=chunk, file_index=file)

    def _roll(self) -> None:
        """Begin another file after one that is large enough."""
        if self.data is not None and self._data_path().stat().st_size > DATA_MB << 20:
            self.data.close()
            self.data = None
            self.data_file += 1

    def close(self) -> None:
        """Write what is known of all episodes."""
        arrow = import_arrow()
        from pyarrow import parquet

        if self.data is not None:
            self.data.close()
        (self.folder / "meta").mkdir(parents=True, exist_ok=True)
        episodes = self.folder / EPISODES.format(chunk_index=0, file_index=0)
        with atomic_path(episodes) as temporary:
            parquet.write_table(arrow.Table.from_pylist(self.episodes), temporary, compression="zstd")
        _write_tasks(self.folder / "meta/tasks.parquet", self.task)
        _write_json(
            self.folder / "meta/stats.json", {name: each.to_dict() for name, each in self.joined.items()}
        )
        described: dict[str, Any] = dict(self.features)
        if self.video:
            shape = [self.video_info["video.height"], self.video_info["video.width"], 3]
            names = ["height", "width", "channels"]
            described[VIDEO] = {"dtype": "video", "shape": shape, "names": names, "info": self.video_info}
        info = {
            "codebase_version": CODEBASE,
            "robot_type": "hands",
            "total_episodes": len(self.episodes),
            "total_frames": self.frames,
            "total_tasks": 1,
            "chunks_size": FILES_A_CHUNK,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "fps": self.rate,
            "splits": {"train": f"0:{len(self.episodes)}"},
            "data_path": DATA,
            "video_path": VIDEOS if self.video else None,
            "features": described,
        }
        _write_json(self.folder / "meta/info.json", info)
        made = {name: self.about[name] for name in ("settings", "weights", "knuckle")}
        _write_json(self.folder / "meta/knuckle.json", {"format": "knuckle lerobot data set", **made})


def _clip(part: Path) -> Clip:
    """What is known of a clip from its part of the table."""
    from pyarrow import parquet

    name = about_part(part)["clip"]
    frames, first_s, last_s, head = 0, 0.0, 0.0, None
    with parquet.ParquetFile(part) as file:
        for number in range(file.num_row_groups):
            columns = ["start_s", "end_s", "width", "height", "rate", "frames.list.element.frame"]
            row = file.read_row_group(number, columns=columns).to_pylist()[0]
            frames += len(row["frames"])
            first_s = row["start_s"] if head is None else first_s
            head, last_s = head or row, row["end_s"]
    if head is None:
        raise KnuckleError(f"{part}: expected a clip's rows, got none")
    rate = head["rate"] or ((frames - 1) / (last_s - first_s) if frames > 1 else 1)
    return Clip(part, name, frames, (head["width"], head["height"], max(1, round(rate))))


def _write_tasks(path: Path, task: str) -> None:
    """The tasks by their words, which are the index of a pandas table: told in its metadata, without pandas."""
    arrow = import_arrow()
    from pyarrow import parquet

    index = "__index_level_0__"
    words = {"pandas_type": "unicode", "numpy_type": "object"}
    columns = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
        {"name": None, "field_name": index, **words},
    ]
    about = {
        "index_columns": [index],
        "column_indexes": [{"name": None, "field_name": None, **words, "metadata": {"encoding": "UTF-8"}}],
        "columns": [{**column, "metadata": None} for column in columns],
        "creator": {"library": "pyarrow", "version": arrow.__version__},
        "pandas_version": "2.2.0",
    }
    table = arrow.table({"task_index": arrow.array([0], arrow.int64()), index: [task]})
    with atomic_path(path) as temporary:
        parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(about)}), temporary)


def _write_json(path: Path, data: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(data, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


def _text(kind: tuple[int, int, int]) -> str:
    width, height, rate = kind
    return f"{width}x{height} px at {rate} frames/s"
