"""`knuckle standing RECIPE`: continuous training, resumed whenever there is time."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knuckle.errors import KnuckleError

if TYPE_CHECKING:
    from knuckle.standing.limits import TimeLimit
    from knuckle.standing.run import StandingRun


def standing(
    recipe: Annotated[Path, typer.Argument(help="A standing recipe, such as recipes/standing.toml.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for everything the run writes; default runs/RECIPE.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="New sets get the first unused seed, starting from this one.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Time for this command's training.")] = None,
    until: Annotated[str | None, typer.Option(help="Time of day, HH:MM, at which training ends.")] = None,
    stretches: Annotated[
        int | None, typer.Option(min=1, help="End when the folder has trained on this many sets.")
    ] = None,
    score_only: Annotated[
        bool, typer.Option("--score-only", help="Score the folder's newest weights; no training.")
    ] = False,
    clone: Annotated[
        Path | None,
        typer.Option(help="Run in a clone of this checkout in that folder; the clone is made if needed."),
    ] = None,
) -> None:
    """Repeat: render a new set, and train on it from the last weights. When the time is up, score the weights beside
    the shipped model. After an interruption the same command resumes."""
    from knuckle.standing.process import find_commit, lower_priority, restart_in_clone, restart_with_threads
    from knuckle.standing.recipe import read_standing

    if hours is not None and until is not None:
        raise KnuckleError("standing: expected --hours or --until, got both")
    if hours is not None and not 0 < hours < 1e6:
        raise KnuckleError(f"--hours: expected a number above 0, got {hours:g}")
    if clone is not None:
        restart_in_clone(clone, _drop_clone_option(sys.argv[1:]))
    chosen = read_standing(recipe)
    limit = _make_limit(hours, until, chosen.schedule.training_minutes, chosen.schedule.cool_down)
    restart_with_threads(chosen.run.threads)
    lower_priority(chosen.schedule.priority)
    from knuckle.cli.convert import second_opinion
    from knuckle.standing.disk import explain_full_disk
    from knuckle.standing.lock import lock_folder
    from knuckle.standing.run import StandingRun
    from knuckle.standing.score import newest_weights
    from knuckle.standing.sets import estimate_bytes

    where = folder or Path("runs") / recipe.stem
    if score_only:
        newest_weights(where)
    needed = estimate_bytes(chosen.render, photos=chosen.photos.share > 0)
    with explain_full_disk(where, needed=needed), lock_folder(where):
        run = StandingRun(
            chosen,
            where,
            open_opinion=second_opinion,
            seed=seed,
            commit=find_commit(),
        )
        _run_and_score(run, limit, stretches=stretches, score_only=score_only)


def _run_and_score(
    run: "StandingRun", limit: "TimeLimit", *, stretches: int | None, score_only: bool
) -> None:
    from rich.console import Console

    from knuckle.standing.score import to_table
    from knuckle.standing.trainer import Outcome

    try:
        with run.stop.handle_signals():
            if not score_only and run.run(limit, stretches=stretches) is Outcome.STOPPED:
                raise KeyboardInterrupt
            verdict, commands = run.score()
    except KeyboardInterrupt:
        typer.echo(
            f"{run.folder}: stopped; repeat the command to resume, or add --score-only to score the newest weights",
            err=True,
        )
        raise typer.Exit(130) from None
    Console().print(to_table(run.state.scorings[-1]))
    typer.echo(verdict.line)
    if verdict.word == "ship":
        typer.echo("\n".join(["to ship them:", *(f"  {command}" for command in commands)]))
    elif verdict.word == "discard":
        typer.echo(
            f"the next command resumes from these weights; to restart from the shipped ones, remove {run.folder}"
        )


def _drop_clone_option(arguments: list[str]) -> list[str]:
    """The arguments without --clone and its folder."""
    kept, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("--clone="):
            skip = False
        elif argument == "--clone":
            skip = True
        else:
            kept.append(argument)
    return kept


def _make_limit(
    hours: float | None, until: str | None, training_minutes: float, cool_down: float
) -> "TimeLimit":
    import time
    from datetime import datetime

    from knuckle.standing.limits import TimeLimit, parse_time_of_day

    deadline = None
    if hours is not None:
        deadline = time.time() + 3600 * hours
    elif until is not None:
        deadline = parse_time_of_day(until, now=datetime.now())
    return TimeLimit(
        deadline=deadline, training=60 * training_minutes if training_minutes else None, cool_down=cool_down
    )
