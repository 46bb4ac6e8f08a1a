"""Names that are not UTF-8, and output that cannot show a name: every photo is done (F8); and names are whole when
piped (F12)."""

import io
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.cli.main import main

BOX = ("--box", "10,5,40,30", "--side", "left", "--no-evidence")
PICTURE = cv2.imencode(".png", np.full((40, 60, 3), 60, np.uint8))[1].tobytes()


@pytest.fixture
def knuckle(monkeypatch, fake_model, detections):
    """`knuckle estimate ARGUMENTS...` with its output piped in an encoding; gives exit code, stdout and stderr."""

    def call(*arguments: str | Path, encoding: str = "utf-8") -> tuple[int, bytes, bytes]:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        command = ["knuckle", "estimate", "--model", fake_model, *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        monkeypatch.setenv("COLUMNS", "40")
        with pytest.raises(SystemExit) as ended:
            main()
        for stream in streams:
            stream.flush()
        return int(ended.value.code or 0), *(stream.buffer.getvalue() for stream in streams)

    return call


def test_names_that_are_not_utf8_are_done_like_others(tmp_path, knuckle):
    raw, broken = (tmp_path / os.fsdecode(name) for name in (b"2\xef.png", b"3\xef.png"))
    try:
        raw.write_bytes(PICTURE)
    except OSError:
        pytest.skip("this file system has no such names")
    broken.write_bytes(b"no picture")
    (tmp_path / "1.png").write_bytes(PICTURE)
    out = tmp_path / "out"
    for _ in range(2):
        code, printed, errors = knuckle(raw, *BOX, "--out", out)
        assert (code, errors) == (0, b"")
        assert rb"2\xef.png" in printed
    written = next(path for path in out.iterdir() if path.suffix == ".json")
    data = json.loads(written.read_text(encoding="utf-8"))
    assert (data["image"], data["photo"]) == (r"2\xef.png", r"../2\xef.png")
    assert os.fsencode(written.name) == b"2\xef.json"
    code, _, errors = knuckle(broken, tmp_path / "1.png", "--out", out)
    assert code == 2
    assert rb"3\xef.png: expected a JPEG" in errors
    assert (out / "1.json").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_output_that_cannot_show_a_name_ends_no_call(tmp_path, knuckle, encoding):
    photo = tmp_path / "手 which is a hand and has a long name.png"
    photo.write_bytes(PICTURE)
    (tmp_path / "足.png").write_bytes(b"no picture")
    code, printed, errors = knuckle(photo, tmp_path / "足.png", encoding=encoding)
    assert code == 2
    assert photo.with_suffix(".json").exists()
    # In one piece, although a terminal would have 40 columns.
    assert rb"\u624b which is a hand and has a long name.png " in printed
    assert b".png: expected a JPEG" in errors
