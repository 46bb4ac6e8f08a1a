"""What is recorded, a function a part. All goes through the command line or the public names where it can, so that a
move of the code leaves this file nearly as it is; the imports of deeper modules stand in the functions."""

import contextlib
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


def estimates(_: Path) -> Arrays:
    """`knuckle.estimate` of the sample photo: every shipped model and "auto", hands found and hands given."""
    import knuckle
    from knuckle import weights

    photo, about = sample_photo()
    given = {"boxes": about["boxes"], "sides": about["sides"]}
    cases: dict[str, dict[str, Any]] = {}
    for model in (*weights.available(), "auto"):
        cases[f"{model}/found"] = {"model": model}
        cases[f"{model}/given"] = {"model": model, **given, "camera": about["camera"]}
        if model == "auto" or model.startswith("dfl"):
            cases[f"{model}/given, 1 look"] = {"model": model, **given, "looks": 1}
    cases["auto/found, no evidence"] = {"evidence": False}
    cases["auto/given, no evidence"] = {"evidence": False, **given}
    cases["dahyf/one given, no evidence"] = {
        "model": "dahyf",
        "evidence": False,
        "boxes": about["boxes"][:1],
        "sides": about["sides"][:1],
    }
    arrays: Arrays = {}
    for case, options in cases.items():
        hands = knuckle.estimate(photo, **options)
        arrays |= flat(case, {**vars(hands), "camera": vars(hands.camera)})
    return arrays


def estimate_files(_: Path) -> Arrays:
    """The sha256 of every file that `knuckle estimate` writes, and the JSONs' numbers beside."""
    photo, about = sample_photo()
    given = []
    for box, side in zip(about["boxes"], about["sides"], strict=True):
        given += ["--box", ",".join(map(str, box)), "--side", side]
    camera = ["--camera", ",".join(map(str, about["camera"]))]
    arrays: Arrays = {}
    for case, options in {"found": [], "given": [*given, *camera], "all": [*given, "--model", "all"]}.items():
        with tempfile.TemporaryDirectory() as folder:
            knuckle_command("estimate", photo, "--out", folder, *options)
            for path in sorted(Path(folder).iterdir()):
                arrays[f"{case}/{path.name}/sha256"] = sha256_of(path)
                if path.suffix == ".json":
                    arrays |= flat(f"{case}/{path.name}", json.loads(path.read_text()))
    return arrays


def rendered(folder: Path) -> Arrays:
    """Small sets of `knuckle synth`: each file's arrays, pools and index. The first two stay, to be trained on."""
    arrays: Arrays = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in SETS.items():
            place = folder if name in KEPT_SETS else Path(scratch)
            knuckle_command(
                "synth",
                "--out",
                place / name,
                "--workers",
                "1",
                "--backgrounds",
                "procedural",
                *options.split(),
            )
            arrays |= set_arrays(name, place / name)
    return arrays


SETS = {
    "one": "--count 16 --seed 5 --negatives 0.2",
    "two": "--count 12 --seed 6 --hands two --size 160 --negatives 0.1",
    "full": "--count 4 --seed 7 --labels full --size 96",
    "two-full": "--count 2 --seed 6 --hands two --size 96 --labels full --singles 0.5",
    "extras": "--count 8 --seed 8 --size 96 --extra poses --extra signs --extra views --extra sizes --extra wear"
    " --extra camera --extra flesh --extra objects",
    "partner": "--count 4 --seed 9 --size 96 --extra partner --partners 1.0",
    "photographs": "--count 3 --seed 10 --size 96 --backgrounds auto",
}
KEPT_SETS = ("one", "two")


def frozen_crops(_: Path) -> Arrays:
    """The first crops of both frozen benchmarks, rendered anew."""
    from dataclasses import replace

    from knuckle.synth.benchmark import ONE_HAND, TWO_HANDS, render_benchmark

    arrays: Arrays = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, frozen in (("one", ONE_HAND), ("two", TWO_HANDS)):
            render_benchmark(replace(frozen, count=8), Path(scratch) / name)
            arrays |= set_arrays(name, Path(scratch) / name, pool=False)
    return arrays


