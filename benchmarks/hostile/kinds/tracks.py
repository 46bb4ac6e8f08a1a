"""Hands of videos (.hands.jsonl): damaged lines and headers, and a run's journal in a state that none has."""

import json
import shutil
from pathlib import Path
from random import Random

from benchmarks.hostile.attempt import Attempt, call, command, exhaust
from benchmarks.hostile.damage import damaged, hostile_json

_FORMATS = ("glb", "bvh", "openxr", "usd", "csv", "npz")


class Tracks:
    """`knuckle export`, the readers, the viewers' reader, and `knuckle track` where such files lie already."""

    def __init__(self, materials: Path) -> None:
        self._materials = materials
        self._data = (materials / "video.hands.jsonl").read_bytes()
        self._lines = [json.loads(line) for line in self._data.splitlines()]

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        from knuckle.tracks.lines import read_tracks
        from knuckle.viewers.footage import open_footage

        if chance.random() < 0.1:
            return self._journal(chance, folder)
        path = folder / "video.hands.jsonl"
        if chance.random() < 0.25:
            name, data = damaged(self._data, chance)
        else:
            number = chance.choice((0, 0, 1, 2, 3))
            name, line = hostile_json(self._lines[number], chance)
            name = f"line {number + 1}: {name}"
            plain = [json.dumps(each).encode() for each in self._lines]
            plain[number] = line
            data = b"\n".join(plain) + b"\n"
        path.write_bytes(data)
        way = chance.randrange(6)
        if way == 0:
            return Attempt(f"{name}, read", exhaust(lambda: read_tracks(path, mesh=True)))
        if way == 1:
            return Attempt(f"{name}, viewed", call(lambda: _all_of(open_footage(path))))
        if way == 2:
            shutil.copy(self._materials / "video.webm", folder)
            options = ("--no-video", "--model", self._materials / "fake.onnx")
            return Attempt(f"{name}, in the way", command("track", folder / "video.webm", *options))
        to = chance.choice(_FORMATS)
        return Attempt(f"{name}, to {to}", command("export", path, "--to", to, "--out", folder / "out"))

    def _journal(self, chance: Random, folder: Path) -> Attempt:
        """A state from which a run is to go on."""
        shutil.copy(self._materials / "video.webm", folder)
        size = (folder / "video.webm").stat().st_size
        task = {"video": "video.webm", "path": "video.webm", "bytes": size, "settings": {}, "weights": {}}
        state = {
            "format": "knuckle tracking state",
            "version": 1,
            "task": task | {"rig": "open", "knuckle": "0"},
            "frames": 2,
            "lines_bytes": 100,
            "overlay_ms": 100,
            "tracker": {},
            "followed": False,
            "read": False,
            "done": False,
        }
        name, data = hostile_json(state, chance)
        (folder / "video.tracking").mkdir()
        (folder / "video.tracking" / "state.json").write_bytes(data)
        (folder / "video.hands.jsonl").write_bytes(self._data)
        options = (
            "--no-video",
            "--model",
            self._materials / "fake.onnx",
            *chance.choice(((), ("--overwrite",))),
        )
        return Attempt(f"a journal: {name}", command("track", folder / "video.webm", *options))


def _all_of(footage) -> None:
    for row in range(len(footage)):
        footage.hands(row)
