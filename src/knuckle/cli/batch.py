"""Photos to result files, one after the other; a photo that fails does not stop the rest."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from jaxtyping import UInt8

from knuckle.cli.models import ALL, chosen_models
from knuckle.cli.results import Outputs, check_folder, outputs_of, write_results
from knuckle.cli.table import print_table
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.detection.detection import Detector
from knuckle.inference.estimate import estimate
from knuckle.inference.requests import check_sides
from knuckle.photos.reading import read_image
from knuckle.progress import show_progress
from knuckle.view.comparison import draw_comparison
from knuckle.view.overlay import draw_hands


@dataclass(frozen=True)
class Request:
    """What is asked of every photo: boxes and sides (or neither), intrinsics, model ("auto": as `estimate` has it;
    "all" compares the installed ones), how often two-hand systems look at a pair, and whether evidence counts."""

    boxes: Sequence[Sequence[float]] | None = None
    sides: Sequence[str] | None = None
    camera: Sequence[float] | None = None
    model: str = "auto"
    looks: int = 2
    evidence: bool = True


@dataclass(frozen=True)
class Done:
    """A photo's hands as each model sees them, and the files written."""

    photo: Path
    results: list[Hands]
    files: list[Path]


def run(photos: Sequence[Path], request: Request, *, out: Path | None = None) -> bool:
    """Estimate photos, write their files and print a table; true when every one of them was done.

    out: the folder for all results, made if missing; None writes beside each photo. Raises KnuckleError for
    what concerns the whole call (model, camera, sides, detector, out); what concerns one photo goes to
    stderr.
    """
    models = _check(request)
    if out is not None:
        check_folder(out)
    photos = list(dict.fromkeys(photos))
    done: list[Done] = []
    try:
        # A bar where it takes a while; few photos are done before one could be read.
        with show_progress("photos", len(photos)) if len(photos) > 4 else nullcontext(_ignore) as advance:
            for item in _each(photos, request, models, out):
                if item is not None:
                    done.append(item)
                advance(1)
    finally:
        if done:
            print_table([(item.photo, item.results, item.files) for item in done])
    return len(done) == len(photos)


def _each(
    photos: Sequence[Path], request: Request, models: Sequence[str], out: Path | None
) -> Iterator[Done | None]:
    """Photo after photo: what was done, or None where it could not be, which is told."""
    detector: Detector | None = None
    taken: dict[Path, Path] = {}
    compared = request.model == ALL
    for photo in photos:
        outputs = outputs_of(photo, out, models if compared else None)
        try:
            _check_free(photo, outputs, photos, taken)
            image = read_image(photo)
        except KnuckleError as error:
            _tell(photo, error)
            yield None
            continue
        if request.boxes is None and detector is None:
            from knuckle.inference.detection.mediapipe import default_detector

            # Without a detector no photo can be done: its error ends the call.
            detector = default_detector()
        try:
            results = _results(image, request, models, detector)
            picture = draw_comparison(image, results) if compared else draw_hands(image, results[0])
            written = Done(photo, results, write_results(photo, picture, results, outputs))
        except KnuckleError as error:
            _tell(photo, error)
            written = None
        yield written


def _results(
    image: UInt8[np.ndarray, "H W 3"], request: Request, models: Sequence[str], detector: Detector | None
) -> list[Hands]:
    """The hands as each model sees them, all in the same boxes: the detector runs once."""
    if detector is not None:
        found = detector(image)
        detector = lambda _: found  # noqa: E731 - what was found, for every model
    return [
        estimate(
            image,
            boxes=request.boxes,
            sides=None if request.sides is None else check_sides(request.sides),
            camera=request.camera,
            model=model,
            detector=detector,
            looks=request.looks,
            evidence=request.evidence,
        )
        for model in models
    ]


def _ignore(_: int) -> None:
    pass


def _check(request: Request) -> list[str]:
    """Raise KnuckleError for what no photo can be done with; else the models to run."""
    models = chosen_models(request.model)
    if request.sides is not None:
        check_sides(request.sides)
    if request.camera is not None:
        Camera(*request.camera, width=1, height=1)
    return models


def _check_free(photo: Path, outputs: Outputs, photos: Sequence[Path], taken: dict[Path, Path]) -> None:
    """The photos of one call must write neither to the same names nor over one another."""
    for path in outputs.paths:
        other = taken.get(path.absolute(), photo)
        if other is not photo:
            raise KnuckleError(
                f"{photo}: its results would overwrite those of {other}; estimate it in a call of its own"
            )
    taken.update(dict.fromkeys((path.absolute() for path in outputs.paths), photo))
    inputs = {path.absolute() for path in photos}
    for path in outputs.paths:
        if path.absolute() in inputs:
            raise KnuckleError(f"{photo}: its result {path} would overwrite a photo of this call; use --out")


def _tell(photo: Path, error: KnuckleError) -> None:
    message = str(error)
    typer.echo(f"error: {message if str(photo) in message else f'{photo}: {message}'}", err=True)
