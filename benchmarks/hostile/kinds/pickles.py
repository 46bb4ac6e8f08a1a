"""Pickles in a MANO file's place: those that call code, unpack to very much, go round in circles or are damaged."""

import builtins
import functools
import os
import pickle
import pickletools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.hostile.attempt import Attempt, call, command
from benchmarks.hostile.damage import DEEP, changed_value, damaged

CANARY = "canary"
"""A file that is there only if something in a pickle was called."""


class Pickles:
    """`load_mano`, and `knuckle export --rig MANO_RIGHT.pkl`."""

    def __init__(self, materials: Path) -> None:
        self._materials = materials
        self._data = pickle.loads((materials / "mano.pkl").read_bytes())  # our own
        # Damage to a large array is no damage to a pickle: small files have more of the latter.
        small = {name: np.asarray(self._data["hands_mean"])[:3] for name in self._data}
        self._small = pickle.dumps(small, protocol=2)

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        ways = (self._calling, self._calling, self._by_hand, self._big, self._damaged, self._other_arrays)
        name, data = chance.choice(ways)(chance, folder)
        path = folder / "MANO_RIGHT.pkl"
        path.write_bytes(data)
        if chance.random() < 0.3:
            shutil.copy(self._materials / "photo.json", folder)
            options = ("--to", "glb", "--rig", path, "--out", folder / "out")
            return Attempt(f"{name}, to a .glb", command("export", folder / "photo.json", *options))
        from knuckle.rig.mano import load_mano

        return Attempt(name, call(load_mano, path, chance.choice(("left", "right"))))

    def _calling(self, chance: Random, folder: Path) -> tuple[str, bytes]:
        """Objects that ask the reader to call something."""
        canary = str(folder / CANARY)
        python = f"open({canary!r}, 'w').close()"
        calls: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = (
            (os.system, (f"touch {canary}",)),
            (builtins.exec, (python,)),
            (builtins.eval, (python,)),
            (subprocess.check_output, (["touch", canary],)),
            (open, (canary, "w")),
            (os.mkdir, (canary,)),
            (functools.partial, (os.system, f"touch {canary}")),
            (np.load, (canary,)),
            (np.ndarray.tofile, (np.zeros(2), canary)),
            (np.zeros(2).tofile, (canary,)),
            (builtins.__import__, ("antigravity",)),
            (np.memmap, (canary, "u1", "w+", 0, (9,))),
        )
        function, arguments = chance.choice(calls)
        protocol = chance.randrange(6)
        held = dict(self._data) | {chance.choice(list(self._data)): _Called(function, arguments)}
        value = _Called(function, arguments) if chance.random() < 0.5 else held
        return f"calls {getattr(function, '__name__', function)}", pickle.dumps(value, protocol=protocol)

    def _by_hand(self, chance: Random, folder: Path) -> tuple[str, bytes]:
        """Opcodes in an order that no pickler writes."""
        canary = str(folder / CANARY).encode()
        shell = b"touch " + canary
        programs = {
            "GLOBAL and REDUCE": b"cposix\nsystem\n(S'" + shell + b"'\ntR.",
            "getattr": b"c__builtin__\ngetattr\n(cos\nsystem\nS'__call__'\ntR(S'" + shell + b"'\ntR.",
            "INST": b"(S'" + shell + b"'\niposix\nsystem\n.",
            "OBJ": b"(cposix\nsystem\nS'" + shell + b"'\no.",
            "a name with dots": b"\x80\x04\x8c\x05numpy\x8c\x0elib.npyio.load\x93.",
            "a submodule of numpy": b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n}tR.",
            "a class of the whitelist with a state": b"cnumpy\nndarray\n(tR}S'x'\nI1\nsb.",
            "BUILD of a function": b"cnumpy\ndtype\n}S'__class__'\nI1\nsb.",
            "BUILD with slots": b"cchumpy.ch\nCh\n)\x81N}S'__class__'\ncchumpy.ch\nOther\ns\x86b.",
            "a state for a class": b"cchumpy.ch\nCh\n}S'__init__'\nI1\nsb.",
            "a persistent id": b"P1\n.",
            "an extension": b"\x82\x01.",
            "the stack empty": b".",
            "memo that is not there": b"g99\n.",
            "a memo of 2**31": b"]r\xff\xff\xff\x7f.",
            "object scalars": b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRS'aaaaaaaa'\ntR.",
            "an array of objects": b"cnumpy\nndarray\n((I9\ntS'O'\ntR.",
            "next buffer": b"\x80\x05\x97.",
            "a frame of 2**62": b"\x80\x04\x95" + (2**62).to_bytes(8, "little") + b"N.",
            "bytes of 2**62": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"N.",
            "a circle": b"(lp0\ng0\na.",
            "nested deeply": b"]" * DEEP + b"a" * (DEEP - 1) + b".",
            "tuples nested deeply": b"N" + b"\x85" * DEEP + b".",
        }
        name = chance.choice(list(programs))
        return name, programs[name]

    def _big(self, chance: Random, folder: Path) -> tuple[str, bytes]:
        """Few bytes that ask for much memory."""
        much = chance.choice((2**33, 2**40, 2**62, -1))
        dtype = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
        programs = {
            f"ndarray({much})": b"cnumpy\nndarray\n((L%dL\nt%stR." % (much, dtype),
            f"a dtype of {much} bytes": b"cnumpy\ndtype\n(S'V%d'\nI0\nI1\ntR." % much,
            f"_reconstruct of {much}": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(L%dL\ntS'd'\ntR."
            % much,
            "lists that hold each other ten times": b"]"
            + b"".join(b"q%c](%sl" % (i, b"h%c" % i * 10) for i in range(30))
            + b".",
        }
        name = chance.choice([*programs, "sparse"])
        if name != "sparse":
            return name, programs[name]
        regressor = self._data["J_regressor"].copy()
        regressor._shape = chance.choice(((2**20, 2**20), (16, 2**40), (-1, 5), (16,)))
        return f"a sparse matrix of {regressor._shape}", pickle.dumps(
            self._data | {"J_regressor": regressor}, protocol=2
        )

    def _damaged(self, chance: Random, folder: Path) -> tuple[str, bytes]:
        name, data = damaged(self._small, chance)
        if chance.random() < 0.3:
            opcodes = [code.code.encode("latin1") for code in pickletools.opcodes]
            place = chance.randrange(len(self._small))
            some = b"".join(chance.choice(opcodes) for _ in range(chance.randrange(1, 8)))
            return "opcodes put in", self._small[:place] + some + self._small[place:]
        return name, data

    def _other_arrays(self, chance: Random, folder: Path) -> tuple[str, bytes]:
        """What is no hand, though all is data."""
        name = chance.choice(list(self._data))
        array = self._data[name]
        dense = np.asarray(array.todense() if hasattr(array, "todense") else array)
        huge = np.full(dense.shape, chance.choice((np.nan, np.inf, 1e308, 2.0**70)))
        others: dict[str, Any] = {
            "transposed": dense.T,
            "empty": dense[:0],
            "numbers out of range": huge,
            "texts": dense.astype(str)[:20],
            "objects": np.array([None, {}], object),
            "zeros": np.zeros_like(dense),
            "complex": dense.astype(complex),
            "other numbers": dense[::-1].astype(float) * -3,
        }
        which = chance.choice(list(others))
        if chance.random() < 0.2:
            return changed_value({"v_template": [1, 2]}, chance)[0], pickle.dumps([1, {"v_template": None}])
        return f"{name}: {which}", pickle.dumps(self._data | {name: others[which]}, protocol=2)


class _Called:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call
