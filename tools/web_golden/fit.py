"""Golden data of the page's fit: hands as a network gives them, and the rig that Python fits to them.

python -m tools.web_golden.fit writes 200 hands, half of them left ones, of the pose prior with noise on every
coordinate as networks have it (1 to 8 mm, more in depth). Each is fitted cold and as the next frame of a hand that was
a little different; with the weights that pictures have, and some with none. Some are fitted from a start that is not
known too. It prints how long a fit takes in Python.
"""

import time
from pathlib import Path

import numpy as np

from knuckle.inference.refine import ACROSS, ALONG
from knuckle.rig.fit.joints import FitResult, FitStart, fit_joints, ray_weights
from knuckle.rig.load import load_rig
from knuckle.skeleton import SIDES
from tools.web_golden.hands import GOLDEN, plain, random_hands, write_golden

HANDS = 100
"""A side."""
MOVED_M, BENT = 0.004, 0.97
"""How a hand was a frame before: nearer, and its fingers bent by this share."""


def main(folder: Path = GOLDEN) -> Path:
    """Writes fit.json."""
    cases = []
    milliseconds: dict[str, list[float]] = {"cold": [], "warm": []}
    for side in SIDES:
        rig = load_rig(side=side)
        rng = np.random.default_rng(len(side))
        hands = random_hands(rig, HANDS, seed=10 + len(side))
        noise_m = rng.uniform(0.001, 0.008, (HANDS, 1, 1)) * rng.standard_normal((HANDS, 21, 3)) * (1, 1, 1.5)
        joints = plain(rig.posed(*hands).joints + noise_m, 12)
        bent = np.concatenate([hands.pose_rad[:, :1], BENT * hands.pose_rad[:, 1:]], 1)
        before_m = rig.posed(bent, hands.shape, hands.translation_m - (0, 0, MOVED_M)).joints + noise_m
        for n in range(HANDS):
            given = np.array(joints[n])
            weights = None if n % 5 == 0 else ray_weights(given, ACROSS, ALONG)
            before = fit_joints(rig, before_m[n], weights=weights)
            start = FitStart(np.array(plain(before.pose, 12)), np.array(plain(before.shape, 12)))
            fits = {}
            for name, known in (("cold", None), ("warm", start)):
                began = time.perf_counter()
                fits[name] = fit_joints(rig, given, weights=weights, start=known)
                milliseconds[name].append(1000 * (time.perf_counter() - began))
            case: dict[str, object] = {}
            if n % 10 == 0:
                nothing = FitStart(np.full((16, 3), np.nan), np.zeros(10))
                case["unknown"] = _plain_fit(fit_joints(rig, given, weights=weights, start=nothing))
            cases.append(
                case
                | {
                    "side": side,
                    "weighted": weights is not None,
                    "joints_m": plain(given.ravel(), 12),
                    "start": {"pose_rad": plain(start.pose.ravel(), 12), "shape": plain(start.shape, 12)},
                    "cold": _plain_fit(fits["cold"]),
                    "warm": _plain_fit(fits["warm"]),
                }
            )
    python_ms = {name: float(np.median(values)) for name, values in milliseconds.items()}
    print(
        f"Python, one hand at a time: {python_ms['cold']:.2f} ms cold, {python_ms['warm']:.2f} ms warm (medians)"
    )
    data = {"across": ACROSS, "along": ALONG, "python_ms": python_ms, "cases": cases}
    return write_golden("fit.json", data, folder)


def _plain_fit(fit: FitResult) -> dict[str, object]:
    return {
        "pose_rad": plain(fit.pose.ravel()),
        "shape": plain(fit.shape),
        "translation_m": plain(fit.translation),
        "residual_m": float(fit.residual_m),
        "joints_m": plain(fit.joints_m.ravel()),
    }


if __name__ == "__main__":
    print(main())
