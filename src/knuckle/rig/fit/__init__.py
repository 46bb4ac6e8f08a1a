"""Inverse kinematics: the rig fitted to 21 joints."""
