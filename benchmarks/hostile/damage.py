"""Ways to damage a file's bytes, and values of JSON or TOML, chosen by chance."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

DEEP = 100_000
"""Brackets within each other: more than any reader that calls itself can follow."""


def damaged(data: bytes, chance: Random) -> tuple[str, bytes]:
    """A file with something wrong in its bytes, and what."""
    name, way = chance.choice(_WAYS)
    return name, way(data, chance)


def _truncated(data: bytes, chance: Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _flipped(data: bytes, chance: Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 100))):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _flipped_head(data: bytes, chance: Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        out[chance.randrange(min(64, len(out)))] = chance.randrange(256)
    return bytes(out)


def _huge_number(data: bytes, chance: Random) -> bytes:
    out, place = bytearray(data), chance.randrange(max(1, min(len(data), 400) - 4))
    out[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))
    return bytes(out)


def _without_part(data: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, max(2, len(data) // 4)) :]


def _repeated_part(data: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(data))
    end = start + chance.randrange(1, max(2, len(data) // 4))
    return data[:end] + data[start:end] * chance.randrange(1, 5) + data[end:]


def _zeros(data: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(data))
    count = chance.randrange(1, max(2, len(data) // 4))
    return data[:start] + bytes(count) + data[start + count :]


_WAYS: tuple[tuple[str, Callable[[bytes, Random], bytes]], ...] = (
    ("truncated", _truncated),
    ("bits flipped", _flipped),
    ("bytes of its head changed", _flipped_head),
    ("a huge number in its head", _huge_number),
    ("a part left out", _without_part),
    ("a part repeated", _repeated_part),
    ("zeros in it", _zeros),
    ("empty", lambda data, chance: b""),
    ("another magic number", lambda data, chance: chance.randbytes(8) + data[8:]),
    ("noise", lambda data, chance: chance.randbytes(chance.randrange(1, 5000))),
)

_VALUES: tuple[tuple[str, Callable[[Random], Any]], ...] = (
    ("null", lambda chance: None),
    ("NaN", lambda chance: float("nan")),
    ("infinity", lambda chance: float("-inf")),
    ("1e308", lambda chance: 1e308),
    ("1e-320", lambda chance: 1e-320),
    ("a number of 400 digits", lambda chance: 10**400),
    ("2**63", lambda chance: 2**63),
    ("minus one", lambda chance: -1),
    ("zero", lambda chance: 0),
    ("true", lambda chance: True),
    ("a text", lambda chance: chance.choice(("", "left", "\0", "x" * 100_000, "\ud800", "../../x"))),
    ("a list", lambda chance: chance.choice(([], [1], [[]], [None], [[1, 2], [3]], [1] * 10_000))),
    ("an object", lambda chance: chance.choice(({}, {"": None}, {"fx": 1}, {"a": {"b": []}}))),
)


def changed_value(value: Any, chance: Random) -> tuple[str, Any]:
    """A JSON value with something in it that does not belong, and what."""
    copied = json.loads(json.dumps(value))
    path = _some_path(copied, chance)
    where = ".".join(map(str, path)) or "all of it"
    holder: Any = copied
    for key in path[:-1]:
        holder = holder[key]
    way = chance.randrange(10)
    if path and way == 0:
        del holder[path[-1]]
        return f"{where} missing", copied
    if path and way == 1 and isinstance(holder, dict):
        holder[f"{path[-1]}\0more"] = holder.pop(path[-1])
        return f"{where} misspelt", copied
    name, make = chance.choice(_VALUES)
    if not path:
        return f"{name} for all of it", make(chance)
    holder[path[-1]] = make(chance)
    return f"{where}: {name}", copied


def hostile_json(value: Any, chance: Random) -> tuple[str, bytes]:
    """A value as JSON: changed once or more, or damaged as text."""
    way = chance.randrange(12)
    if way == 0:
        return "nested deeply", chance.choice((b"[" * DEEP, b'{"hands":' * DEEP, b"[" * DEEP + b"]" * DEEP))
    if way == 1:
        # Inside of a value that is otherwise right.
        marked = json.dumps(value)
        place = marked.find(":", chance.randrange(len(marked))) + 1
        return "a deep value", (marked[:place] + "[" * DEEP + "]" * DEEP + ", " + marked[place:]).encode()
    if way == 2:
        return damaged(json.dumps(value).encode(), chance)
    if way == 3:
        text = json.dumps(value)
        start = chance.choice(("\ufeff", "\0", "// text\n"))
        return "text before it", (start + text).encode("utf-16" if chance.random() < 0.3 else "utf-8")
    if way == 4:
        text = json.dumps(value)
        number = chance.choice(("1" * 5000, "1e999999", "-" + "9" * 4000, "0x1", "NaN", "-Infinity"))
        place = text.find(":", chance.randrange(len(text))) + 1
        end = min((at for at in (text.find(",", place), text.find("}", place)) if at > 0), default=len(text))
        return "a number out of range", (text[:place] + number + text[end:]).encode()
    name, changed = changed_value(value, chance)
    for _ in range(chance.choice((0, 0, 0, 1, 3))):
        more, changed = changed_value(changed, chance)
        name = f"{name}, {more}"
    return name[:200], json.dumps(changed).encode("utf-8", "surrogatepass")


def _some_path(value: Any, chance: Random) -> list[Any]:
    """Keys that lead to some part of a value; the less deep ones are as frequent as the deep."""
    path: list[Any] = []
    while isinstance(value, dict | list) and value and (not path or chance.random() < 0.75):
        key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        path.append(key)
        value = value[key]
    return path if chance.random() > 0.03 else []
