"""The rows of a set without a hand: squares of the data set's own frames that show none."""

import numpy as np

from knuckle.datasets.decoder_warnings import read_whole
from knuckle.datasets.hand_free import SIDES_OF_FRAME, hand_free_crop
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.source import EmptySource, Source
from knuckle.errors import KnuckleError
from knuckle.sets.samples import blank_sample
from knuckle.sets.storage import Header
from knuckle.truth import validity_table

_OWN = ("own_mask", "own_mesh_m")
_SEED = 4
"""First of the numbers that a row's randomness is drawn from."""
_MOST_ATTEMPTS, _NEXT_FRAME = 64, 977
"""How many frames are tried for one row, and how far apart they are."""


def hand_free_row(source: Source, row: int, hands: int, header: Header) -> dict[str, np.ndarray]:
    """A row without a hand: a square of the frame of one of the set's hands, which are taken evenly."""
    options, without = header["options"], header["hand_free"]
    rng = np.random.default_rng([_SEED, row])
    number = (row - hands) * hands // without
    for attempt in range(_MOST_ATTEMPTS):
        tried = number + attempt * _NEXT_FRAME
        try:
            hand = _frame_with_room(source, row - hands, tried, header)
            crop = None if hand is None else hand_free_crop(hand, rng, size=options["size"])
            picture = None if hand is None or crop is None else read_whole(hand.read, hand.image)
        except KnuckleError:
            # The hand's own row names what cannot be read.
            continue
        if hand is not None and crop is not None and picture is not None:
            sample = blank_sample(crop.warp(picture), hand.camera, crop, vertex_count=None)
            rows = sample.labels() | {"images": sample.image, "residual_m": np.float32(0)}
            # Labels of a hand that is not there: not told apart from those that are.
            told = {name: np.zeros(shape, bool) for name, (shape, _) in validity_table(1).items()}
            told |= {
                name: np.zeros(s["shape"][1:], s["dtype"])
                for name, s in header["arrays"].items()
                if name in _OWN
            }
            rows |= {name: value for name, value in told.items() if name in header["arrays"]}
            return {name: np.asarray(value)[None] for name, value in rows.items()}
    hand = source.hands(range(number, number + 1))[0]
    smallest = round(SIDES_OF_FRAME[-1] * min(hand.camera.width, hand.camera.height))
    raise KnuckleError(
        f"negatives: expected frames with room for {smallest}x{smallest} px without a hand, got none in "
        f"{_MOST_ATTEMPTS} of {header['dataset']}'s, {hand.image} the first; ask for none"
    )


def _frame_with_room(source: Source, which: int, number: int, header: Header) -> LabelledHand | None:
    """The frame that a hand-free crop is cut from: every other one shows no hand at all, where the source has such."""
    if which % 2 == 0 and isinstance(source, EmptySource) and source.empty_count:
        # Taken evenly too.
        hands = header["count"] - header["hand_free"]
        return source.empty(number * source.empty_count // hands % source.empty_count)
    tried = number % (header["count"] - header["hand_free"])
    return source.hands(range(tried, tried + 1))[0]
