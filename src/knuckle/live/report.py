"""What a tracker reports of a frame: hands as a photo's, posed again where a gate or a filter changed them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from knuckle.geometry.camera import Camera
from knuckle.hands import Hand, Hands, State
from knuckle.inference.root_error import root_covariance
from knuckle.live.gate import Gated
from knuckle.live.hand_pose import HandPose, place
from knuckle.live.track import Track
from knuckle.rig.load import load_rig
from knuckle.skeleton import JOINT_COUNT, Side

HELD_FADES_S = 0.5
"""How fast it becomes doubtful that a hand is still there which is not seen: by a factor of e in this time."""


@dataclass(frozen=True)
class Reported:
    """A hand of a frame."""

    identity: int
    side: Side
    rig: str
    state: State
    model: str
    confidence: float
    side_confidence: float
    size_sd: float
    """Of its length, as a share of it."""
    joint_error_px: Float[np.ndarray, "21"]
    joint_error_m: Float[np.ndarray, "21"]
    pose: HandPose | None
    """None: as it was seen."""
    hand: Hand | None
    """As it was seen; None where it was not."""

    @classmethod
    def seen(cls, track: Track, hand: Hand, gated: Gated, *, posed: bool) -> "Reported":
        """A hand that the frame shows; posed: whether what passed the gate counts, or the frame alone."""
        state = gated.state if posed and gated.state is not None else hand.state
        return cls(
            track.identity,
            hand.side,
            track.rig,
            state,
            hand.model,
            hand.confidence,
            hand.side_confidence,
            track.size.relative_sd,
            hand.joint_error_px,
            hand.joint_error_m,
            gated.pose if posed else None,
            hand,
        )

    @classmethod
    def held(cls, track: Track, gated: Gated, missing_s: float) -> "Reported":
        """A hand that the frame does not show."""
        unknown = np.full(JOINT_COUNT, np.nan)
        return cls(
            track.identity,
            track.side,
            track.rig,
            "held",
            track.model,
            track.confidence * float(np.exp(-missing_s / HELD_FADES_S)),
            track.side_confidence,
            track.size.relative_sd,
            unknown,
            unknown,
            gated.pose,
            None,
        )


def to_hands(
    reported: Sequence[Reported], camera: Camera, faces: Int[np.ndarray, "F 3"], *, time_s: float
) -> Hands:
    """The hands of a frame; camera: of the frame as networks were shown it."""
    if not reported:
        return Hands(camera, faces=faces, time_s=time_s)
    hands = [_posed(each, camera) for each in reported]
    names = {"box_px": "boxes_px"}
    arrays: dict[str, Any] = {
        names.get(name, name): np.stack([getattr(hand, name) for hand in hands])
        for name in ("box_px", "joints_px", "joints_m", "vertices_m", "pose_rad", "shape")
    }
    told = Hands(
        camera,
        sides=tuple(each.side for each in reported),
        models=tuple(each.model for each in reported),
        states=tuple(each.state for each in reported),
        identities=tuple(each.identity for each in reported),
        confidence=np.array([each.confidence for each in reported]),
        side_confidence=np.array([each.side_confidence for each in reported]),
        joint_error_px=np.stack([each.joint_error_px for each in reported]),
        joint_error_m=np.stack([each.joint_error_m for each in reported]),
        faces=faces,
        time_s=time_s,
        **arrays,
    )
    sizes = np.array([each.size_sd for each in reported])
    return told.changed(root_covariance_m2=root_covariance(told, relative_size_sd=sizes))


def _posed(each: Reported, camera: Camera) -> Hand:
    """The hand of a frame, from its pose where that is not as it was seen."""
    if each.pose is None:
        assert each.hand is not None
        return each.hand
    joints_m, vertices_m = place(load_rig(each.rig, side=each.side), each.pose)
    px = camera.project(joints_m)
    low = px.min(0)
    box = np.concatenate([low, px.max(0) - low])
    values: dict[str, Any] = {
        "box_px": box,
        "joints_px": px,
        "joints_m": joints_m,
        "vertices_m": vertices_m,
        "pose_rad": each.pose.pose_rad,
        "shape": each.pose.shape,
    }
    if each.hand is not None:
        return replace(each.hand, **values)
    return Hand(each.side, each.confidence, model=each.model, **values)
