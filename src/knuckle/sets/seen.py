"""Which rows of which sets a network was trained on: its weights keep it, so that it is scored on other hands."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Seen = dict[str, tuple[int, int]]
"""Where a set's hands are from (`origin_of`) -> the row from which on hands were held out, and how many rows there
were. The hands before the first were trained on, and all crops without a hand before the second."""


def origin_of(index: Mapping[str, Any]) -> str:
    """What sets with the same hands, row by row, have in common, by their index.json; "" where it does not say.

    Crops of another size or width are of the same hands.
    """
    if "dataset" in index:
        # Other photographs that the same teacher labelled are other hands, and so are other people's own.
        told = {"teacher": "licences", "own": "labels"}.get(index["dataset"])
        which = "" if told is None else f" {_digest([index['count'], index.get(told)])}"
        # Rows of another order are other hands.
        order = f", {index['order']}" if index.get("order") else ""
        return f"{index['dataset']}{which}{order}"
    if "seed" in index and isinstance(index.get("options"), Mapping):
        options = {name: value for name, value in index["options"].items() if name != "size"}
        return f"rendered {_digest([index['seed'], options])}"
    return ""


def joined(*seen: Seen) -> Seen:
    """What any of several runs was trained on."""
    result: Seen = {}
    for one in seen:
        for origin, (first, count) in one.items():
            before = result.get(origin, (0, 0))
            result[origin] = max(first, before[0]), max(count, before[1])
    return result


def variants_of(seen: Seen, dataset: str) -> list[str]:
    """The set-ups or parts of a data set that training saw, as `knuckle data convert --variant` names them."""
    told = [origin.partition(",")[0].split(" ") for origin in seen]
    return [words[1] for words in told if len(words) == 2 and words[0] == dataset]


def to_text(seen: Seen) -> str:
    """As weights keep it."""
    return json.dumps(seen)


def from_text(text: str | None) -> Seen | None:
    """What `to_text` wrote; None of weights from before they kept it."""
    return None if text is None else {origin: (int(a), int(b)) for origin, (a, b) in json.loads(text).items()}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
