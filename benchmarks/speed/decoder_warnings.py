"""How much damage inside JPEGs the decoder tells, and what listening to it costs beside decoding.

    python -m benchmarks.speed.decoder_warnings FOLDER

FOLDER holds .jpg files, at any depth; the first 200 are taken, evenly spread. Costs are processor time, both ways in
turns in one run.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from knuckle.datasets.decoder_warnings import is_harmless, listen

_MOST, _ROUNDS = 200, 5


def _decode(data: bytes) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def _missing(data: bytearray, place: int, rng: np.random.Generator, count: int) -> None:
    del data[place : place + count]


def _noise(data: bytearray, place: int, rng: np.random.Generator, count: int) -> None:
    data[place : place + count] = rng.integers(0, 256, len(data[place : place + count]), np.uint8).tobytes()


def _zeros(data: bytearray, place: int, rng: np.random.Generator, count: int) -> None:
    data[place : place + count] = bytes(len(data[place : place + count]))


_DAMAGE: dict[str, tuple[Callable[[bytearray, int, np.random.Generator, int], None], int]] = {
    "512 bytes of noise": (_noise, 512),
    "512 zeros": (_zeros, 512),
    "200 bytes missing": (_missing, 200),
    "one byte changed": (_noise, 1),
}


def _is_noticed(data: bytes) -> bool:
    picture, told = listen(lambda: _decode(data))
    return picture is None or (bool(told) and not is_harmless(told))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    paths = sorted(parser.parse_args().folder.rglob("*.jpg"))
    pictures = [path.read_bytes() for path in paths[:: max(1, len(paths) // _MOST)][:_MOST]]
    rng = np.random.default_rng(0)
    print(f"{len(pictures)} pictures; whole ones complained of: {sum(map(_is_noticed, pictures))}")
    for name, (spoil, count) in _DAMAGE.items():
        noticed = 0
        for whole in pictures:
            data = bytearray(whole)
            spoil(data, len(data) // 4 + int(rng.integers(len(data) // 2)), rng, count)
            noticed += _is_noticed(bytes(data))
        print(f"{name:20} noticed in {noticed} of {len(pictures)}")
    spent = {"decoding": 0.0, "listening to it": 0.0}
    for _ in range(_ROUNDS):
        for name, read in (
            ("decoding", _decode),
            ("listening to it", lambda each: listen(lambda: _decode(each))),
        ):
            start = time.process_time()
            for each in pictures:
                read(each)
            spent[name] += time.process_time() - start
    for name, seconds in spent.items():
        print(f"{name:20} {seconds / spent['decoding']:.3f}")


if __name__ == "__main__":
    main()
