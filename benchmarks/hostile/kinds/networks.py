"""Weights: onnx files that are damaged, of other shapes or with data elsewhere, safetensors with hostile headers, wrong
checksums."""

import hashlib
import json
import shutil
import struct
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.hostile.attempt import BOX, Attempt, call, command
from benchmarks.hostile.damage import DEEP, changed_value, damaged


class Networks:
    """`knuckle estimate --model FILE.onnx`, `knuckle average` and the loader of checkpoints."""

    def __init__(self, materials: Path) -> None:
        self._materials = materials
        self._onnx = (materials / "fake.onnx").read_bytes()
        self._record = json.loads((materials / "fake.json").read_text())
        self._weights = (materials / "first.safetensors").read_bytes()

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        return chance.choice((self._network, self._network, self._tensors))(chance, folder)

    def _network(self, chance: Random, folder: Path) -> Attempt:
        way = chance.randrange(5)
        if way <= 1:
            name, data = damaged(self._onnx, chance)
        elif way == 2:
            name, data = self._of_other_shape(chance)
        elif way == 3:
            name, data = self._with_data_elsewhere(chance)
        else:
            name, data = self._of_much_work(chance)
        record = dict(self._record)
        if chance.random() < 0.85:
            record["sha256"] = hashlib.sha256(data).hexdigest()
        else:
            name = f"{name}, another checksum"
        if chance.random() < 0.15:
            record["size"] = chance.choice((0, -1, 31, 1_000_000))
            name = f"{name}, patches of {record['size']} px"
        if chance.random() < 0.1:
            record["file"] = chance.choice(("/etc/passwd", "../../../../etc/passwd", ".", "", "fake\0.onnx"))
            name = f"{name}, named {record['file']!r}"
        (folder / "fake.onnx").write_bytes(data)
        (folder / "fake.json").write_text(json.dumps(record))
        options = ("--model", folder / "fake.onnx", "--out", folder / "out")
        return Attempt(f"onnx: {name}", command("estimate", self._materials / "photo.jpg", *options, *BOX))

    def _of_other_shape(self, chance: Random) -> tuple[str, bytes]:
        import onnx

        model = onnx.load_from_string(self._onnx)
        values = [*model.graph.input, *model.graph.output]
        one = chance.choice(values)
        dimension = chance.choice(list(one.type.tensor_type.shape.dim))
        way = chance.randrange(4)
        if way == 0:
            dimension.dim_value = chance.choice((0, 1, 7, 2**31, 2**62))
        elif way == 1:
            one.type.tensor_type.elem_type = chance.choice((7, 8, 10, 11))
        elif way == 2:
            one.name = f"{one.name}2"
        else:
            tensor = chance.choice(list(model.graph.initializer))
            tensor.dims[0] = chance.choice((0, 2, 2**40))
            return f"{tensor.name} of another size", model.SerializeToString()
        return f"{one.name} of another shape, type or name", model.SerializeToString()

    def _with_data_elsewhere(self, chance: Random) -> tuple[str, bytes]:
        import onnx

        model = onnx.load_from_string(self._onnx)
        tensor = chance.choice(list(model.graph.initializer))
        size = len(tensor.raw_data)
        where = chance.choice(
            ("/etc/passwd", "../../../../../../etc/passwd", "fake.json", "missing.bin", "", "/dev/zero")
        )
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entries = {"location": where, "offset": chance.choice(("0", "-1", str(2**63))), "length": str(size)}
        for key, value in entries.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        return f"the data of {tensor.name} in {where!r}", model.SerializeToString()

    def _of_much_work(self, chance: Random) -> tuple[str, bytes]:
        """A constant that unpacks to very much, or a loop without an end."""
        import numpy as np
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        model = onnx.load_from_string(self._onnx)
        graph = model.graph
        if chance.random() < 0.5:
            graph.initializer.append(numpy_helper.from_array(np.array([2**33], np.int64), "much"))
            value = helper.make_tensor("one", TensorProto.FLOAT, [1], [0.0])
            graph.node.append(helper.make_node("ConstantOfShape", ["much"], ["filled"], value=value))
            graph.node.append(helper.make_node("ReduceSum", ["filled"], ["unused"]))
            graph.output.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1]))
            return "a constant of 32 GB", model.SerializeToString()
        node = chance.choice(list(graph.node))
        node.input[0] = node.output[0]
        return f"{node.op_type} that waits for itself", model.SerializeToString()

    def _tensors(self, chance: Random, folder: Path) -> Attempt:
        (size,) = struct.unpack("<Q", self._weights[:8])
        header, body = json.loads(self._weights[8 : 8 + size]), self._weights[8 + size :]
        way = chance.randrange(4)
        if way == 0:
            name, data = damaged(self._weights, chance)
        elif way == 1:
            name = "nested deeply"
            data = _packed(chance.choice((b"[" * DEEP, b'{"a":' * DEEP)), body)
        elif way == 2:
            told = chance.choice((0, 2**63, 2**64 - 1, 10**8, size - 1, size + 1))
            name, data = f"a header of {told} bytes", struct.pack("<Q", told) + self._weights[8:]
        else:
            part = "__metadata__" if chance.random() < 0.5 else chance.choice(list(header))
            name, header[part] = changed_value(header[part], chance)
            if chance.random() < 0.4:
                words = ('"[' * 1000, "null", "[" * DEEP, '{"a": 1}', '{"size": "x"}', "[1]")
                name, header["__metadata__"]["switches"] = "odd switches", chance.choice(words)
            data = _packed(json.dumps(header).encode("utf-8", "surrogatepass"), body)
        path = folder / "first.safetensors"
        path.write_bytes(data)
        name = f"safetensors: {name[:160]}"
        if chance.random() < 0.5:
            from knuckle.training.checkpoint import load_model

            return Attempt(name, call(load_model, path))
        second: Any = shutil.copy(self._materials / "second.safetensors", folder)
        pair = (path, second) if chance.random() < 0.5 else (second, path)
        return Attempt(f"{name}, averaged", command("average", *pair, "--out", folder / "out.safetensors"))


def _packed(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body
