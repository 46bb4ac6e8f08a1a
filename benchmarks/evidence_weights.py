"""How much the landmark network's joints count beside ours: learns the map from its joints to ours, and its odds by
signal and joint, and writes them to src/knuckle/assets/evidence.json.

python benchmarks/evidence_weights.py --rendered runs/evidence-plain --rendered runs/evidence-extras --photos
$KNUCKLE_DATA/train-photos [--weights dahyf ...] [--familiar dahyf-teacher ...] [--looks out/evidence-looks].
Sets: `knuckle synth --count 1600 --negatives 0 --seed 291 --out runs/evidence-plain`, and `--seed 292 --extra views
--extra signs --extra partner --extra objects --extra flesh --extra wear --extra camera --extra sizes --out
runs/evidence-extras`. They must not have trained the weights, nor be a benchmark. --weights: names or .onnx files,
calibrated each by itself; default: all one-hand models installed. The first one's figures, but without a signal that
systems with other branches do not share, are also the standard for systems without any, those of two hands among
them. --familiar: weights that learned from the photographs. --looks: where both networks' answers are kept, which take
minutes; delete them when the landmark network or the sets change.

The map: median offset of our true joints from the landmark network's, in palm lengths and each joint's own axes, on
rendered hands where it is sure and near. In the picture three quarters of it are taken for the wrist and the tips, and
one quarter for the joints between: people who label photographs place the ends of a hand about where our rig has
them, and the joints between, the thumb's CMC above all, about where the landmark network has them. Its error on the
photographs of hand-graph is 3.71 % of the box with none of the map, 3.54 with these shares, 3.59 with half and 4.26
with all of it.

The odds: on rendered hands the mean error of the joined joints is made small. On photographs nobody knows the joints,
but either answer's change when the crop moves or is mirrored tells its error: times the ratio of error and change on
rendered hands. Sets count alike, but see `PHOTOS_COUNT`; a network that learned from these photographs changes little
on them, see `FAMILIAR`. Printed: mean errors of either and of both, in the picture (% of the box) and in depth (mm); of
photographs what is expected.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from evidence_looks import Looks, SeenHand, load, look, our_crops, photographed_hands, rendered_hands, save
from knuckle import weights
from knuckle.camera import Crop
from knuckle.evaluation.procrustes import align_similarity
from knuckle.files import atomic_path
from knuckle.inference.fusion import own_joints
from knuckle.inference.landmarks import LandmarkNetwork
from knuckle.inference.predictor import BATCH, better_rolls, normalise
from knuckle.inference.runtime import OnnxModel
from knuckle.inference.trust import (
    CLASS_OF_JOINT,
    CLASSES,
    SHARPNESS,
    SIGNALS,
    STANDARD,
    TABLE,
    Odds,
    Trust,
    View,
    apart,
    joint_axes,
    our_joints,
    palm_length,
    signals,
)

PICTURE_SHARES = {"W": 0.75, "M": 0.25, "P": 0.25, "D": 0.25, "T": 0.75, "CMC": 0.25}
"""Of the map that is taken in the picture, by class of joints."""
SURE, NEAR_PERCENT, NEAR_M = 0.95, 9.0, 0.014
"""Hands that the map is learnt from: presence and side, errors in the picture and in 3D after alignment."""
FAMILIAR = {"picture": 1.75, "depth": 1.3}
"""How much larger the errors of a network are on other photographs than is expected on those it learned from. In the
picture that is dahyf-teacher's 3.5 % expected against 4.9 on hand-graph, over dahyf-lite's, which learned from neither,
7.8 against 6.3; depths of photographs, which nobody labelled, are learnt less by heart."""
STEPS, RATE, DECAY = 400, 0.05, 0.01
PHOTOS_COUNT = {"picture": 1.0, "depth": 0.25}
"""Of photographs against a rendered set. Signals tell less of depth: what photographs gain, rendered hands lose."""


class Told(NamedTuple):
    """Of N hands: signals, how far both answers are apart, both answers and the truth in the picture (over the box's
    longer side) or in depth (m, one number a joint), and where nobody knows the truth, both expected errors."""

    signals: torch.Tensor
    apart: torch.Tensor
    seen: torch.Tensor
    ours: torch.Tensor
    truth: torch.Tensor
    seen_error: torch.Tensor
    our_error: torch.Tensor

    @property
    def is_labelled(self) -> bool:
        return bool(torch.isfinite(self.truth).all())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rendered", type=Path, action="append", required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--every", type=int, default=4, help="of the photographs")
    parser.add_argument("--weights", action="append", default=None)
    parser.add_argument(
        "--familiar", action="append", default=[], help="weights that learned from the photographs"
    )
    parser.add_argument("--looks", type=Path, default=Path("out/evidence-looks"))
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.weights or [name for name in weights.available() if weights.find(name)[1].hands == 1]
    hands = [list(rendered_hands(folder)) for folder in options.rendered]
    hands.append(list(photographed_hands(options.photos, options.every)))
    folders = [*options.rendered, options.photos]
    looks = [
        _looks(options.looks / f"{folder.name}.npz", of) for folder, of in zip(folders, hands, strict=True)
    ]
    table = json.loads(TABLE.read_text()) if TABLE.is_file() else {"systems": {}}
    shares = np.array([PICTURE_SHARES[CLASSES[number]] for number in CLASS_OF_JOINT])
    picture_offsets = shares[:, None] * learn_picture_offsets(looks[:-1])
    offsets = learn_offsets(looks[:-1])
    table |= {"picture_offsets": picture_offsets.round(4).tolist(), "offsets": offsets.round(4).tolist()}
    console = Console(width=140)
    for number, name in enumerate(names):
        path, record = weights.find(name)
        kept = [options.looks / f"{folder.name}-{record.name}-{record.sha256[:8]}.npz" for folder in folders]
        views = [_ours(*given, path, record) for given in zip(kept, hands, looks, strict=True)]
        told = {space: _told(looks, views, picture_offsets, offsets, space) for space in PHOTOS_COUNT}
        if name in options.familiar:
            for space, of_sets in told.items():
                of_sets[-1] = of_sets[-1]._replace(our_error=FAMILIAR[space] * of_sets[-1].our_error)
        table["systems"][record.name] = _learn(record.name, told, console)
        if number == 0:
            unbranched = {space: [_unbranched(of) for of in of_sets] for space, of_sets in told.items()}
            table["systems"][STANDARD] = _learn(STANDARD, unbranched, console)
    if not options.dry:
        with atomic_path(TABLE) as temporary:
            temporary.write_text(json.dumps(table, indent=1) + "\n")
        console.print(f"wrote {TABLE}")


def _learn(
    name: str, told: dict[str, list[Told]], console: Console
) -> dict[str, dict[str, dict[str, float]]]:
    """A system's entry of the table; what it brings is printed."""
    entry = {}
    for space, of_sets in told.items():
        odds = learn_odds(of_sets, PHOTOS_COUNT[space])
        console.print(_scores(f"{name}, {space}", of_sets, odds), "")
        entry[space] = {
            "signals": dict(zip(SIGNALS, odds.slopes.round(3).tolist(), strict=True)),
            "classes": dict(zip(CLASSES, odds.classes.round(3).tolist(), strict=True)),
        }
    return entry


