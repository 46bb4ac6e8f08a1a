"""Random damage to copies of the miniatures: whatever is deleted, cut, changed or exchanged, every command ends with
an exit code and a sentence, never with a traceback.

KNUCKLE_DAMAGE=N tries N copies of each set instead of one; KNUCKLE_DAMAGE_SEED is the first seed.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from knuckle.datasets import dexycb, hic
from knuckle.datasets.registry import DATA_SETS
from knuckle.rig.load import load_rig

from .conftest import write_freihand, write_obman
from .test_coco_wholebody import write_split
from .test_data_check import ho3d  # noqa: F401 (fixtures)
from .test_dexycb import SERIALS, SUBJECTS
from .test_dexycb import Made as Dexycb
from .test_egodexter import made as egodexter_made  # noqa: F401
from .test_hanco import made as hanco_made  # noqa: F401
from .test_hic import made as hic_made  # noqa: F401
from .test_interhand import samples, written  # noqa: F401
from .test_own import own  # noqa: F401
from .test_rgb2hands import made as rgb2hands_made  # noqa: F401
from .test_rhd import made as rhd_made  # noqa: F401

COUNT, FIRST = int(os.environ.get("KNUCKLE_DAMAGE", "1")), int(os.environ.get("KNUCKLE_DAMAGE_SEED", "0"))
OF_FIXTURES = {
    "ho3d": "ho3d", "interhand26m": "written", "hanco": "hanco_made", "rhd": "rhd_made", "egodexter": "egodexter_made",
    "hic": "hic_made", "rgb2hands": "rgb2hands_made", "own": "own",
}  # fmt: skip
WITH_MANO = ("dexycb", "arctic", "hot3d", "freihand")
WORDS = (b"NaN", b"null", b"-1", b"1e999", b'"x"', b"[]", b"{}", b"0", b"true", b"99999999999")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Sizes of the miniatures."""
    monkeypatch.setattr(hic, "VERTICES", len(load_rig("open").vertices))
    monkeypatch.setattr(dexycb, "SUBJECTS", SUBJECTS)
    monkeypatch.setattr(dexycb, "SERIALS", SERIALS)
    monkeypatch.setattr(dexycb, "SEQUENCES", 5)
    monkeypatch.setattr(dexycb, "subjects_of", lambda setup, split: [0, 1])
    monkeypatch.setattr(dexycb, "serials_of", lambda setup, split: [0, 1])


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Miniatures that need one MANO file, made where they are asked for."""
    return {"top": tmp_path_factory.mktemp("folders")}


def folder_of(name: str, folders: dict[str, Path], request) -> Path:
    """The folder of a set's miniature; folders["mano"] is the MANO file of those that have one."""
    top = folders["top"]
    if name in folders:
        return folders[name]
    if name in OF_FIXTURES:
        made = request.getfixturevalue(OF_FIXTURES[name])
        found = made[0] if isinstance(made, tuple) else getattr(made, "folder", made)
        return Path(found)
    if "mano" not in folders:
        (top / "dexycb").mkdir()
        made = Dexycb(top / "dexycb")
        folders |= {"dexycb": made.folder, "mano": made.mano}
    if name == "freihand":
        folders[name] = write_freihand(top / "FreiHAND", folders["mano"]).folder
    elif name == "obman":
        folders[name] = write_obman(top / "obman")
    elif name == "coco-wholebody":
        (top / "COCO").mkdir()
        for number, split in enumerate(("train", "val")):
            write_split(top / "COCO", split, seed=20 + number)
        folders[name] = top / "COCO"
    elif name == "arctic":
        from .test_arctic import Made

        (top / "arctic").mkdir()
        folders[name] = Made(top / "arctic").folder
    elif name == "hot3d":
        from .hot3d_miniature import Made

        (top / "hot3d").mkdir()
        folders[name] = Made(top / "hot3d").folder
    return folders[name]


