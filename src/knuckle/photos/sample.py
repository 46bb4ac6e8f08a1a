"""The sample photo in the package: a rendered one, of which boxes, sides, camera and joints are known."""

import json
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError

SAMPLE_PHOTO = Path(__file__).parents[1] / "assets" / "two_hands.jpg"


def read_sample_labels() -> dict[str, Any]:
    """What is known of the sample photo's hands: boxes (x, y, w, h px), sides, camera (fx, fy, cx, cy px), joints_px
    (21 each). Raises KnuckleError for a file that is missing or lacks boxes, sides or camera."""
    path = SAMPLE_PHOTO.with_suffix(".json")
    try:
        known = json.loads(path.read_text())
        missing = [key for key in ("boxes", "sides", "camera") if key not in known]
        if missing:
            raise ValueError(f"no {', '.join(missing)}")
    except (OSError, ValueError, TypeError) as error:
        raise KnuckleError(
            f"{path}: expected the sample photo's boxes, sides and camera, got {error!r}"
        ) from error
    return known
