"""`knuckle explain PHOTO`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knuckle.errors import KnuckleError
from knuckle.skeleton import JOINT_NAMES, Side

if TYPE_CHECKING:
    import numpy as np

    from knuckle.inference.two_hands import PairPredictor, Window


def explain(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, BMP or TIFF, not mirrored.")
    ],
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
        str | None, typer.Option(metavar="FX,FY,CX,CY", help="The camera's intrinsics, px.")
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
) -> None:
    """Show where a two-hand system looked for joints: writes PHOTO.explain.png.

    A row an iteration, two columns a joint: what appearance looked at and what position looked at (DFL's Figures 1
    and 6). Without --box the photo's first pair of hands is shown, or its best hand where there is none.
    """
    from knuckle.cli.estimate import given_hands, numbers
    from knuckle.cli.results import check_folder
    from knuckle.files import write_image
    from knuckle.inference.requests import check_camera
    from knuckle.photos.reading import read_image
    from knuckle.view.attention import DEFAULT_JOINTS, draw_attention

    joints = [_joint_number(name) for name in joint] if joint else DEFAULT_JOINTS
    boxes, sides = given_hands(box, side)
    intrinsics = None if camera is None else numbers("--camera", camera, "FX,FY,CX,CY")
    folder = photo.parent if out is None else out
    check_folder(folder)
    predictor = _open(model)
    image = read_image(photo)
    height, width = image.shape[:2]
    lens = check_camera(intrinsics, width, height)
    window, shown = _window(photo, image, boxes, sides)
    explanation = predictor.explain(image, window, lens)
    path = folder / f"{photo.stem}.explain.png"
    write_image(
        path,
        draw_attention(
            explanation.patch, explanation.joints_patch, explanation.attention, joints=joints, sides=shown
        ),
    )
    right, left = explanation.confidence
    typer.echo(
        f"{predictor.record.name}: a right hand with confidence {right:.2f}, a left one with {left:.2f}"
    )
    typer.echo(f"wrote {path}")


def _open(model: str) -> "PairPredictor":
    from knuckle import weights
    from knuckle.inference.two_hands import PairPredictor

    _, record = weights.find(model)
    if record.hands != 2:
        raise KnuckleError(
            f"--model: expected a two-hand system (dfl), got {record.name}, which has no attention"
        )
    return PairPredictor(model)


def _window(
    photo: Path, image: "np.ndarray", boxes: list[list[float]] | None, sides: list[str] | None
) -> tuple["Window", tuple[Side, ...]]:
    """Where to look, and which hands to show."""
    from knuckle.inference.requests import check_boxes, check_sides
    from knuckle.inference.two_hands import Window

    if boxes is None or sides is None:
        chosen, owners = _found(photo, image)
    else:
        height, width = image.shape[:2]
        chosen, owners = check_boxes(boxes, width, height), check_sides(sides)
        if sorted(owners) not in (["left"], ["right"], ["left", "right"]):
            raise KnuckleError(
                f"--box: expected one hand, or a left and a right one, got {', '.join(owners)}"
            )
    if len(owners) == 1:
        return Window.of_hand(chosen[0], owners[0]), owners
    right = owners.index("right")
    return Window.of_pair(chosen[right], chosen[1 - right]), ("right", "left")


def _found(photo: Path, image: "np.ndarray") -> tuple["np.ndarray", tuple[Side, ...]]:
    """Boxes and sides of the first pair the detector finds, or of the best hand where there is none."""
    import numpy as np

    from knuckle.inference.detection.mediapipe import default_detector
    from knuckle.inference.pairing import pair_boxes

    found = default_detector()(image)
    if not found:
        raise KnuckleError(f"{photo}: expected a hand to explain, found none; --box and --side say where")
    boxes = np.array([hand.box_px for hand in found])
    sides: list[Side] = [hand.side for hand in found]
    pairs = pair_boxes(boxes, sides).pairs
    chosen = list(pairs[0]) if pairs else [0]
    return boxes[chosen], tuple(sides[i] for i in chosen)


def _joint_number(name: str) -> int:
    if name not in JOINT_NAMES:
        raise KnuckleError(f"--joint: expected one of {', '.join(JOINT_NAMES)}, got {name!r}")
    return JOINT_NAMES.index(name)
