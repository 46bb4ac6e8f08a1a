"""Golden data of the page's rig: posed hands of both sides. python -m tools.web_golden.rig"""

from pathlib import Path

import numpy as np

from knuckle.rig.limits import pose_to_angles
from knuckle.rig.load import load_rig
from knuckle.skeleton import SIDES
from tools.web_golden.hands import GOLDEN, plain, random_hands, write_golden

HANDS, WHOLE = 20, 4
"""A side: hands whose joints are written, and of how many of them the whole surface too."""


def main(folder: Path = GOLDEN) -> Path:
    """Writes rig.json: of each hand side, pose, shape and translation, joints, anatomical angles and surface."""
    hands = []
    for side in SIDES:
        rig = load_rig(side=side)
        pose, shape, translation = random_hands(rig, HANDS, seed=len(side))
        # The rest pose, and the mean shape.
        pose[0, 1:], shape[1] = 0.0, 0.0
        posed = rig.posed(pose, shape, translation)
        angles = pose_to_angles(rig, pose)
        for n in range(HANDS):
            hands.append(
                {
                    "side": side,
                    "pose_rad": plain(pose[n].ravel(), 12),
                    "shape": plain(shape[n], 12),
                    "translation_m": plain(translation[n], 12),
                    "joints_m": plain(posed.joints[n].ravel()),
                    "angles_rad": plain(angles[n].ravel()),
                    "vertices_m": plain(posed.vertices[n].ravel(), 7) if n < WHOLE else None,
                }
            )
    faces = {side: np.asarray(load_rig(side=side).faces).ravel().tolist() for side in SIDES}
    return write_golden("rig.json", {"hands": hands, "faces": faces}, folder)


if __name__ == "__main__":
    print(main())
