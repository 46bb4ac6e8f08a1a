"""Hands through a video: identities, steady poses, metric places."""
