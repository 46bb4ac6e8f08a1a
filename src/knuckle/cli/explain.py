"""`knuckle explain PHOTO`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knuckle.errors import KnuckleError
from knuckle.skeleton import JOINT_NAMES, Side

if TYPE_CHECKING:
    from knuckle.inference.estimate import BoxedHands
    from knuckle.inference.pairing import PairWindow
    from knuckle.inference.two_hands import PairPredictor


def explain(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC.")],
    model: Annotated[str, typer.Option(help="A two-hand system with attention, or its .onnx file.")] = "dfl",
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H", help="Box round a hand, px; with --side. One hand, or a left and a right."
        ),
    ] = None,
    side: Annotated[
        list[str] | None, typer.Option(metavar="left|right", help="Which hand, one for each --box.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(metavar="FX,FY,CX,CY|FILE", help="The camera's intrinsics, px, or a camera.json."),
    ] = None,
    joint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Which joint, repeatable. Default: wrist, thumb_tip, index_tip, middle_mcp."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; default: beside the photo.")
    ] = None,
    mirror: Annotated[bool, typer.Option("--mirror", help="The photo is a mirror image.")] = False,
) -> None:
    """Show where a two-hand system looked for joints: writes PHOTO.explain.png.

    A row an iteration, two columns a joint: what appearance looked at and what position looked at (DFL's Figures 1
    and 6). Without --box the photo's first pair of hands is shown, or its best hand where there is none.
    """
    from knuckle.cli.batch import check_folder
    from knuckle.cli.estimate import given_camera, given_hands
    from knuckle.cli.ownership import png_bytes
    from knuckle.files import atomic_path, printable
    from knuckle.inference.estimate import Request, detect
    from knuckle.photos.reading import read_photo
    from knuckle.view.attention import DEFAULT_JOINTS, draw_attention

    joints = [_joint_number(name) for name in joint] if joint else DEFAULT_JOINTS
    boxes, sides = given_hands(box, side)
    intrinsics = None if camera is None else given_camera(camera)
    request = Request.checked(boxes=boxes, sides=sides, camera=intrinsics, mirrored=mirror)
    folder = photo.parent if out is None else out
    check_folder(folder)
    path = _free_path(photo, folder)
    predictor = _open(model)
    given = read_photo(photo)
    for note in given.notes:
        typer.echo(printable(f"warning: {note}"), err=True)
    picture, shown_request = request.shown(given)
    found = detect(picture.pixels, shown_request)
    if boxes is None and not found.sides:
        raise KnuckleError(f"{photo}: expected a hand to explain, found none; --box and --side say where")
    window, shown = _window(found, given=boxes is not None)
    explanation = predictor.explain(picture.pixels, window, picture.camera)
    drawn = draw_attention(
        explanation.patch, explanation.joints_patch, explanation.attention, joints=joints, sides=shown
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(png_bytes(drawn))
    right, left = explanation.confidence
    typer.echo(
        f"{predictor.record.name}: a right hand with confidence {right:.2f}, a left one with {left:.2f}"
    )
    typer.echo(printable(f"wrote {path}"))


def _free_path(photo: Path, folder: Path) -> Path:
    """Where to write: nothing is overwritten but our own pictures. Raises KnuckleError where no name is free."""
    paths = [folder / f"{stem}.explain.png" for stem in (photo.stem, photo.name)]
    from knuckle.cli.ownership import is_ours

    free = next((path for path in paths if path.is_dir() or not os.path.lexists(path) or is_ours(path)), None)
    if free is None:
        raise KnuckleError(
            f"{photo}: expected a free name for its picture, but {paths[0]} is another file; use --out"
        )
    return free


def _open(model: str) -> "PairPredictor":
    from knuckle.inference.two_hands import PairPredictor
    from knuckle.weights import resolve

    weights = resolve(model)
    if weights.record.hands != 2:
        raise KnuckleError(
            f"--model: expected a two-hand system (dfl), got {weights.record.name}, which has no attention"
        )
    return PairPredictor(weights)


def _window(hands: "BoxedHands", *, given: bool) -> tuple["PairWindow", tuple[Side, ...]]:
    """Where to look, and which hands to show: those given, or of those found the first pair, or the best hand where
    there is none."""
    from knuckle.inference.pairing import PairWindow, pair_boxes

    boxes, sides = hands.boxes_px, hands.sides
    if given and sorted(sides) not in (["left"], ["right"], ["left", "right"]):
        raise KnuckleError(f"--box: expected one hand, or a left and a right one, got {', '.join(sides)}")
    if given and len(sides) == 2:
        pairs = ((sides.index("right"), sides.index("left")),)
    else:
        pairs = pair_boxes(boxes, sides).pairs
    if pairs:
        right, left = pairs[0]
        return PairWindow.of_pair(boxes[right], boxes[left]), ("right", "left")
    return PairWindow.of_hand(boxes[0], sides[0]), sides[:1]


def _joint_number(name: str) -> int:
    if name not in JOINT_NAMES:
        raise KnuckleError(f"--joint: expected one of {', '.join(JOINT_NAMES)}, got {name!r}")
    return JOINT_NAMES.index(name)
