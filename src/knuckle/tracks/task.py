"""What a run is asked, of which video, by what: only the same task goes on from what an earlier run left."""

from typing import Any

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.tracks.lines import Header
from knuckle.tracks.results import Results, Video
from knuckle.tracks.settings import Settings, difference, rig_of, version_here, weights_of
from knuckle.video import VideoInfo


def task_of(video: Video, results: Results, settings: Settings) -> dict[str, Any]:
    """What is asked of which video, by what: plain values that JSON keeps."""
    return {
        "video": video.name,
        "path": video.seen_from(results.lines.parent),
        "bytes": video.bytes,
        "settings": settings.to_dict(),
        "weights": weights_of(settings.model),
        "knuckle": version_here(),
    }


def task_of_header(header: Header) -> dict[str, Any]:
    """That of a file of hands."""
    names = ("video", "path", "bytes", "settings", "weights", "knuckle")
    return {name: getattr(header, name) for name in names}


def check_same(task: dict[str, Any], earlier: dict[str, Any], results: Results) -> None:
    """Raise KnuckleError, saying what differs, where results there are of another task."""
    anew = "; --overwrite starts anew"
    if differs := difference(task["settings"], earlier["settings"]):
        raise KnuckleError(f"{results.lines}: expected the options it was begun with ({differs}){anew}")
    if task["bytes"] != earlier["bytes"]:
        raise KnuckleError(
            f"{task['path']}: expected the {earlier['bytes']} bytes that {results.lines} was begun with, got"
            f" {task['bytes']}{anew}"
        )
    for name, what in (("knuckle", "version of knuckle"), ("weights", "weights")):
        if task[name] != earlier[name]:
            raise KnuckleError(
                f"{results.lines}: expected the {what} that it was begun with, got others{anew}"
            )


def header_of(info: VideoInfo, task: dict[str, Any], camera: Camera) -> Header:
    """The first line of a task's file of hands."""
    return Header(rate=info.rate, camera=camera, rig=rig_of(task["settings"]["model"]), **task)
