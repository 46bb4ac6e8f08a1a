"""COCO keypoint files and labelme files as `labels.jsonl` (`knuckle.datasets.own`).

COCO: an annotation with `keypoints` of 21 points is one hand, of the side that its category's name tells, else of the
one that is given. COCO-WholeBody: `lefthand_kpts` and `righthand_kpts`, 21 points x, y, v each, where the person's
`lefthand_valid` or `righthand_valid` is true, with their boxes. v > 0 means labelled. Points are in the common order.

labelme: a JSON file a photo. A point whose label is "SIDE JOINT", as "left index_tip", is a joint; a rectangle with the
label "left" or "right" is a box. Shapes of one side and one group_id are one hand.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knuckle.datasets.own import LABELS
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.skeleton import JOINT_COUNT, JOINT_NAMES, SIDES, Side

Line = dict[str, Any]


def import_coco(path: Path, pictures: Path, out: Path, *, side: Side | None = None) -> tuple[int, list[str]]:
    """Write the hands of a COCO file; returns how many and a sentence for each annotation that could not be used.

    pictures: the folder that file names of the images are in. out: the folder of labels.jsonl, which must not have one.
    side: of hands whose category does not tell. Raises KnuckleError for a file that is not COCO's.
    """
    data = read_json(path, kind=dict)
    missing = [key for key in ("images", "annotations") if not isinstance(data.get(key), list)]
    if missing:
        raise KnuckleError(f"{path}: expected a COCO file, missing the list {' and the list '.join(missing)}")
    images = {entry.get("id"): entry for entry in data["images"] if isinstance(entry, dict)}
    sides: dict[Any, Side | None] = {
        entry.get("id"): _side_in(str(entry.get("name", ""))) or side
        for entry in data.get("categories") or []
        if isinstance(entry, dict)
    }
    lines: list[Line] = []
    faults: list[str] = []
    for number, entry in enumerate(data["annotations"]):
        where = f"{path.name}: annotation {entry.get('id', number) if isinstance(entry, dict) else number}"
        try:
            lines += _coco_hands(entry, images, sides, side, pictures, out, where)
        except KnuckleError as error:
            faults.append(str(error))
    _write(out, lines, path, faults)
    return len(lines), faults


def import_labelme(folder: Path, out: Path) -> tuple[int, list[str]]:
    """Write the hands of a folder's labelme files; returns how many and a sentence for each file that could not be
    used. out: as in `import_coco`."""
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not paths:
        raise KnuckleError(f"{folder}: expected a folder of labelme's .json files, got none")
    lines: list[Line] = []
    faults: list[str] = []
    for path in paths:
        try:
            lines += _labelme_hands(path, out)
        except KnuckleError as error:
            faults.append(str(error))
    _write(out, lines, folder, faults)
    return len(lines), faults


def _coco_hands(
    entry: Any,
    images: dict[Any, Any],
    sides: dict[Any, Side | None],
    side: Side | None,
    pictures: Path,
    out: Path,
    where: str,
) -> Iterator[Line]:
    image = images.get(entry.get("image_id")) if isinstance(entry, dict) else None
    if image is None or not isinstance(image.get("file_name"), str):
        raise KnuckleError(f"{where}: image_id: expected that of an image with a file_name, got another")
    line = {"image": _relative(pictures / image["file_name"], out)}
    name = f"{image['file_name']}:{entry.get('id')}"
    if any(f"{hand}hand_kpts" in entry for hand in SIDES):
        for hand in SIDES:
            if entry.get(f"{hand}hand_valid"):
                points = _coco_points(entry.get(f"{hand}hand_kpts"), f"{where}: {hand}hand_kpts")
                box = _coco_box(entry.get(f"{hand}hand_box"))
                yield line | {"side": hand, "id": f"{name} {hand}"} | box | points
        return
    own = sides.get(entry.get("category_id"), side)
    if own is None:
        raise KnuckleError(f"{where}: expected a category that names left or right, got neither; give --side")
    points = _coco_points(entry.get("keypoints"), f"{where}: keypoints")
    yield line | {"side": own, "id": name} | _coco_box(entry.get("bbox")) | points


def _coco_points(values: Any, where: str) -> Line:
    if not isinstance(values, list) or len(values) != 3 * JOINT_COUNT:
        got = len(values) if isinstance(values, list) else values
        raise KnuckleError(f"{where}: expected {JOINT_COUNT} x (x, y, v), got {got}")
    if not all(isinstance(value, int | float) for value in values):
        raise KnuckleError(f"{where}: expected numbers, got others")
    rows = [values[3 * joint : 3 * joint + 3] for joint in range(JOINT_COUNT)]
    return {"joints_2d": [[x, y] if v > 0 else None for x, y, v in rows]}


def _coco_box(values: Any) -> Line:
    """The box, where there is one that is not empty."""
    there = isinstance(values, list) and len(values) == 4 and all(isinstance(v, int | float) for v in values)
    return {"box": values} if there and values[2] > 0 and values[3] > 0 else {}


def _labelme_hands(path: Path, out: Path) -> list[Line]:
    data = read_json(path, kind=dict)
    if not isinstance(data.get("shapes"), list) or not isinstance(data.get("imagePath"), str):
        raise KnuckleError(f"{path}: expected a labelme file, missing shapes or imagePath")
    image = _relative(path.parent / data["imagePath"].replace("\\", "/"), out)
    hands: dict[tuple[str, Any], Line] = {}
    for shape in data["shapes"]:
        label = str(shape.get("label", "")) if isinstance(shape, dict) else ""
        side, _, joint = label.strip().partition(" ")
        kind = shape.get("shape_type") if isinstance(shape, dict) else None
        points = shape.get("points") if isinstance(shape, dict) else None
        wanted = {"point": 1, "rectangle": 2}.get(str(kind), 0)
        joint_or_box = joint in JOINT_NAMES if kind == "point" else not joint
        if side not in SIDES or not joint_or_box or not isinstance(points, list) or len(points) != wanted:
            raise KnuckleError(
                f'{path}: expected points "SIDE JOINT" (as "left index_tip") and rectangles "SIDE", got a {kind} '
                f"{label!r}"
            )
        hand = hands.setdefault((side, shape.get("group_id")), {"image": image, "side": side})
        # labelme counts px from the corner of the first pixel, we from its centre.
        if kind == "rectangle":
            (x0, y0), (x1, y1) = points
            hand["box"] = [min(x0, x1) - 0.5, min(y0, y1) - 0.5, abs(x1 - x0), abs(y1 - y0)]
            continue
        joints = hand.setdefault("joints_2d", [None] * JOINT_COUNT)
        if joints[JOINT_NAMES.index(joint)] is not None:
            raise KnuckleError(
                f"{path}: expected {label!r} once in a group, got it twice; give each hand its own group_id"
            )
        joints[JOINT_NAMES.index(joint)] = [value - 0.5 for value in points[0]]
    return list(hands.values())


def _side_in(name: str) -> Side | None:
    found: list[Side] = [side for side in SIDES if side in name.lower()]
    return found[0] if len(found) == 1 else None


def _relative(path: Path, out: Path) -> str:
    return Path(os.path.relpath(path, out)).as_posix()


def _write(out: Path, lines: list[Line], source: Path, faults: list[str]) -> None:
    path = out / LABELS
    if path.exists():
        raise KnuckleError(f"{path}: expected no labels yet, got some; choose another folder")
    if not lines:
        why = f": {faults[0]}" if faults else ""
        raise KnuckleError(f"{source}: expected labelled hands, got none{why}")
    with atomic_path(path) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
