"""Hands to other people's formats: json, glb, obj, npz."""
