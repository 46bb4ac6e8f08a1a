"""`track_clips`: a column of clips to their hands, in any DataFrame of Daft."""

from typing import TYPE_CHECKING, Any

from knuckle.archives.clips import first_line
from knuckle.archives.engine import import_daft, set_one_thread
from knuckle.archives.rows import import_arrow, row_of, row_of_error, row_type
from knuckle.archives.segments import LONGEST_S, walk
from knuckle.archives.table import Asked, Table
from knuckle.archives.worker import annotate_clip, opened, set_up
from knuckle.errors import KnuckleError
from knuckle.tracks.settings import Settings, rig_of, weights_of
from knuckle.weights import AUTO

if TYPE_CHECKING:
    import daft
    import pyarrow

    from knuckle.geometry.camera import Camera


def track_clips(
    clips: "daft.Expression",
    *,
    camera: "Camera | tuple[float, float, float, float] | None" = None,
    model: str = AUTO,
    mirrored: bool = False,
    hand_length_m: float | None = None,
    gate: bool = True,
    smooth: bool = True,
    segment_s: float = LONGEST_S,
    workers: int | None = None,
    io_config: Any = None,
) -> "daft.Expression":
    """The hands of clips: several columns (docs/archives.md), and a row for each segment of a clip.

    >>> df = daft.from_glob_path("s3://bucket/clips/*.mp4")
    >>> hands = df.select("size", track_clips(df["path"]))

    Each clip is walked from its start to its end by one worker, so that identities are unique in the clip. A clip that
    cannot be read gives one row with `error` and without frames. Rows of a clip go on together: clips of hours are for
    `knuckle annotate`, whose rows never leave the worker.

    Args:
        clips: a column of paths or URLs, which Daft fetches.
        camera, model, mirrored, hand_length_m, gate, smooth: as of `knuckle.Tracker`; the camera is that of all clips.
        segment_s: the length of a segment, at most 60 s.
        workers: processes with a core each; without it as many as this machine has cores.
        io_config: Daft's, for stores that need keys.

    Sets OMP_NUM_THREADS and its like to 1 where they are not set: workers take them over. Raises KnuckleError for
    options that cannot be used, and where Daft is not installed.
    """
    daft = import_daft()
    settings = Settings(
        camera=camera,
        model=model,
        mirrored=mirrored,
        hand_length_m=hand_length_m,
        gate=gate,
        smooth=smooth,
        overlay=False,
    )
    asked = Asked(settings, check_segment(segment_s))
    weights_of(model)
    set_one_thread()

    class KnuckleClips:
        """Made once in each worker."""

        def __init__(self) -> None:
            set_up()

        @daft.method.batch(
            return_dtype=daft.DataType.list(daft.DataType.from_arrow_type(row_type())), batch_size=1
        )
        def track(self, names: Any) -> Any:
            return segments_of(names.to_pylist(), asked, io_config)

    udf = daft.cls(KnuckleClips, use_process=True, max_concurrency=check_workers(workers))
    return udf().track(clips).explode().unnest()


def write_clips(
    clips: "daft.Expression",
    sizes: "daft.Expression",
    table: Table,
    asked: Asked,
    *,
    workers: int,
    io_config: Any,
) -> "daft.Expression":
    """Each clip's `Outcome`, as columns, once its rows are in the table: they do not go through Daft.

    clips, sizes: columns of names and of bytes (null where not known).
    """
    daft = import_daft()
    outcome = daft.DataType.struct(
        {
            "clip": daft.DataType.string(),
            **dict.fromkeys(("frames", "segments", "hands", "went_on_after"), daft.DataType.int64()),
            "error": daft.DataType.string(),
            "stopped": daft.DataType.bool(),
            "notes": daft.DataType.list(daft.DataType.string()),
        }
    )

    class KnuckleTable:
        """Made once in each worker."""

        def __init__(self) -> None:
            set_up()

        @daft.method.batch(return_dtype=outcome, batch_size=1)
        def write(self, names: Any, sizes: Any) -> Any:
            return [
                vars(annotate_clip(table, name, size, asked, io_config=io_config))
                for name, size in zip(names.to_pylist(), sizes.to_pylist(), strict=True)
            ]

    udf = daft.cls(KnuckleTable, use_process=True, max_concurrency=workers)
    return udf().write(clips, sizes).unnest()


def segments_of(names: list[str | None], asked: Asked, io_config: Any) -> "pyarrow.ListArray":
    """For each clip the rows of its segments; in Arrow as soon as they are there, which takes a tenth of the memory."""
    arrow = import_arrow()
    kind, rows, offsets = row_type(), [], [0]
    for name in names:
        for row in _rows(name, asked, io_config):
            rows.append(arrow.array([row], type=kind))
        offsets.append(len(rows))
    values = arrow.concat_arrays(rows) if rows else arrow.array([], type=kind)
    return arrow.ListArray.from_arrays(arrow.array(offsets, arrow.int32()), values)


def _rows(name: str | None, asked: Asked, io_config: Any) -> Any:
    if not name:
        yield row_of_error("", "expected a path or URL, got none")
        return
    clip = name.removeprefix("file://")
    try:
        rig = rig_of(asked.settings.model)
        with opened(clip, io_config, []) as source:
            follower = asked.settings.open_tracker(source.info)
            for segment in walk(source, follower, segment_s=asked.segment_s):
                yield row_of(segment, clip=clip, rate=source.info.rate, rig=rig)
    except KnuckleError as error:
        yield row_of_error(clip, str(error))
    except Exception as error:
        # One clip never ends the work of thousands.
        yield row_of_error(clip, f"{type(error).__name__}: {first_line(error)}")


def check_segment(segment_s: float) -> float:
    """Raise KnuckleError for a length of segments that is none."""
    if not 1 <= segment_s <= LONGEST_S:
        raise KnuckleError(f"segment_s: expected 1 to {LONGEST_S:g} s, got {segment_s:g}")
    return float(segment_s)


def check_workers(workers: int | None) -> int:
    """How many there are. Raises KnuckleError for a number below one."""
    from knuckle.inference.onnx_model import available_cores

    if workers is not None and workers < 1:
        raise KnuckleError(f"workers: expected at least one, got {workers}")
    return workers or available_cores()
