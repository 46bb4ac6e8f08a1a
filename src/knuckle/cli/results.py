"""The files `knuckle estimate` writes for a photo: all of them or none."""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.export.glb import hands_to_glb
from knuckle.export.json import hands_to_json
from knuckle.files import atomic_path
from knuckle.hands import Hands


@dataclass(frozen=True)
class Outputs:
    """Where a photo's results go: a picture, and for each model a JSON and a .glb."""

    picture: Path
    json: tuple[Path, ...]
    glb: tuple[Path, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.json, self.picture, *self.glb)


def outputs_of(photo: Path, folder: Path | None, models: Sequence[str] | None = None) -> Outputs:
    """The names of a photo's results in the folder, or beside the photo.

    One model: PHOTO.json, PHOTO.overlay.png, PHOTO.glb. models, compared: PHOTO.MODEL.json and PHOTO.MODEL.glb
    for each, PHOTO.compare.png.
    """
    folder = photo.parent if folder is None else folder
    stems = [photo.stem] if models is None else [f"{photo.stem}.{model}" for model in models]
    return Outputs(
        picture=folder / f"{photo.stem}.{'overlay' if models is None else 'compare'}.png",
        json=tuple(folder / f"{stem}.json" for stem in stems),
        glb=tuple(folder / f"{stem}.glb" for stem in stems),
    )


def check_folder(folder: Path) -> None:
    """Raise KnuckleError when results cannot be written to a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise KnuckleError(f"{folder}: expected a folder to write to, but {existing} is a file")
    if not os.access(existing, os.W_OK):
        raise KnuckleError(f"{folder}: expected a folder to write to, but writing is not permitted")


def write_results(
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
