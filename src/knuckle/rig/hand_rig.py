"""The hand rig: one linear-blend-skinned class for the open rig and the user's own MANO."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE, MIRROR_POINT, MIRROR_TURN
from knuckle.rig.lbs import LbsArrays, articulate, joints16_and_tips_to_common
from knuckle.rig.rotations import rodrigues
from knuckle.rig.tips import OPEN, OPEN_TIPS
from knuckle.skeleton import SIDES, Side


class PosedHand(NamedTuple):
    """A rig in a pose; metres, in the rig's frame or, with a translation, the frame that one is given in."""

    vertices: Float[np.ndarray, "*batch v 3"]
    joints: Float[np.ndarray, "*batch 21 3"]
    """Common order."""
    transforms: Float[np.ndarray, "*batch 16 4 4"]
    """frame_from_joint in MANO16 order: the rotation from rest axes and, as the last column, the posed
    joint."""


@dataclass(frozen=True, eq=False)
class HandRig:
    """A skinned hand with MANO's 16 joints and 10 shape coefficients, of one side. Lengths in metres, angles
    in radians.

    Pose: (16, 3) axis-angle in MANO16 order, each rotation relative to its parent, in the axes of the rest
    frame. `axes` rows are the axes of twist, splay and bend of every joint: turning about bend by a positive
    angle is flexion, for either side. `rest_angles` are the anatomical angles of the rest pose (0 = straight,
    fingers parallel).
    """

    name: str
    side: Side
    vertices: Float[np.ndarray, "v 3"]
    faces: Integer[np.ndarray, "f 3"]
    skin_weights: Float[np.ndarray, "v 16"]
    shape_basis: Float[np.ndarray, "v 3 10"]
    pose_basis: Float[np.ndarray, "v 3 p"]
    pose_map: Float[np.ndarray, "p 135"]
    joint_regressor: Float[np.ndarray, "16 v"]
    tip_vertices: Integer[np.ndarray, "5"]
    """Thumb, index, middle, ring, pinky."""
    parents: Integer[np.ndarray, "16"]
    axes: Float[np.ndarray, "16 3 3"]
    rest_angles: Float[np.ndarray, "16 3"]
    pose_mean: Float[np.ndarray, "16 3"] = field(default_factory=lambda: np.zeros((16, 3), np.float32))
    """Added to every pose before use (MANO without flat_hand_mean); rotation matrices are taken as they
    are."""
    tips: str = OPEN
    """Whose choice `tip_vertices` are: a name of `knuckle.rig.tips`."""
    part_label: Integer[np.ndarray, "v"] | None = None
    finger_label: Integer[np.ndarray, "v"] | None = None
    uv_corner: Float[np.ndarray, "f 3 2"] | None = None
    nail: Integer[np.ndarray, "v"] | None = None
    palm_side: Integer[np.ndarray, "v"] | None = None
    wrist_loop: Integer[np.ndarray, "l"] | None = None
    cap_vertex: int | None = None
    licence: str = ""
    source: str = ""

    def posed(
        self,
        pose: Float[np.ndarray, "*batch 16 3"],
        shape: Float[np.ndarray, "*batch 10"] | None = None,
        translation: Float[np.ndarray, "*batch 3"] | None = None,
    ) -> PosedHand:
        """Skin the hand in a pose (axis-angle); batch dimensions broadcast, float64 input computes in
        float64.

        The hand turns about its wrist joint's rest place; `translation` (metres) is added to everything.
        Raises KnuckleError for arrays of the wrong shape.
        """
        pose = _checked("pose", pose, (16, 3), "axis-angle radians")
        return self.posed_by_matrices(rodrigues(pose + self.pose_mean.astype(pose.dtype)), shape, translation)

    def posed_by_matrices(
        self,
        rotations: Float[np.ndarray, "*batch 16 3 3"],
        shape: Float[np.ndarray, "*batch 10"] | None = None,
        translation: Float[np.ndarray, "*batch 3"] | None = None,
    ) -> PosedHand:
        """`posed` with rotation matrices instead of axis-angle vectors (`pose_mean` is not applied)."""
        rotations, shape, lead = self._batched(rotations, shape)
        vertices, joints16, world = articulate(self.arrays(rotations.dtype), rotations, shape)
        joints = joints16_and_tips_to_common(joints16, vertices[..., self.tip_vertices, :])
        transforms = np.zeros((*lead, 16, 4, 4), rotations.dtype)
        transforms[..., :3, :3] = world
        transforms[..., :3, 3] = joints16
        transforms[..., 3, 3] = 1
        if translation is not None:
            move = _checked("translation", translation, (3,), "metres").astype(rotations.dtype)[..., None, :]
            vertices, joints = vertices + move, joints + move
            transforms = np.broadcast_to(transforms, (*joints.shape[:-2], 16, 4, 4)).copy()
            transforms[..., :3, 3] += move
        return PosedHand(np.ascontiguousarray(vertices), joints, transforms)

    def posed_joints(
        self,
        rotations: Float[np.ndarray, "*batch 16 3 3"],
        shape: Float[np.ndarray, "*batch 10"] | None = None,
    ) -> tuple[Float[np.ndarray, "*batch 21 3"], Float[np.ndarray, "*batch 16 3 3"]]:
        """Only the 21 joints (metres, common order) and the world rotations: five vertices are skinned, not
        all."""
        rotations, shape, _ = self._batched(rotations, shape)
        tips, joints16, world = articulate(self.arrays(rotations.dtype, tips_only=True), rotations, shape)
        return joints16_and_tips_to_common(joints16, tips), world

    def mirrored(self) -> "HandRig":
        """The same hand of the other side: x -> -x, faces rewound; the mirrored pose is pose * `MIRROR_AXIS_ANGLE`.
        Axes are axes of rotation, so they mirror so too: anatomical angles mean the same on both
        sides.
        """
        flip, turn = MIRROR_POINT.astype(np.float32), MIRROR_AXIS_ANGLE.astype(np.float32)
        sign = np.tile(MIRROR_TURN.astype(np.float32).reshape(-1), 15)
        return replace(
            self,
            side=SIDES[1 - SIDES.index(self.side)],
            vertices=self.vertices * flip,
            faces=np.ascontiguousarray(self.faces[:, ::-1]),
            shape_basis=self.shape_basis * flip[:, None],
            pose_basis=self.pose_basis * flip[:, None],
            pose_map=self.pose_map * sign,
            axes=self.axes * turn,
            pose_mean=self.pose_mean * turn,
            uv_corner=None if self.uv_corner is None else np.ascontiguousarray(self.uv_corner[:, ::-1]),
        )

    def arrays(self, dtype: Any = np.float32, *, tips_only: bool = False) -> LbsArrays:
        """The arrays `lbs.articulate` works on, for all vertices or the five tips, in float32 or float64."""
        double = np.dtype(dtype) == np.float64
        if (double, tips_only) not in self._packed:
            chosen = self.tip_vertices if tips_only else np.arange(len(self.vertices))
            self._packed[double, tips_only] = LbsArrays.packed(
                template=self.vertices[chosen],
                shape_basis=self.shape_basis[chosen],
                pose_basis=self.pose_basis[chosen],
                pose_map=self.pose_map,
                skin_weights=self.skin_weights[chosen],
                joint_template=self.joint_regressor.astype(np.float64) @ self.vertices,
                joint_basis=np.einsum(
                    "jv,vck->jck", self.joint_regressor, self.shape_basis, dtype=np.float64
                ),
                dtype=np.float64 if double else np.float32,
            )
        return self._packed[double, tips_only]

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that tell one version of a rig from another, its fingertips and mean pose included: sets
        keep it, so that a set made with another rig is found out."""
        arrays = [
            self.vertices,
            self.skin_weights,
            self.shape_basis,
            self.joint_regressor,
            self.pose_basis,
            self.pose_map,
        ]
        # The open rig keeps the fingerprint that it had before its tips counted.
        if self.tips != OPEN or tuple(self.tip_vertices) != OPEN_TIPS or self.pose_mean.any():
            arrays += [
                self.tip_vertices.astype(np.int64),
                self.pose_mean,
                np.frombuffer(self.tips.encode(), np.uint8),
            ]
        return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]

    @cached_property
    def joints_rest_m(self) -> Float[np.ndarray, "21 3"]:
        """Joints of the mean shape in the rest pose, common order."""
        return joints16_and_tips_to_common(
            self.joint_regressor @ self.vertices, self.vertices[self.tip_vertices]
        )

    @cached_property
    def _packed(self) -> dict[tuple[bool, bool], LbsArrays]:
        return {}

    def _batched(
        self, rotations: Any, shape: Any
    ) -> tuple[Float[np.ndarray, "*batch 16 3 3"], Float[np.ndarray, "*batch 10"], tuple[int, ...]]:
        rotations = _checked("rotations", rotations, (16, 3, 3), "matrices")
        shape = (
            np.zeros(10, rotations.dtype)
            if shape is None
            else _checked("shape", shape, (10,), "coefficients")
        )
        shape = shape.astype(rotations.dtype, copy=False)
        lead = np.broadcast_shapes(rotations.shape[:-3], shape.shape[:-1])
        return np.broadcast_to(rotations, (*lead, 16, 3, 3)), np.broadcast_to(shape, (*lead, 10)), lead


def _checked(name: str, value: Any, tail: tuple[int, ...], meaning: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        array = array.astype(np.float64)
    if array.shape[-len(tail) :] != tail:
        wanted = ", ".join(("...", *map(str, tail)))
        raise KnuckleError(f"{name}: expected ({wanted}) {meaning}, got {array.shape}")
    return array
