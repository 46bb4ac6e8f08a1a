"""`knuckle calibrate PHOTO|VIDEO...`."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from knuckle.errors import KnuckleError

if TYPE_CHECKING:
    import numpy as np

    from knuckle.calibration.plane import Focal, View


def calibrate(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PHOTO|VIDEO", help="Pictures of one camera, or a video of it.")
    ],
    card: Annotated[
        bool, typer.Option("--card", help="They show a bank card (85.60 x 53.98 mm); what is assumed anyway.")
    ] = False,
    corners: Annotated[
        list[str] | None,
        typer.Option(
            metavar="U,V,U,V,U,V,U,V",
            help="The card's corners in turn, px, as if they were not round; one for each photo.",
        ),
    ] = None,
    length: Annotated[
        float | None,
        typer.Option(
            metavar="METRES", help="Instead of a card: a known length, with --distance and --points."
        ),
    ] = None,
    distance: Annotated[
        float | None, typer.Option(metavar="METRES", help="From the lens to that length, which faces it.")
    ] = None,
    points: Annotated[
        list[str] | None,
        typer.Option(metavar="U,V,U,V", help="That length's two ends, px; one for each photo."),
    ] = None,
    hand: Annotated[
        bool,
        typer.Option(
            "--hand",
            help="A hand lies flat beside the card in some of the pictures: measure its length as well.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the camera.")] = Path(
        "camera.json"
    ),
) -> None:
    """Find a camera's focal length and write it for --camera of the other commands.

    Show the camera a bank card in three to ten pictures or a short video: large in the picture, flat, tilted by 30
    degrees or more, in other directions each time. Zoom and picture mode must be those used later.
    """
    from knuckle.files import printable
    from knuckle.photos.camera_file import read_camera, write_camera

    if length is None and (distance is not None or points):
        raise KnuckleError("--distance, --points: expected --length with them, got none")
    if length is not None and (card or corners or hand):
        raise KnuckleError("--length: expected it instead of --card, --corners and --hand, got both")
    if out.exists():
        read_camera(out)  # Refuses to overwrite what is no camera.
    if length is None:
        focal, size, views = _by_card(pictures, corners)
    else:
        focal, size = _by_length(pictures, length, distance, points)
        views = []
    camera = focal.camera(*size)
    lengths = _hand_lengths(pictures, views, focal) if hand else []
    more = {"hand_length_m": round(float(median(lengths)), 4)} if lengths else {}
    write_camera(
        out,
        camera,
        focal_sd_px=round(focal.relative_sd * camera.fx, 2),
        off_px=round(focal.off_px, 3),
        pictures=len(focal.used),
        by="card" if length is None else "length",
        **more,
    )
    typer.echo(
        f"focal length {camera.fx:.0f} px +- {focal.relative_sd * camera.fx:.0f} ({100 * focal.relative_sd:.1f} %)"
        f" in pictures of {camera.width}x{camera.height} px, from {len(focal.used)} pictures,"
        f" corners {focal.off_px:.2f} px off"
    )
    if hand:
        typer.echo(_said_of_hand(lengths))
    typer.echo(printable(f"wrote {out}"))


def _said_of_hand(lengths: list[float]) -> str:
    from knuckle.live.flat_hand import RELATIVE_SD

    if not lengths:
        return "no hand was seen flat beside the card"
    length = median(lengths)
    return (
        f"hand length {length:.3f} m +- {RELATIVE_SD * length:.3f}, in {len(lengths)} pictures:"
        f" --hand-length {length:.3f}"
    )


def _hand_lengths(paths: list[Path], views: "list[View]", focal: "Focal") -> list[float]:
    """Of every hand that lies flat in the plane of the card, in the pictures whose card counts."""
    from knuckle.calibration.card import CARD_M
    from knuckle.calibration.pictures import read_pictures
    from knuckle.calibration.plane import plane_of
    from knuckle.inference.estimate import estimate
    from knuckle.live.flat_hand import flat_hand_length

    cards, lengths = {view.name: view for view in views}, []
    for seen in read_pictures(paths):
        if (view := cards.get(seen.name)) is None:
            continue
        height, width = seen.pixels.shape[:2]
        camera = focal.camera(width, height)
        turn, place = plane_of(view, CARD_M, focal.diagonals)
        for one in estimate(seen.pixels, camera=camera):
            length = flat_hand_length(one.joints_px, camera, turn, place)
            if one.state == "observed" and length is not None:
                lengths.append(length)
    return lengths


def _by_card(paths: list[Path], corners: list[str] | None) -> tuple["Focal", tuple[int, int], "list[View]"]:
    import numpy as np

    from knuckle.calibration.card import CARD_M, find_cards, refine_corners
    from knuckle.calibration.pictures import read_pictures
    from knuckle.calibration.plane import (
        View,
        agreeing_views,
        check_one_shape,
        checked_focal,
        focal_from_views,
    )

    given = None if corners is None else _given(corners, "--corners", paths, 4)
    found, sizes = [], []
    for number, seen in enumerate(read_pictures(paths)):
        sizes.append(seen.size)
        if given is None:
            views = find_cards(seen.pixels, name=seen.name)
            if not views:
                typer.echo(f"note: {seen.name}: no card found", err=True)
            found.append(views)
        else:
            height, width = seen.pixels.shape[:2]
            # Of a very large photo, which was read smaller.
            scale = width / seen.size[0]
            px = refine_corners(seen.pixels, (given[number] + 0.5) * scale - 0.5)
            found.append([View(np.asarray(px), width, height, seen.name)])
    check_one_shape(sizes)
    views = agreeing_views(found, CARD_M) if given is None else [one for (one,) in found]
    if len(views) < 2:
        raise KnuckleError(
            f"calibrate: expected a card in at least two pictures, found one that fits in {len(views)} of {len(found)}"
            " (--corners gives its corners)"
        )
    focal = checked_focal(focal_from_views(views, CARD_M))
    used = {views[i].name for i in focal.used}
    for views_of in found:
        if views_of and not used & {view.name for view in views_of}:
            typer.echo(
                f"note: {views_of[0].name}: left out, as what was found does not fit the others", err=True
            )
    return focal, sizes[0], [views[i] for i in focal.used]


def _by_length(
    paths: list[Path], length: float, distance: float | None, points: list[str] | None
) -> tuple["Focal", tuple[int, int]]:
    from knuckle.calibration.length import focal_from_lengths
    from knuckle.calibration.pictures import read_pictures

    if distance is None or not points:
        raise KnuckleError(
            "--length: expected --distance and --points with it (a length alone tells no focal length)"
        )
    ends = _given(points, "--points", paths, 2)
    sizes = [seen.size for seen in read_pictures(paths)]
    return focal_from_lengths(ends, sizes, length_m=length, distance_m=distance), sizes[0]


def _given(texts: list[str], option: str, paths: list[Path], count: int) -> "list[np.ndarray]":
    """Points that were given for each photo."""
    import numpy as np

    from knuckle.calibration.pictures import VIDEOS
    from knuckle.cli.estimate import numbers

    if any(path.suffix.lower() in VIDEOS for path in paths):
        raise KnuckleError(f"{option}: expected photos with it, got a video")
    if len(texts) != len(paths):
        raise KnuckleError(f"{option}: expected one for each of {len(paths)} photos, got {len(texts)}")
    names = ",".join(["U,V"] * count)
    return [np.array(numbers(option, text, names)).reshape(count, 2) for text in texts]
