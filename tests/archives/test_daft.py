"""Daft's part: workers, URLs, kills and Ray. `make test-archives` runs these; they need the extra and servers."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_clips import write_clip
from moved import moved_frames

from knuckle.archives import read_table, track_clips
from knuckle.archives.table import Table
from knuckle.tracks.journal import Journal

daft = pytest.importorskip("daft", reason="Daft (extra archives) is not installed")

pytestmark = pytest.mark.archives

SEGMENTS = ("--segment", "1")
KILLS = 3


def annotate(
    *arguments: object, kill_after_s: float | None = None, **variables: str
) -> subprocess.CompletedProcess:
    """`knuckle annotate`, in a process of its own, as users run it; killed after a time, where one is given."""
    command = [sys.executable, "-m", "knuckle", "annotate", *map(str, arguments), *SEGMENTS]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **variables}
    )
    try:
        out, errors = running.communicate(timeout=kill_after_s or 300)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        out, errors = running.communicate()
    return subprocess.CompletedProcess(command, running.returncode, out, errors)


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Table(folder).parts()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of 15 frames, and two that are none."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(3):
        write_clip(folder / f"clip{number}.avi", moved_frames(15 + number)[number:])
    (folder / "text.mp4").write_text("no video")
    (folder / "half.avi").write_bytes((folder / "clip0.avi").read_bytes()[:4000])
    return folder


@pytest.fixture(scope="module")
def whole(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of an undisturbed run."""
    table = tmp_path_factory.mktemp("whole") / "table"
    told = annotate(archive, "--out", table, "--workers", 2)
    assert told.returncode == 2, told.stderr
    assert "3 of 5 clips done, 2 failed: 45 frames" in told.stdout
    return table


def test_bad_clips_are_named_and_counted_and_the_others_done(archive, whole):
    assert names(whole) == {*parts(whole), "_knuckle.json", "_failed.jsonl"} and len(parts(whole)) == 3
    failed = Table(whole).failed()
    assert set(failed) == {str(archive / "text.mp4"), str(archive / "half.avi")}
    assert all(clip in error for clip, error in failed.items())
    rows = list(read_table(whole))
    assert [row["segment"] for row in rows] == [0, 1] * 3
    assert sum(len(frame["hands"]) for row in rows for frame in row["frames"]) > 30


def test_a_second_run_does_what_is_new_alone(archive, whole):
    before = {path: path.stat().st_mtime_ns for path in Table(whole).parts()}
    told = annotate(archive, "--out", whole, "--workers", 1)
    assert told.returncode == 2 and "0 of 5 clips done, 3 were done before, 2 failed" in told.stdout
    assert {path: path.stat().st_mtime_ns for path in Table(whole).parts()} == before


def test_other_options_are_refused_in_one_sentence(archive, whole):
    told = annotate(archive, "--out", whole, "--mirrored")
    assert told.returncode == 2 and "--overwrite starts anew" in told.stderr
    assert "Traceback" not in told.stderr and len(parts(whole)) == 3


def test_two_commands_do_not_work_on_one_table(archive, tmp_path):
    table = Table(tmp_path / "table")
    with Journal(table.journals):
        told = annotate(archive, "--out", table.folder, "--overwrite")
    assert told.returncode == 2 and "but another process does" in told.stderr and not table.about()


def test_a_run_that_is_killed_anywhere_goes_on_to_the_same_bytes(archive, whole, tmp_path):
    table, kills = tmp_path / "table", 0
    clips = [archive / f"clip{number}.avi" for number in range(3)]
    rng = random.Random(1)
    for _ in range(40):
        # From before there is a worker to the midst of the last clip.
        told = annotate(*clips, "--out", table, "--workers", 1, kill_after_s=rng.uniform(1.0, 8.0))
        kills += told.returncode == -signal.SIGKILL
        if told.returncode == 0:
            if kills >= KILLS:
                break
            kills, table = 0, tmp_path / f"table{_}"
    else:
        told = annotate(*clips, "--out", table, "--workers", 1)
    assert told.returncode == 0, told.stderr
    assert kills >= KILLS and parts(table) == parts(whole)
    assert names(table) == {*parts(whole), "_knuckle.json"}


