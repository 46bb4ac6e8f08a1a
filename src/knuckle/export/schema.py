"""What files say of a hand: the one place with the numbers' names, shapes and decimals, for JSON, arrays and tables.

Photos (`knuckle.export.json`), tracks (`knuckle.tracks`) and archives (`knuckle.archives`) all have these, and each
only arranges them in its own way.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class HandField:
    """Numbers of one hand."""

    shape: tuple[int, ...]
    """Of the array; () is one number."""
    decimals: int
    """As files have it: px to 0.001, metres to 0.000001, rotations to 0.000001 rad."""

    @property
    def size(self) -> int:
        """How many numbers it is."""
        size = 1
        for length in self.shape:
            size *= length
        return size


HAND_FIELDS: dict[str, HandField] = {
    "confidence": HandField((), 4),
    "side_confidence": HandField((), 4),
    "box_px": HandField((4,), 3),
    "joints_px": HandField((21, 2), 3),
    "joints_m": HandField((21, 3), 6),
    "pose_rad": HandField((16, 3), 6),
    "shape": HandField((10,), 5),
    "joint_error_px": HandField((21,), 3),
    "joint_error_m": HandField((21,), 6),
    "root_covariance_m2": HandField((3, 3), 9),
}
"""In the order of a table's columns; units and frames are those of `knuckle.hands.Hands`."""

VERTICES_DECIMALS = 6
"""Of `vertices_m`, metres, where a file has meshes: how many there are is the rig's business."""

CAMERA_FIELDS = ("fx", "fy", "cx", "cy", "assumed", "picture_mirrored", "source")
"""What files say of a camera beside its picture's width and height."""
