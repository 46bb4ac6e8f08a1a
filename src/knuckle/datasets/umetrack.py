"""UmeTrack's hand (Han et al., SIGGRAPH Asia 2022): the other form in which HOT3D has its hands.

A profile describes a person's left hand at rest: 20 hinges, four a finger, each an axis and a point on it (mm), the
first two of a finger moving one bone; 21 landmarks and a mesh of its own, skinned to 17 bones: root, wrist, and three a
finger. A right hand is the mirror image. Landmarks are the five tips, the wrist, two joints of the thumb, three of each
other finger, and the palm's middle: all of the common order but the thumb's CMC. The facts are those of
facebookresearch/hand_tracking_toolkit (hand_models/umetrack_*.py) and hot3d (data_loaders/hand_common.py).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.datasets.label_numbers import entry_numbers
from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_POINT
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import Side

UNLABELLED = 1
"""The joint of the common order that UmeTrack has not: the thumb's CMC."""
FROM_LANDMARKS = (5, 6, 6, 7, 0, 8, 9, 10, 1, 11, 12, 13, 2, 14, 15, 16, 3, 17, 18, 19, 4)
"""The landmark of each joint of the common order; the CMC's is another one's."""
_HINGES, _BONES, _LANDMARKS = 20, 17, 21
_MM = 1e-3


@dataclass(frozen=True, eq=False)
class Profile:
    """A person's hand at rest; metres, the wrist's frame of a left hand."""

    axes: Float[np.ndarray, "20 3"]
    places_m: Float[np.ndarray, "20 3"]
    landmarks_m: Float[np.ndarray, "l 3"]
    landmark_weights: Float[np.ndarray, "l 17"]
    vertices_m: Float[np.ndarray, "v 3"] | None
    vertex_weights: Float[np.ndarray, "v 17"] | None

    @classmethod
    def from_json(cls, data: Any, where: str) -> "Profile":
        """From a serialised profile; raises KnuckleError naming what is missing or of another shape."""
        axes = entry_numbers(data, "joint_rotation_axes", (None, 3), where)
        places = entry_numbers(data, "joint_rest_positions", (None, 3), where)
        landmarks = entry_numbers(data, "landmark_rest_positions", (None, 3), where)
        weights = entry_numbers(data, "landmark_rest_bone_weights", (len(landmarks), None), where)
        bones = entry_numbers(data, "landmark_rest_bone_indices", weights.shape, where).astype(int)
        if min(len(axes), len(places)) < _HINGES or len(landmarks) < _LANDMARKS - 1:
            raise KnuckleError(
                f"{where}: expected {_HINGES} hinges and {_LANDMARKS} landmarks, got {len(axes)}, {len(landmarks)}"
            )
        if bones.min() < 0 or bones.max() >= _BONES:
            raise KnuckleError(f"{where}: landmark_rest_bone_indices: expected 0 to {_BONES - 1}, got others")
        spread = np.zeros((len(landmarks), _BONES))
        # A bone may be named again with no weight, to fill the row.
        np.add.at(spread, (np.arange(len(landmarks))[:, None], bones), weights)
        vertices = skin = None
        if isinstance(data, dict) and data.get("mesh_vertices") is not None:
            vertices = entry_numbers(data, "mesh_vertices", (None, 3), where) * _MM
            skin = entry_numbers(data, "dense_bone_weights", (len(vertices), _BONES), where)
        return cls(axes[:_HINGES], places[:_HINGES] * _MM, landmarks * _MM, spread, vertices, skin)

    def joints_m(
        self, angles_rad: Float[np.ndarray, "20"], world_from_wrist: Float[np.ndarray, "4 4"], side: Side
    ) -> Float[np.ndarray, "21 3"]:
        """Joints in the world, common order; the thumb's CMC, which UmeTrack has not, is NaN."""
        landmarks = self._posed(self.landmarks_m, self.landmark_weights, angles_rad, world_from_wrist, side)
        joints = landmarks[list(FROM_LANDMARKS)]
        joints[UNLABELLED] = np.nan
        return joints

    def mesh_m(
        self, angles_rad: Float[np.ndarray, "20"], world_from_wrist: Float[np.ndarray, "4 4"], side: Side
    ) -> Float[np.ndarray, "v 3"] | None:
        """The mesh's vertices in the world; None where the profile has no mesh."""
        if self.vertices_m is None or self.vertex_weights is None:
            return None
        return self._posed(self.vertices_m, self.vertex_weights, angles_rad, world_from_wrist, side)

    def _posed(self, points, weights, angles_rad, world_from_wrist, side: Side) -> np.ndarray:
        bones = self.bones(angles_rad)
        moves = np.einsum("pb,bij->pij", weights, bones[:, :3])
        in_wrist = (moves[:, :, :3] @ points[:, :, None])[..., 0] + moves[:, :, 3]
        if side == "right":
            in_wrist = in_wrist * MIRROR_POINT
        return in_wrist @ world_from_wrist[:3, :3].T + world_from_wrist[:3, 3]

    def bones(self, angles_rad: Float[np.ndarray, "20"]) -> Float[np.ndarray, "17 4 4"]:
        """How each bone moves from rest, in the wrist's frame of a left hand."""
        turns = np.tile(np.eye(4), (_HINGES, 1, 1))
        rotations = rodrigues(self.axes * angles_rad[:, None])
        turns[:, :3, :3] = rotations
        turns[:, :3, 3] = self.places_m - np.einsum("nij,nj->ni", rotations, self.places_m)
        found = [np.eye(4), np.eye(4)]
        for finger in range(5):
            moved = np.eye(4)
            for hinge in range(4):
                moved = moved @ turns[4 * finger + hinge]
                if hinge:
                    found.append(moved)
        return np.stack(found)
