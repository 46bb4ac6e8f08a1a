"""Start a run: in this process, or as several local ones under torch.distributed."""

import os
import subprocess
import sys
from pathlib import Path

from knuckle.errors import KnuckleError
from knuckle.training.hand_boxes.recipe import SYSTEM as HAND_BOXES
from knuckle.training.hand_boxes.recipe import read_hand_boxes_recipe
from knuckle.training.recipe import read_keys, read_recipe

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Keep glibc from returning every activation to the system and page-faulting it in again at the next step: a sixth
of a CPU step's time otherwise (benchmarks/speed/training_speed.py). Without effect elsewhere."""


def launch(recipe_path: Path, folder: Path) -> None:
    """Train a recipe into a folder, continuing a checkpoint found there. Raises KnuckleError when a process fails."""
    if _of_detector(recipe_path):
        processes, threads = 1, read_hand_boxes_recipe(recipe_path).threads
    else:
        recipe = read_recipe(recipe_path)
        processes, threads = recipe.processes, recipe.threads
        for folder_of_set in recipe.sets:
            if not folder_of_set or not Path(folder_of_set).is_dir():
                raise KnuckleError(
                    f"{recipe_path}: expected data to name a folder that `knuckle synth` or `knuckle convert` wrote,"
                    f" got {folder_of_set!r}, which is not there"
                )
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "knuckle.training.launch", str(recipe_path), str(folder)]
    environment = {**ALLOCATOR, **os.environ, "OMP_NUM_THREADS": str(threads)}
    if subprocess.run(command, env=environment).returncode:
        raise KnuckleError(f"{recipe_path}: a training process failed; its message stands above")


def train_here(recipe_path: Path, folder: Path) -> None:
    """This process's part of a run."""
    if _of_detector(recipe_path):
        from knuckle.training.hand_boxes.loop import HandBoxesTrainer

        HandBoxesTrainer(read_hand_boxes_recipe(recipe_path), folder).run()
        return
    from knuckle.training.loop import Trainer

    Trainer(read_recipe(recipe_path), folder).run()


def _of_detector(recipe_path: Path) -> bool:
    return read_keys(recipe_path).get("system") == HAND_BOXES


if __name__ == "__main__":
    try:
        train_here(Path(sys.argv[1]), Path(sys.argv[2]))
    except KnuckleError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
