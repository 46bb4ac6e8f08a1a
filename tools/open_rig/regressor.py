"""Sparse joint regressor: every joint as a weighted mean of skin vertices round it, whatever the shape."""

import numpy as np

CANDIDATES = (200,) + 15 * (60,)
"""Vertices looked at round every joint: many for the wrist, whose skin ends on one side."""
_DAMPING = 3e-4
"""Against lengths in metres: keeps the weights from resting on a few vertices alone."""
_MEAN_HAND = 5.0
"""How much more the mean hand's joints count than one unit of a beta."""


def joint_regressor(
    vertices: np.ndarray, basis: np.ndarray, joints: np.ndarray, joint_basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(joint, vertex, value) of some tens of non-negative weights a joint, summing to one.

    Solved over the mean shape (V, 3), (16, 3) and the unit betas (V, 3, 10), (16, 3, 10): the regressor is
    linear, so what it does on these it does on every hand.
    """
    rows, columns, values = [], [], []
    for joint in range(16):
        near = np.argsort(np.linalg.norm(vertices - joints[joint], axis=1), kind="stable")[
            : CANDIDATES[joint]
        ]
        system = np.concatenate(
            [_MEAN_HAND * (vertices[near] - joints[joint]).T, basis[near].reshape(len(near), -1).T]
        )
        target = np.concatenate([np.zeros(3), joint_basis[joint].ravel()])
        share = _shares(system, target)
        used = share > 1e-4
        rows += [joint] * int(used.sum())
        columns += near[used].tolist()
        values += (share[used] / share[used].sum()).tolist()
    return np.array(rows), np.array(columns), np.array(values)


def _shares(system: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Non-negative weights summing to one (by a heavy row) nearest to the target: Lawson-Hanson NNLS."""
    count = system.shape[1]
    matrix = np.vstack([system, np.ones((1, count)), _DAMPING * np.eye(count)])
    wanted = np.concatenate([target, [1.0], np.zeros(count)])
    passive = np.zeros(count, bool)
    solution = np.zeros(count)
    for _ in range(6 * count):
        gradient = matrix.T @ (wanted - matrix @ solution)
        gradient[passive] = -np.inf
        if gradient.max() < 1e-12:
            break
        passive[gradient.argmax()] = True
        while True:
            trial = np.zeros(count)
            trial[passive] = np.linalg.lstsq(matrix[:, passive], wanted, rcond=None)[0]
            if trial[passive].min() > 0:
                solution = trial
                break
            low = passive & (trial <= 0)
            step = (solution[low] / np.maximum(solution[low] - trial[low], 1e-15)).min()
            solution = solution + step * (trial - solution)
            passive &= solution > 1e-12
            solution[~passive] = 0
    return solution / solution.sum()
