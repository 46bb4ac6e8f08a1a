"""Hands for robots: joints and pose of the wrist, retargeting to a robot's joints, holding while a hand is lost."""
