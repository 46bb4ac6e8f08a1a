"""The hand itself: a skinned rig, the reader of MANO files, joint limits and inverse kinematics."""

from knuckle.rig.hand_rig import HandRig, PosedHand
from knuckle.rig.load import load_rig

__all__ = ["HandRig", "PosedHand", "load_rig"]
