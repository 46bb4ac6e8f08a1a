"""Hands in motion for other programs: skinned glTF, BVH, OpenXR's joints, USD and CSV."""
