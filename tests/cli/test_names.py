"""Names that are not UTF-8, and output that cannot show a name: every photo is done (F8); and names are whole when
piped (F12)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

BOX = ("--box", "10,5,40,30", "--side", "left", "--no-evidence")
PICTURE = cv2.imencode(".png", np.full((40, 60, 3), 60, np.uint8))[1].tobytes()


def knuckle(*arguments: str | Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "knuckle", "estimate", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "40"}
    return subprocess.run(command, env=environment, capture_output=True, check=False)


def test_names_that_are_not_utf8_are_done_like_others(tmp_path, fake_model):
    raw, broken = (tmp_path / os.fsdecode(name) for name in (b"2\xef.png", b"3\xef.png"))
    try:
        raw.write_bytes(PICTURE)
    except OSError:
        pytest.skip("this file system has no such names")
    broken.write_bytes(b"no picture")
    (tmp_path / "1.png").write_bytes(PICTURE)
    out = tmp_path / "out"
    for _ in range(2):
        done = knuckle(raw, "--model", fake_model, *BOX, "--out", out)
        assert done.returncode == 0, done.stderr
        assert rb"2\xef.png" in done.stdout and b"note:" not in done.stderr
    written = next(path for path in out.iterdir() if path.suffix == ".json")
    data = json.loads(written.read_text(encoding="utf-8"))
    assert (data["image"], data["photo"]) == (r"2\xef.png", r"../2\xef.png")
    assert os.fsencode(written.name) == b"2\xef.json"
    failed = knuckle(broken, tmp_path / "1.png", "--model", fake_model, "--out", out)
    assert failed.returncode == 2
    assert rb"3\xef.png: expected a JPEG" in failed.stderr and b"Traceback" not in failed.stderr
    assert (out / "1.json").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_output_that_cannot_show_a_name_ends_no_call(tmp_path, fake_model, encoding):
    photo = tmp_path / "手 which is a hand and has a long name.png"
    photo.write_bytes(PICTURE)
    done = knuckle(photo, "--model", fake_model, *BOX, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "手 which is a hand and has a long name.json").exists()
    # In one piece, although the terminal would have 40 columns.
    assert rb"\u624b which is a hand and has a long name.png " in done.stdout
