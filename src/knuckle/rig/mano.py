"""The user's own MANO_RIGHT.pkl or MANO_LEFT.pkl as a HandRig (Romero, Tzionas, Black 2017). MANO is never
shipped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_POINT
from knuckle.rig.anatomy import axes_from_rest_joints
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.lbs import joints16_and_tips_to_common
from knuckle.rig.safe_pickle import load_whitelisted_pickle, to_array
from knuckle.rig.tips import TipSource, named_tips
from knuckle.skeleton import MANO16_FINGER, MANO16_PARENTS, SIDES, Side

_SAME_SHAPE_SUM = 1.0


def load_mano(
    path: str | Path,
    side: Side,
    *,
    flat_hand_mean: bool = False,
    tips: TipSource | Sequence[int] = "freihand",
    right_path: str | Path | None = None,
) -> HandRig:
    """Read a MANO pickle without executing anything in it; vertices stay in MANO's frame, metres.

    flat_hand_mean: False adds MANO's mean pose to every pose (FreiHAND, InterHand2.6M), True does not
    (HO-3D).
    tips: which vertices are fingertips, by project or as five ids (thumb, index, middle, ring, pinky).
    right_path: for a left hand, the right file to compare with; default MANO_RIGHT.pkl beside it. The
    published left file has the right hand's x in its shape basis; it is mirrored if it equals the right
    file's, and also if there is no right file to compare with. Raises KnuckleError for a file that is
    missing, corrupt, not MANO's or asks for anything but data.
    """
    if side not in SIDES:
        raise KnuckleError(f"side: expected one of {', '.join(SIDES)}, got {side!r}")
    data = _MANOFile(path)
    vertices = data.array("v_template", (None, 3))
    count = len(vertices)
    shape_basis = data.array("shapedirs", (count, 3, None))[..., :10]
    if shape_basis.shape[2] < 10:
        raise KnuckleError(f"{path}: shapedirs: expected at least 10 components, got {shape_basis.shape[2]}")
    if side == "left" and _has_right_shape_basis(Path(path), shape_basis, right_path):
        shape_basis = shape_basis * MIRROR_POINT[:, None]
    faces = data.array("f", (None, 3)).astype(np.int64)
    parents = data.array("kintree_table", (2, 16))[0].astype(np.int64)
    if tuple(parents[1:].tolist()) != MANO16_PARENTS[1:]:
        raise KnuckleError(f"{path}: expected MANO's tree of 16 joints, got parents {parents.tolist()}")
    if faces.min() < 0 or faces.max() >= count:
        raise KnuckleError(
            f"{path}: faces: expected vertex ids below {count}, got {faces.min()} to {faces.max()}"
        )
    weights = data.array("weights", (count, 16))
    mean = np.zeros((16, 3))
    if not flat_hand_mean:
        mean[1:] = data.array("hands_mean", (45,)).reshape(15, 3)
    regressor = data.array("J_regressor", (16, count))
    convention, tip_vertices = named_tips(tips, count)
    rest = joints16_and_tips_to_common(regressor @ vertices, vertices[tip_vertices])
    axes, rest_angles = axes_from_rest_joints(rest, side=side)
    part = weights.argmax(1)
    return HandRig(
        name="mano",
        side=side,
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        skin_weights=weights.astype(np.float32),
        shape_basis=shape_basis.astype(np.float32),
        pose_basis=data.array("posedirs", (count, 3, 135)).astype(np.float32),
        pose_map=np.eye(135, dtype=np.float32),
        joint_regressor=regressor.astype(np.float32),
        tip_vertices=tip_vertices,
        tips=convention,
        parents=np.array(MANO16_PARENTS),
        axes=axes,
        rest_angles=rest_angles,
        pose_mean=mean.astype(np.float32),
        part_label=part.astype(np.uint8),
        finger_label=np.array(MANO16_FINGER, np.uint8)[part],
        licence="MANO licence (non-commercial research), the user's own copy",
        source=Path(path).name,
    )


def load_components(path: str | Path) -> Float[np.ndarray, "45 45"]:
    """A MANO file's principal components of hand poses, a component a row: coefficients @ them are the axis-angle
    vectors of joints 1 to 15, less the mean pose. Raises KnuckleError as `load_mano` does."""
    return _MANOFile(path).array("hands_components", (45, 45))


class _MANOFile:
    """The dictionary in a MANO pickle, read entry by entry with its shape checked."""

    def __init__(self, path: str | Path) -> None:
        data = load_whitelisted_pickle(path)
        if not isinstance(data, dict) or "v_template" not in data:
            kind = "a dictionary without v_template" if isinstance(data, dict) else type(data).__name__
            raise KnuckleError(
                f"{path}: expected a MANO file (a dictionary with v_template, ...), got {kind}"
            )
        self.path, self.data = path, cast("dict[Any, Any]", data)

    def array(self, key: str, shape: tuple[int | None, ...]) -> Float[np.ndarray, "..."]:
        wanted = " x ".join("n" if size is None else str(size) for size in shape)
        if key not in self.data:
            raise KnuckleError(f"{self.path}: expected {key} ({wanted}) as in a MANO file, found none")
        try:
            array = to_array(self.data[key]).astype(np.float64)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise KnuckleError(f"{self.path}: {key}: expected an array ({wanted}), got {error}") from error
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or not array.size:
            raise KnuckleError(f"{self.path}: {key}: expected {wanted}, got {array.shape}")
        if not np.isfinite(array).all():
            raise KnuckleError(f"{self.path}: {key}: expected finite numbers, got NaN or infinity")
        return array


def _has_right_shape_basis(path: Path, left_basis: np.ndarray, right_path: str | Path | None) -> bool:
    right = Path(right_path) if right_path is not None else path.with_name("MANO_RIGHT.pkl")
    if right_path is None and not right.is_file():
        return True
    right_basis = _MANOFile(right).array("shapedirs", (len(left_basis), 3, None))[..., :10]
    return bool(np.abs(left_basis[:, 0] - right_basis[:, 0]).sum() < _SAME_SHAPE_SUM)
