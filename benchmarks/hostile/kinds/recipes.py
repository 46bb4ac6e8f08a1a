"""Recipes (TOML): damaged text, values of other types and sizes, tables that are none."""

import tomllib
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.hostile.attempt import Attempt, call, command
from benchmarks.hostile.damage import DEEP, changed_value, damaged

RECIPES = Path(__file__).parents[3] / "recipes"
_NAMES = ("dahyf-lite.toml", "dfl-lite.toml", "hand-boxes.toml", "standing.toml")


class Recipes:
    """`knuckle train` of a recipe whose set is not there, which ends once the recipe is read; and the readers."""

    def __init__(self, materials: Path) -> None:
        self._texts = {name: (RECIPES / name).read_bytes() for name in _NAMES}

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        from knuckle.standing.recipe import read_standing
        from knuckle.training.hand_boxes.recipe import read_hand_boxes_recipe
        from knuckle.training.recipe import read_recipe

        source = chance.choice(list(self._texts))
        way = chance.randrange(6)
        if way == 0:
            name, data = damaged(self._texts[source], chance)
        elif way == 1:
            nested = chance.choice(("[" * DEEP, "{a=" * DEEP, "[" * DEEP + "]" * DEEP))
            name, data = "nested deeply", b"x = " + nested.encode() + b"\n" + self._texts[source]
        else:
            name, value = changed_value(tomllib.loads(self._texts[source].decode()), chance)
            for _ in range(chance.choice((0, 0, 2))):
                more, value = changed_value(value, chance)
                name = f"{name}, {more}"
            data = _toml(value)
        path = folder / source
        path.write_bytes(data)
        name = f"{source}: {name[:160]}"
        if source == "standing.toml":
            return Attempt(name, call(read_standing, path))
        if source == "hand-boxes.toml":
            return Attempt(name, call(read_hand_boxes_recipe, path))
        if chance.random() < 0.5:
            return Attempt(name, call(read_recipe, path))
        # Only where the set it names is not there: nothing is to be trained.
        return Attempt(f"{name}, trained", command("train", _elsewhere(path), "--out", folder / "run"))


def _elsewhere(path: Path) -> Path:
    """The recipe with its sets named otherwise than any that is there."""
    path.write_bytes(path.read_bytes().replace(b"runs/", b"no-such-runs/"))
    return path


def _toml(value: Any) -> bytes:
    """TOML of what `tomllib` read, or nearly: what TOML has no word for is written as JSON has it."""
    if not isinstance(value, dict):
        return _word(value).encode("utf-8", "surrogatepass")
    plain = {key: item for key, item in value.items() if not isinstance(item, dict)}
    tables = {key: item for key, item in value.items() if isinstance(item, dict)}
    lines = [f"{_word(key)} = {_word(item)}" for key, item in plain.items()]
    for key, table in tables.items():
        lines += [f"[{_word(key)}]", *(f"{_word(k)} = {_word(item)}" for k, item in table.items())]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\u0000") + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_word(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(k)} = {_word(item)}" for k, item in value.items()) + "}"
    return "null" if value is None else str(value)
