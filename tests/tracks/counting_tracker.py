"""A tracker whose answers depend on all frames before: a state that was lost would show."""

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.live.hand_pose import HandPose, place
from knuckle.rig.load import load_rig


class CountingTracker:
    """Two hands that wander by what was shown; the second one comes with the fourth frame, and is another one from the
    ninth on."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.count, self.sum = 0, 0.0

    def __call__(self, frame: np.ndarray, time_s: float) -> Hands:
        self.count += 1
        self.sum = 0.9 * self.sum + float(frame.mean()) / 1000 + time_s
        identities = (0,) if self.count < 4 else (0, 1 if self.count < 9 else 2)
        return made_hands(self.camera, identities, self.sum, time_s)

    def saved(self) -> dict[str, float]:
        return {"count": self.count, "sum": self.sum}

    def restore(self, saved: dict[str, float]) -> None:
        self.count, self.sum = int(saved["count"]), saved["sum"]


def made_hands(camera: Camera, identities: tuple[int, ...], where: float, time_s: float) -> Hands:
    """The open rig's hands, each posed by its identity: even ones right, odd ones left."""
    sides = tuple("left" if identity % 2 else "right" for identity in identities)
    poses = []
    for identity in identities:
        rng = np.random.default_rng(identity)
        root = np.array([0.1 * identity - 0.1 + 0.02 * np.sin(where), 0.02 * np.cos(where), 0.5])
        poses.append(HandPose(root, rng.normal(0, 0.2, (16, 3)), rng.normal(0, 1, 10)))
    placed = [place(load_rig("open", side=side), pose) for side, pose in zip(sides, poses, strict=True)]
    joints = np.array([each.joints_m for each in placed])
    uv = camera.project(joints)
    errors = np.full((len(sides), 21), 0.01)
    errors[0, 3] = np.nan
    return Hands(
        camera,
        sides=sides,
        confidence=np.full(len(sides), 0.9),
        boxes_px=np.concatenate([uv.min(1), np.ptp(uv, axis=1)], 1),
        joints_px=uv,
        joints_m=joints,
        vertices_m=np.array([each.vertices_m for each in placed]),
        pose_rad=np.array([pose.pose_rad for pose in poses]),
        shape=np.array([pose.shape for pose in poses]),
        model="counting",
        states=("observed", "held")[: len(sides)],
        joint_error_m=errors,
        identities=identities,
        time_s=time_s,
        faces=load_rig("open").faces,
    )
