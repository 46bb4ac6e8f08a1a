"""`knuckle track VIDEO...`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knuckle.cli.tracker_options import (
    CameraOption,
    GateOption,
    HandLengthOption,
    MirroredOption,
    ModelOption,
    RuntimeOption,
    SmoothOption,
    tracker_settings,
)
from knuckle.errors import KnuckleError

if TYPE_CHECKING:
    from knuckle.tracks.run import Done
    from knuckle.tracks.settings import Settings

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def track(
    videos: Annotated[
        list[str], typer.Argument(metavar="VIDEO", help="Video files, or http:// addresses of some.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; default: beside each video.")
    ] = None,
    camera: CameraOption = None,
    model: ModelOption = "auto",
    mirrored: MirroredOption = False,
    hand_length: HandLengthOption = None,
    gate: GateOption = True,
    smooth: SmoothOption = True,
    runtime: RuntimeOption = "auto",
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Go through each video twice: smooth hands by what comes after them too, bridge gaps up to a second.",
        ),
    ] = False,
    mesh: Annotated[bool, typer.Option("--mesh", help="Write the vertices of every hand too.")] = False,
    video: Annotated[bool, typer.Option(help="Write a video with the hands drawn over it, or none.")] = True,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Start anew where a video was done already or begun with other options."
        ),
    ] = False,
) -> None:
    """Follow the hands through videos and write, for VIDEO.mp4, VIDEO.hands.jsonl (a line a frame), VIDEO.hands.npz,
    VIDEO.hands.parquet (with the extra "parquet") and VIDEO.overlay.webm.

    No frame is left out. A run that is interrupted, whatever by, goes on when the same command is given again; until
    then VIDEO.hands.jsonl has every frame that was done. Files of others and of other videos are never replaced.
    """
    from knuckle.cli.batch import check_folder

    settings = tracker_settings(
        camera=camera,
        model=model,
        hand_length=hand_length,
        mirrored=mirrored,
        gate=gate,
        smooth=smooth,
        runtime=runtime,
        offline=offline,
        mesh=mesh,
        overlay=video,
    )
    if video:
        check_writer()
    if out is not None:
        check_folder(out)
    with interrupts() as stopped:
        code = _track_all(videos, out, settings, overwrite=overwrite, stopped=stopped)
    if code:
        raise typer.Exit(code)


def check_writer() -> None:
    """Raise KnuckleError, saying what else may be done, where no video can be written."""
    from knuckle.video.writer import import_av

    try:
        import_av()
    except KnuckleError as error:
        raise KnuckleError(f"{error}, or leave it out: --no-video") from error


def _track_all(
    videos: list[str], out: Path | None, settings: "Settings", *, overwrite: bool, stopped: Callable[[], bool]
) -> int:
    """Video after video; the exit code."""
    from knuckle.files import printable
    from knuckle.tracks.results import Video, choose_results
    from knuckle.tracks.run import track_video

    taken: set[Path] = set()
    failed = False
    for source in dict.fromkeys(videos):
        video = Video(source)
        folder = out or (Path() if video.is_address else Path(source).parent)
        try:
            results, note = choose_results(video, folder, taken)
            taken.update(results.paths)
            if note:
                _say(note)
            done = track_video(video, results, settings, overwrite=overwrite, stopped=stopped, note=_say)
        except KnuckleError as error:
            message = str(error)
            typer.echo(
                printable(f"error: {message if source in message else f'{source}: {message}'}"), err=True
            )
            failed = True
            if stopped():
                return INTERRUPTED
            continue
        _report(source, done)
        if not done.finished:
            return INTERRUPTED
    return 2 if failed else 0


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed meanwhile: the frame at hand is still done. Pressed again, it ends at once."""
    pressed = False

    def press(_: int, __: object) -> None:
        nonlocal pressed
        pressed = True
        for number, handler in before.items():
            signal.signal(number, handler)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, press) for number in numbers}
    try:
        yield lambda: pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(note: str) -> None:
    from knuckle.files import printable

    typer.echo(printable(f"note: {note}"), err=True)


def _report(source: str, done: "Done") -> None:
    """What came of a video."""
    from knuckle.files import printable

    results = done.results
    if not done.finished:
        there = f"{printable(results.lines)} has them; the same command goes on"
        typer.echo(f"stopped after {done.frames} frames: {there}", err=True)
        return
    summary = done.summary
    assert summary is not None
    if done.was_done:
        typer.echo(f"{printable(source)}: was done already (--overwrite starts anew)")
    elif done.resumed_from:
        typer.echo(f"{printable(source)}: went on after {done.resumed_from} frames")
    typer.echo(
        f"{printable(source)}: {summary.frames} frames, {summary.last_s:.1f} s, {len(summary.spans)} hands followed"
    )
    for identity, span in summary.spans.items():
        typer.echo(f"  hand {identity}: {span.side}, {span.frames} frames ({span.first}..{span.last})")
    files = (results.lines, results.overlay, results.npz, results.parquet)
    typer.echo("wrote " + ", ".join(printable(path) for path in files if path.exists()))
    if not done.parquet:
        from knuckle.errors import install_command

        _say(f"no Parquet, which needs pyarrow: {install_command('parquet')}")
