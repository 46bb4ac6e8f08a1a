"""What `knuckle track` writes of a video, and that a run which was interrupted writes the same."""

import errno
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.tracks.journal import Journal
from knuckle.tracks.lines import LinesWriter, read_header, read_lines, read_tracks
from knuckle.tracks.results import Results, Video, choose_results
from knuckle.tracks.run import track_video
from knuckle.tracks.settings import Settings
from knuckle.video import open_video

PLAIN = Settings(overlay=False)


def track(clip: Path, out: Path, settings: Settings = PLAIN, **options):
    video = Video(str(clip))
    results, _ = choose_results(video, out)
    return track_video(video, results, settings, note=lambda _: None, **options)


def after(frames: int):
    """Is asked after every frame, and true after so many."""
    asked = iter(range(1, 1000))
    return lambda: next(asked) >= frames


def contents(results: Results) -> dict[str, bytes | list[str]]:
    """All files, the overlay as its decoded frames."""
    found: dict[str, bytes | list[str]] = {
        path.suffix: path.read_bytes()
        for path in (results.lines, results.npz, results.parquet)
        if path.exists()
    }
    if results.overlay.exists():
        with open_video(results.overlay) as source:
            found["overlay"] = [hashlib.sha256(frame.image.tobytes()).hexdigest() for frame in source]
    return found


