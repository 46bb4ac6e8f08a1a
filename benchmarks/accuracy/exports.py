"""How near exported hands come to the rig's own, in the programs that open them.

python -m benchmarks.accuracy.exports [--three NODE_MODULES] [--blender blender] [--frames 100] [--track FILE]. The two
hands of a made-up motion within the joints' limits, or those of a file of `knuckle track`, are exported as .glb and
.bvh. --three: a folder node_modules with three, by which Node.js deforms the surface. --blender: Blender's command; it
opens both by tools/blender/import_knuckle.py and says where bones begin. Prints the largest distance from the rig's
vertices and joints over all frames that a hand is there (of a track: of the exported shape), and sizes of the files.
"""

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float

from benchmarks.shared.arguments import make_parser
from knuckle.animation.bvh import write_bvh
from knuckle.animation.glb import write_animated_glb
from knuckle.animation.motion import HandMotion, Motion, motion_of, read_motion
from knuckle.animation.openxr_lines import write_openxr
from knuckle.animation.usd import write_usda
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.poses.prior import sample_poses, sample_shapes
from knuckle.rig import load_rig
from knuckle.skeleton import JOINT_NAMES, SIDES

ROOT = Path(__file__).parents[2]
RATE = 30.0
_STEP = 10
"""Frames from one sampled pose to the next."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--three", type=Path)
    parser.add_argument("--blender")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--track", type=Path)
    options = parser.parse_args()
    motion = read_motion(options.track) if options.track else made_motion(options.frames)
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_animated_glb(folder / "a.glb", motion)
        write_usda(folder / "a.usda", motion)
        write_openxr(folder / "a.jsonl", motion)
        for hand in motion.hands:
            write_bvh(folder / f"{hand.name}.bvh", hand, motion)
        sizes = [f"{path.name} {path.stat().st_size / 1e3:.0f} kB" for path in sorted(folder.iterdir())]
        print(f"{len(motion.times_s)} frames, {len(motion.hands)} hands: {', '.join(sizes)}")
        if options.three:
            _by_three(options, motion, folder)
        if options.blender:
            _by_blender(options, motion, folder)


def made_motion(frames: int) -> Motion:
    """A left and a right hand of different shapes that go smoothly from pose to pose of the pose prior."""
    rng = np.random.default_rng(0)
    rigs = [load_rig("open", side=side) for side in SIDES]
    shapes = sample_shapes(2, rng).astype(float)
    stops = np.stack([sample_poses(rig, frames // _STEP + 2, rng).astype(float) for rig in rigs])
    stops[:, :, 0] = rng.normal(0, 0.8, stops[:, :, 0].shape)
    answers = []
    for number in range(frames):
        stop, share = divmod(number / _STEP, 1)
        poses = (1 - share) * stops[:, int(stop)] + share * stops[:, int(stop) + 1]
        posed = [
            rig.posed(pose, shape, np.array([0.1 * place, 0.0, 0.6]))
            for place, (rig, pose, shape) in enumerate(zip(rigs, poses, shapes, strict=True))
        ]
        answers.append(
            Hands(
                Camera.from_size(640, 480),
                sides=SIDES,
                confidence=np.ones(2),
                boxes_px=np.ones((2, 4)),
                joints_px=np.zeros((2, 21, 2)),
                joints_m=np.array([hand.joints for hand in posed]),
                vertices_m=np.array([hand.vertices for hand in posed]),
                pose_rad=poses,
                shape=shapes,
                time_s=number / RATE,
            )
        )
    return motion_of(answers, source="made", rate=RATE)


def _by_three(options: argparse.Namespace, motion: Motion, folder: Path) -> None:
    script, out = ROOT / "benchmarks/shared/three_surface.mjs", folder / "surface.json"
    # As the file has them: times a little before a key would blend two.
    times = [repr(float(np.float32(time_s))) for time_s in motion.times_s]
    command = ["node", str(script), str(options.three.resolve()), str(folder / "a.glb"), str(out), *times]
    subprocess.run(command, check=True)
    found = json.loads(out.read_text())
    for hand in motion.hands:
        surfaces = np.array(found[f"{hand.name}_mesh"])[hand.rows].reshape(len(hand.rows), -1, 3)
        away = [
            np.linalg.norm(surface - hand.posed(slice(k, k + 1)).vertices[0], axis=-1).max()
            for k, surface in enumerate(surfaces)
        ]
        print(
            f"three.js, {hand.name}: surface within {1e3 * max(away):.4f} mm of the rig's, {len(away)} frames"
        )


def _by_blender(options: argparse.Namespace, motion: Motion, folder: Path) -> None:
    opener, out = ROOT / "tools/blender/import_knuckle.py", folder / "joints.json"
    for file in ["a.glb", *(f"{hand.name}.bvh" for hand in motion.hands)]:
        command = [options.blender, "--background", "--python", str(opener), "--", str(folder / file)]
        command += ["--rate", str(motion.rate), "--joints", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        for armature, bones in json.loads(out.read_text()).items():
            name = armature if file == "a.glb" else Path(file).stem
            hand = next(hand for hand in motion.hands if hand.name == name)
            kind = Path(file).suffix[1:]
            print(
                f"Blender, .{kind}, {name}: joints within {1e3 * _bones_away(hand, bones):.4f} mm of the rig's"
            )


def _bones_away(hand: HandMotion, bones: dict[str, list[list[float]]]) -> float:
    """The largest distance of a bone's beginning from its joint; tips, which are skin, left out."""
    truth = hand.posed().joints
    worst = 0.0
    for bone, places in bones.items():
        joint = bone.removeprefix(f"{hand.name}_")
        if joint in JOINT_NAMES and not joint.endswith("tip"):
            # Blender's first frame of a .glb is 0, of a .bvh 1; both are the video's first.
            own = _upright(truth[:, JOINT_NAMES.index(joint)])
            worst = max(worst, np.linalg.norm(np.array(places)[hand.rows] - own, axis=-1).max())
    return worst


def _upright(points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """From y up to Blender's z up."""
    return points[..., [0, 2, 1]] * [1, -1, 1]


if __name__ == "__main__":
    main()
