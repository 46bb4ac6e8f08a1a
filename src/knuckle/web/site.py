"""The files of the page by the path that a browser asks for: what the build made, and the networks of the package.

Networks are not copied into the built page: `models/NAME` is the package's own `assets/NAME`. The service worker is the
one file that is made here, because it must know all others and what they hold.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from knuckle.errors import KnuckleError

ASSETS = Path(__file__).parents[1] / "assets"
INSTALLED = Path(__file__).parent / "static"
"""The built page within an installed package (hatch_build.py puts it there)."""
CHECKOUT = Path(__file__).parents[3] / "web"
"""Its sources, where knuckle runs from a checkout."""
SERVICE_WORKER = "service_worker.js"
LIST = "files.json"
"""What the build tells of its files: {"models": [paths below assets], "later": [files not to fetch ahead]}."""
MODELS = "models"
_NEEDED = ("index.html", SERVICE_WORKER, LIST)


def built_page() -> Path:
    """The folder of the built page: the installed one, or that of a checkout.

    Raises KnuckleError where there is none; it names the command that builds it.
    """
    for folder in (INSTALLED, CHECKOUT / "dist"):
        if (folder / "index.html").is_file():
            return folder
    if (CHECKOUT / "package.json").is_file():
        raise KnuckleError(
            f"{CHECKOUT / 'dist'}: expected the built page, got none; build it with: make -C {CHECKOUT.parent} web"
        )
    raise KnuckleError(
        f"{INSTALLED}: expected the built page, got an installation without it; build it in a checkout of knuckle"
        " (make web) and install that"
    )


class Site:
    """The files of the page.

    Args:
        folder: the built page, as `make web` makes it.
        assets: where the networks are.

    Raises KnuckleError naming the file where a part is missing.
    """

    def __init__(self, folder: str | Path, *, assets: str | Path = ASSETS) -> None:
        folder, assets = Path(folder), Path(assets)
        for name in _NEEDED:
            if not (folder / name).is_file():
                raise KnuckleError(f"{folder / name}: expected a file of the built page, got none")
        models, later = _read_list(folder / LIST)
        paths = {path.relative_to(folder).as_posix(): path for path in _files_below(folder)}
        del paths[SERVICE_WORKER]
        for name in models:
            path = assets / name
            if not path.is_file():
                raise KnuckleError(f"{path}: expected the network that the page asks for, got none")
            paths[f"{MODELS}/{name}"] = path
        self.paths: Mapping[str, Path] = dict(sorted(paths.items()))
        """Path below the page's address -> the file; without the service worker."""
        self._worker = (folder / SERVICE_WORKER).read_bytes()
        self._later = later
        self.names = (*self.paths, SERVICE_WORKER)
        """All paths that there are."""

    def read(self, name: str) -> bytes:
        """What the file of that path holds; KeyError for any other path."""
        return self.service_worker() if name == SERVICE_WORKER else self.paths[name].read_bytes()

    def service_worker(self) -> bytes:
        """The service worker, after a line that tells it the files that it keeps and the SHA-256 of each, and those
        that it keeps once a page had use for them.

        When any file changes, this one does; by that, browsers notice a new build.
        """
        hashes = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in self.paths.items()
            if name != LIST and name not in self._later
        }
        version = hashlib.sha256(json.dumps(hashes).encode() + self._worker).hexdigest()
        told = json.dumps({"version": version[:16], "files": hashes, "later": sorted(self._later)})
        return f"self.KNUCKLE = {told};\n".encode() + self._worker


def _files_below(folder: Path) -> Iterator[Path]:
    """Its files, hidden ones left out, and no way out of it by links."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.resolve().is_relative_to(folder.resolve()):
            yield path


def _read_list(path: Path) -> tuple[list[str], set[str]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        models, later = data["models"], data["later"]
        for name in (*models, *later):
            parts = PurePosixPath(name).parts
            if not parts or parts[0] == "/" or ".." in parts or "\\" in name or ":" in name:
                raise ValueError(f"{name!r} is no path below a folder")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(f"{path}: expected the page's list of files (JSON), got {error!r}") from error
    return models, set(later)
