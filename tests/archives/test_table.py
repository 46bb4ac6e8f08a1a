"""A clip to its file of a table, the same bytes however often the work was interrupted; and whose folder it is."""

import json
from pathlib import Path

import pytest

from knuckle.archives import worker
from knuckle.archives.read import hands_of_row, read_table
from knuckle.archives.table import Asked, Table, stem_of
from knuckle.archives.worker import annotate_clip
from knuckle.errors import KnuckleError
from knuckle.tracks.lines import read_tracks
from knuckle.tracks.results import Video, choose_results
from knuckle.tracks.run import track_video
from knuckle.tracks.settings import Settings

pytest.importorskip("pyarrow", reason="pyarrow (extra parquet) is not installed")

PLAIN = Settings(overlay=False)
ASKED = Asked(PLAIN, 1.0)


def table_at(folder: Path, asked: Asked = ASKED, **options) -> Table:
    table = Table(folder)
    table.prepare(asked, overwrite=options.get("overwrite", False))
    return table


def do(table: Table, clip: Path, asked: Asked = ASKED):
    return annotate_clip(table, str(clip), clip.stat().st_size if clip.exists() else None, asked)


def test_rows_are_what_track_writes(clips, tmp_path, counting):
    clip = clips / "long.avi"
    outcome = do(table_at(tmp_path / "table"), clip)
    assert (outcome.error, outcome.frames, outcome.segments) == (None, 24, 3)
    rows = list(read_table(tmp_path / "table"))
    assert [(row["clip"], row["segment"], len(row["frames"])) for row in rows] == [
        (str(clip), 0, 10), (str(clip), 1, 10), (str(clip), 2, 4)
    ]  # fmt: skip
    results, _ = choose_results(Video(str(clip)), tmp_path / "tracks")
    track_video(Video(str(clip)), results, PLAIN, note=lambda _: None)
    told = [hands for row in rows for hands in hands_of_row(row)]
    lines = list(read_tracks(results.lines))
    assert len(told) == len(lines) == 24 and outcome.hands == sum(map(len, lines))
    for one, other in zip(told, lines, strict=True):
        assert one.identities == other.identities and one.states == other.states
        assert abs(one.joints_m - other.joints_m).max() < 1e-6


