"""How long the rig's fit to 21 joints takes on one CPU thread, and how near it comes.

python -m benchmarks.speed.fit_speed [--rounds 60]. Hands of the pose prior in any orientation, exact and with 4 mm of
noise on every coordinate, as a network's joints have. Batches take turns with numpy's SVD of a 100 x 100 matrix, which
is the reference, and with MediaPipe's landmark network: medians; the ratio is what travels from machine to machine.
Warm fits start from the same hands a moment before, bent by 2 % less and moved by 4 mm, with the same noise.
Last, how far fitted joints move when the given ones hardly do.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.timing import medians
from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork
from knuckle.poses.prior import sample_orientations, sample_poses, sample_shapes
from knuckle.rig.fit.joints import FitStart, fit_joints
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle

BATCHES = (1, 2, 16)
HANDS = 256
NOISE_M = 0.004
NUDGE_M = 0.00001


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    rig = load_rig()
    exact = prior_joints(rig)
    noisy = exact + NOISE_M * np.random.default_rng(1).standard_normal(exact.shape)
    before = fit_joints(rig, prior_joints(rig, bent=0.98) + (noisy - exact) + [0.0, 0.0, 0.004])
    start = FitStart(before.pose, before.shape)
    matrix = np.random.default_rng(2).standard_normal((100, 100))
    calls: list[Callable[[], object]] = [lambda: np.linalg.svd(matrix)]
    calls += [lambda joints=noisy[:count]: fit_joints(rig, joints) for count in BATCHES]
    calls += [
        partial(fit_joints, rig, noisy[:count], start=FitStart(start.pose[:count], start.shape[:count]))
        for count in BATCHES
    ]
    picture = np.random.default_rng(3).integers(0, 256, (LANDMARK_PX, LANDMARK_PX, 3), dtype=np.uint8)
    calls.append(partial(LandmarkNetwork(threads=1), picture))
    times = [1000 * seconds for seconds in medians(calls, runs=options.rounds, warm_up=3)]
    reference, *fits, peer = times
    print(f"one thread, median of {options.rounds}; numpy's SVD of 100 x 100: {reference:.2f} ms")
    for number, value in enumerate(fits):
        count, warm = BATCHES[number % len(BATCHES)], number >= len(BATCHES)
        each = value / count
        print(
            f"  {count:>2} at once{', warm' if warm else ''}: {each:.2f} ms a hand, {each / reference:.2f} of the SVD,"
            f" {each / peer:.2f} of MediaPipe's landmark network"
        )
    for name, joints in (("exact", exact), (f"{1000 * NOISE_M:g} mm of noise", noisy)):
        fit = fit_joints(rig, joints)
        residual, error = 1000 * fit.residual_m, 1000 * np.linalg.norm(fit.joints_m - exact, axis=-1).mean(1)
        print(
            f"  {HANDS} hands, {name}: residual {residual.mean():.3f} mm (largest {residual.max():.3f}),"
            f" from the true joints {error.mean():.3f} mm"
        )
    warm, cold = fit_joints(rig, noisy, start=start), fit_joints(rig, noisy)
    apart = 1000 * np.linalg.norm(warm.joints_m - cold.joints_m, axis=-1).mean(1)
    print(
        f"  warm from cold fits: {apart.mean():.3f} mm (median {np.median(apart):.3f}, largest {apart.max():.3f})"
    )
    nudge = np.random.default_rng(4).standard_normal(noisy.shape)
    nudged = noisy + NUDGE_M * nudge / np.linalg.norm(nudge, axis=-1, keepdims=True)
    for name, fit, known in (("cold", cold, None), ("warm", warm, start)):
        moved = 1000 * np.linalg.norm(
            fit_joints(rig, nudged, start=known).joints_m - fit.joints_m, axis=-1
        ).max(1)
        print(
            f"  joints moved by {1000 * NUDGE_M:g} mm move those of {name} fits by {np.median(moved):.3f} mm (median of"
            f" the farthest), {np.quantile(moved, 0.99):.3f} (99 %), {moved.max():.3f} (largest)"
        )


def prior_joints(rig: HandRig, *, bent: float = 1.0) -> Float[np.ndarray, "n 21 3"]:
    """Joints of random hands, metres, the pose times `bent`."""
    rng = np.random.default_rng(0)
    pose = sample_poses(rig, HANDS, rng).astype(np.float64)
    pose[:, 0] = matrix_to_axis_angle(sample_orientations(HANDS, rng))
    shape = sample_shapes(HANDS, rng).astype(np.float64)
    pose[:, 1:] *= bent
    return rig.posed(pose, shape, np.array([0.1, -0.05, 0.6])).joints


if __name__ == "__main__":
    main()
