"""How exact `knuckle calibrate` is with a bank card.

python -m benchmarks.accuracy.calibration [--sets 12] [--pictures 6]

Drawn cards (round corners, print, a stripe in half of them) are warped onto drawn tables with other things, blurred and
with noise, 1280 x 960 px, by cameras of focal lengths between .5 and 1.4 diagonals; tilted up to 45 degrees about both
axes. Printed for each set of pictures: the true focal length, how far the found one is off, and its standard deviation,
in %; in how many pictures the card is found, and the median distance of its corners from the true ones, px. Then the
same with the first two and three pictures of each set; and how many sets with a card that faces the camera are refused.
"""

import numpy as np
from rich.console import Console

from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.tables import plain_table
from knuckle.calibration.card import CARD_M, find_cards
from knuckle.calibration.plane import Focal, View, agreeing_views, checked_focal, focal_from_views
from knuckle.errors import KnuckleError
from tests.calibration.rendered_card import render

SIZE = 1280, 960


def corner_error(view: View, true: np.ndarray) -> float:
    """The farthest that a corner is off, px."""
    return min(float(np.abs(np.roll(view.corners_px, k, axis=0) - true).max()) for k in range(4))


def focal_of(found: list[list[View]]) -> Focal | None:
    """The focal length, None where it is refused."""
    try:
        return checked_focal(focal_from_views(agreeing_views(found, CARD_M), CARD_M))
    except KnuckleError:
        return None


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sets", type=int, default=12)
    parser.add_argument("--pictures", type=int, default=6)
    options = parse(parser)
    table = plain_table(("set", "focal, px", "off, %", "sd, %", "found", "corners, px"))
    fewer: dict[int, list[float | None]] = {2: [], 3: [], options.pictures: []}
    ratios, refused = [], 0
    for number in range(options.sets):
        rng = np.random.default_rng(number)
        focal = float(np.hypot(*SIZE) * rng.uniform(0.5, 1.4))
        found, off = [], []
        for _ in range(options.pictures):
            tilt = (*rng.uniform(-45, 45, 2), rng.uniform(-180, 180))
            picture, true = render(
                rng, tilt, focal, size=SIZE, distance_m=rng.uniform(0.16, 0.32) * focal / 1300
            )
            found.append(find_cards(picture))
            off.append(min((corner_error(view, true) for view in found[-1]), default=99.0))
        for count, errors in fewer.items():
            said = focal_of(found[:count])
            error = None if said is None else 100 * (said.camera(*SIZE).fx / focal - 1)
            errors.append(error)
            if count == options.pictures and said is not None and error is not None:
                ratios.append(error / (100 * said.relative_sd))
                there = sum(one < 3 for one in off)
                table.add_row(
                    str(number),
                    f"{focal:.0f}",
                    f"{error:+.2f}",
                    f"{100 * said.relative_sd:.2f}",
                    f"{there} of {len(off)}",
                    f"{np.median(off):.2f}",
                )
        facing = [
            find_cards(render(rng, (0, 0, float(rng.uniform(-180, 180))), focal, size=SIZE)[0])
            for _ in range(3)
        ]
        refused += focal_of(facing) is None
    Console(width=120).print(table)
    for count, errors in fewer.items():
        told = np.abs([error for error in errors if error is not None])
        print(
            f"{count} pictures: {len(told)} of {len(errors)} sets give a focal length, off by {told.mean():.2f} % on"
            f" average, at most {told.max():.2f} %"
        )
    print(f"within one standard deviation: {np.mean(np.abs(ratios) < 1):.2f} of the sets")
    print(f"facing the camera: {refused} of {options.sets} sets refused")


if __name__ == "__main__":
    with one_line_errors():
        main()
