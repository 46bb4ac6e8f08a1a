"""Sets and training runs on disk, opened by whatever code there is now, and gone on from."""

from pathlib import Path
from typing import Any

import numpy as np

EXPECTED = "expected.npz"
"""What the code that wrote the folder got when it opened it again."""
SYSTEMS = {"dahyf": "one", "ehpe": "one", "handar": "one", "dfl": "two"}
"""The set that each system is trained on."""


def open_old(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a folder's sets by the package's own reader, and a second step of each of its training runs, from
    the checkpoint after the first. Nothing is written."""
    from parts import flat

    from knuckle.sets.reader import SynthSet

    arrays: dict[str, np.ndarray] = {}
    for name in sorted(set(SYSTEMS.values())):
        opened = SynthSet(folder / name)
        kept = {"images": opened.images, **opened.labels, "hands": opened.hands, "rig": opened.rig}
        arrays |= flat(f"set {name}", {key: np.array(value) for key, value in kept.items()})
    for system in SYSTEMS:
        trainer, batches = open_run(folder, system)
        trainer.resume()
        terms = trainer.step(batches[1], 1)
        arrays |= flat(f"run {system}", {"progress": trainer.progress, "terms": terms})
    return arrays


def open_run(folder: Path, system: str) -> tuple[Any, Any]:
    """The trainer of a system's run in the folder (new, or resumed by its `resume`), and its batches by step."""
    import torch

    from knuckle.training.batches import TrainingBatches
    from knuckle.training.loop import Trainer
    from knuckle.training.recipe import Recipe

    torch.use_deterministic_algorithms(True)
    recipe = Recipe(
        name=system,
        system=system,
        data=str(folder / SYSTEMS[system]),
        validation=2,
        samples=16,
        batch=4,
        warmup_samples=0,
        pretrained=False,
        negatives_from=0.0,
        negatives=0.25,
        # Gradients as they are: nothing is cut off.
        clip=1e9,
    )
    trainer = Trainer(recipe, folder / f"run-{system}")
    return trainer, TrainingBatches(recipe, upright=trainer.upright)
