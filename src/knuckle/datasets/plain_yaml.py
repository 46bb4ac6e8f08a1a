"""The part of YAML that data sets' calibration files are written in, read without a YAML library.

Mappings and lists, nested by indentation or in brackets, of numbers, quoted and plain text; comments. Whatever else
YAML has (anchors, tags, text of several lines) is refused with its line. Nothing is ever constructed but dict, list,
str, int, float, bool and None.
"""

import re
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError

MAX_BYTES = 2**20
_DEPTH = 32
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})$")
"""Longer ones are read as floats."""
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?$")
_KEY = re.compile(r"""('(?:[^']|'')*'|"[^"\\]*"|[^\s'"\[\]{}#&*!|>%@`,-][^\s:#]*)\s*:(?:\s+|$)""")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_REFUSED = "&*!|>%@`{}"

_Line = tuple[int, int, str]
"""Number in the file, indentation, text."""


def read_yaml(path: Path) -> Any:
    """The content of a file; raises KnuckleError naming the file and the line that cannot be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise KnuckleError(f"{path}: expected a YAML file of a few kB, got {path.stat().st_size} bytes")
        text = path.read_text()
    except OSError as error:
        raise KnuckleError(f"{path}: expected a YAML file, got {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnuckleError(f"{path}: expected a YAML file, got other bytes than text") from error
    lines = _lines(text)
    try:
        value, rest = _block(lines, 0, lines[0][1], 0) if lines else (None, 0)
        if rest < len(lines):
            raise _Refused(lines[rest][0], "a line at the indentation of the first")
    except _Refused as error:
        raise KnuckleError(f"{path}: line {error.line}: expected {error.expected}") from None
    return value


class _Refused(Exception):
    def __init__(self, line: int, expected: str) -> None:
        super().__init__(expected)
        self.line, self.expected = line, expected


def _lines(text: str) -> list[_Line]:
    """Lines with something on them; a list in brackets over several lines as one."""
    found: list[_Line] = []
    open_brackets, parts = 0, []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _without_comment(raw).rstrip()
        if not line.strip() or line.strip() == "---":
            continue
        text = line.strip()
        if open_brackets > 0:
            parts.append(text)
        else:
            parts = [text]
            found.append((number, len(line) - len(line.lstrip(" ")), text))
        open_brackets = max(open_brackets, 0) + text.count("[") - text.count("]")
        if open_brackets <= 0 and len(parts) > 1:
            found[-1] = (*found[-1][:2], " ".join(parts))
    return found


def _without_comment(line: str) -> str:
    quote = ""
    for at, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def _block(lines: list[_Line], at: int, indent: int, depth: int) -> tuple[Any, int]:
    """The value that begins at a line, all of whose lines are at this indentation or deeper; and the next line."""
    number, _, text = lines[at]
    if depth > _DEPTH:
        raise _Refused(number, f"at most {_DEPTH} levels")
    if text == "-" or text.startswith("- "):
        return _list(lines, at, indent, depth)
    if _KEY.match(text):
        return _mapping(lines, at, indent, depth)
    return _scalar(text, number), at + 1


def _list(lines: list[_Line], at: int, indent: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while at < len(lines) and lines[at][1] == indent and (lines[at][2] + " ").startswith("- "):
        number, _, text = lines[at]
        inner = text[1:].lstrip()
        if inner:
            # What follows the dash stands at its own column, as if on a line of its own.
            lines[at] = (number, indent + len(text) - len(inner), inner)
            value, at = _block(lines, at, lines[at][1], depth + 1)
        elif at + 1 < len(lines) and lines[at + 1][1] > indent:
            value, at = _block(lines, at + 1, lines[at + 1][1], depth + 1)
        else:
            value, at = None, at + 1
        found.append(value)
    _check_indent(lines, at, indent)
    return found, at


def _mapping(lines: list[_Line], at: int, indent: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at][1] == indent:
        number, _, text = lines[at]
        match = _KEY.match(text)
        if match is None:
            break
        key, inner = str(_unquoted(match[1])), text[match.end() :].strip()
        if key in found:
            raise _Refused(number, f"every key once, got {key} again")
        following = lines[at + 1] if at + 1 < len(lines) else None
        if inner:
            found[key], at = _scalar(inner, number), at + 1
        elif following and (following[1] > indent or (following[1] == indent and _is_item(following[2]))):
            found[key], at = _block(lines, at + 1, following[1], depth + 1)
        else:
            found[key], at = None, at + 1
    _check_indent(lines, at, indent)
    return found, at


def _is_item(text: str) -> bool:
    return (text + " ").startswith("- ")


def _check_indent(lines: list[_Line], at: int, indent: int) -> None:
    if at < len(lines) and lines[at][1] > indent:
        raise _Refused(lines[at][0], "a line that is indented as those before it")


def _scalar(text: str, number: int) -> Any:
    if text.startswith("["):
        if not text.endswith("]") or "[" in text[1:]:
            raise _Refused(number, f"a list of plain values in brackets, got {text[:40]}")
        inner = text[1:-1].strip().removesuffix(",")
        return [_scalar(part.strip(), number) for part in inner.split(",")] if inner else []
    if text[0:1] in ("'", '"'):
        if len(text) < 2 or text[-1] != text[0] or "\\" in text:
            raise _Refused(number, f"text in quotes, without escapes, got {text[:40]}")
        return _unquoted(text)
    if text[0:1] in tuple(_REFUSED) or ": " in text:
        raise _Refused(number, f"a number or plain text, got {text[:40]}")
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if text.lower() in (".nan", ".inf", "-.inf", "+.inf"):
        return float(text.replace(".", ""))
    return _WORDS.get(text.lower(), text) if text.lower() in _WORDS else text


def _unquoted(text: str) -> str:
    if text[0:1] == "'":
        return text[1:-1].replace("''", "'")
    return text[1:-1] if text[0:1] == '"' else text