def test_a_worker_that_dies_takes_no_clip_with_it(archive, whole, tmp_path):
    table = tmp_path / "table"
    command = [
        sys.executable,
        "-m",
        "knuckle",
        "annotate",
        *(str(archive / f"clip{n}.avi") for n in range(3)),
    ]
    running = subprocess.Popen(
        [*command, "--out", str(table), "--workers", "2", *SEGMENTS],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    worker = None
    until = time.monotonic() + 120
    while worker is None and running.poll() is None and time.monotonic() < until:
        begun = any(Table(table).journals.glob("*/progress"))
        found = subprocess.run(
            ["pgrep", "-P", str(running.pid), "-f", "udf_worker"], capture_output=True, text=True
        ).stdout.split()
        worker = int(found[0]) if begun and found else None
        time.sleep(0.05)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert parts(table) == parts(whole)


DEADLY = """
import sys
if any("udf_worker" in argument for argument in sys.orig_argv):
    import os
    from knuckle.video.file_source import FileSource
    opened = FileSource.__init__
    def init(self, address, **options):
        if "deadly" in str(address):
            os._exit(9)
        opened(self, address, **options)
    FileSource.__init__ = init
"""
"""Lets a worker end as by a decoder that crashes."""


def test_a_clip_that_ends_its_worker_is_found_and_the_others_done(archive, whole, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    deadly = tmp_path / "deadly.avi"
    deadly.write_bytes((archive / "clip0.avi").read_bytes())
    clips = [archive / f"clip{number}.avi" for number in range(3)]
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    told = annotate(*clips, deadly, "--out", tmp_path / "table", "--workers", 2, PYTHONPATH=path)
    assert told.returncode == 2 and "3 of 4 clips done, 1 failed" in told.stdout, told.stderr
    assert "one that ends its worker" in Table(tmp_path / "table").failed()[str(deadly)]
    assert parts(tmp_path / "table") == parts(whole)


def test_ctrl_c_ends_at_once_and_the_same_command_goes_on(archive, whole, tmp_path):
    table = tmp_path / "table"
    clips = [str(archive / f"clip{number}.avi") for number in range(3)]
    command = [
        sys.executable,
        "-m",
        "knuckle",
        "annotate",
        *clips,
        "--out",
        str(table),
        "--workers",
        "1",
        *SEGMENTS,
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not any(Table(table).journals.glob("*/progress")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130 and "the same command goes on" in errors
    assert "Traceback" not in errors
    assert annotate(*clips, "--out", table, "--workers", 1).returncode == 0
    assert parts(table) == parts(whole)


def test_a_column_of_any_dataframe_gives_the_same_rows(archive, whole):
    daft.set_runner_native()
    paths = sorted(str(path) for path in archive.glob("*.avi"))
    frame = daft.from_pydict({"path": [*paths, None], "label": ["a", "b", "c", "d", "e"]})
    told = frame.select("label", track_clips(frame["path"], segment_s=1.0, workers=1)).to_pylist()
    rows = [row for row in told if row["error"] is None]
    assert [row["label"] for row in rows] == ["a", "a", "b", "b", "c", "c"]
    assert [{k: v for k, v in row.items() if k != "label"} for row in rows] == list(read_table(whole))
    (half, none) = (row for row in told if row["error"] is not None)
    assert half["label"] == "d" and str(archive / "half.avi") in half["error"] and not half["frames"]
    assert none["label"] == "e" and "expected a path or URL" in none["error"]


def test_frames_can_be_asked_as_daft_physical_ais(whole):
    frames = daft.read_parquet(f"{whole}/*.parquet").select("clip", "frames").explode("frames")
    hands = frames.select(daft.col("frames").get("hands").alias("hands")).explode("hands")
    wrists = hands.where(daft.col("hands").get("handedness") == "right").select(
        daft.col("hands").get("kp2d").get(0).alias("wrist"), daft.col("hands").get("confidence")
    )
    told = wrists.to_pylist()
    assert len(told) > 10 and all(len(row["wrist"]) == 2 and 0 <= row["confidence"] <= 1 for row in told)


def test_clips_of_an_s3_store_are_fetched_by_daft(archive, whole, tmp_path):
    boto3 = pytest.importorskip("boto3", reason="boto3 (extra archives-test) is not installed")
    moto = pytest.importorskip("moto.server", reason="moto (extra archives-test) is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
        store = {**keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
        client = boto3.client(
            "s3",
            endpoint_url=store["AWS_ENDPOINT_URL"],
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="archive")
        for name in ("clip0.avi", "clip1.avi", "text.mp4"):
            client.upload_file(str(archive / name), "archive", f"below/{name}")
        table = tmp_path / "table"
        told = annotate("s3://archive/", "s3://archive/gone.mp4", "--out", table, "--workers", 1, **store)
        assert told.returncode == 2 and "2 of 4 clips done, 2 failed" in told.stdout, told.stderr
        assert set(Table(table).failed()) == {"s3://archive/below/text.mp4", "s3://archive/gone.mp4"}
        rows = {(row["clip"].rsplit("/", 1)[-1], row["segment"]): row["frames"] for row in read_table(table)}
        local = {(row["clip"].rsplit("/", 1)[-1], row["segment"]): row["frames"] for row in read_table(whole)}
        assert rows == {place: frames for place, frames in local.items() if place[0] != "clip2.avi"}
        told = annotate("s3://nowhere/", "--out", tmp_path / "none", **store)
        assert told.returncode == 2 and "s3://nowhere/: expected videos that Daft can list" in told.stderr
    finally:
        server.stop()


def test_rays_rows_are_the_native_ones(archive, whole, tmp_path):
    pytest.importorskip("ray", reason="Ray (extra archives-ray) is not installed")
    table = tmp_path / "table"
    told = annotate(archive, "--out", table, "--workers", 2, "--ray", "local")
    assert told.returncode == 2, told.stderr
    assert parts(table) == parts(whole) and Table(table).failed() == Table(whole).failed()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nonsense"])
def test_a_cluster_that_is_not_there_is_told_at_once(archive, tmp_path, address):
    pytest.importorskip("ray", reason="Ray (extra archives-ray) is not installed")
    told = annotate(archive, "--out", tmp_path / "table", "--ray", address)
    assert told.returncode == 2 and f"error: --ray {address}: expected" in told.stderr
    assert not (tmp_path / "table").exists()