def _unbranched(told: Told) -> Told:
    """As of a system without branches, or with others."""
    signals_ = told.signals.clone()
    signals_[:, SIGNALS.index("our branches")] = 0
    return told._replace(signals=signals_)


def learn_picture_offsets(looks: Sequence[Looks]) -> Float[np.ndarray, "21 3"]:
    """Offsets of our joints from the landmark network's in the picture, palm lengths; robust least squares, as the
    picture shows two of three axes."""
    rows, aims = [], []
    for seen in looks:
        side = seen.side_px()[:, None]
        error = 100 * np.linalg.norm(seen.plain.joints_px - seen.joints_px, axis=-1) / side
        near = _sure(seen) & (error.mean(1) < NEAR_PERCENT)
        world, px = seen.plain.joints_m[near], seen.plain.joints_px[near]
        flat = world[..., :2] - world[..., :2].mean(1, keepdims=True)
        spread = px - px.mean(1, keepdims=True)
        palm_px = palm_length(world) * np.sqrt((spread**2).sum((1, 2)) / (flat**2).sum((1, 2)))
        rows.append(joint_axes(world)[:, :, :2])
        aims.append((seen.joints_px[near] - px) / palm_px[:, None, None])
    row, aim = np.concatenate(rows), np.concatenate(aims)
    found = np.zeros((21, 3))
    for _ in range(5):
        off = np.linalg.norm(aim - np.einsum("njab,jb->nja", row, found), axis=-1)
        weight = 1 / (1 + (off / 0.06) ** 2)
        system = np.einsum("nj,njab,njac->jbc", weight, row, row) + 1e-2 * np.eye(3)
        found = np.linalg.solve(system, np.einsum("nj,njab,nja->jb", weight, row, aim)[..., None])[..., 0]
    return found


