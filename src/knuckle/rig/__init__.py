"""The hand itself: a skinned rig, the reader of MANO files, pose prior and inverse kinematics."""

from knuckle.rig.rig import HandRig, PosedHand, load_rig

__all__ = ["HandRig", "PosedHand", "load_rig"]
