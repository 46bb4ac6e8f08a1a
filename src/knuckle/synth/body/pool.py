"""Poses, views and shapes of a set, in chunks that are drawn when first needed; poses are shared on disk."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.poses.hard_poses import HARD_SHARES, SIGN_SHARES
from knuckle.poses.prior import sample_orientations, sample_poses, sample_shapes
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle

CHUNK_POSES = 512
CHUNKS = 64
ADDED_KINDS = {"poses": (0.5, HARD_SHARES, 0xE2B0), "signs": (0.35, SIGN_SHARES, 0xE2B1)}
"""Of the extras that change poses: the share that each draws anew, from which kinds, and its generator's seed."""


class PosePool:
    """CHUNKS x CHUNK_POSES poses of one seed. `folder`: where chunks are kept and shared. extras: as of
    SynthOptions."""

    def __init__(
        self, rig: HandRig, seed: int, folder: Path | None = None, *, extras: tuple[str, ...] = ()
    ) -> None:
        self.rig, self.seed, self.folder, self.extras = rig, seed, folder, extras
        self._chunk = lru_cache(maxsize=None)(self._load)
        self._views = lru_cache(maxsize=4)(self._draw_views)

    def pose(self, index: int) -> Float[np.ndarray, "16 3"]:
        """The pose of sample `index`, global rotation zero; repeats after CHUNKS * CHUNK_POSES samples."""
        return self._chunk(index // CHUNK_POSES % CHUNKS)[index % CHUNK_POSES]

    def view(self, index: int) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "10"]]:
        """Global rotation (axis-angle, camera frame) and shape of sample `index`; they never repeat."""
        turns, shapes = self._views(index // CHUNK_POSES)
        return turns[index % CHUNK_POSES], shapes[index % CHUNK_POSES]

    def _draw_views(self, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, chunk, 0xB1])
        turns = matrix_to_axis_angle(sample_orientations(CHUNK_POSES, rng).astype(np.float64))
        return turns, sample_shapes(CHUNK_POSES, rng).astype(np.float64)

    def _load(self, chunk: int) -> np.ndarray:
        added = [extra for extra in ADDED_KINDS if extra in self.extras]
        name = "-".join(["poses", *added])
        path = None if self.folder is None else self.folder / f"{name}-{chunk:02d}.npy"
        if path is not None and path.is_file():
            return np.load(path)
        rng = np.random.default_rng([self.seed, chunk, 0xB0])
        poses = sample_poses(self.rig, CHUNK_POSES, rng).astype(np.float64)
        for extra in added:
            self._replace(poses, chunk, extra)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npy")
            np.save(temporary, poses)
            temporary.replace(path)
        return poses

    def _replace(self, poses: Float[np.ndarray, "n 16 3"], chunk: int, extra: str) -> None:
        """Draw an extra's share of the poses anew, in place; the others stay as they are."""
        share, kinds, seed = ADDED_KINDS[extra]
        rng = np.random.default_rng([self.seed, chunk, seed])
        chosen = rng.permutation(CHUNK_POSES)[: round(share * CHUNK_POSES)]
        poses[chosen] = sample_poses(self.rig, len(chosen), rng, kinds=kinds)
