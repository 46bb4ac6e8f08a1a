"""What a command's arguments stand for."""

import pytest

from knuckle.archives.clips import find_clips
from knuckle.errors import KnuckleError


def names(*arguments):
    return [clip.name for clip in find_clips([str(each) for each in arguments])]


def test_a_folder_a_pattern_a_list_and_a_file_name_each_clip_once(clips, tmp_path):
    long, short = str(clips / "long.avi"), str(clips / "below/short.avi")
    (clips / "note.text").write_text("no clip")
    (clips / ".hidden.avi").write_text("hidden")
    (clips / "long.overlay.webm").write_text("ours")
    assert names(clips) == [long, short]
    assert names(clips / "**/*.avi") == [short, long]
    assert names(clips / "*.avi") == [long]
    listed = clips / "some.txt"
    listed.write_text(f"# the shorter one first\nbelow/short.avi\n\n{long}\ns3://bucket/other.mp4\n")
    assert names(listed) == [short, long, "s3://bucket/other.mp4"]
    assert names(long, clips, f"file://{long}") == [long, short]
    (size,) = (clip.bytes for clip in find_clips([long]))
    assert size == (clips / "long.avi").stat().st_size
    listed.unlink()


def test_a_file_that_is_not_there_is_a_clip_without_a_size(tmp_path):
    (clip,) = find_clips([str(tmp_path / "gone.mp4")])
    assert clip.bytes is None and clip.name == str(tmp_path / "gone.mp4")


@pytest.mark.parametrize("kind", ["folder", "pattern", "list", "list of lists", "no list"])
def test_what_stands_for_no_clip_is_refused_by_name(tmp_path, kind):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "lists.txt").write_text("empty.txt\n")
    argument = {
        "folder": tmp_path,
        "pattern": tmp_path / "*.mp4",
        "list": tmp_path / "empty.txt",
        "list of lists": tmp_path / "lists.txt",
        "no list": tmp_path / "gone.txt",
    }[kind]
    with pytest.raises(KnuckleError, match=argument.name.replace("*", r"\*")):
        names(argument)
