"""`knuckle synth`: render a synthetic set, or a contact sheet of one."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from knuckle.errors import KnuckleError, install_command

SHEET_SAMPLES, SHEET_SCENES = 48, 20
CROP_PX = 128


def synth(
    count: Annotated[int | None, typer.Option(help="How many crops to render.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the set.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet (8 x 6 crops) to this image.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Sample i depends on the seed and i alone.")] = 0,
    hands: Annotated[
        str,
        typer.Option(
            help="one right hand a crop; two: a right and a left one; scene: whole pictures with any number; or clip:"
            " ten seconds of moving hands."
        ),
    ] = "one",
    size: Annotated[int, typer.Option(help="Side of the crops, px.")] = CROP_PX,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Finish a set that was cut short.")] = False,
    negatives: Annotated[float, typer.Option(help="Share of crops without a hand.")] = 0.06,
    singles: Annotated[
        float, typer.Option(help="With --hands two: share of the crops with hands that hold one hand.")
    ] = 0.25,
    labels: Annotated[
        str, typer.Option(help="joints, or full: vertices, masks, depth, normals too.")
    ] = "joints",
    backgrounds: Annotated[
        str, typer.Option(help="auto: photographs of $KNUCKLE_DATA/backgrounds if there; or procedural.")
    ] = "auto",
    extras: Annotated[
        list[str] | None,
        typer.Option(
            "--extra",
            help="poses, signs, views, sizes, wear, camera, partner, flesh or objects; repeatable.",
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="With --hands clip: enter, cross, clap, hide, shake, camera, depth or people; repeatable.",
        ),
    ] = None,
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen",
            help="With --hands clip: the 24 clips of the benchmark, into the cache or the folder --out.",
        ),
    ] = False,
    partners: Annotated[
        float,
        typer.Option(help="With --extra partner: share of the hands that have the other one beside them."),
    ] = 0.3,
) -> None:
    """Render hands with exact labels: a set (--count, --out) or a picture of one (--sheet)."""
    if find_spec("numba") is None:
        raise KnuckleError(f"knuckle synth needs numba: {install_command('train')}")
    if (kinds or frozen) and hands != "clip":
        raise KnuckleError("synth: expected --kind and --frozen with --hands clip only")
    if frozen:
        if kinds or sheet or count is not None:
            raise KnuckleError(
                "synth: --frozen clips are the same for everybody: expected no --kind, --count or --sheet"
            )
        _frozen_clips(out, workers=workers)
        return
    if sheet is None and (count is None or out is None):
        raise KnuckleError("synth: expected --count N --out DIR, or --sheet FILE.png")
    if hands in ("scene", "clip"):
        if extras or size != CROP_PX or labels != "joints":
            raise KnuckleError(
                f"synth: --extra, --size and --labels are for crops, expected none with --hands {hands}"
            )
        if hands == "clip":
            _clips(count, out, sheet, seed=seed, kinds=kinds or [], workers=workers, resume=resume)
            return
        _scenes(count, out, sheet, seed=seed, backgrounds=backgrounds, workers=workers, resume=resume)
        return
    from knuckle.synth.options import SynthOptions

    options = SynthOptions(
        size=size,
        negatives=negatives,
        labels=labels,  # pyright: ignore[reportArgumentType]
        backgrounds=backgrounds,  # pyright: ignore[reportArgumentType]
        hands=hands,  # pyright: ignore[reportArgumentType]
        singles=singles,
        extras=tuple(extras or ()),
        partners=partners,
    )
    if sheet is not None:
        from knuckle.synth.sheet import check_sheet_path, write_sheet
        from knuckle.synth.writer import make_engine

        check_sheet_path(sheet)
        engine = make_engine(seed, options)
        write_sheet(sheet, [engine.sample(i) for i in range(SHEET_SAMPLES)])
        typer.echo(f"{sheet}: {SHEET_SAMPLES} crops of seed {seed}, each with its labels below")
    if count is not None and out is not None:
        from knuckle.synth.writer import render_set

        with _stoppable(f"{out}: stopped; the same command with --resume goes on from here"):
            render_set(out, count, seed=seed, options=options, workers=workers, resume=resume, progress=True)
        typer.echo(f"{out}: {count} crops of {size} px, seed {seed}")


def _scenes(
    count: int | None,
    out: Path | None,
    sheet: Path | None,
    *,
    seed: int,
    backgrounds: str,
    workers: int,
    resume: bool,
) -> None:
    from knuckle.synth.scenes.engine import SceneEngine
    from knuckle.synth.scenes.sheet import write_scene_sheet
    from knuckle.synth.scenes.writer import render_scenes
    from knuckle.synth.sheet import check_sheet_path

    if sheet is not None:
        check_sheet_path(sheet)
        engine = SceneEngine(seed, backgrounds=backgrounds)  # pyright: ignore[reportArgumentType]
        write_scene_sheet(sheet, [engine.picture(i) for i in range(SHEET_SCENES)])
        typer.echo(f"{sheet}: {SHEET_SCENES} scenes of seed {seed} with their labels")
    if count is not None and out is not None:
        with _stoppable(f"{out}: stopped; the same command with --resume goes on from here"):
            render_scenes(
                out,
                count,
                seed=seed,
                backgrounds=backgrounds,  # pyright: ignore[reportArgumentType]
                workers=workers,
                resume=resume,
                progress=True,
            )
        typer.echo(f"{out}: {count} scenes, seed {seed}")


def _clips(
    count: int | None,
    out: Path | None,
    sheet: Path | None,
    *,
    seed: int,
    kinds: list[str],
    workers: int,
    resume: bool,
) -> None:
    from knuckle.synth.clips.make import checked_kinds, make_clip
    from knuckle.synth.clips.sheet import write_clip_sheet
    from knuckle.synth.clips.writer import render_clips
    from knuckle.synth.sheet import check_sheet_path

    chosen = checked_kinds(seed, kinds)  # pyright: ignore[reportArgumentType]
    if sheet is not None:
        check_sheet_path(sheet)
        # Rows of different takes: lone arms, a whole person, the arms of whoever holds the camera.
        count_of = len(chosen)
        clips = [make_clip(seed, row + row % 3 * count_of, kinds=chosen) for row in range(count_of)]
        write_clip_sheet(sheet, clips)
        typer.echo(f"{sheet}: frames of {len(clips)} clips of seed {seed} with their labels")
    if count is not None and out is not None:
        with _stoppable(f"{out}: stopped; the same command with --resume goes on from here"):
            render_clips(out, count, seed=seed, kinds=chosen, workers=workers, resume=resume, progress=True)
        typer.echo(f"{out}: {count} clips, seed {seed}")


def _frozen_clips(out: Path | None, *, workers: int) -> None:
    from knuckle.synth.clips.frozen import COUNT, frozen_folder

    with _stoppable("stopped; the same command goes on from here"):
        folder = frozen_folder(out, workers=workers)
    typer.echo(f"{folder}: {COUNT} clips, the frozen ones")


@contextmanager
def _stoppable(message: str) -> Iterator[None]:
    """Answer Ctrl-C with a message and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(message, err=True)
        raise typer.Exit(130) from None