def scores(_: Path) -> Arrays:
    """Every figure of `knuckle evaluate`'s JSON, the values of single hands included."""
    weights = Path(__file__).parents[2] / "weights"
    runs = {
        "synthetic": "--data synthetic --limit 64 --weights dahyf --weights auto",
        "synthetic, all": "--data synthetic --limit 8 --alignment --weights dahyf-lite --weights dahyf-teacher"
        " --weights ehpe --weights handar --weights dfl",
        "two": "--data synthetic-two --limit 16 --weights dfl --weights auto --weights dahyf",
        "no fit": "--data synthetic --limit 8 --weights dahyf --no-refine",
        "no evidence": "--data synthetic --limit 8 --weights dahyf --no-evidence",
        "checkpoint": f"--data synthetic --limit 8 --weights {weights}/dahyf-lite.safetensors",
        "two, checkpoint": f"--data synthetic-two --limit 4 --weights {weights}/dfl-lite.safetensors",
    }
    if eval_dev_is_there():
        runs["photos"] = "--data eval-dev --limit 4 --weights dahyf --weights auto"
    arrays: Arrays = {}
    for case, options in runs.items():
        with tempfile.TemporaryDirectory() as folder:
            knuckle_command("evaluate", "--out", folder, "--no-plot", *options.split())
            for path in sorted(Path(folder).glob("*.json")):
                arrays |= flat(case, json.loads(path.read_text())["reports"])
    return arrays


def eval_dev_is_there() -> bool:
    """Whether the photographs for measuring are on this machine."""
    import os

    return bool(data := os.environ.get("KNUCKLE_DATA")) and (Path(data) / "eval-dev").is_dir()


def training_steps(folder: Path) -> Arrays:
    """A training step of each system on the sets of `rendered`, whose runs stay in the folder: loss terms, gradient
    norms, weights and averaged weights after it, validation scores."""
    import torch
    from old import SYSTEMS, open_run

    torch.set_num_threads(1)
    arrays: Arrays = {}
    for system in SYSTEMS:
        trainer, batches = open_run(folder, system)
        batch = batches[0]
        terms = trainer.step(batch, 0)
        named = list(trainer.objective.named_parameters())
        found = {
            "batch": {name: value.numpy() for name, value in batch.items()},
            "terms": terms,
            "gradient norm": {n: p.grad.norm().item() for n, p in named if p.grad is not None},
            "weights": {n: t.detach().numpy() for n, t in trainer.objective.state_dict().items()},
            "average": {n: t.numpy() for n, t in trainer.average.items()},
            "validation": trainer.validate(),
        }
        arrays |= flat(system, found)
        trainer.progress["step"] = 1
        trainer.save()
    return arrays


def rigs(_: Path) -> Arrays:
    """Both rigs' arrays, and hands posed by them."""
    from dataclasses import fields

    import knuckle

    rng = np.random.default_rng(0)
    pose, shape = rng.normal(0, 0.3, (4, 16, 3)), rng.normal(0, 1, (4, 10))
    translation = rng.normal(0, 0.2, (4, 3))
    arrays: Arrays = {}
    for side in ("right", "left"):
        rig = knuckle.load_rig("open", side=side)
        stored = {field.name: getattr(rig, field.name) for field in fields(rig)}
        kept = {name: value for name, value in stored.items() if isinstance(value, np.ndarray)}
        posed = rig.posed(pose, shape, translation)
        arrays |= flat(side, {**kept, "posed": {"vertices": posed.vertices, "joints": posed.joints}})
    return arrays


def weights_records(_: Path) -> Arrays:
    """The records of the shipped weights, as the package reads them."""
    from dataclasses import asdict

    from knuckle import weights

    return flat("", {name: asdict(weights.read_record(path)) for name, path in weights.available().items()})


