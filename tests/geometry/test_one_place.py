"""Projection, the crop's affine map and the mirror's signs are written in `geometry/` and nowhere else.

Numba's kernels are compiled from their own text. `MAY_STAY` names them, and what only looks like a copy.
"""

import re
from pathlib import Path

import pytest

import knuckle

PACKAGE = Path(knuckle.__file__).parent

FORMS = {
    "a projection (knuckle.geometry.projection.project)": (
        # x[..., :2] / x[..., 2:] * f + c, over a slice or a named depth
        r":2\]\s*/\s*[\w.]+(?:\[[^\]]*2(?::|, None)[^\]]*\])?\s*\*",
        r"\*\s*(?:\w+\.)?fx\b[^\n]*[+]\s*(?:\w+\.)?cx\b",
    ),
    "a ray or a lifted point (px_to_rays, lift)": (
        # (uv - c) / f
        r"-\s*\w+\[[^\]]*\b2:[^\]]*\]\)\s*/",
        r"-\s*(?:principal|\[?\w+\.cx)\b[^\n]*\)\s*/",
    ),
    "depth from a weak-perspective scale (weak_to_depth)": (r"\b2 \* \w+\[[^\]]*0\]\s*/",),
    "the signs of a mirror or of OpenGL's axes (knuckle.geometry.mirror, OPENGL_FROM_CAMERA)": (
        r"[\[(]\s*-1(?:\.0?)?,\s*1(?:\.0?)?,\s*1(?:\.0?)?\s*[\])]",
        r"[\[(]\s*1(?:\.0?)?,\s*-1(?:\.0?)?,\s*-1(?:\.0?)?\s*[\])]",
        r"\*\s*(?:np\.array\()?[\[(]\s*-1(?:\.0?)?,\s*1(?:\.0?)?\s*[\])]",
    ),
    "a mirrored pixel column or box (mirror_column, mirror_box)": (
        r"width\s*-\s*1\s*-\s*\w",
        r"-\s*\w+\s*\+\s*width\s*-\s*1",
    ),
    "the middle of a patch (middle_px, unit_to_patch)": (
        r"\((?:\w+\.)?(?:\w*size|side|\w+_PX|samples|width|height)\s*-\s*1\)\s*/\s*2\b",
    ),
    "a crop's scale (frame_to_patch, patch_to_frame, Crop)": (
        r"\bsize\s*/\s*\w*(?:crop|window)\w*\[",
        r"\w*(?:crop|window)\w*\[[^\]]*2[^\]]*\]\s*/\s*\w*size\b",
    ),
    "an inverted affine map (invert_affine)": (r"linalg\.inv\(",),
    "a turn in the picture (turn_of_px, turn_about_z)": (
        r"[\[(]\s*cos\b[^,\n]*,\s*-?\s*sin\b",
        r"[\[(]\s*-sin\b[^,\n]*,\s*cos\b",
    ),
}
"""What a copy looks like, by what it is a copy of."""

MAY_STAY = {
    "synth/look/mesh_kernels.py": "the renderer's compiled loop over vertices: projection and crop",
    "robots/wrist.py": "a covariance, the inverse of the information that joints give",
    "inference/detection/evidence.py": "the columns of a part of the picture, cut before it is mirrored",
}
"""Files of the package in which a form may stand, and what it is there."""

OLD_FORMS = (
    "return points_m[..., :2] / points_m[..., 2:] * [self.fx, self.fy] + [self.cx, self.cy]",
    "in_frame = points[:, :2] / depth * camera[:2] + camera[2:]",
    "joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:]",
    "return hand_roll(view.joints_m[:, :2] / view.joints_m[:, 2:] * view.camera[:2])",
    "u = x / z * camera.fx + camera.cx",
    "ray = (uv_px - camera[:, None, 2:]) / camera[:, None, :2]",
    "(joints_px - lens[..., 2:]) / lens[..., :2] * depth",
    "direction = (points_px - principal) / focal",
    "root_depth_m=2 * camera[:, 0] / (crop[:, 2] * scale)",
    "joints_m=view.joints_m[::-1] * [-1.0, 1.0, 1.0],",
    "pose=view.pose[::-1] * [1.0, -1.0, -1.0],",
    "flip = np.array([-1, 1, 1], np.float32)",
    "OPENGL_FLIP = np.array([1.0, -1.0, -1.0])",
    "return points_px * [-1.0, 1.0] + [width - 1.0, 0.0]",
    "joints[::-1] * [-1, 1] + [patches.shape[2] - 1, 0],",
    "camera[2], crop[0] = frame_width - 1 - camera[2], frame_width - 1 - crop[0]",
    "box = np.array([width - 1 - box[0] - box[2], *box[1:]])",
    "offset = joints_patch - (size - 1) / 2",
    "plane = joints[..., :2] * (CROP_PX / 2) + (CROP_PX - 1) / 2",
    "scale = size / crop[2]",
    "offset * (window[..., 2:] / size)",
    "linear = np.linalg.inv(matrix[..., :2])",
    "turn = np.array([[cos, -sin], [sin, cos]]) * np.outer(view.camera[:2], 1 / view.camera[:2])",
    "upright_from_frame = np.array([[cos, sin], [-sin, cos]])",
    "rows = [(cos, -sin, zero), (sin, cos, zero), (zero, zero, one)]",
)


def copies(source: str) -> list[str]:
    """What lines of a source are copies of, with the lines."""
    return [
        f"{line.strip()!r} looks like {what}"
        for line in source.splitlines()
        for what, patterns in FORMS.items()
        if any(re.search(pattern, line) for pattern in patterns)
    ]


def test_geometry_is_written_in_one_place():
    found = [
        f"{name}: {copy}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if (name := path.relative_to(PACKAGE).as_posix()) not in MAY_STAY and not name.startswith("geometry/")
        for copy in copies(path.read_text())
    ]
    assert not found, "\n".join(["use what stands in geometry/:", *found])


@pytest.mark.parametrize("line", OLD_FORMS)
def test_an_old_form_is_found(line):
    assert copies(line)
