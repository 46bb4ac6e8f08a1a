"""Video in and out: files, cameras and streams to frames; frames to files and to a page. Knows nothing of hands."""

from knuckle.video.frame import Frame, VideoInfo, VideoSource
from knuckle.video.open_video import open_video

__all__ = ["Frame", "VideoInfo", "VideoSource", "open_video"]