@pytest.mark.parametrize("ends", [(1,), (10,), (11, 15), (5, 20, 24)])
def test_a_clip_that_was_cut_short_anywhere_ends_in_the_same_bytes(
    clips, tmp_path, counting, monkeypatch, ends
):
    clip = clips / "long.avi"
    whole = table_at(tmp_path / "whole")
    do(whole, clip)
    table = table_at(tmp_path / "part")
    tell = worker._teller

    class KilledError(BaseException):
        """Nobody's error: as good as a kill."""

    for end in ends:

        def ended(*arguments, end=end):
            def told(done):
                if done >= end:
                    raise KilledError

            return told

        monkeypatch.setattr(worker, "_teller", ended)
        with pytest.raises(KilledError):
            do(table, clip)
        assert not table.parts()
    monkeypatch.setattr(worker, "_teller", tell)
    outcome = do(table, clip)
    assert outcome.went_on_after == 10 * ((ends[-1] - 1) // 10)
    assert table.part(str(clip)).read_bytes() == whole.part(str(clip)).read_bytes()
    assert not any(table.journals.iterdir())


def test_a_clip_that_changed_meanwhile_is_begun_anew(clips, tmp_path, counting, monkeypatch):
    table, clip = table_at(tmp_path / "table"), tmp_path / "clip.avi"
    clip.write_bytes((clips / "long.avi").read_bytes())
    monkeypatch.setattr(worker, "TOLD_S", 0.0)
    real = worker.row_of

    def once(segment, **about):
        if segment.number == 1:
            table.stop.touch()
        return real(segment, **about)

    monkeypatch.setattr(worker, "row_of", once)
    assert do(table, clip).stopped
    assert json.loads((table.journal(str(clip)) / "state.json").read_text())["frames"] == 20
    table.stop.unlink()
    monkeypatch.setattr(worker, "row_of", real)
    clip.write_bytes((clips / "below/short.avi").read_bytes())
    outcome = do(table, clip)
    assert (outcome.went_on_after, outcome.frames) == (0, 12)
    with pytest.raises(KnuckleError, match=r"clip\.avi: expected the \d+ bytes"):
        table.is_done(str(clip), 5)


@pytest.mark.parametrize("kind", ["absent", "folder", "empty", "text", "cut"])
def test_a_bad_clip_is_told_and_leaves_nothing(clips, tmp_path, counting, kind):
    clip = tmp_path / "bad.mp4"
    if kind == "folder":
        clip.mkdir()
    elif kind != "absent":
        contents = {"empty": b"", "text": b"no video", "cut": (clips / "long.avi").read_bytes()[:3000]}[kind]
        clip.write_bytes(contents)
    table = table_at(tmp_path / "table")
    outcome = annotate_clip(table, str(clip), None, ASKED)
    assert outcome.error is not None and str(clip) in outcome.error and outcome.frames == 0
    assert not table.parts() and not any(table.journals.iterdir())


def test_a_bug_is_told_as_one_clips(clips, tmp_path, monkeypatch):
    def broken(self, info):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(Settings, "open_tracker", broken)
    outcome = do(table_at(tmp_path / "table"), clips / "long.avi")
    assert outcome.error == f"{clips / 'long.avi'}: ZeroDivisionError: of all things"


def test_a_table_of_other_options_is_refused_and_overwritten_only_on_demand(clips, tmp_path, counting):
    table = table_at(tmp_path / "table")
    do(table, clips / "long.avi")
    with pytest.raises(KnuckleError, match=r"--mirrored: no, got yes\); --overwrite"):
        table.prepare(Asked(Settings(mirrored=True, overlay=False), 1.0), overwrite=False)
    with pytest.raises(KnuckleError, match="length of segments"):
        table.prepare(Asked(PLAIN, 2.0), overwrite=False)
    table.prepare(ASKED, overwrite=False)
    assert table.parts()
    table.prepare(Asked(PLAIN, 2.0), overwrite=True)
    assert not table.parts() and table.about()["segment_s"] == 2.0


def test_other_peoples_files_are_never_touched(clips, tmp_path, counting):
    (tmp_path / "mine.csv").write_text("1,2")
    with pytest.raises(KnuckleError, match=r"a table of knuckle, but it has mine\.csv"):
        table_at(tmp_path)
    table = table_at(tmp_path / "table")
    other = table.folder / "other.parquet"
    other.write_bytes(b"PAR1")
    with pytest.raises(KnuckleError, match=r"other\.parquet: expected a Parquet file of a knuckle table"):
        table.prepare(Asked(PLAIN, 2.0), overwrite=True)
    assert other.exists()
    (table.folder / "_knuckle.json").write_text("[1]")
    with pytest.raises(KnuckleError, match="another file"):
        table_at(table.folder)


def test_clips_of_one_name_have_files_of_their_own():
    stems = {
        stem_of(name)
        for name in ("/a/x.mp4", "/b/x.mp4", "s3://a/x.mp4", "/a/x.avi", "/a/.mp4", "/a/_x y.mp4")
    }
    assert len(stems) == 6
    assert not any(stem.startswith(("_", ".")) or " " in stem for stem in stems)


def test_failures_are_kept_for_the_next_to_read(tmp_path):
    table = table_at(tmp_path / "table")
    failed = {"/a.mp4": "/a.mp4: ä", "/b.mp4": "why"}
    table.write_failed(failed)
    assert table.failed() == failed
    table.write_failed({})
    assert table.failed() == {} and not list(table.folder.glob("_failed*"))
