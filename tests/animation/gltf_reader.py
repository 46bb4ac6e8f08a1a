"""A small evaluator of animated glTF, written from the specification and not from our writer."""

import json
import struct

import numpy as np

_TYPES = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_COMPONENTS = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}


class Gltf:
    def __init__(self, data: bytes) -> None:
        assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data))
        length, kind = struct.unpack_from("<II", data, 12)
        assert kind == 0x4E4F534A
        self.tree = json.loads(data[20 : 20 + length])
        self.binary = data[28 + length :]
        self.nodes = self.tree["nodes"]
        self.parent = {child: i for i, node in enumerate(self.nodes) for child in node.get("children", ())}

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.tree["accessors"][index]
        view = self.tree["bufferViews"][accessor["bufferView"]]
        size = _TYPES[accessor["type"]]
        values = np.frombuffer(
            self.binary, _COMPONENTS[accessor["componentType"]], accessor["count"] * size, view["byteOffset"]
        ).astype(float)
        if size == 16:
            return values.reshape(-1, 4, 4).swapaxes(1, 2)
        return values.reshape(-1, size) if size > 1 else values

    def at(self, time_s: float) -> dict[int, dict[str, np.ndarray]]:
        """The animated values of every node, at a time as the file can hold it."""
        time_s = float(np.float32(time_s))
        values: dict[int, dict[str, np.ndarray]] = {}
        for animation in self.tree.get("animations", ()):
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                times, keys = self.accessor(sampler["input"]), self.accessor(sampler["output"])
                keys = keys.reshape(len(times), -1)
                before = int(np.clip(np.searchsorted(times, time_s, side="right") - 1, 0, len(times) - 1))
                after = min(before + 1, len(times) - 1)
                share = 0.0
                if sampler["interpolation"] == "LINEAR" and after > before:
                    share = np.clip((time_s - times[before]) / (times[after] - times[before]), 0, 1)
                value = (1 - share) * keys[before] + share * keys[after]
                path = channel["target"]["path"]
                if path == "rotation":
                    value = value / np.linalg.norm(value)
                values.setdefault(channel["target"]["node"], {})[path] = value
        return values

    def world(self, index: int, values: dict) -> np.ndarray:
        node = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]} | self.nodes[index]
        node |= values.get(index, {})
        x, y, z, w = node["rotation"]
        matrix = np.eye(4)
        matrix[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        matrix[:3, :3] *= np.asarray(node["scale"])[None]
        matrix[:3, 3] = node["translation"]
        above = self.parent.get(index)
        return matrix if above is None else self.world(above, values) @ matrix

    def surface(self, name: str, time_s: float) -> np.ndarray:
        """The skinned vertices of a node, by its name."""
        values = self.at(time_s)
        index = next(i for i, node in enumerate(self.nodes) if node.get("name") == name)
        node = self.nodes[index]
        mesh = self.tree["meshes"][node["mesh"]]
        primitive = mesh["primitives"][0]
        points = self.accessor(primitive["attributes"]["POSITION"])
        weights = values.get(index, {}).get("weights", mesh.get("weights", ()))
        for weight, target in zip(weights, primitive.get("targets", ()), strict=True):
            points = points + weight * self.accessor(target["POSITION"])
        skin = self.tree["skins"][node["skin"]]
        from_rest = self.accessor(skin["inverseBindMatrices"])
        joints = np.array([self.world(joint, values) for joint in skin["joints"]]) @ from_rest
        chosen = joints[self.accessor(primitive["attributes"]["JOINTS_0"]).astype(int)]
        blended = (self.accessor(primitive["attributes"]["WEIGHTS_0"])[..., None, None] * chosen).sum(1)
        return (blended[:, :3, :3] @ points[..., None])[..., 0] + blended[:, :3, 3]

    def place(self, name: str, time_s: float) -> np.ndarray:
        """Where a node is, by its name."""
        index = next(i for i, node in enumerate(self.nodes) if node.get("name") == name)
        return self.world(index, self.at(time_s))[:3, 3]
