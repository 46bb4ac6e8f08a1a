"""How fast hands become joints of a robot on one CPU thread, and how near its fingertips come.

python -m benchmarks.speed.retargeting [--frames 300]. Needs the extra "robots". The hand opens, closes, spreads and
turns; the robot is the small made-up hand of the tests, of three fingers. Every frame takes its turn with numpy's SVD
of a 100 x 100 matrix, which is the reference: the thread's CPU time, medians, and the slowest of 20. The tips' error is
how far the robot's tips, seen from its wrist, stay from the person's (a robot of other proportions cannot reach all).
"""

from pathlib import Path
from time import thread_time

import numpy as np

from benchmarks.shared.arguments import make_parser
from knuckle.geometry.camera import Camera
from knuckle.hands import Hand, Hands
from knuckle.rig import load_rig
from knuckle.robots.retarget import KINDS, Retargeter, RobotModel

URDF = Path(__file__).parents[2] / "tests/robots/small_hand.urdf"
TIPS = {"thumb": "thumb_tip", "index": "index_tip", "middle": "middle_tip"}
RATE = 30.0


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    hands = [moving_hand(number) for number in range(options.frames)]
    matrix = np.random.default_rng(2).standard_normal((100, 100))
    for kind in KINDS:
        follow = Retargeter(RobotModel(URDF, "palm", TIPS), kind=kind, fastest=1e9)
        times, references, errors = [], [], []
        for number, hand in enumerate(hands):
            start = thread_time()
            follow(hand, number / RATE)
            middle = thread_time()
            np.linalg.svd(matrix)
            references.append(thread_time() - middle)
            times.append(middle - start)
            errors.append(follow.tip_error_m)
        own, reference, slow = (
            np.median(times[10:]),
            np.median(references[10:]),
            np.quantile(times[10:], 0.95),
        )
        tips = 1000 * np.array(errors[10:])
        print(
            f"{kind}: {1000 * own:.2f} ms a hand ({1 / own:.0f} Hz; {own / reference:.2f} of the SVD's"
            f" {1000 * reference:.2f} ms), slowest of 20 {1000 * slow:.2f} ms ({1 / slow:.0f} Hz);"
            f" fingertips off by {tips.mean():.1f} mm (largest {tips.max():.1f})"
        )


def moving_hand(number: int) -> Hand:
    """A frame of the motion: 2 s from open to closed and back."""
    rig = load_rig()
    phase = number / RATE * np.pi
    pose = np.zeros((16, 3))
    pose[0] = 0.3 * np.sin(phase / 3), 0.5 * np.sin(phase / 2), 0.2
    bend = 0.6 - 0.6 * np.cos(phase)
    for joint in range(1, 16):
        share = 1.0 if joint < 13 else 0.4
        pose[joint] = share * bend * rig.axes[joint, 2]
        if joint in (1, 4, 7, 10):
            pose[joint] = pose[joint] + 0.15 * np.sin(phase / 5) * rig.axes[joint, 1]
    posed = rig.posed(pose)
    move = np.array([0, 0, 0.5]) - posed.joints[0]
    return Hands(
        Camera.from_size(640, 480),
        sides=("right",),
        confidence=np.ones(1),
        boxes_px=np.ones((1, 4)),
        joints_px=np.zeros((1, 21, 2)),
        joints_m=(posed.joints + move)[None],
        vertices_m=(posed.vertices + move)[None],
        pose_rad=pose[None],
        shape=np.zeros((1, 10)),
    )[0]


if __name__ == "__main__":
    main()
