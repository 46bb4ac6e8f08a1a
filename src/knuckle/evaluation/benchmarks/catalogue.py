"""What can be evaluated on, by name or folder."""

import os
import sys
from pathlib import Path

from knuckle.datasets.coco_wholebody import is_coco_wholebody
from knuckle.datasets.egodexter import is_egodexter
from knuckle.datasets.eval_dev import INDEX, read_eval_dev
from knuckle.datasets.hic import is_hic
from knuckle.datasets.interhand import Chosen
from knuckle.datasets.photos import read_json
from knuckle.datasets.rgb2hands import is_rgb2hands
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.arctic import arctic_benchmark, is_arctic
from knuckle.evaluation.benchmarks.grasping import dexycb_benchmark, hot3d_benchmark, is_dexycb, is_hot3d
from knuckle.evaluation.benchmarks.hic import hic_benchmark
from knuckle.evaluation.benchmarks.interhand import interhand_benchmark, is_interhand
from knuckle.evaluation.benchmarks.one_hand import (
    DATA_VARIABLE,
    Benchmark,
    coco_wholebody_benchmark,
    egodexter_benchmark,
    freihand_benchmark,
    ho3d_benchmark,
    photographed_hands,
    rendered_benchmark,
)
from knuckle.evaluation.benchmarks.rgb2hands import rgb2hands_benchmark
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark, photographed_pairs, rendered_pairs
from knuckle.evaluation.protocols import freihand
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import Seen

NAMES = ("synthetic", "synthetic-two", "eval-dev")


def open_benchmarks(
    data: str,
    *,
    limit: int | None = None,
    root: freihand.Root = "predicted",
    mano: Path | None = None,
    seen: Seen | None = None,
    chosen: Chosen | None = None,
    variant: str | None = None,
) -> list[Benchmark | TwoHandBenchmark]:
    """The benchmarks behind a name or folder.

    Args:
        data: "synthetic" or "synthetic-two", the frozen rendered benchmarks of one and of two hands; "eval-dev", the
            real photographs under $KNUCKLE_DATA/eval-dev, a benchmark a source; or the folder of an index of
            photographs, of FreiHAND, of HO-3D, of InterHand2.6M, of EgoDexter, of HIC, of RGB2Hands, of
            COCO-WholeBody, of DexYCB, of ARCTIC, of HOT3D or of a rendered set, recognised by its files.
        limit: only the first so many hands (or crops of two) of each.
        root: FreiHAND's root depth, as `knuckle.evaluation.protocols.freihand.report` takes it.
        mano: the user's MANO_RIGHT.pkl, for sets of its poses, ARCTIC and HOT3D.
        seen: which rows of which sets the models were trained on: these are left out.
        chosen: which frames of InterHand2.6M.
        variant: which set-up of DexYCB (s0 to s3), protocol of ARCTIC or part of HOT3D.

    Raises KnuckleError for anything else, or for what is missing.
    """
    if limit is not None and limit < 1:
        raise KnuckleError(f"limit: expected at least 1 hand, got {limit}")
    if chosen is not None and chosen != Chosen() and not is_interhand(Path(data), split=chosen.split):
        raise KnuckleError(
            f"--annotators, --shown, --filtered: expected with the folder of InterHand2.6M, got {data}"
        )
    several = (is_dexycb, is_arctic, is_hot3d)
    if variant is not None and not any(known(Path(data)) for known in several):
        raise KnuckleError(f"--variant: expected with the folder of DexYCB, ARCTIC or HOT3D, got {data}")
    if data == "synthetic":
        from knuckle.synth.benchmark import load_benchmark

        return [
            rendered_benchmark(load_benchmark(progress=sys.stderr.isatty()), name="synthetic", limit=limit)
        ]
    if data == "synthetic-two":
        from knuckle.synth.benchmark import load_two_hand_benchmark

        return [rendered_pairs(load_two_hand_benchmark(progress=sys.stderr.isatty()), name=data, limit=limit)]
    if data == "eval-dev":
        return photo_benchmarks(_data_folder() / "eval-dev", limit=limit)
    folder = Path(data)
    if not folder.is_dir():
        raise KnuckleError(f"data: expected {', '.join(NAMES)} or the folder of a dataset, got {data!r}")
    if (folder / "evaluation_K.json").is_file():
        return [freihand_benchmark(folder, limit=limit, root=root)]
    if (folder / "evaluation.txt").is_file():
        return [ho3d_benchmark(folder, limit=limit)]
    if is_interhand(folder):
        return [interhand_benchmark(folder, chosen=chosen, mano=mano, limit=limit)]
    if is_dexycb(folder):
        return [dexycb_benchmark(folder, setup=variant, limit=limit, seen=seen)]
    if is_arctic(folder):
        return [arctic_benchmark(folder, variant=variant, mano=mano, limit=limit, seen=seen)]
    if is_hot3d(folder):
        return [hot3d_benchmark(folder, part=variant, mano=mano, limit=limit, seen=seen)]
    if is_egodexter(folder):
        return [egodexter_benchmark(folder, limit=limit)]
    if is_hic(folder):
        return [hic_benchmark(folder, limit=limit)]
    if is_rgb2hands(folder):
        return [rgb2hands_benchmark(folder, limit=limit)]
    if is_coco_wholebody(folder):
        return [coco_wholebody_benchmark(folder, limit=limit)]
    if (folder / INDEX).is_file():
        if isinstance(read_json(folder / INDEX, kind=object), dict):
            rendered = SynthSet(folder)
            if rendered.hands == 2:
                return [rendered_pairs(rendered, name=folder.name, limit=limit, seen=seen)]
            return [rendered_benchmark(rendered, name=folder.name, limit=limit, mano=mano, seen=seen)]
        return photo_benchmarks(folder, limit=limit)
    raise KnuckleError(
        f"{folder}: expected {INDEX} (photographs or a rendered set), evaluation_K.json (FreiHAND),"
        " evaluation.txt (HO-3D), annotations of InterHand2.6M's test split, tips of EgoDexter"
        " (data/Desk/annotation.txt_3D.txt), HIC.json, seq01_crossed (RGB2Hands), coco_wholebody_val_v1.0.json,"
        " people and calibration of DexYCB, meta and splits_json of ARCTIC or train_aria or train_quest3 (HOT3D) in it,"
        " got none of them"
    )


def photo_benchmarks(folder: Path, *, limit: int | None = None) -> list[Benchmark | TwoHandBenchmark]:
    """A benchmark for each source of an index of photographs, and one of those with both hands labelled."""
    hands = read_eval_dev(folder)
    if not hands:
        raise KnuckleError(f"{folder}: expected hands of known side, got none")
    pairs = photographed_pairs(hands, limit=limit)
    return [*photographed_hands(hands, limit=limit), *([] if pairs is None else [pairs])]


def _data_folder() -> Path:
    value = os.environ.get(DATA_VARIABLE)
    if not value or not Path(value).is_dir():
        raise KnuckleError(
            f"eval-dev: expected {DATA_VARIABLE} to name the folder of the data, got {value!r}"
        )
    return Path(value)
