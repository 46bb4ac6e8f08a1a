"""What a run asks of its sets, checked before its first step: each refusal is one sentence with the way out."""

from collections.abc import Sequence

from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig
from knuckle.rig.tips import check_same_tips
from knuckle.sets.reader import SynthSet
from knuckle.training.batches import HandSource
from knuckle.training.recipe import Recipe


def check_rig(labels: SynthSet, name: str) -> None:
    """Raise KnuckleError unless a set's poses and fingertips are those of the rig a model learns; name: as `load_rig`
    takes it."""
    rig = load_rig(name)
    if labels.rig_name == rig.name:
        fix = f"convert it again with --tips {rig.tips}" + (
            f', or set switches = {{ rig = "{name.partition("#")[0]}#{labels.tips}" }}'
            if rig.name == "mano"
            else ""
        )
        check_same_tips(labels.tips, rig.tips, what=str(labels.path), fix=fix)
    if labels.rig != rig.fingerprint:
        fix = "convert the set again" + ("" if name == "open" else f" with --rig {name.partition('#')[0]}")
        if labels.rig_name != rig.name:
            its_own = "open" if labels.rig_name == "open" else "MANO_RIGHT.pkl"
            fix += f', or set switches = {{ rig = "{its_own}" }}'
        raise KnuckleError(
            f"{labels.path}: expected poses of the model's rig, {name}, got those of "
            f"{'another version of it' if labels.rig_name == rig.name else f'the {labels.rig_name} rig'}; {fix}"
        )


def check_negatives(recipe: Recipe, sources: Sequence[HandSource]) -> None:
    """Raise KnuckleError where a recipe shows patches without a hand and no set has any: a confidence that never sees
    one learns to believe everything."""
    asked = recipe.negatives > 0 and recipe.with_negatives(recipe.steps - 1)
    if asked and not any(len(source.negatives) for source in sources):
        raise KnuckleError(
            f"recipe {recipe.name}: negatives: expected crops without a hand in {', '.join(recipe.sets)}, got none; "
            "make the set with --negatives, or set negatives = 0.0"
        )
