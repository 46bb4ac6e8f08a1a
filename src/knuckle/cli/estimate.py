"""`knuckle estimate PHOTO...`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from knuckle.errors import KnuckleError
from knuckle.inference.detection.search import DEFAULT_NETWORK, DetectorName, Effort

if TYPE_CHECKING:
    from knuckle.geometry.camera import Camera


def estimate(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO",
            help="Pictures (JPEG, PNG, WebP, BMP, TIFF, AVIF, HEIC), folders of them, or quoted patterns such as"
            " '2024/**/*.jpg'.",
        ),
    ],
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H", help="Box round a hand, px; with --side. Repeat for more hands."),
    ] = None,
    side: Annotated[
        list[str] | None, typer.Option(metavar="left|right", help="Which hand, one for each --box.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="FX,FY,CX,CY|FILE",
            help="The camera's intrinsics, px, or the camera.json of `knuckle calibrate`; else EXIF's, or a guess.",
        ),
    ] = None,
    exif: Annotated[
        bool,
        typer.Option(
            help="Take the focal length from a photo's EXIF where there is no --camera, or guess it."
        ),
    ] = True,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; default: beside each photo.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="auto: dahyf, and for two hands near each other dfl with it where that is installed; a model that"
            " `knuckle info` lists;"
            " an .onnx file; or all: every installed model, compared."
        ),
    ] = "auto",
    effort: Annotated[
        Effort,
        typer.Option(
            help="How long to search for hands: fast looks at the whole picture once, normal closer where there may be"
            " more or smaller hands, thorough everywhere at every size."
        ),
    ] = "normal",
    detector: Annotated[
        DetectorName,
        typer.Option(
            help="What finds hands: MediaPipe's palm network; ours, which sees whole hands; or both: ours wherever a"
            " closer look pays."
        ),
    ] = DEFAULT_NETWORK,
    looks: Annotated[
        int,
        typer.Option(
            min=1,
            max=2,
            help="2 shows two-hand models every pair as it is and mirrored: more exact; 1 takes half their time.",
        ),
    ] = 2,
    evidence: Annotated[
        bool,
        typer.Option(
            help="Use the joints that the hand detector's landmark network sees in every hand, or the model alone."
        ),
    ] = True,
    mesh: Annotated[
        Literal["rig", "network"] | None,
        typer.Option(
            help="rig: the mesh of the rig that is fitted to all that is known of the hand; network: a one-hand model's"
            " own, with its joints, as its paper has it. Default: the model's better one."
        ),
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror", help="The photos are mirror images, as many selfies are: the true side is the other."
        ),
    ] = False,
    rectify: Annotated[
        bool,
        typer.Option(
            help="Show the model hands that a wide camera sees far from its axis as a camera turned to them would."
        ),
    ] = True,
) -> None:
    """Find the hands in photos and write, for PHOTO.jpg, PHOTO.json, PHOTO.overlay.png and PHOTO.glb.

    With --model all, every installed model sees the same boxes, and the files are PHOTO.compare.png (a column a
    model) and, for each, PHOTO.MODEL.json and PHOTO.MODEL.glb.

    With --out, subfolders of a folder given are kept. Earlier results of the same photo are replaced, and no other
    file: where one has such a name, the results are named PHOTO.jpg.json and so on.

    With --box and --side no detector runs. A photo that cannot be read is reported, the others are still done;
    the exit code is then 2. Where there is no hand, the JSON's list is empty and no .glb is written.
    """
    from knuckle.cli.batch import run
    from knuckle.cli.inputs import find_photos
    from knuckle.inference.estimate import Request

    boxes, sides = given_hands(box, side)
    given = find_photos(photos)
    if boxes and len(given) > 1:
        raise KnuckleError(f"--box: expected a single photo with it, got {len(given)}")
    intrinsics = None if camera is None else given_camera(camera)
    request = Request.checked(
        boxes=boxes,
        sides=sides,
        camera=intrinsics,
        exif=exif,
        looks=looks,
        evidence=evidence,
        mirrored=mirror,
        effort=effort,
        network=detector,
        mesh=mesh,
    )
    if len(run(given, request, model=model, out=out, rectify=rectify)) < len(given):
        raise typer.Exit(2)


def given_hands(
    box: list[str] | None, side: list[str] | None
) -> tuple[list[list[float]] | None, list[str] | None]:
    """Boxes (x, y, w, h px) and sides of --box and --side, None without; raises KnuckleError unless they match."""
    boxes = [numbers("--box", text, "X,Y,W,H") for text in box or []]
    sides = list(side or [])
    if len(boxes) != len(sides):
        raise KnuckleError(
            "--box, --side: expected one --side (left or right) for each --box,"
            f" got {len(boxes)} of --box and {len(sides)} of --side"
        )
    return boxes or None, sides or None


def given_camera(text: str) -> "Camera | list[float]":
    """What --camera gives: a camera.json, or fx, fy, cx, cy px; raises KnuckleError for neither."""
    from knuckle.photos.camera_file import names_camera_file, read_camera

    if names_camera_file(text):
        return read_camera(text)
    return numbers("--camera", text, "FX,FY,CX,CY")


def numbers(option: str, text: str, names: str) -> list[float]:
    """The numbers of an option such as X,Y,W,H; raises KnuckleError naming the option."""
    parts = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != names.count(",") + 1:
        raise KnuckleError(f"{option}: expected {names}, {names.count(',') + 1} numbers in px, got {text!r}")
    return values