@pytest.mark.parametrize(("overlay", "stops"), [(False, (1,)), (False, (12,)), (True, (5, 7))])
def test_a_run_that_was_stopped_goes_on_to_the_same_files(clip, tmp_path, counting, overlay, stops):
    if overlay:
        pytest.importorskip("av", reason="av (extra video) is not installed")
    settings = Settings(overlay=overlay)
    whole = track(clip, tmp_path / "whole", settings)
    assert whole.finished and whole.frames == 12
    for number, stop in enumerate(stops):
        part = track(clip, tmp_path / "part", settings, stopped=after(stop - 5 * number))
        assert (part.finished, part.frames) == (False, stop)
        assert len(list(read_lines(part.results.lines))) == stop
        if overlay:
            assert len(contents(part.results)["overlay"]) == stop
    last = track(clip, tmp_path / "part", settings)
    assert last.resumed_from == 5 * (stops[-1] // 5)
    assert contents(last.results) == contents(whole.results)
    assert sorted(path.name for path in (tmp_path / "part").iterdir()) == sorted(
        path.name for path in (tmp_path / "whole").iterdir()
    )


def test_a_full_disk_leaves_whole_lines_and_the_run_goes_on(clip, tmp_path, counting, monkeypatch):
    whole = track(clip, tmp_path / "whole")

    class Full:
        """A file that takes 40 bytes more and no byte beyond."""

        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            left = limit - self.file.tell()
            if left <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(bytes(data)[:left])

    limit = sum(map(len, whole.results.lines.read_bytes().splitlines(keepends=True)[:8])) + 40
    opened = LinesWriter.__init__

    def small(self, *arguments, **options):
        opened(self, *arguments, **options)
        self._file = Full(self._file)

    with monkeypatch.context() as patch:
        patch.setattr(LinesWriter, "__init__", small)
        with pytest.raises(KnuckleError, match=r"clip\.hands\.jsonl: cannot be written \(No space left"):
            track(clip, tmp_path / "part")
    lines = tmp_path / "part" / "clip.hands.jsonl"
    assert lines.read_bytes() == b"".join(whole.results.lines.read_bytes().splitlines(keepends=True)[:8])
    last = track(clip, tmp_path / "part")
    assert last.resumed_from == 5
    assert contents(last.results) == contents(whole.results)


def test_lines_give_the_hands_back_with_their_meshes(clip, tmp_path, counting):
    plain = track(clip, tmp_path / "a")
    meshes = track(clip, tmp_path / "b", replace(PLAIN, mesh=True))
    header = read_header(plain.results.lines)
    assert (header.video, header.rate, header.rig) == ("clip.avi", 10.0, "open")
    assert (tmp_path / "a" / header.path).samefile(clip)
    assert "vertices_m" not in next(read_lines(plain.results.lines))["hands"][0]
    made, kept = (list(read_tracks(done.results.lines, mesh=True)) for done in (plain, meshes))
    assert [hands.identities for hands in made] == [(0,)] * 3 + [(0, 1)] * 5 + [(0, 2)] * 4
    assert [round(hands.time_s, 6) for hands in made] == [round(0.1 * number, 6) for number in range(12)]
    assert made[5].states == ("observed", "held")
    assert np.isnan(made[0].joint_error_m[0, 3]) and made[0].joint_error_m[0, 4] == 0.01
    for ours, theirs in zip(made, kept, strict=True):
        np.testing.assert_allclose(ours.vertices_m, theirs.vertices_m, atol=2e-5)
        np.testing.assert_array_equal(ours.faces, theirs.faces)


def test_a_last_line_that_is_not_whole_is_left_out_and_a_broken_one_named(clip, tmp_path, counting):
    lines = track(clip, tmp_path).results.lines
    data = lines.read_bytes()
    lines.write_bytes(data[:-10])
    assert len(list(read_lines(lines))) == 11
    rows = data.splitlines(keepends=True)
    lines.write_bytes(b"".join([*rows[:3], b"{}\n", *rows[4:]]))
    with pytest.raises(KnuckleError, match=r"clip\.hands\.jsonl, line 4: expected a frame's hands"):
        list(read_tracks(lines))


def test_other_options_another_video_or_version_do_not_go_on(clip, tmp_path, counting):
    track(clip, tmp_path, stopped=after(7))
    with pytest.raises(KnuckleError, match=r"begun with \(--mesh: no, got yes\); --overwrite starts anew"):
        track(clip, tmp_path, replace(PLAIN, mesh=True))
    done = track(clip, tmp_path, replace(PLAIN, mesh=True), overwrite=True)
    assert (done.resumed_from, done.frames) == (0, 12)
    # The same holds for one that is finished; and the same command finds it done.
    with pytest.raises(KnuckleError, match="--model: auto, got dahyf-lite"):
        track(clip, tmp_path, replace(PLAIN, mesh=True, model="dahyf-lite"))
    before = done.results.lines.stat().st_mtime_ns
    again = track(clip, tmp_path, replace(PLAIN, mesh=True))
    assert again.resumed_from == again.frames == 12 and done.results.lines.stat().st_mtime_ns == before
    longer = tmp_path / "other" / "clip.avi"
    longer.parent.mkdir()
    longer.write_bytes(clip.read_bytes() + b"\0" * 8)
    moved = Video(str(longer))
    results, _ = choose_results(moved, longer.parent)
    track_video(moved, results, PLAIN, note=print)
    longer.write_bytes(clip.read_bytes())
    with pytest.raises(KnuckleError, match=rf"clip\.avi: expected the {clip.stat().st_size + 8} bytes"):
        track_video(moved, results, PLAIN, note=print)


def test_files_of_others_are_kept(clip, tmp_path, counting):
    foreign = tmp_path / "clip.hands.npz"
    foreign.write_bytes(b"mine")
    results, note = choose_results(Video(str(clip)), tmp_path)
    assert results.lines.name == "clip.avi.hands.jsonl" and "clip.hands.npz is not of it" in str(note)
    track_video(Video(str(clip)), results, PLAIN, note=print)
    assert foreign.read_bytes() == b"mine"
    # Found again, although the first name has become free.
    assert choose_results(Video(str(clip)), tmp_path)[0] == results
    other = Video(str(tmp_path / "clip.avi"))
    with pytest.raises(KnuckleError, match="expected a free name"):
        choose_results(other, tmp_path)


def test_a_journal_is_held_by_one_process_and_blocks_nothing_while_it_is_empty(clip, tmp_path):
    results = Results.of(tmp_path, "clip")
    with Journal(results.journal):
        with pytest.raises(KnuckleError, match="another process"):
            Journal(results.journal)
        assert choose_results(Video(str(clip)), tmp_path)[0] == results
    assert not results.journal.exists()


@pytest.mark.parametrize("content", [b"", b"no video at all", b"RIFF\x24\0\0\0WAVEfmt "])
def test_what_is_no_video_leaves_nothing_behind(tmp_path, counting, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(KnuckleError, match=r"broken\.mp4: expected a video"):
        track(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_trackers_own_state_is_all_that_the_next_frame_depends_on(clip, tmp_path, monkeypatch):
    """The real tracker: never restored in one run, stopped and restored in the other."""
    whole = track(clip, tmp_path / "whole")
    monkeypatch.setattr("knuckle.tracks.passes.EVERY", 5)
    assert track(clip, tmp_path / "part", stopped=after(7)).frames == 7
    part = track(clip, tmp_path / "part")
    assert part.resumed_from == 5
    assert part.results.lines.read_bytes() == whole.results.lines.read_bytes()
    hands = list(read_tracks(part.results.lines))[-1]
    assert sorted(hands.sides) == ["left", "right"] and hands.identities == (0, 1)
