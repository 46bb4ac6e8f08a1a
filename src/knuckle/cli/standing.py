"""`knuckle standing RECIPE`: training that goes on whenever there is time for it."""

from pathlib import Path
from typing import Annotated

import typer

from knuckle.errors import KnuckleError


def standing(
    recipe: Annotated[Path, typer.Argument(help="A standing recipe, such as recipes/standing.toml.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the run, all of it; default runs/RECIPE.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="New sets get the first unused seed from this one on.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Time for this command.")] = None,
    until: Annotated[str | None, typer.Option(help="Time of day, HH:MM, at which it ends.")] = None,
    stretches: Annotated[
        int | None, typer.Option(min=1, help="End when the folder has trained on so many sets.")
    ] = None,
) -> None:
    """Render a fresh set, train on from the last weights, and so on. Stopped or killed, the same command goes on."""
    from knuckle.standing.process import commit_of_code, lower_priority, with_threads
    from knuckle.standing.recipe import read_standing

    if hours is not None and until is not None:
        raise KnuckleError("standing: expected --hours or --until, got both")
    if hours is not None and not 0 < hours < 1e6:
        raise KnuckleError(f"--hours: expected a number above 0, got {hours:g}")
    chosen = read_standing(recipe)
    with_threads(chosen.run.threads)
    lower_priority(chosen.schedule.priority)
    from knuckle.cli.convert import second_opinion
    from knuckle.standing.disk import room_on_disk
    from knuckle.standing.lock import locked
    from knuckle.standing.run import StandingRun
    from knuckle.standing.sets import set_bytes
    from knuckle.standing.trainer import Outcome

    where = folder or Path("runs") / recipe.stem
    limit = _limit(hours, until, chosen.schedule.training_minutes, chosen.schedule.cool_down)
    with (
        room_on_disk(where, needed=set_bytes(chosen.render, photos=chosen.photos.share > 0)),
        locked(where),
    ):
        run = StandingRun(chosen, where, open_opinion=second_opinion, seed=seed, commit=commit_of_code())
        try:
            with run.stop.listening():
                outcome = run.run(limit, stretches=stretches)
        except KeyboardInterrupt:
            outcome = Outcome.STOPPED
        if outcome is Outcome.STOPPED:
            typer.echo(f"{where}: stopped; the same command goes on from here", err=True)
            raise typer.Exit(130)


def _limit(hours: float | None, until: str | None, training_minutes: float, cool_down: float):
    import time
    from datetime import datetime

    from knuckle.standing.limits import TimeLimit, parse_until

    deadline = None
    if hours is not None:
        deadline = time.time() + 3600 * hours
    elif until is not None:
        deadline = parse_until(until, now=datetime.now())
    return TimeLimit(
        deadline=deadline, training=60 * training_minutes if training_minutes else None, cool_down=cool_down
    )
