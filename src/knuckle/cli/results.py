"""The files `knuckle estimate` writes for a photo: all of them or none."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.export.glb import hands_to_glb
from knuckle.export.json import hands_to_json
from knuckle.files import atomic_path
from knuckle.hands import Hands
from knuckle.view.overlay import draw_hands


class Outputs(NamedTuple):
    """Where a photo's results go."""

    json: Path
    overlay: Path
    glb: Path


def outputs_of(photo: Path, folder: Path | None) -> Outputs:
    """PHOTO.json, PHOTO.overlay.png and PHOTO.glb in the folder, or beside the photo."""
    folder = photo.parent if folder is None else folder
    return Outputs(*(folder / f"{photo.stem}{suffix}" for suffix in (".json", ".overlay.png", ".glb")))


def check_folder(folder: Path) -> None:
    """Raise KnuckleError when results cannot be written to a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise KnuckleError(f"{folder}: expected a folder to write to, but {existing} is a file")
    if not os.access(existing, os.W_OK):
        raise KnuckleError(f"{folder}: expected a folder to write to, but writing is not permitted")


def write_results(
    photo: Path, image: UInt8[np.ndarray, "H W 3"], hands: Hands, outputs: Outputs
) -> list[Path]:
    """Write a photo's results and return their paths; missing folders are made.

    Without hands the overlay is the photo itself and there is no .glb (one of an earlier run is removed, as
    it would be overwritten otherwise). Raises KnuckleError naming the file that cannot be written; then none
    is.
    """
    # All is made before anything is written.
    text = json.dumps(hands_to_json(hands, image=photo.name), allow_nan=False, ensure_ascii=False)
    picture = draw_hands(image, hands) if len(hands) else image
    contents = {
        outputs.json: text.encode() + b"\n",
        outputs.overlay: cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes(),
    }
    if len(hands):
        contents[outputs.glb] = hands_to_glb(hands)
    with ExitStack() as stack:
        temporary = {path: stack.enter_context(atomic_path(path)) for path in contents}
        for path, content in contents.items():
            temporary[path].write_bytes(content)
    if not len(hands):
        outputs.glb.unlink(missing_ok=True)
    return list(contents)
