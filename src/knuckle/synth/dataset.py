"""Reader of a synthetic set on disk."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import INDEX, read_index


class SynthSet:
    """A finished set: `images` (N, S, S, 3) RGB uint8 and `labels`, a dict of (N, ...) arrays, all
    memory-mapped.

    Label names are the fields of `Sample`. Raises KnuckleError for a folder without a set, one that was cut
    short (render it again with resume), and damaged files.
    """

    def __init__(self, path: str | Path) -> None:
        folder = Path(path)
        index = read_index(folder)
        if not index.get("complete"):
            raise KnuckleError(
                f"{folder}: the set was cut short; finish it with `knuckle synth ... --resume`"
            )
        self.path, self.seed, self.options = folder, int(index["seed"]), SynthOptions(**index["options"])
        self.labels: dict[str, np.ndarray] = {}
        for name, spec in index["arrays"].items():
            try:
                array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError) as error:
                raise KnuckleError(f"{folder / name}.npy: cannot be read ({error})") from error
            if list(array.shape) != spec["shape"] or str(array.dtype) != spec["dtype"]:
                raise KnuckleError(
                    f"{folder / name}.npy: does not match {INDEX}: {array.shape} {array.dtype}"
                )
            self.labels[name] = array
        self.images: UInt8[np.ndarray, "n s s 3"] = self.labels.pop("images")

    def __len__(self) -> int:
        return len(self.images)
