"""What the pages show works: their Python runs, page by page, and their commands exist with the options shown."""

import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import knuckle
from knuckle.cli.main import COMMANDS
from knuckle.video import open_video

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("README.md"),
        *(ROOT / "packages").rglob("README.md"),
    ]
)
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SAMPLE = ROOT / "src/knuckle/assets/two_hands.jpg"
FRAMES, RATE = 6, 15


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code of a page's blocks."""
    return [(found["language"], found["code"]) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages speak of: a photo, a short video, and what knuckle makes of it."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(SAMPLE, folder / "photo.jpg")
    shutil.copy(ROOT / "tests/robots/small_hand.urdf", folder / "my_hand.urdf")
    picture = cv2.resize(cv2.imread(str(SAMPLE)), (480, 270))
    writer = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (480, 270))
    for step in range(FRAMES):
        writer.write(np.roll(picture, step, axis=1))
    writer.release()
    from knuckle.cli.main import main

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(
            sys, "argv", ["knuckle", "track", f"{folder}/clip.mp4", "--out", f"{folder}/hands", "--no-video"]
        )
        main()
    assert not ended.value.code
    return folder


def given_video() -> Iterator[tuple[np.ndarray, float]]:
    with open_video("clip.mp4") as video:
        for frame in video:
            yield frame.image, frame.time_s


def given_hands() -> list[knuckle.Hands]:
    tracker = knuckle.Tracker()
    found = [tracker(image, time_s) for image, time_s in given_video()]
    assert all(len(hands) for hands in found)
    return found


def tracked() -> dict[str, Any]:
    found = given_hands()
    return {"hands": found[-1], "hand": found[-1][0], "time_s": found[-1].time_s}


def exported() -> dict[str, Any]:
    found = given_hands()
    return {
        "list_of_hands": found,
        "hands": found[-1],
        "hand": found[-1][0],
        "hand_or_none": found[-1][0],
        "time_s": found[-1].time_s,
        "driver_order": None,
        "where_it_is": None,
    }


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "README.md": lambda: {"video": given_video()},
    "docs/video.md": lambda: {"video": given_video(), "np": np},
    "docs/export.md": exported,
    "docs/metric.md": lambda: {"track": [(hands.rows([0]), hands.time_s) for hands in given_hands()]},
    "docs/score.md": lambda: {"np": np, "names": ["a.jpg"], "joints_mm": np.zeros((1, 42, 3))},
    "docs/smoothing.md": tracked,
}
"""What a page takes for granted: names that its snippets use and do not make."""
NEEDS = {"retarget": "dex_retargeting", "create_model": "torch", "archives": "daft", "daft": "daft"}
"""Words in a snippet that say which package of an extra it needs."""
WANT_DATA = ("InterHand2.6M",)
"""Data sets that a snippet opens and nobody may pass on; their readers have tests of their own."""


PYTHON = [
    (page, number, code)
    for page in PAGES
    for number, (language, code) in enumerate(blocks(page))
    if language == "python"
]
PYTHON_PAGES = sorted({page for page, _, _ in PYTHON})


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=name_of)
def test_the_python_of_a_page_runs(page, desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    names = GIVEN.get(name_of(page), dict)()
    missing = []
    for _, number, code in (entry for entry in PYTHON if entry[0] == page):
        if any(name in code for name in WANT_DATA):
            missing.append("a data set")
            continue
        for word, package in NEEDS.items():
            if word in code and not _installed(package):
                missing.append(package)
                break
        else:
            exec(compile(code, f"{name_of(page)}, block {number}", "exec"), names)
    if missing:
        pytest.skip(f"all ran but the snippets that need {', '.join(missing)}")


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def commands(text: str) -> Iterator[list[str]]:
    """The `knuckle` commands of a block, as words, options' alternatives and comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if not re.match(r"\s*(\$ )?knuckle [a-z]", line):
            continue
        words = shlex.split(line.strip().removeprefix("$ "), comments=True)
        ends = [i for i, word in enumerate(words) if word in ("|", "&&", ";", ">", "&")]
        yield words[1 : ends[0] if ends else None]


SHOWN = sorted(
    {
        (name_of(page), shlex.join(words))
        for page in PAGES
        for language, code in blocks(page)
        if language in ("", "bash", "sh", "console")
        for words in commands(code)
    }
)


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_a_command_that_a_page_shows_exists_with_its_options(page, line):
    assert not unknown(shlex.split(line))


def unknown(words: list[str]) -> list[str]:
    """Words of a command line that knuckle does not know: the command, or options."""
    from knuckle.cli.main import _load

    name, *rest = words
    if name not in COMMANDS:
        return [name]
    command = _load(name)
    for word in rest:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
            break
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return [option for option in options if option not in known and option != "--help"]


def test_unknown_commands_and_options_are_found():
    assert unknown(["no-such-command"]) == ["no-such-command"]
    assert unknown(["track", "clip.mp4", "--no-such-option", "--out", "x"]) == ["--no-such-option"]
    assert list(commands("knuckle track a.mp4 --out b  # to b\nls | knuckle\n")) == [
        ["track", "a.mp4", "--out", "b"]
    ]


def test_every_public_name_is_in_the_reference():
    text = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: knuckle\.(?:\w+\.)*(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(set(knuckle.__all__) - {"__version__"})


def test_every_dependency_is_in_the_list_of_licences():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {"base": project["dependencies"], **project["optional-dependencies"]}
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| ([\w, -]+) \|", text, re.MULTILINE))
    for extra, packages in asked.items():
        for package in packages:
            name = re.match(r"[\w-]+", package)[0]
            if name != "knuckle":
                assert extra in rows.get(name, "").split(", "), f"docs/licences.md: {name} of {extra}"


def test_every_page_is_on_the_site():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[ :-] ([\w/-]+\.md)$", text, re.MULTILINE))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert not pages - listed