def learn_offsets(looks: Sequence[Looks]) -> Float[np.ndarray, "21 3"]:
    """Offsets of our joints from the landmark network's in 3D, palm lengths: medians after alignment."""
    worlds, truths = [], []
    for seen in looks:
        aligned = align_similarity(seen.joints_m, seen.plain.joints_m)
        near = _sure(seen) & (np.linalg.norm(aligned - seen.joints_m, axis=-1).mean(1) < NEAR_M)
        worlds.append(seen.plain.joints_m[near])
        truths.append(seen.joints_m[near])
    world, truth = np.concatenate(worlds), np.concatenate(truths)
    axes, palm, found = joint_axes(world), palm_length(world)[:, None, None], np.zeros((21, 3))
    for _ in range(4):
        moved = world + palm * np.einsum("njab,jb->nja", axes, found)
        aligned = align_similarity(moved, truth)
        found = np.median(np.einsum("njab,nja->njb", axes, (aligned - world) / palm), axis=0)
    return found


def learn_odds(told: Sequence[Told], photos_count: float) -> Odds:
    """The odds with the least mean error over all sets; those of photographs count so much."""
    every = torch.cat([of.signals for of in told])
    # A signal that says nothing, as that of a system without branches, has no spread.
    middle, spread = every.mean(0), every.std(0).clamp(min=1e-3)
    slopes = torch.zeros(len(SIGNALS), dtype=torch.float64, requires_grad=True)
    classes = torch.zeros(len(CLASSES), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([slopes, classes], lr=RATE)
    for _ in range(STEPS):
        losses = [
            _error(of, _share((of.signals - middle) / spread, of.apart, slopes, classes)).mean()
            / (of.ours - of.seen).abs().mean()
            * (1 if of.is_labelled else photos_count)
            for of in told
        ]
        loss = torch.stack(losses).mean() + DECAY * slopes.square().sum() / len(SIGNALS)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = (slopes / spread).detach()
    return Odds(found.numpy(), (classes.detach() - middle @ found).numpy())


def _share(
    signals_: torch.Tensor, apart_: torch.Tensor, slopes: torch.Tensor, classes: torch.Tensor
) -> torch.Tensor:
    """`Odds.share`, to be learnt."""
    odds = (signals_ @ slopes)[:, None] + classes[torch.as_tensor(CLASS_OF_JOINT)]
    return torch.sigmoid(odds * (1 + SHARPNESS * apart_[:, None]))


def _error(told: Told, share: torch.Tensor) -> torch.Tensor:
    """Error of each joint with that share of the landmark network's, the expected one where the truth is unknown."""
    if not told.is_labelled:
        return ((share * told.seen_error) ** 2 + ((1 - share) * told.our_error) ** 2 + 1e-12).sqrt()
    joined = share[..., None] * told.seen + (1 - share[..., None]) * told.ours
    return ((joined - told.truth).square().sum(-1) + 1e-12).sqrt()


class OurViews(NamedTuple):
    """Our joints (N, 21, 3) of each hand and in another crop, and how far its branches are apart, px."""

    plain_m: np.ndarray
    moved_m: np.ndarray
    spread_px: np.ndarray


def _ours(
    kept: Path, hands: Sequence[SeenHand], looks: Looks, path: Path, record: weights.WeightsRecord
) -> OurViews:
    """What a system says of hands, read where it was kept before."""
    if not kept.is_file():
        network, own = OnnxModel(path, threads=1), our_crops(hands, record.size, record.expand)
        turned = (looks.plain.rotation_rad, looks.moved.rotation_rad)
        plain, moved = (_ask(network, hands, *given) for given in zip(own, turned, strict=True))
        np.savez_compressed(kept, **OurViews(plain[0], moved[0], plain[1])._asdict())
    with np.load(kept) as arrays:
        return OurViews(**arrays)


def _ask(
    network: OnnxModel, hands: Sequence[SeenHand], crops: Sequence[Crop], rolls: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "N 21 3"], Float[np.ndarray, "N"]]:
    """Joints in crops, turned by `rolls` for an upright network, and how far its branches are apart, px."""
    joints, spreads, size = [], [], crops[0].size

    def ask(chunk: slice, roll: np.ndarray) -> dict[str, np.ndarray]:
        turned = [replace(c, roll_rad=float(r)) for c, r in zip(crops[chunk], roll, strict=True)]
        patch = np.stack([c.warp(hand.picture) for c, hand in zip(turned, hands[chunk], strict=True)])
        outputs = network(normalise(patch), crop, camera, roll=roll)
        return {name: values.astype(float) for name, values in outputs.items()}

    for start in range(0, len(hands), BATCH):
        chunk = slice(start, start + BATCH)
        crop = np.stack([c.vector for c in crops[chunk]])
        camera = np.stack([hand.camera.vector for hand in hands[chunk]])
        roll = rolls[chunk] if network.upright else np.zeros(len(crop))
        outputs = ask(chunk, roll)
        if network.upright:
            roll = better_rolls(outputs["joints_px"], roll)
            outputs = ask(chunk, roll)
        found, spread = own_joints(outputs, crop, camera, size, roll=roll)
        joints.append(found)
        spreads.append(spread)
    return np.concatenate(joints), np.concatenate(spreads)


