"""Photos to result files, one after the other: what `knuckle estimate` and `knuckle demo` do.

A photo that fails does not stop the rest. The files of a photo are written all or none.
"""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from jaxtyping import UInt8
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knuckle.cli.inputs import Given, spread
from knuckle.cli.outputs import Namer, Outputs, relative_to_folder
from knuckle.cli.ownership import is_ours, png_bytes
from knuckle.errors import KnuckleError
from knuckle.export.json import hands_to_json
from knuckle.export.meshes import hands_to_glb
from knuckle.files import atomic_path, printable
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.detection.detection import Detector
from knuckle.inference.estimate import Request, detect, open_detector, predict
from knuckle.inference.picture import in_picture_of
from knuckle.inference.rectified import RECTIFY, RectifiedPredictor, rectified
from knuckle.photos.reading import Photo, read_photo
from knuckle.progress import show_progress
from knuckle.skeleton import WRIST
from knuckle.view.comparison import draw_comparison
from knuckle.view.overlay import draw_hands, side_of
from knuckle.weights import ALL, AUTO, available, resolve


@dataclass(frozen=True)
class Done:
    """A photo's hands as each model sees them, and its files."""

    photo: Path
    results: list[Hands]
    outputs: Outputs
    written: list[Path]
    """Those of the outputs that there are: without hands there is no .glb."""


def run(
    photos: Sequence[Given],
    request: Request,
    *,
    model: str = AUTO,
    out: Path | None = None,
    rectify: bool = RECTIFY,
) -> list[Done]:
    """Estimate photos, write their files and print a table of those that could be done.

    Args:
        photos: different files (`find_photos`).
        request: what is asked of each.
        model: as of `estimate`; "all" compares every installed model.
        out: the folder for all results, made if missing, with the subfolders of `Given`; where two photos would get
            the same names in it, the subfolders below the parent of all photos. None writes beside each photo.
        rectify: as of `estimate`.

    Raises KnuckleError for what concerns the whole call (model, detector, out); what concerns one photo goes to stderr.
    """
    # Headers that Pillow finds odd are no news to the user, who is told what could not be read.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    predictors = _open_models(model, request, rectify=rectify)
    if out is not None:
        check_folder(out)
        photos = spread(photos) if _names_meet(photos) else photos
    done: list[Done] = []
    try:
        # A bar where it takes a while; few photos are done before one could be read.
        with show_progress("photos", len(photos)) if len(photos) > 4 else nullcontext(_ignore) as advance:
            for item in _each(photos, request, predictors, out, compared=model == ALL):
                if item is not None:
                    done.append(item)
                advance(1)
    finally:
        if done:
            _print_table(done)
    return done


