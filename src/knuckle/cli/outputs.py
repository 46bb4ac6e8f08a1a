"""Where a photo's results go, without overwriting anything that is not an earlier result of the same photo."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knuckle.cli.ownership import is_earlier_overlay, is_ours, photo_of
from knuckle.errors import KnuckleError
from knuckle.files import printable


@dataclass(frozen=True)
class Outputs:
    """Where a photo's results go: a picture, and for each model a JSON and a .glb."""

    picture: Path
    json: tuple[Path, ...]
    glb: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, stem: str, models: Sequence[str] | None = None) -> "Outputs":
        """The results named after a stem.

        One model: STEM.json, STEM.overlay.png, STEM.glb. models, compared: STEM.MODEL.json and STEM.MODEL.glb for
        each, STEM.compare.png.
        """
        stems = [stem] if models is None else [f"{stem}.{model}" for model in models]
        return cls(
            picture=folder / f"{stem}.{'overlay' if models is None else 'compare'}.png",
            json=tuple(folder / f"{each}.json" for each in stems),
            glb=tuple(folder / f"{each}.glb" for each in stems),
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.json, self.picture, *self.glb)


class Namer:
    """Gives every photo of a call the names of its results."""

    def __init__(self, inputs: Sequence[Path], models: Sequence[str] | None = None) -> None:
        """
        Args:
            inputs: all photos of the call, none of which may be written to.
            models: those compared, or None for one.
        """
        self._taken = {absolute(path) for path in inputs}
        self._models = models

    def outputs(self, photo: Path, folder: Path) -> tuple[Outputs, str | None]:
        """A photo's results in a folder, and a sentence where they have not the usual names.

        PHOTO.jpg's are named PHOTO, or where one of these files is somebody else's, or another photo's, PHOTO.jpg, or
        PHOTO.jpg.knuckle. Raises KnuckleError where none of these names is free.
        """
        kept: Path | None = None
        for stem in (photo.stem, photo.name, f"{photo.name}.knuckle"):
            outputs = Outputs.of(folder, stem, self._models)
            blocked = next((path for path in outputs.paths if not self._is_free(path, photo, outputs)), None)
            if blocked is None:
                self._taken.update(absolute(path) for path in outputs.paths)
                note = f"{photo}: {kept} is not an earlier result of it and is kept; its results are {stem}.*"
                return outputs, note if kept else None
            kept = kept or blocked
        raise KnuckleError(
            f"{photo}: expected a free name for its results, but {kept} and its like are other files; use --out"
        )

    def _is_free(self, path: Path, photo: Path, outputs: Outputs) -> bool:
        """Whether a result may be written: nothing is there, or what is there is one of an earlier run."""
        if absolute(path) in self._taken:
            return False
        if not os.path.lexists(path) or path.is_dir():
            # Of a folder in its place, writing says that it cannot be replaced.
            return True
        if path.suffix == ".json":
            return _is_of(photo, photo_of(path))
        if is_ours(path):
            return True
        return is_earlier_overlay(path)


def absolute(path: Path) -> Path:
    """A path that starts at the root, its links not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves "..", Path.resolve follows links


def relative_to_folder(photo: Path, folder: Path) -> str:
    """Where a photo lies as seen from the folder of its results, with slashes; its whole path on another drive."""
    try:
        return printable(Path(os.path.relpath(photo, folder)).as_posix())
    except ValueError:
        return printable(absolute(photo).as_posix())


def _is_of(photo: Path, named: Path | None) -> bool:
    if named is None:
        return False
    # Files hold names as they are printed, which may not be as the system has them.
    return printable(named) == printable(absolute(photo) if named.is_absolute() else photo.name)
