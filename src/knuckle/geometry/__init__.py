"""Cameras, crops, mirroring and projection: written once, for numpy and torch alike."""