def spoil(folder: Path, rng: np.random.Generator) -> str:
    """Change one file, or two, in one way; returns what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    # Label files are fewer and tell more: take them as often as pictures.
    labels = [path for path in files if path.suffix not in (".jpg", ".png")]
    path = pick(labels if labels and rng.random() < 0.7 else files, rng)
    data, way = (
        path.read_bytes(),
        str(rng.choice(["delete", "cut", "flip", "word", "swap", "empty", "text", "folder"])),
    )
    place = int(rng.integers(max(1, len(data))))
    if way == "delete":
        path.unlink()
    elif way == "cut":
        path.write_bytes(data[:place])
    elif way == "flip":
        changed = bytearray(data)
        for at in rng.integers(max(1, len(data)), size=int(rng.integers(1, 20))):
            if len(changed):
                changed[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(changed))
    elif way == "word":
        path.write_bytes(with_word(data, place, rng))
    elif way == "swap":
        other = pick([each for each in files if each.suffix == path.suffix], rng)
        other_data = other.read_bytes()
        other.write_bytes(data)
        path.write_bytes(other_data)
        return f"swap {path.relative_to(folder)} {other.relative_to(folder)}"
    elif way == "empty":
        path.write_bytes(b"")
    elif way == "text":
        path.write_bytes(bytes(pick(WORDS, rng)))
    else:
        path.unlink()
        path.mkdir()
    return f"{way} {path.relative_to(folder)}"


def with_word(data: bytes, place: int, rng: np.random.Generator) -> bytes:
    """The data with one number, word or name in text exchanged for another."""
    ends = b" ,:[]{}\n\t"
    start = max(data.rfind(bytes([end]), 0, place) for end in ends) + 1
    stop = min((at for at in (data.find(bytes([end]), place) for end in ends) if at >= 0), default=len(data))
    return data[:start] + pick(WORDS, rng) + data[max(start, stop) :]


def pick(these, rng: np.random.Generator):
    return these[int(rng.integers(len(these)))]


def commands_of(
    name: str, folder: Path, out: Path, mano: list[str], rng: np.random.Generator
) -> list[list[str]]:
    """Check, preview and convert, with some of their options."""
    entry = DATA_SETS[name]

    def maybe(*words: str) -> list[str]:
        return list(words) if rng.random() < 0.5 else []

    check = ["check", name, str(folder), *maybe("--decode")]
    preview = ["preview", name, str(folder), "--out", str(out / "sheet.png"), "--count", "4"]
    commands = [check, preview + (mano if entry.previews_mano else [])]
    if entry.converts:
        made = str(out / f"set of {folder.name}")
        options = ["--size", "32", "--workers", "1", *mano, *maybe("--limit", "3"), *maybe("--skip-damaged")]
        commands.append(["convert", name, str(folder), made, *options])
    return commands


@pytest.mark.parametrize("name", DATA_SETS)
def test_no_damage_ends_in_a_traceback(name, folders, run, tmp_path, request, capfd):
    whole, tried = folder_of(name, folders, request), []
    for seed in range(FIRST, FIRST + COUNT):
        rng = np.random.default_rng([seed, *name.encode()])
        folder = shutil.copytree(whole, tmp_path / f"{seed}")
        done = [spoil(folder, rng) for _ in range(int(rng.integers(1, 4)))]
        mano = ["--rig", str(folders["mano"])] if name in WITH_MANO and rng.random() < 0.5 else []
        commands = commands_of(name, folder, tmp_path, mano, rng)
        for command in commands:
            tried.append(f"seed {seed}: {'; '.join(done)}: {' '.join(command)}")
            try:
                code = run("data", *command)
            except Exception as error:
                pytest.fail(f"{tried[-1]}\n{type(error).__name__}: {error}")
            told = capfd.readouterr()
            assert code in (0, 1, 2), tried[-1]
            assert "Traceback" not in told.err and (code == 0 or (told.out + told.err).strip()), tried[-1]
        shutil.rmtree(folder)
    assert len(tried) >= 2 * COUNT