def check_folder(folder: Path) -> None:
    """Raise KnuckleError when results cannot be written to a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise KnuckleError(f"{folder}: expected a folder to write to, but {existing} is a file")
    if not os.access(existing, os.W_OK):
        raise KnuckleError(f"{folder}: expected a folder to write to, but writing is not permitted")


def _open_models(
    model: str, request: Request, *, rectify: bool
) -> dict[str, AnyPredictor | RectifiedPredictor]:
    """The predictors of the model named, or for "all" of every installed one."""
    names = list(available()) if model == ALL else [model]
    if not names:
        raise KnuckleError("model: expected installed weights for all of them, got none")
    found = {name: AUTO if name == AUTO else resolve(name, also=(AUTO, ALL)) for name in names}
    options = {"looks": request.looks, "evidence": request.evidence, "mesh": request.mesh}
    return {name: rectified(open_predictor(each, **options), wanted=rectify) for name, each in found.items()}


def _each(
    photos: Sequence[Given],
    request: Request,
    predictors: dict[str, AnyPredictor | RectifiedPredictor],
    out: Path | None,
    *,
    compared: bool,
) -> Iterator[Done | None]:
    """Photo after photo: what was done, or None where an error was reported."""
    detector: Detector | None = None
    namer = Namer([given.path for given in photos], list(predictors) if compared else None)
    for given in photos:
        path = given.path
        try:
            outputs, other_names = namer.outputs(path, path.parent if out is None else out / given.below)
            photo = read_photo(path)
            picture, shown = request.shown(photo)
        except KnuckleError as error:
            _report(path, error)
            yield None
            continue
        for note in photo.notes:
            typer.echo(printable(f"warning: {note}"), err=True)
        if request.boxes_px is None and detector is None:
            # Without a detector no photo can be done: its error ends the call.
            detector = open_detector(request)
        try:
            boxed = detect(picture.pixels, shown, detector=detector)
            answers = [predict(each, picture.pixels, boxed, picture.camera) for each in predictors.values()]
            results = [picture.given_hands(hands) for hands in answers]
            drawn = _drawn(photo, results, compared=compared)
            item = Done(path, results, outputs, _write(path, drawn, results, outputs))
            if other_names:
                typer.echo(printable(f"note: {other_names}"), err=True)
        except KnuckleError as error:
            _report(path, error)
            item = None
        yield item


def _drawn(photo: Photo, results: Sequence[Hands], *, compared: bool) -> UInt8[np.ndarray, "h w 3"]:
    """The results drawn over a photo, in the size at which it was read."""
    height, width = photo.pixels.shape[:2]
    if (width, height) != (photo.width, photo.height):
        results = [in_picture_of(hands, hands.camera.resized(width, height)) for hands in results]
    return draw_comparison(photo.pixels, results) if compared else draw_hands(photo.pixels, results[0])


def _names_meet(photos: Sequence[Given]) -> bool:
    """Whether photos of different folders would have results of the same name."""
    folders: dict[Path, Path] = {}
    return any(
        folders.setdefault(given.below / given.path.stem, given.path.parent) != given.path.parent
        for given in photos
    )


def _ignore(_: int) -> None:
    pass


def _report(photo: Path, error: KnuckleError) -> None:
    message = str(error)
    typer.echo(printable(f"error: {message if str(photo) in message else f'{photo}: {message}'}"), err=True)


def _write(
    photo: Path, picture: UInt8[np.ndarray, "H W 3"], results: Sequence[Hands], outputs: Outputs
) -> list[Path]:
    """Write a photo's picture and each model's hands, and return the paths; missing folders are made.

    Without hands there is no .glb (one of an earlier run is removed, as it would be overwritten otherwise).
    Raises KnuckleError naming the file that cannot be written; then none is.
    """
    # All is made before anything is written.
    contents: dict[Path, bytes] = {}
    for path, hands in zip(outputs.json, results, strict=True):
        lies = relative_to_folder(photo, path.parent)
        data = hands_to_json(hands, image=printable(photo.name), photo=lies)
        contents[path] = json.dumps(data, allow_nan=False, ensure_ascii=False).encode() + b"\n"
    contents[outputs.picture] = png_bytes(picture)
    for path, hands in zip(outputs.glb, results, strict=True):
        if len(hands):
            contents[path] = hands_to_glb(hands)
    with ExitStack() as stack:
        temporary = {path: stack.enter_context(atomic_path(path)) for path in contents}
        for path, content in contents.items():
            temporary[path].write_bytes(content)
    for path in set(outputs.glb) - contents.keys():
        if is_ours(path):
            path.unlink()
    return list(contents)


def _print_table(done: Sequence[Done]) -> None:
    """Each photo's hands (side, confidence, distance of the wrist), by each model where several are compared, and where
    its files are."""
    console = Console(highlight=False)
    if not console.is_terminal:
        # Names are whole in a file or pipe, where no line is too long.
        console.width = 10_000
    compared = any(len(item.results) > 1 for item in done)
    columns = ("photo", "hand", "side", *(("model",) if compared else ()), "confidence", "distance (m)")
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for item in done:
        name, results = escape(printable(item.photo.name)), item.results
        if not len(results[0]):
            table.add_row(name, "-", "no hand found", *["-"] * (len(columns) - 3))
        # Hand after hand, each as all models see it: they are looked at together.
        for index in range(len(results[0])):
            for number, hands in enumerate(results):
                hand = hands[index]
                which = ("", "") if number else (str(index + 1), side_of(hand))
                model = (escape(hands.model),) if compared else ()
                distance = float(np.linalg.norm(hand.joints_m[WRIST]))
                table.add_row(
                    "" if index or number else name,
                    *which,
                    *model,
                    f"{hand.confidence:.2f}{' ?' if hand.state == 'doubtful' else ''}",
                    f"{distance:.2f}",
                )
    console.print(table)
    if any(len(item.results[0]) and item.results[0].camera.assumed for item in done):
        console.print(
            "Distances rest on an assumed focal length; --camera makes them true (`knuckle calibrate` finds it)."
        )
    for item in done:
        # Paths stay whole however narrow the terminal is, so that they can be copied.
        console.print("wrote " + ", ".join(map(printable, item.written)), soft_wrap=True, markup=False)
