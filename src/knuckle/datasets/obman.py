"""ObMan's training split as a source of training crops (Hasson et al. 2019): rendered hands that hold objects.

    train/rgb/%08d.jpg   256 x 256 px, hand and object; numbers have gaps
    train/meta/%08d.pkl  side, coords_3d (21 x 3, metres), coords_2d (21 x 2, px) and much that is not read here

One camera: focal length 480 px, principal point (128, 128). coords_3d is in an OpenGL camera frame and turned into
ours here; coords_2d is its projection, which is checked. Joints are in the common order: SMPL+H's wrist and finger
joints, which are MANO's, and five vertices as fingertips.

`hand_pose`, `pca_pose` and `hand_trans` describe the grasp in the frame of the grasp planner, before the arm was
placed before the camera, and no shape is stored: pose and shape are fitted to the joints instead, of the open rig or of
a MANO file.

Taken from the published reader and renderer, not seen on the data: that every hand is right (`side` is obeyed all the
same), that the fingertips are MANO's vertices 745, 317, 444, 556 and 673 (they are stored as numbers of SMPL+H), and
that the principal point counts px from centres, as here, not from corners (half a pixel).
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.datasets.check import Download, require
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.rig_labels import RigLabels, fit_labels, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import OPENGL_FROM_CAMERA, Camera
from knuckle.rig.safe_pickle import load_whitelisted_pickle, to_array
from knuckle.skeleton import JOINT_COUNT, SIDES

SIZE = 256
CAMERA = Camera(480.0, 480.0, 128.0, 128.0, SIZE, SIZE)

_SITE = "www.di.ens.fr/willow/research/obman/data"
_SAME_PLACE_PX = 2.0


class ObmanTraining:
    """Hands of the training split in the order of their files; everything is read when asked for.

    rig: what is fitted: None for the open rig, a rig file, or MANO_RIGHT.pkl. complete: whether there must be as many
    pictures as annotations. Raises KnuckleError naming what is missing.
    """

    tips = "manopth"

    def __init__(self, folder: Path, rig: Path | None, *, complete: bool = True) -> None:
        self.folder, self.rig = folder / "train", right_rig(rig, tips="manopth")
        self.names = sorted(path.stem for path in (self.folder / "meta").glob("*.pkl"))
        self.count = len(self.names)
        pictures = ("train/rgb", "*.jpg", self.count if complete else 1)
        require(folder, Download("ObMan train", _SITE, (), (("train/meta", "*.pkl", 1), pictures)))

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers; raises KnuckleError for a damaged or hostile annotation."""
        return [self._hand(self.names[number]) for number in numbers]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig fitted to the joints of these hands, left ones mirrored already."""
        return fit_labels(self.rig, joints_m)

    def _hand(self, name: str) -> LabelledHand:
        path = self.folder / "meta" / f"{name}.pkl"
        meta = load_whitelisted_pickle(path, what="an ObMan annotation")
        missing = [key for key in ("side", "coords_3d", "coords_2d") if _entry(meta, key) is None]
        if missing:
            raise KnuckleError(f"{path}: expected an ObMan annotation, missing {', '.join(missing)}")
        side = meta["side"]
        if side not in SIDES:
            raise KnuckleError(f'{path}: side: expected "left" or "right", got {side!r}')
        joints_m = _points(path, meta, "coords_3d", 3) * OPENGL_FROM_CAMERA
        if (joints_m[:, 2] <= 0).any():
            raise KnuckleError(f"{path}: coords_3d: expected joints before the camera, got some behind it")
        joints_px = CAMERA.project(joints_m)
        apart = float(np.abs(joints_px - _points(path, meta, "coords_2d", 2)).max())
        if apart > _SAME_PLACE_PX:
            raise KnuckleError(
                f"{path}: coords_2d: expected the projection of coords_3d, got {apart:.1f} px from it"
            )
        image = self.folder / "rgb" / f"{name}.jpg"
        return LabelledHand(name, "ObMan", image, side, CAMERA, tight_box(joints_px), joints_px, joints_m)


def _entry(meta: Any, key: str) -> Any:
    return meta.get(key) if isinstance(meta, dict) else None


def _points(path: Path, meta: dict[str, Any], key: str, last: int) -> np.ndarray:
    try:
        points = to_array(meta[key]).astype(float)
    except (TypeError, ValueError, KeyError) as error:
        raise KnuckleError(f"{path}: {key}: expected {JOINT_COUNT} x {last} numbers, got {error}") from error
    if points.shape != (JOINT_COUNT, last) or not np.isfinite(points).all():
        raise KnuckleError(
            f"{path}: {key}: expected {JOINT_COUNT} x {last} finite numbers, got shape {points.shape}"
        )
    return points
