"""Hands of a video, frame after frame: what time adds to what each picture shows."""
