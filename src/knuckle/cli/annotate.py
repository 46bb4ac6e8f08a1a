"""`knuckle annotate CLIPS... --out TABLE`."""

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

if TYPE_CHECKING:
    from knuckle.archives.run import Done


def annotate(
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIPS",
            help="Videos, folders, patterns (in quotes), lists (.txt, a clip a line), and URLs such as s3://BUCKET/*.mp4.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="TABLE", help="The table: a folder, with a Parquet file a clip.")
    ],
    camera: CameraOption = None,
    model: ModelOption = "auto",
    mirrored: MirroredOption = False,
    hand_length: HandLengthOption = None,
    gate: GateOption = True,
    smooth: SmoothOption = True,
    runtime: RuntimeOption = "auto",
    segment: Annotated[
        float, typer.Option(metavar="SECONDS", help="Length of a segment, which is a row; at most 60.")
    ] = 60.0,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes, each with a core; default: as many as cores.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help='Work on a Ray cluster: its address, "auto", or "local" to start one here.',
        ),
    ] = None,
    lerobot: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a LeRobot data set (version 3) of the whole table too."),
    ] = None,
    task: Annotated[
        str,
        typer.Option(metavar="TEXT", help="What is done in the clips, for --lerobot: its data have a task."),
    ] = "hands",
    video: Annotated[bool, typer.Option(help="Whether the videos go along into --lerobot.")] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start anew where the table was begun with other options.")
    ] = False,
) -> None:
    """Follow the hands through archives of clips and write them as a table: a row for each minute of a clip.

    Runs on this machine, or on a Ray cluster. A run that is interrupted, whatever by, goes on when the same command is
    given again, and so does a table whose archive has grown. A clip that cannot be read is named and counted; the
    others are done.
    """
    from knuckle.archives.run import annotate as run
    from knuckle.cli.track import INTERRUPTED, check_writer, interrupts

    if lerobot is not None:
        from knuckle.archives.lerobot import check_folder

        check_folder(lerobot)
        if video:
            check_writer()
    settings = tracker_settings(
        camera=camera,
        model=model,
        hand_length=hand_length,
        mirrored=mirrored,
        gate=gate,
        smooth=smooth,
        runtime=runtime,
        overlay=False,
    )
    with interrupts() as stopped:
        done = run(
            clips,
            out,
            settings,
            segment_s=segment,
            workers=workers,
            ray=ray,
            overwrite=overwrite,
            stopped=stopped,
            note=_say,
        )
    _report(done, out)
    if done.stopped:
        raise typer.Exit(INTERRUPTED)
    left_out = False if lerobot is None else _write_lerobot(out, lerobot, task=task, video=video)
    if done.failed or left_out:
        raise typer.Exit(2)


def _write_lerobot(out: Path, folder: Path, *, task: str, video: bool) -> bool:
    """Whether clips were left out."""
    from knuckle.archives.lerobot import write_lerobot
    from knuckle.archives.table import Table
    from knuckle.files import printable
    from knuckle.progress import show_progress

    table = Table(out)
    with show_progress("LeRobot", len(table.parts())) as advance:
        written = write_lerobot(table, folder, task=task, video=video, tick=advance)
    for sentence in written.left_out.values():
        _say(f"error: {sentence}")
    typer.echo(
        f"wrote {printable(folder)}: {written.episodes} episodes, {written.frames} frames,"
        f" {len(written.left_out)} clips left out"
    )
    return bool(written.left_out)


def _say(sentence: str) -> None:
    from knuckle.files import printable

    typer.echo(printable(sentence), err=True)


def _report(done: "Done", out: Path) -> None:
    from knuckle.files import printable

    frames = sum(outcome.frames for outcome in done.done)
    hands = sum(outcome.hands for outcome in done.done)
    before = f", {done.before} were done before" if done.before else ""
    typer.echo(
        f"{len(done.done)} of {done.clips} clips done{before}, {len(done.failed)} failed:"
        f" {frames} frames, {hands} hands in them"
    )
    if done.stopped:
        typer.echo("stopped; the same command goes on", err=True)
    if done.failed:
        typer.echo(f"{printable(out / '_failed.jsonl')} names those that failed", err=True)
    typer.echo(f"wrote {printable(out)}")
