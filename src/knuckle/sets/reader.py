"""Reader of a set on disk."""

from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from knuckle.errors import KnuckleError
from knuckle.sets.seen import origin_of
from knuckle.sets.storage import INDEX, read_index


class SynthSet:
    """A finished set, rendered (`knuckle synth`) or converted (`knuckle convert`): `images` (N, S, S, 3) RGB uint8 and
    `labels`, a dict of (N, ...) arrays, all memory-mapped.

    Label names are the fields of `Sample`, or of `PairSample` where `hands` is 2. `rig` tells which rig the poses are
    of (`rig_name`: what it is called), `tips` whose fingertips the joints have (`knuckle.rig.tips`), `origin` where the
    hands are from (`knuckle.sets.seen`), `together` how many rows in turn are versions of one photograph, `residual_mm`
    how far a rig that was fitted lies from the dataset's joints, on average. Raises
    KnuckleError for a folder without a set, one that was cut short, and damaged files.
    """

    def __init__(self, path: str | Path) -> None:
        folder = Path(path)
        index = read_index(folder)
        if not index.get("complete"):
            raise KnuckleError(
                f"{folder}: the set was cut short; finish it with the command that began it and --resume"
            )
        self.path, self.rig = folder, str(index.get("rig", ""))
        self.rig_name, self.tips = str(index.get("rig_name", "open")), str(index.get("tips", "open"))
        self.origin, self.residual_mm = origin_of(index), index.get("residual_mm")
        try:
            self.together = max(1, int(index.get("together", 1)))
            self._stand_ins = {int(row): int(shown) for row, shown in index.get("stand_ins", [])}
        except (TypeError, ValueError, OverflowError) as error:
            raise KnuckleError(
                f"{folder / INDEX}: expected whole numbers in together and stand_ins, got others ({error})"
            ) from error
        self.labels: dict[str, np.ndarray] = {}
        for name, spec in index["arrays"].items():
            try:
                array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError) as error:
                raise KnuckleError(f"{folder / name}.npy: cannot be read ({error})") from error
            spec = spec if isinstance(spec, dict) else {}
            if list(array.shape) != spec.get("shape") or str(array.dtype) != spec.get("dtype"):
                raise KnuckleError(
                    f"{folder / name}.npy: does not match {INDEX}: {array.shape} {array.dtype}"
                )
            self.labels[name] = array
        # What every set has; a header that lacks one is of none.
        lacking = [name for name in ("images", "is_hand") if name not in self.labels]
        if lacking:
            raise KnuckleError(f"{folder / INDEX}: expected arrays of a set, missing {', '.join(lacking)}")
        counts = {name: len(array) if array.ndim else 0 for name, array in self.labels.items()}
        if len(set(counts.values())) != 1:
            raise KnuckleError(f"{folder / INDEX}: expected as many rows of every array, got {counts}")
        self.images: UInt8[np.ndarray, "n s s 3"] = self.labels.pop("images")

    @property
    def hands(self) -> int:
        """How many hands a row holds: 1, or 2 (right and left) in sets of `--hands two`."""
        return self.labels["is_hand"].ndim

    def shown(self, rows: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The rows whose own hands these rows show: themselves, but where a hand stands in the place of one that could
        not be read."""
        return np.array([self._stand_ins.get(row, row) for row in rows.tolist()], dtype=rows.dtype)

    def __len__(self) -> int:
        return len(self.images)
