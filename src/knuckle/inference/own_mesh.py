"""A one-hand network's own mesh, as its paper has it, instead of that of the fitted rig.

HandAR is about a mesh of free vertices that lies on the picture; the rig's fit replaces it. Here it is kept, and the
joints that go with it are those of that mesh: of HandAR R M, the fixed weighted sums of the final mesh's vertices
(`knuckle.models.handar.mesh_joints`; its rough mesh and the joint stage's own joints are not used), of DaHyF the joints
of the rig in the network's pose, of EHPE those of its mesh head, not the fused ones. The landmark network's joints have
no share in them.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from knuckle.geometry.projection import project
from knuckle.inference.refine import with_pose
from knuckle.rig.hand_rig import HandRig

NEAREST_M = 1e-2
"""Joints behind the camera, or nearer than this, are projected as if they were this far away."""


def own_mesh(
    outputs: Mapping[str, np.ndarray], camera: Float[np.ndarray, "B 4"], rig: HandRig
) -> dict[str, np.ndarray]:
    """A network's outputs with the joints of its own mesh: joints_m, joints_px, vertices_m, rotations, shape.

    Args:
        outputs: as `OnnxModel` gives them, of right hands.
        camera: fx, fy, cx, cy px.
        rig: fitted to the mesh's joints where the network gives no rotations and shape, for these alone.
    """
    changed = dict(outputs)
    if "mesh_joints_m" in outputs:
        joints_m = changed["joints_m"] = np.asarray(outputs["mesh_joints_m"], dtype=float)
        changed["joints_px"] = project(joints_m, camera[:, None].astype(float), nearest_m=NEAREST_M)
    return with_pose(changed, rig)
