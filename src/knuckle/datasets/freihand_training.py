"""FreiHAND's training split as a source of training crops (Zimmermann et al. 2019; layout in `freihand`).

    training_K.json     n camera matrices
    training_xyz.json   n x 21 x 3, metres, camera frame, common order
    training_verts.json n x 778 x 3, metres, camera frame; not needed, and of use with MANO_RIGHT.pkl alone
    training/mask       n masks of the hand, %08d.jpg; not needed
    training_mano.json  n x 61: pose 48 (axis-angle, relative to MANO's mean pose), shape 10, root u and v in px, scale

n is 32,560, the pictures are 4 n: number i + n k is version k of sample i, and all versions share the labels. Hand
number j of the source is version j % 4 of a sample, so that hands held out at the end of a set are held out in every
version. HandAR's Table 2 holds out 2,000 training images; its list was not published. Ours are 500 samples drawn by a
seed, in their four versions, and come last (`held_out_samples`): `validation = 2000` of a recipe holds out these.

The joints are MANO's 16 joints and, as fingertips, its vertices 744, 320, 443, 555 and 672. The open rig's fingertips
are vertices of its own: it keeps millimetres of difference to these joints there. The MANO parameters
were converted from the mesh and meet xyz to 0.6 mm on average, 6 mm at most.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from knuckle.datasets.check import Download, require
from knuckle.datasets.freihand import SITE, SIZE, TRAINING_COUNT, VERSIONS, tight_box
from knuckle.datasets.label_rows import read_rows
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.rig_labels import RigLabels, check_mano, fit_labels, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.rig.hand_rig import HandRig
from knuckle.skeleton import JOINT_COUNT, MIDDLE_MCP

HELD_OUT_SHARE = 500 / TRAINING_COUNT
"""Of the samples that come last: 500 of the whole training split, 2,000 images."""
HELD_OUT_SEED = 2019


class FreihandTraining:
    """Hands of the training split by number; labels are in memory, pictures are read when asked for.

    rig: None for the open rig, a rig file, or MANO_RIGHT.pkl. With the last, pose and shape are the dataset's own, and
    the place is that of the middle MCP by root and scale; with the others they are fitted. complete: whether every
    picture must be there. The masks are labels where there are any, the data set's own vertices where MANO is the rig
    and their file is there. Raises KnuckleError naming the file that is missing, damaged or of another length.
    """

    tips = "freihand"
    together = len(VERSIONS)

    def __init__(self, folder: Path, rig: Path | None, *, complete: bool = True) -> None:
        self.folder, self.rig = folder, right_rig(rig, tips="freihand")
        self.has_mano = self.rig.name == "mano"
        self.has_meshes = self.has_mano and (folder / "training_verts.json").is_file()
        self.has_masks = (folder / "training" / "mask").is_dir()
        parts = {"K": (3, 3), "xyz": (JOINT_COUNT, 3)} | ({"mano": (61,)} if self.has_mano else {})
        parts |= {"verts": (len(self.rig.vertices), 3)} if self.has_meshes else {}
        files = tuple(f"training_{part}.json" for part in parts)
        require(folder, Download("FreiHAND training", SITE, files, (("training/rgb", "*.jpg", 1),)))
        labels = {
            # Vertices are many: in single precision they are exact to 0.1 µm.
            part: read_rows(
                folder / f"training_{part}.json", shape, dtype=np.float32 if part == "verts" else float
            )
            for part, shape in parts.items()
        }
        counts = {part: len(rows) for part, rows in labels.items()}
        if len(set(counts.values())) != 1:
            raise KnuckleError(
                f"{folder}: expected as many samples in each training label file, got {counts}"
            )
        self.matrices, self.joints_m, self.mano = labels["K"], labels["xyz"], labels.get("mano")
        self.vertices_m = labels.get("verts")
        self.samples = counts["xyz"]
        last = held_out_samples(self.samples)
        self.order = f"held out by seed {HELD_OUT_SEED}" if len(last) else ""
        rest = np.setdiff1d(np.arange(self.samples), last)
        self.sample_order = np.concatenate([rest, last])
        self.count = len(VERSIONS) * self.samples
        if complete:
            require(
                folder, Download("FreiHAND training", SITE, files, (("training/rgb", "*.jpg", self.count),))
            )

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return [
            self._hand(int(self.sample_order[number // len(VERSIONS)]), number % len(VERSIONS))
            for number in numbers
        ]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands; joints_m is not used, as the versions of a sample share their labels."""
        samples, rows = np.unique(self.sample_order[np.array(numbers) // len(VERSIONS)], return_inverse=True)
        if self.mano is None:
            return fit_labels(self.rig, self.joints_m[samples]).rows(rows)
        labels = mano_labels(self.rig, self.mano[samples], self.matrices[samples], self.joints_m[samples])
        check_mano(self.rig, labels.residual_m, whose="those of training_xyz.json", most_m=0.01)
        return labels.rows(rows)

    def _hand(self, sample: int, version: int) -> LabelledHand:
        camera = Camera.from_matrix(self.matrices[sample], SIZE, SIZE)
        joints_m = self.joints_m[sample]
        joints_px = camera.project(joints_m)
        image = self.folder / "training" / "rgb" / f"{sample + version * self.samples:08d}.jpg"
        mask = self.folder / "training" / "mask" / f"{sample:08d}.jpg"
        return LabelledHand(
            name=image.stem,
            source="FreiHAND",
            image=image,
            side="right",
            camera=camera,
            box_px=tight_box(joints_px),
            joints_px=joints_px,
            joints_m=joints_m,
            vertices_m=None if self.vertices_m is None else self.vertices_m[sample].astype(float),
            mask=mask if self.has_masks else None,
        )


def held_out_samples(count: int) -> Int[np.ndarray, "held"]:
    """The samples that come last of `count`, in an order drawn by the seed: any number of them at the end is as good a
    draw as another."""
    held = round(count * HELD_OUT_SHARE)
    return np.random.default_rng(HELD_OUT_SEED).permutation(count)[:held]


def mano_labels(
    rig: HandRig,
    mano: Float[np.ndarray, "n 61"],
    matrices: Float[np.ndarray, "n 3 3"],
    joints_m: Float[np.ndarray, "n 21 3"],
) -> RigLabels:
    """FreiHAND's MANO parameters as labels of a MANO rig read with its mean pose.

    The middle MCP lies at (u - cx, v - cy, f) / scale, f being the mean of both focal lengths.
    """
    pose, shape = mano[:, :48].reshape(-1, 16, 3), mano[:, 48:58]
    scale = mano[:, 60:]
    if (scale <= 0).any():
        raise KnuckleError(f"training_mano.json: expected scales above 0, got {scale.min()}")
    focal = (matrices[:, 0, 0] + matrices[:, 1, 1]) / 2
    root = np.column_stack([mano[:, 58:60] - matrices[:, :2, 2], focal]) / scale
    joints = rig.posed(pose, shape).joints
    translation = root - joints[:, MIDDLE_MCP]
    residual = np.linalg.norm(joints + translation[:, None] - joints_m, axis=-1).mean(-1)
    return RigLabels(pose + rig.pose_mean, shape, translation, residual)