def old_things(folder: Path) -> Arrays:
    """What `load` must find again in the folder: its sets' arrays, and a further step of each training run."""
    from old import EXPECTED, open_old

    arrays = open_old(folder)
    np.savez(folder / EXPECTED, **arrays)  # pyright: ignore[reportArgumentType]
    return arrays


PARTS: dict[str, Callable[[Path], Arrays]] = {
    "estimates": estimates,
    "estimate_files": estimate_files,
    "rigs": rigs,
    "weights_records": weights_records,
    "rendered": rendered,
    "frozen_crops": frozen_crops,
    "scores": scores,
    "training_steps": training_steps,
    "old_things": old_things,
}
"""In the order they run: training takes the sets that `rendered` left, `old_things` its runs."""


def sample_photo() -> tuple[Path, dict[str, Any]]:
    """The photo in the package, its boxes, sides and camera."""
    import knuckle

    assert knuckle.__file__ is not None
    photo = Path(knuckle.__file__).parent / "assets" / "two_hands.jpg"
    return photo, json.loads(photo.with_suffix(".json").read_text())


def knuckle_command(*arguments: object) -> None:
    """`knuckle ARGUMENTS...` in this process, without what it prints; raises KnuckleError where it fails."""
    from knuckle import KnuckleError
    from knuckle.cli.main import main

    words = [str(argument) for argument in arguments]
    with called_as("knuckle", *words), _quiet() as printed:
        try:
            main()
        except SystemExit as done:
            if done.code:
                said = " ".join(printed.getvalue().split())
                raise KnuckleError(
                    f"knuckle {' '.join(words)}: expected it to succeed, got: {said}"
                ) from done


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """What is printed meanwhile, progress bars included."""
    with io.StringIO() as text, contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        yield text


@contextlib.contextmanager
def called_as(*words: str) -> Iterator[None]:
    """A command line while the body runs."""
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before


def set_arrays(name: str, folder: Path, *, pool: bool = True) -> Arrays:
    """A set's files as they lie on disk."""
    arrays = flat(name, {"index": json.loads((folder / "index.json").read_text())})
    for path in sorted(folder.rglob("*.np[yz]")):
        if path.parent != folder and not pool:
            continue
        stored = np.load(path, allow_pickle=False)
        key = f"{name}/{path.relative_to(folder).with_suffix('')}"
        arrays |= flat(key, {n: stored[n] for n in stored.files} if path.suffix == ".npz" else stored)
    return arrays


def sha256_of(path: Path) -> np.ndarray:
    """A file's sha256 as 32 bytes."""
    return np.frombuffer(hashlib.sha256(path.read_bytes()).digest(), np.uint8)


def flat(name: str, value: Any) -> Arrays:
    """Nested dicts and lists as arrays by path; lists of numbers (None among them is NaN), or of texts, are one array,
    however deep, as long as their rows are equally long. None alone is a text."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list | tuple):
        if (row := _as_array(value)) is not None:
            return {name: row}
        items = list(enumerate(value))
    else:
        return {name: np.asarray("None" if value is None else value)}
    arrays: Arrays = {f"{name}/length".lstrip("/"): np.asarray(len(items))}
    for key, item in items:
        arrays |= flat(f"{name}/{key}".lstrip("/"), item)
    return arrays


def _as_array(values: list | tuple) -> np.ndarray | None:
    """A list of numbers or texts, or of such lists, as one array; None where it is not one."""
    leaves = list(_leaves(values))
    if leaves and all(isinstance(leaf, str) for leaf in leaves):
        dtype = None
    elif all(leaf is None or isinstance(leaf, int | float) for leaf in leaves):
        # numpy takes None for NaN where floats are asked for.
        dtype = float if None in leaves else None
    else:
        return None
    try:
        return np.array(values, dtype)
    except ValueError:
        return None


def _leaves(values: list | tuple) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value