def _told(
    looks: Sequence[Looks],
    views: Sequence[OurViews],
    picture_offsets: np.ndarray,
    offsets: np.ndarray,
    space: str,
) -> list[Told]:
    """What the odds are learnt from, in the picture or in depth; sets without truth have expected errors."""
    nothing = Odds(np.zeros(len(SIGNALS)), np.zeros(len(CLASSES)))
    trust = Trust(picture_offsets, offsets, nothing, nothing)
    result, ratios = [], []
    for seen, ours in zip(looks, views, strict=True):
        side = seen.side_px()
        answers = [
            our_joints(evidence, seen.camera, trust) for evidence in (seen.plain, seen.mirrored, seen.moved)
        ]
        own = [View(_project(m, seen.camera), m) for m in (ours.plain_m, ours.moved_m)]
        told = signals(answers[0], own[0], seen.plain, ours.spread_px / side)
        away = apart(answers[0], own[0], seen.plain)
        reference = seen.joints_m if np.isfinite(seen.joints_m).all() else ours.plain_m
        see, mirrored, moved, our, other, truth = (
            _values(view, side, reference, space)
            for view in (*answers, *own, View(seen.joints_px, seen.joints_m))
        )
        changes = (
            np.sqrt((_length(see - mirrored) ** 2 + _length(see - moved) ** 2) / 2),
            _length(our - other),
        )
        errors = (_length(see - truth), _length(our - truth))
        if np.isfinite(truth).all():
            ratios.append(
                [error.mean(0) / change.mean(0) for error, change in zip(errors, changes, strict=True)]
            )
        expected = [
            # A hand's changes joint by joint are few numbers: their mean, and how joints differ on average.
            change.mean(1, keepdims=True) * (change.mean(0) / change.mean()) * ratio
            for change, ratio in zip(changes, ratios[0], strict=True)
        ]
        result.append(
            Told(*(torch.as_tensor(v, dtype=torch.float64) for v in (told, away, see, our, truth, *expected)))
        )
    return result


def _values(view: View, side_px: np.ndarray, like_m: np.ndarray, space: str) -> np.ndarray:
    """Places in the picture over the box's side; or depths of the hand brought to the size of another, metres."""
    if space == "picture":
        return view.px / side_px[:, None, None]
    middle = view.m - view.m.mean(1, keepdims=True)
    like = like_m - like_m.mean(1, keepdims=True)
    size = np.sqrt((like**2).sum((1, 2)) / (middle**2).sum((1, 2)))
    return size[:, None, None] * middle[..., 2:]


def _length(values: np.ndarray) -> np.ndarray:
    return np.linalg.norm(values, axis=-1)


def _project(joints_m: np.ndarray, camera: np.ndarray) -> np.ndarray:
    lens = camera[:, None]
    return joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:]


def _sure(looks: Looks) -> np.ndarray:
    return (looks.plain.presence > SURE) & (looks.plain.right > SURE)


def _looks(path: Path, hands: Sequence[SeenHand]) -> Looks:
    if not path.is_file():
        save(path, look(hands, LandmarkNetwork()))
    return load(path)


def _scores(title: str, told: Sequence[Told], odds: Odds) -> Table:
    table = Table(title=title, box=None, pad_edge=False, title_justify="left")
    for heading in ("hands", "landmark network", "ours", "both", "mean share", *CLASSES):
        table.add_column(heading, justify="right")
    slopes, classes = torch.as_tensor(odds.slopes), torch.as_tensor(odds.classes)
    for of in told:
        share = _share(of.signals, of.apart, slopes, classes)
        unit = 100.0 if of.seen.shape[-1] == 2 else 1000.0
        errors = [
            _error(of, s).mean() * unit for s in (torch.ones_like(share), torch.zeros_like(share), share)
        ]
        by_class = [share[:, number == CLASS_OF_JOINT].mean() for number in range(len(CLASSES))]
        kind = "rendered" if of.is_labelled else "photographs"
        table.add_row(
            f"{len(share)} {kind}",
            *(f"{e:.2f}" for e in errors),
            f"{share.mean():.2f}",
            *(f"{s:.2f}" for s in by_class),
        )
    return table


if __name__ == "__main__":
    main()
