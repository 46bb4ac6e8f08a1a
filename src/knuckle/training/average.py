"""The weighted mean of two runs' weights (Wortsman et al. 2022, model soups): it forgets less of the first run."""

from pathlib import Path

from knuckle.errors import KnuckleError
from knuckle.rig.tips import OPEN
from knuckle.sets.seen import from_text, joined, to_text
from knuckle.training.checkpoint import load_model, read_metadata, save_weights

_SAME = ("system", "preset", "switches", "rig", "tips")
_BEFORE = {"tips": OPEN}
"""What weights say from before they said it."""


def average_weights(first: Path, second: Path, out: Path, *, share: float) -> dict[str, str]:
    """Write `share` of the first file's weights and the rest of the second's; returns the new file's metadata.

    Useful where one run continued the other: both then lie in the same basin of the loss. The metadata is the second
    one's; `averaged_with` names the first and its share. Raises KnuckleError for files of different models, and for a
    share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise KnuckleError(f"share: expected 0 to 1, got {share}")
    described = [read_metadata(path) for path in (first, second)]
    for name in _SAME:
        values = [metadata.get(name, _BEFORE.get(name)) for metadata in described]
        if values[0] != values[1]:
            raise KnuckleError(f"{second}: expected {name} {values[0]}, as in {first}, got {values[1]}")
    other, _ = load_model(first)
    model, metadata = load_model(second)
    theirs = other.state_dict()
    mixed = {
        name: share * theirs[name] + (1 - share) * value if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(mixed)
    both = joined(*(from_text(one.get("trained_sets")) or {} for one in described))
    metadata = metadata | {"trained_sets": to_text(both)}
    metadata = metadata | {"averaged_with": f"{first.stem} of {described[0].get('recipe', '?')}, {share:g}"}
    save_weights(out, model, metadata=metadata)
    return metadata
