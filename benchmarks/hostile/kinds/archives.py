"""Archives: .npz and .npy with pickles or bombs in them, zip and tar with members that would lie elsewhere."""

import io
import pickle
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.hostile.attempt import Attempt, call
from benchmarks.hostile.damage import damaged
from benchmarks.hostile.kinds.pickles import CANARY

_ELSEWHERE = ("../{}", "../../{}", "/tmp/{}", "a/../../{}", "..\\{}", "C:\\{}", "./././../{}", "{}/../../{}")
_BOMB_BYTES = 100_000_000


class Archives:
    """`knuckle.export.npz.read_npz`, `knuckle.rig.load_rig`, sets on disk, and archives of data sets where this
    version unpacks them."""

    def __init__(self, materials: Path) -> None:
        from knuckle.export.json import read_json
        from knuckle.export.npz import write_npz

        self._materials = materials
        path = materials / "photo.npz"
        write_npz(path, read_json(materials / "photo.json"))
        self._hands = path.read_bytes()
        self._ways = [self._npz, self._npz, self._rig, self._set]
        if find_spec("knuckle.datasets.archives"):
            self._ways += [self._unpacked] * 3

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        return chance.choice(self._ways)(chance, folder)

    def _npz(self, chance: Random, folder: Path) -> Attempt:
        from knuckle.export.npz import read_npz

        path = folder / "photo.npz"
        name, data = self._hostile_npz(self._hands, chance, folder)
        path.write_bytes(data)
        return Attempt(f"hands (.npz): {name}", call(read_npz, path))

    def _rig(self, chance: Random, folder: Path) -> Attempt:
        from knuckle.rig import load_rig

        path = folder / "rig.npz"
        import knuckle.rig as rig

        assert rig.__file__ is not None
        name, data = self._hostile_npz(Path(rig.__file__).with_name("open.npz").read_bytes(), chance, folder)
        path.write_bytes(data)
        return Attempt(f"a rig: {name}", call(load_rig, path))

    def _hostile_npz(self, data: bytes, chance: Random, folder: Path) -> tuple[str, bytes]:
        way = chance.randrange(5)
        if way == 0:
            return damaged(data, chance)
        with np.load(io.BytesIO(data)) as archive:
            arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
        name = chance.choice(list(arrays))
        members = {key: _npy(array) for key, array in arrays.items()}
        if way == 1:
            members[name] = _object_npy(folder)
            name = f"{name} with a pickle that calls"
        elif way == 2:
            told = chance.choice(
                ("(99999999999,)", "(-1,)", "(2**62, 2**62)", "(0, 5)", "('a',)", "(" * 5000)
            )
            members[name] = _header_npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {told}, }}")
            name = f"{name} says its shape is {told[:20]}"
        elif way == 3:
            changed = (
                np.array(["x"]),
                np.full(3, np.nan),
                np.zeros((0, 0)),
                np.array(2**40),
                np.zeros(5, "V8"),
            )
            members[name] = _npy(changed[chance.randrange(len(changed))])
            name = f"{name} is another array"
        else:
            members[name] = _npy(np.zeros(_BOMB_BYTES // 8))
            name = f"{name} of {_BOMB_BYTES // 10**6} MB packed small"
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for key, member in members.items():
                archive.writestr(f"{key}.npy", member)
        return name, out.getvalue()

    def _set(self, chance: Random, folder: Path) -> Attempt:
        import json

        from knuckle.sets.reader import SynthSet

        shape = [1, 8, 8, 3]
        index = {"count": 1, "complete": True, "arrays": {"images": {"shape": shape, "dtype": "uint8"}}}
        path = folder / "images.npy"
        if chance.random() < 0.5:
            path.write_bytes(_object_npy(folder))
            name = "an array with a pickle that calls"
        else:
            name, data = damaged(_npy(np.zeros(shape, np.uint8)), chance)
            path.write_bytes(data)
        if chance.random() < 0.2:
            elsewhere = chance.choice(("../images", "/etc/passwd", "a/../images"))
            index["arrays"] = {elsewhere: {"shape": shape, "dtype": "uint8"}}
            name = f"{name}, an array named {elsewhere}"
        (folder / "index.json").write_text(json.dumps(index))
        return Attempt(f"a set: {name}", call(SynthSet, folder))

    def _unpacked(self, chance: Random, folder: Path) -> Attempt:
        """Into a folder of its own: what lies beside it afterwards came out of the archive."""
        from knuckle.datasets.archives import unpack  # pyright: ignore[reportMissingImports]

        as_tar = chance.random() < 0.5
        path = folder / ("set.tar" if as_tar else "set.zip")
        way = chance.randrange(4)
        name = chance.choice(_ELSEWHERE).replace("{}", CANARY)
        if way == 0:
            self._write(path, {"set/photo.bin": b"x" * 3000, "set/other.bin": b"y" * 3000})
            name, data = damaged(path.read_bytes(), chance)
            path.write_bytes(data)
        elif way == 1 and as_tar:
            name = self._write_links(path, chance)
        elif way == 2 and not as_tar:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for number in range(3):
                    archive.writestr(f"{number}.bin", bytes(30_000_000))
            name = "a bomb"
        else:
            self._write(path, {"set/photo.bin": b"x", name: b"y"})
        return Attempt(f"{path.suffix}: {name}", call(unpack, path, folder / "into"))

    @staticmethod
    def _write(path: Path, members: dict[str, bytes]) -> None:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, data in members.items():
                    archive.writestr(name, data)
            return
        with tarfile.open(path, "w") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

    @staticmethod
    def _write_links(path: Path, chance: Random) -> str:
        """A link out of the folder, then a file through it."""
        kind = chance.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE))
        with tarfile.open(path, "w") as archive:
            link = tarfile.TarInfo("door")
            link.type, link.linkname = kind, chance.choice(("..", "/tmp", "../../canary"))
            archive.addfile(link)
            info = tarfile.TarInfo("door/canary")
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
        return f"a link (type {kind!r}) and a file through it"


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def _header_npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text


def _object_npy(folder: Path) -> bytes:
    text = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    return _header_npy(text) + pickle.dumps(_Mkdir(str(folder / CANARY)))


class _Mkdir:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self):
        import os

        return os.mkdir, (self._path,)
