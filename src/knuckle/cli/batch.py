"""Photos to result files, one after the other: what `knuckle estimate` and `knuckle demo` do.

A photo that fails does not stop the rest. The files of a photo are written all or none.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import typer
from jaxtyping import UInt8
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knuckle.errors import KnuckleError
from knuckle.export.json import hands_to_json
from knuckle.export.meshes import hands_to_glb
from knuckle.files import atomic_path
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.detection.detection import Detector
from knuckle.inference.estimate import Request, detect, predict
from knuckle.photos.reading import read_image
from knuckle.progress import show_progress
from knuckle.skeleton import WRIST
from knuckle.view.comparison import draw_comparison
from knuckle.view.overlay import draw_hands, side_of
from knuckle.weights import ALL, AUTO, available, resolve


@dataclass(frozen=True)
class Outputs:
    """Where a photo's results go: a picture, and for each model a JSON and a .glb."""

    picture: Path
    json: tuple[Path, ...]
    glb: tuple[Path, ...]

    @classmethod
    def of(cls, photo: Path, folder: Path | None, models: Sequence[str] | None = None) -> "Outputs":
        """The names of a photo's results in the folder, or beside the photo.

        One model: PHOTO.json, PHOTO.overlay.png, PHOTO.glb. models, compared: PHOTO.MODEL.json and PHOTO.MODEL.glb
        for each, PHOTO.compare.png.
        """
        folder = photo.parent if folder is None else folder
        stems = [photo.stem] if models is None else [f"{photo.stem}.{model}" for model in models]
        return cls(
            picture=folder / f"{photo.stem}.{'overlay' if models is None else 'compare'}.png",
            json=tuple(folder / f"{stem}.json" for stem in stems),
            glb=tuple(folder / f"{stem}.glb" for stem in stems),
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.json, self.picture, *self.glb)


@dataclass(frozen=True)
class Done:
    """A photo's hands as each model sees them, and its files."""

    photo: Path
    results: list[Hands]
    outputs: Outputs
    written: list[Path]
    """Those of the outputs that there are: without hands there is no .glb."""


def run(
    photos: Sequence[Path], request: Request, *, model: str = AUTO, out: Path | None = None
) -> list[Done]:
    """Estimate photos, write their files and print a table of those that could be done.

    Args:
        photos: different files.
        request: what is asked of each.
        model: as of `estimate`; "all" compares every installed model.
        out: the folder for all results, made if missing; None writes beside each photo.

    Raises KnuckleError for what concerns the whole call (model, detector, out); what concerns one photo goes to stderr.
    """
    predictors = _open_models(model, request)
    if out is not None:
        check_folder(out)
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


def _open_models(model: str, request: Request) -> dict[str, AnyPredictor]:
    """The predictors of the model named, or for "all" of every installed one."""
    names = list(available()) if model == ALL else [model]
    if not names:
        raise KnuckleError("model: expected installed weights for all of them, got none")
    found = {name: AUTO if name == AUTO else resolve(name, also=(AUTO, ALL)) for name in names}
    options = {"looks": request.looks, "evidence": request.evidence}
    return {name: open_predictor(each, **options) for name, each in found.items()}


def _each(
    photos: Sequence[Path],
    request: Request,
    predictors: dict[str, AnyPredictor],
    out: Path | None,
    *,
    compared: bool,
) -> Iterator[Done | None]:
    """Photo after photo: what was done, or None where an error was reported."""
    detector: Detector | None = None
    taken: dict[Path, Path] = {}
    for photo in photos:
        outputs = Outputs.of(photo, out, list(predictors) if compared else None)
        try:
            _check_free(photo, outputs, photos, taken)
            image = read_image(photo)
        except KnuckleError as error:
            _report(photo, error)
            yield None
            continue
        if request.boxes_px is None and detector is None:
            from knuckle.inference.detection.mediapipe import default_detector

            # Without a detector no photo can be done: its error ends the call.
            detector = default_detector()
        try:
            camera, boxed = request.camera_of(image), detect(image, request, detector=detector)
            results = [predict(predictor, image, boxed, camera) for predictor in predictors.values()]
            picture = draw_comparison(image, results) if compared else draw_hands(image, results[0])
            item = Done(photo, results, outputs, _write(photo, picture, results, outputs))
        except KnuckleError as error:
            _report(photo, error)
            item = None
        yield item


def _ignore(_: int) -> None:
    pass


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


def _report(photo: Path, error: KnuckleError) -> None:
    message = str(error)
    typer.echo(f"error: {message if str(photo) in message else f'{photo}: {message}'}", err=True)


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
        text = json.dumps(hands_to_json(hands, image=photo.name), allow_nan=False, ensure_ascii=False)
        contents[path] = text.encode() + b"\n"
    contents[outputs.picture] = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    for path, hands in zip(outputs.glb, results, strict=True):
        if len(hands):
            contents[path] = hands_to_glb(hands)
    with ExitStack() as stack:
        temporary = {path: stack.enter_context(atomic_path(path)) for path in contents}
        for path, content in contents.items():
            temporary[path].write_bytes(content)
    for path in set(outputs.glb) - contents.keys():
        path.unlink(missing_ok=True)
    return list(contents)


def _print_table(done: Sequence[Done]) -> None:
    """Each photo's hands (side, confidence, distance of the wrist), by each model where several are compared, and where
    its files are."""
    console = Console(highlight=False)
    compared = any(len(item.results) > 1 for item in done)
    columns = ("photo", "hand", "side", *(("model",) if compared else ()), "confidence", "distance (m)")
    table = Table(*columns, box=None, pad_edge=False)
    for item in done:
        name, results = escape(item.photo.name), item.results
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
        console.print("Distances rest on an assumed focal length; --camera FX,FY,CX,CY makes them true.")
    for item in done:
        # Paths stay whole however narrow the terminal is, so that they can be copied.
        console.print("wrote " + ", ".join(map(str, item.written)), soft_wrap=True, markup=False)
