"""Which hand a row of training sees, of one set or of several: it depends on the seed and the row's number alone."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

_BLOCK = 1 << 14
"""Rows whose groups are drawn at once: few enough to draw in no time, enough that a late row has few blocks before
it."""


class HandOrder:
    """`hand(number)` is the hand that row `number` of a whole run sees.

    groups: the hands' numbers, each of them once. Every hand of a group comes once before one comes again. shares: of
    the rows, one a group, sum 1; each row draws its group.
    """

    def __init__(
        self, groups: Sequence[Int[np.ndarray, "_"]], *, shares: Sequence[float] = (1.0,), seed: int
    ) -> None:
        self.groups, self.seed = groups, seed
        self.shares = np.array(shares) / sum(shares)
        self._permutations: list[dict[int, np.ndarray]] = [{} for _ in groups]
        self._drawn_before = [np.zeros(len(groups), int)]
        self._last_block = -1, np.zeros(0, int)

    def hand(self, number: int) -> int:
        """The hand of a row."""
        group, turn = self._turn(number)
        epoch, position = divmod(turn, len(self.groups[group]))
        known = self._permutations[group]
        if epoch not in known:
            # Without several groups the key is that of the first.
            key = [self.seed, 1, epoch] if group == 0 else [self.seed, 1, epoch, group]
            # Two epochs stay: a batch may straddle their border.
            known = {e: p for e, p in known.items() if e == epoch - 1}
            known[epoch] = np.random.default_rng(key).permutation(self.groups[group])
            self._permutations[group] = known
        return int(known[epoch][position])

    def _turn(self, number: int) -> tuple[int, int]:
        """The group of a row, and how many rows before it had the same one."""
        if len(self.groups) == 1:
            return 0, number
        block, place = divmod(number, _BLOCK)
        while len(self._drawn_before) <= block:
            drawn = np.bincount(self._drawn(len(self._drawn_before) - 1), minlength=len(self.groups))
            self._drawn_before.append(self._drawn_before[-1] + drawn)
        groups = self._drawn(block)
        group = int(groups[place])
        return group, int(self._drawn_before[block][group] + np.count_nonzero(groups[:place] == group))

    def _drawn(self, block: int) -> np.ndarray:
        """The groups of a block's rows."""
        if self._last_block[0] != block:
            rng = np.random.default_rng([self.seed, 2, block])
            self._last_block = block, rng.choice(len(self.groups), _BLOCK, p=self.shares)
        return self._last_block[1]
