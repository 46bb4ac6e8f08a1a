"""What the one-hand system says of every frame of rendered clips, kept in files, so that filters are tried at no cost.

    python -m benchmarks.live.answers CLIPS [CLIPS ...] [--out out/live-answers] [--model dahyf]

CLIPS are folders that hold clips, as `knuckle synth --hands clips` writes them. Boxes and sides are the true ones: what
is measured with the answers is filters, not tracking. A clip that has its file is not asked about again.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.files import atomic_path
from knuckle.geometry.camera import Camera
from knuckle.inference.certainty import annotate
from knuckle.inference.detection.evidence import gather_evidence
from knuckle.inference.one_hand import Predictor
from knuckle.live.hand_pose import HandPose
from knuckle.photos.reading import read_image
from knuckle.progress import show_progress
from knuckle.skeleton import Side

SHOWN = 0.1
"""Hands of which a smaller share is to be seen are not asked about."""
FOLDER = Path("out/live-answers")


class Answers(NamedTuple):
    """One hand of one clip, T frames; NaN (confidences: 0) in frames where it was not asked about."""

    clip: str
    kind: str
    seed: int
    side: Side
    camera: Camera
    times_s: Float[np.ndarray, "T"]
    truth_m: Float[np.ndarray, "T 21 3"]
    """NaN where the hand is out of the picture."""
    shown: Float[np.ndarray, "T"]
    width_px: Float[np.ndarray, "T"]
    blur_px: Float[np.ndarray, "T"]
    poses: HandPose
    confidence: Float[np.ndarray, "T"]
    """Calibrated."""
    cosine: Float[np.ndarray, "T"]
    """DaHyF's own."""
    threshold: float
    """The record's, of the cosine."""


_TAILS: dict[str, tuple[int, ...]] = {
    "truth_m": (21, 3),
    "shown": (),
    "width_px": (),
    "blur_px": (),
    "root_m": (3,),
    "pose_rad": (16, 3),
    "shape": (10,),
    "confidence": (),
    "cosine": (),
}
_ZERO = ("shown", "confidence", "cosine")


def ask(clip: Path, predictor: Predictor) -> dict[str, np.ndarray]:
    """All that `read` needs of a clip, by name; hands are the first dimension, frames the second."""
    info = json.loads((clip / "clip.json").read_text())
    lines = [json.loads(line) for line in (clip / "truth.jsonl").read_text().splitlines()]
    camera = Camera(**info["camera"])
    known = sorted({(hand["identity"], hand["side"]) for line in lines for hand in line["hands"]})
    arrays: dict[str, Any] = {
        name: np.full((len(known), len(lines), *tail), 0.0 if name in _ZERO else np.nan)
        for name, tail in _TAILS.items()
    }
    for frame, line in enumerate(lines):
        hands = {(hand["identity"], hand["side"]): hand for hand in line["hands"]}
        for key, hand in hands.items():
            row = known.index(key), frame
            arrays["truth_m"][row] = hand["joints_m"]
            for name in ("shown", "width_px", "blur_px"):
                arrays[name][row] = hand[name]
        asked = [key for key, hand in hands.items() if hand["shown"] >= SHOWN]
        if not asked:
            continue
        image = read_image(clip / "frames" / f"{frame:06d}.jpg")
        boxes, sides = (
            np.array([hands[key]["box_px"] for key in asked], dtype=float),
            [key[1] for key in asked],
        )
        evidence = gather_evidence(image, boxes, sides, known=None, wanted=True)
        estimated = predictor.estimate(image, boxes, sides, camera, evidence=evidence)
        told = annotate(estimated, evidence)
        for key, hand, confidence in zip(asked, estimated.hands, told.confidence, strict=True):
            row = known.index(key), frame
            for name, value in HandPose.of(hand)._asdict().items():
                arrays[name][row] = value
            arrays["confidence"][row], arrays["cosine"][row] = confidence, hand.confidence
    return arrays | {
        "sides": np.array([side for _, side in known]),
        "times_s": np.array([line["time_s"] for line in lines]),
        "threshold": np.array(predictor.record.confidence_threshold),
        "info": np.array(json.dumps(info)),
    }


def read(files: Sequence[Path]) -> list[Answers]:
    """Every hand of the clips whose answers these files hold."""
    found = []
    for path in files:
        with np.load(path) as data:
            info = json.loads(str(data["info"]))
            for row, side in enumerate(data["sides"]):
                values = {name: data[name][row] for name in _TAILS}
                poses = HandPose(*(values.pop(name) for name in HandPose._fields))
                found.append(
                    Answers(
                        clip=info["name"],
                        kind=info["kind"],
                        seed=info["seed"],
                        side=str(side),  # pyright: ignore[reportArgumentType]
                        camera=Camera(**info["camera"]),
                        times_s=data["times_s"],
                        poses=poses,
                        threshold=float(data["threshold"]),
                        **values,
                    )
                )
    return found


def file_of(clip: Path, folder: Path) -> Path:
    """Where a clip's answers are kept."""
    return folder / f"{clip.parent.name}-{clip.name}.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--model", default="dahyf")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    clips = [path.parent for folder in options.clips for path in sorted(folder.glob("*/clip.json"))]
    predictor = Predictor(options.model, threads=1)
    with show_progress("clips", len(clips)) as advance:
        for clip in clips:
            path = file_of(clip, options.out)
            if not path.is_file():
                arrays = ask(clip, predictor)
                with atomic_path(path) as part, part.open("wb") as file:
                    np.savez_compressed(file, allow_pickle=False, **arrays)
                print(path, flush=True)
            advance(1)


if __name__ == "__main__":
    main()
