"""What a run asks of its sets, checked before its first step: each refusal is one sentence with the way out."""

from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig
from knuckle.rig.tips import check_same_tips
from knuckle.sets.reader import SynthSet


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
