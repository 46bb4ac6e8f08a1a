"""Fetching the detector's networks, with a stand-in for pip and for the wheel."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from knuckle.cache import cache_folder
from knuckle.errors import KnuckleError
from knuckle.inference import mediapipe_files


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A small wheel with the members' paths, pinned; the cache is empty."""
    path = tmp_path / "index" / mediapipe_files.WHEEL
    path.parent.mkdir()
    members = {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in mediapipe_files.MEMBERS.items():
            archive.writestr(member.path, f"network {name}")
            digest = hashlib.sha256(f"network {name}".encode()).hexdigest()
            members[name] = mediapipe_files._Member(member.path, digest)
    monkeypatch.setattr(mediapipe_files, "MEMBERS", members)
    monkeypatch.setattr(mediapipe_files, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setenv("KNUCKLE_CACHE", str(tmp_path / "cache"))
    return path


def pretend_pip(monkeypatch, *, source: Path | None, stderr: str = "") -> list[list[str]]:
    """Replace pip by a copy of `source`; returns the commands it is given."""
    commands: list[list[str]] = []

    def run(command, **_):
        commands.append(command)
        if source is not None:
            target = Path(command[command.index("--dest") + 1]) / mediapipe_files.WHEEL
            target.write_bytes(source.read_bytes())
        return subprocess.CompletedProcess(command, 0 if source else 1, "", stderr)

    monkeypatch.setattr(mediapipe_files.subprocess, "run", run)
    return commands


def test_first_use_fetches_later_ones_do_not(wheel, monkeypatch):
    commands = pretend_pip(monkeypatch, source=wheel)
    assert not mediapipe_files.installed("palm_detection_full")
    path = mediapipe_files.fetch("palm_detection_full")
    assert path.read_text() == "network palm_detection_full"
    assert mediapipe_files.fetch("hand_landmark_full").read_text() == "network hand_landmark_full"
    assert mediapipe_files.installed("palm_detection_full")
    assert len(commands) == 1
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert "mediapipe==0.10.21" in commands[0]
    left = sorted(entry.name for entry in path.parent.iterdir())
    assert left == ["hand_landmark_full.tflite", "palm_detection_full.tflite"]


def test_offline_is_one_sentence(wheel, monkeypatch):
    pretend_pip(monkeypatch, source=None, stderr="WARNING: retrying\nERROR: No matching distribution found\n")
    with pytest.raises(
        KnuckleError, match=r"\(No matching distribution found\): go online, or put"
    ) as caught:
        mediapipe_files.fetch("palm_detection_full")
    assert "\n" not in str(caught.value)
    assert list(mediapipe_files.folder().iterdir()) == []


def test_wheel_put_there_by_hand_is_used_and_kept(wheel, monkeypatch):
    commands = pretend_pip(monkeypatch, source=None)
    given = mediapipe_files.folder() / mediapipe_files.WHEEL
    given.parent.mkdir(parents=True)
    given.write_bytes(wheel.read_bytes())
    assert mediapipe_files.fetch("hand_landmark_full").exists()
    assert given.exists()
    assert commands == []


def test_another_wheel_is_refused(wheel, monkeypatch):
    wheel.write_bytes(wheel.read_bytes() + b"x")
    pretend_pip(monkeypatch, source=wheel)
    with pytest.raises(KnuckleError, match="expected the wheel of sha256"):
        mediapipe_files.fetch("palm_detection_full")
    assert not mediapipe_files.installed("palm_detection_full")


def test_another_network_in_the_wheel_is_refused(wheel, monkeypatch):
    members = dict(mediapipe_files.MEMBERS)
    members["hand_landmark_full"] = mediapipe_files._Member(members["hand_landmark_full"].path, "0" * 64)
    monkeypatch.setattr(mediapipe_files, "MEMBERS", members)
    pretend_pip(monkeypatch, source=wheel)
    with pytest.raises(KnuckleError, match=r"expected .*hand_landmark_full.tflite of sha256"):
        mediapipe_files.fetch("hand_landmark_full")


def test_damaged_network_is_fetched_again(wheel, monkeypatch):
    commands = pretend_pip(monkeypatch, source=wheel)
    path = mediapipe_files.fetch("palm_detection_full")
    path.write_text("damaged")
    assert mediapipe_files.fetch("palm_detection_full").read_text() == "network palm_detection_full"
    assert len(commands) == 2


def test_cache_that_cannot_be_made(wheel, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KNUCKLE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(KnuckleError, match="set KNUCKLE_CACHE to a folder you can write to"):
        mediapipe_files.fetch("palm_detection_full")


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("KNUCKLE_CACHE", raising=False)
    assert cache_folder() == tmp_path / "xdg" / "knuckle"
    monkeypatch.setenv("KNUCKLE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
