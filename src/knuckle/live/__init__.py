"""Hands of a video: what time adds to single pictures."""
