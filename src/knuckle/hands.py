"""Hand and Hands: the one result type, from estimate to export; and the form of the predictors that give it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, get_args

import numpy as np
from jaxtyping import Float, Int, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT, SIDES, Side

State = Literal["observed", "doubtful", "held", "bridged"]
"""What a hand rests on: seen in the picture; seen, but perhaps no hand; kept from an earlier frame of a video, or put
between two. A single picture has the first two alone."""
STATES: tuple[State, ...] = get_args(State)

Mesh = Literal["rig", "network"]
"""Whose mesh hands have: that of the rig fitted to all that is known of them, or the network's own. Joints are those of
that mesh, pose and shape those of the rig that lies in it."""
MESHES: tuple[Mesh, ...] = get_args(Mesh)


def _unknown() -> Float[np.ndarray, "21"]:
    return np.full(JOINT_COUNT, np.nan)


@dataclass(frozen=True, eq=False)
class Hand:
    """One hand; its fields are those of `Hands`, of a single hand."""

    side: Side
    confidence: float
    box_px: Float[np.ndarray, "4"]
    joints_px: Float[np.ndarray, "21 2"]
    joints_m: Float[np.ndarray, "21 3"]
    vertices_m: Float[np.ndarray, "V 3"]
    pose_rad: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    model: str = ""
    side_confidence: float = 1.0
    state: State = "observed"
    joint_error_px: Float[np.ndarray, "21"] = field(default_factory=_unknown)
    joint_error_m: Float[np.ndarray, "21"] = field(default_factory=_unknown)
    root_covariance_m2: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.full((3, 3), np.nan))
    identity: int | None = None


_TAILS: dict[str, tuple[int | str, ...]] = {
    "confidence": (),
    "boxes_px": (4,),
    "joints_px": (21, 2),
    "joints_m": (21, 3),
    "vertices_m": ("V", 3),
    "pose_rad": (16, 3),
    "shape": (10,),
}
_ERROR_TAILS: dict[str, tuple[int, ...]] = {
    "side_confidence": (),
    "joint_error_px": (JOINT_COUNT,),
    "joint_error_m": (JOINT_COUNT,),
    "root_covariance_m2": (3, 3),
}
"""Of what files of before do not have."""
_DEFAULTS = {name: np.nan for name in _ERROR_TAILS} | {"side_confidence": 1.0}
_UNGIVEN: Any = None
"""Filled in when the hands are made."""
_SHARES = ("confidence", "side_confidence")
_SINGULAR = {"boxes_px": "box_px"}


@dataclass(frozen=True, eq=False)
class Hands:
    """The hands of one image. Iterates as single `Hand`s.

    Points in metres are in the camera frame: x right, y down, z forward. Raises KnuckleError for wrong shapes, unknown
    sides or states, non-finite values (errors of joints may be NaN: not known), a confidence outside 0..1 or a negative
    error.
    """

    camera: Camera
    """Intrinsics of the image."""
    sides: tuple[Side, ...] = ()
    """"left" or "right" for each hand."""
    confidence: Float[np.ndarray, "N"] = field(default_factory=lambda: np.zeros(0))
    """That there is a hand, 0..1."""
    boxes_px: Float[np.ndarray, "N 4"] = field(default_factory=lambda: np.zeros((0, 4)))
    """x, y, w, h of each hand, px of the image."""
    joints_px: Float[np.ndarray, "N 21 2"] = field(default_factory=lambda: np.zeros((0, 21, 2)))
    """Px of the image."""
    joints_m: Float[np.ndarray, "N 21 3"] = field(default_factory=lambda: np.zeros((0, 21, 3)))
    vertices_m: Float[np.ndarray, "N V 3"] = field(default_factory=lambda: np.zeros((0, 0, 3)))
    pose_rad: Float[np.ndarray, "N 16 3"] = field(default_factory=lambda: np.zeros((0, 16, 3)))
    """Axis-angle in MANO order, the wrist's being camera-from-hand; a left hand's rotations turn the left rig."""
    shape: Float[np.ndarray, "N 10"] = field(default_factory=lambda: np.zeros((0, 10)))
    model: str = ""
    """The name of the whole result; where not given, those of its hands, each once, joined by "+"."""
    faces: Int[np.ndarray, "F 3"] = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int32))
    """Triangles of a right hand's mesh; a left hand's are wound the other way (`faces_of`)."""
    models: tuple[str, ...] = ()
    """Whose answer each hand is, where several systems answered (names joined by "+" where answers were merged); else
    `model` for all."""
    side_confidence: Float[np.ndarray, "N"] = _UNGIVEN
    """That the side is right, 0..1; 1 where the side was given with a box, and without it for all."""
    states: tuple[State, ...] = ()
    """What each hand rests on; without them "observed" for all."""
    joint_error_px: Float[np.ndarray, "N 21"] = _UNGIVEN
    """Px round `joints_px` within which the true joint lies with a probability of 68 %; NaN: not known, as for all
    without them."""
    joint_error_m: Float[np.ndarray, "N 21"] = _UNGIVEN
    """The same of `joints_m`, once the wrists are laid together, neither turned nor scaled: metres, 0 at the wrist."""
    root_covariance_m2: Float[np.ndarray, "N 3 3"] = _UNGIVEN
    """Of the wrist's place in the camera frame, metres squared; NaN: not known, as for all without it."""
    identities: tuple[int, ...] = ()
    """Of a video: a number a hand, the same in every frame that shows it; empty for a single picture."""
    time_s: float | None = None
    """Of a video: when the frame was taken."""
    mesh: Mesh = "rig"
    """Whose mesh `vertices_m` is, and with it the joints."""

    def __post_init__(self) -> None:
        self._check_words()
        for name in (*_TAILS, *_ERROR_TAILS):
            self._check_array(name)

    def _check_words(self) -> None:
        """Bring sides, models, states and what else is no array into shape, or raise KnuckleError."""
        object.__setattr__(self, "sides", tuple(self.sides))
        for side in self.sides:
            if side not in SIDES:
                raise KnuckleError(f'side: expected "left" or "right", got {side!r}')
        models = tuple(self.models) or (self.model,) * len(self.sides)
        if len(models) != len(self.sides):
            raise KnuckleError(f"models: expected one for each of {len(self.sides)} hands, got {len(models)}")
        object.__setattr__(self, "models", models)
        object.__setattr__(self, "model", self.model or _names_once(models))
        object.__setattr__(self, "states", tuple(self.states) or ("observed",) * len(self.sides))
        if len(self.states) != len(self.sides):
            raise KnuckleError(
                f"states: expected one for each of {len(self.sides)} hands, got {len(self.states)}"
            )
        for state in self.states:
            if state not in STATES:
                raise KnuckleError(f"state: expected one of {', '.join(STATES)}, got {state!r}")
        object.__setattr__(self, "identities", tuple(int(number) for number in self.identities))
        if self.identities and len(set(self.identities)) != len(self.sides):
            raise KnuckleError(
                f"identities: expected another one for each of {len(self.sides)} hands, got {self.identities}"
            )
        if self.time_s is not None and not np.isfinite(self.time_s):
            raise KnuckleError(f"time_s: expected a finite number of seconds, got {self.time_s}")
        check_mesh(self.mesh)

    def _check_array(self, name: str) -> None:
        """Bring an array into shape, or raise KnuckleError."""
        given = getattr(self, name)
        if given is None:
            given = np.full((len(self.sides), *_ERROR_TAILS[name]), _DEFAULTS[name])
        value = np.asarray(given, dtype=float)
        object.__setattr__(self, name, value)
        tail = _TAILS[name] if name in _TAILS else _ERROR_TAILS[name]
        expected = (len(self.sides), *tail)
        if value.shape != expected and not _fits(value.shape, expected):
            raise KnuckleError(f"{name}: expected {_shape_text(expected)}, got {_shape_text(value.shape)}")
        if name.startswith("joint_error"):
            if (value < 0).any() or np.isinf(value).any():
                raise KnuckleError(f"{name}: expected finite numbers from 0 on, or NaN where not known")
        elif name == "root_covariance_m2":
            if np.isinf(value).any() or (np.einsum("nii->ni", value) < 0).any():
                raise KnuckleError(f"{name}: expected finite variances from 0 on, or NaN where not known")
        elif not np.isfinite(value).all():
            raise KnuckleError(f"{name}: expected finite numbers, got NaN or infinity")
        if name in _SHARES and ((value < 0) | (value > 1)).any():
            raise KnuckleError(f"{name}: expected 0..1, got {value.tolist()}")

    def __len__(self) -> int:
        return len(self.sides)

    def __iter__(self) -> Iterator[Hand]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Hand:
        names = (*_TAILS, *_ERROR_TAILS)
        arrays = {_SINGULAR.get(name, name): getattr(self, name)[index] for name in names}
        arrays |= {name: float(arrays[name]) for name in _SHARES}
        return Hand(
            side=self.sides[index],
            model=self.models[index],
            state=self.states[index],
            identity=self.identities[index] if self.identities else None,
            **arrays,
        )

    def faces_of(self, side: Side) -> Int[np.ndarray, "F 3"]:
        """Triangles wound outwards for that side."""
        return self.faces if side == "right" else self.faces[:, ::-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers: width, height, camera, mesh, hands (each with its model), of a video also time_s and
        identities; None for an error of a joint that is not known, no covariance where that is not."""
        camera = self.camera
        return {
            **({} if self.time_s is None else {"time_s": self.time_s}),
            "width": camera.width,
            "height": camera.height,
            "camera": {
                k: getattr(camera, k)
                for k in ("fx", "fy", "cx", "cy", "assumed", "picture_mirrored", "source")
            },
            "mesh": self.mesh,
            "hands": [_hand_to_dict(hand) for hand in self],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], *, faces: Int[np.ndarray, "F 3"] | None = None) -> "Hands":
        """Inverse of `to_dict`; the mesh's faces are the rig's and are given apart.

        Raises KnuckleError naming the missing or malformed key.
        """
        try:
            camera = Camera(**data["camera"], width=int(data["width"]), height=int(data["height"]))
            hands, mesh = data["hands"], data.get("mesh", "rig")
            time_s = None if data.get("time_s") is None else float(data["time_s"])
            if not hands:
                return cls(camera, time_s=time_s, mesh=mesh)
            arrays: dict[str, Any] = {
                name: np.array([h[_SINGULAR.get(name, name)] for h in hands], dtype=float) for name in _TAILS
            }
            # Files of before lack these.
            arrays |= {
                name: np.array([h[name] for h in hands], dtype=float)
                for name in _ERROR_TAILS
                if all(name in h for h in hands)
            }
            sides, models = (tuple(h[key] for h in hands) for key in ("side", "model"))
            states = tuple(h.get("state", "observed") for h in hands)
            identities = tuple(h["identity"] for h in hands if "identity" in h)
            result = cls(
                camera,
                sides=sides,
                models=models,
                states=states,
                identities=identities,
                time_s=time_s,
                mesh=mesh,
                **arrays,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(
                f"hands: expected the keys and shapes that to_dict writes, got {error!r}"
            ) from error
        return result if faces is None else result.with_faces(faces)

    def with_faces(self, faces: Int[np.ndarray, "F 3"]) -> "Hands":
        """The same hands with the triangles of a right hand's mesh."""
        return self.changed(faces=faces)

    def rows(self, chosen: Sequence[int]) -> "Hands":
        """Some of the hands, in that order."""
        numbers = list(chosen)
        values: dict[str, Any] = {name: getattr(self, name)[numbers] for name in (*_TAILS, *_ERROR_TAILS)}
        for name in ("sides", "models", "states", "identities"):
            of_all = getattr(self, name)
            values[name] = tuple(of_all[number] for number in numbers) if of_all else ()
        return self.changed(model="" if numbers else self.model, **values)

    def changed(self, **values: Any) -> "Hands":
        """The same hands with other values of some fields; those alone are checked where the hands stay as many."""
        if "sides" in values or not values.keys() <= _FIELDS:
            return Hands(**{name: getattr(self, name) for name in _FIELDS} | values)
        changed = object.__new__(Hands)
        vars(changed).update(vars(self) | values)
        changed._check_words()
        for name in values.keys() & _ARRAYS:
            changed._check_array(name)
        return changed


_FIELDS = {each.name for each in fields(Hands)}
_ARRAYS = {*_TAILS, *_ERROR_TAILS}


class HandPredictor(Protocol):
    """Picture, boxes (x, y, w, h px), their sides and a camera in; the hands in the order of the boxes out."""

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        /,
    ) -> Hands: ...


def check_mesh(mesh: Any) -> Mesh:
    """Raises KnuckleError for what is no `Mesh`."""
    if mesh not in MESHES:
        raise KnuckleError(f"mesh: expected one of {', '.join(MESHES)}, got {mesh!r}")
    return mesh


def _names_once(models: tuple[str, ...]) -> str:
    """Every system that contributed to a hand, in the order of the hands."""
    return "+".join(dict.fromkeys(name for model in models for name in model.split("+")))


def _hand_to_dict(hand: Hand) -> dict[str, Any]:
    values = {f.name: getattr(hand, f.name) for f in fields(hand)}
    plain = {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in values.items()}
    for name in ("joint_error_px", "joint_error_m"):
        plain[name] = [None if v != v else v for v in plain[name]]
    if np.isnan(hand.root_covariance_m2).any():
        del plain["root_covariance_m2"]
    if hand.identity is None:
        del plain["identity"]
    return plain


def _fits(shape: tuple[int, ...], expected: tuple[int | str, ...]) -> bool:
    """Whether a shape is the one expected, in which "V" is any number."""
    same_length = len(shape) == len(expected)
    return same_length and all(want in (got, "V") for got, want in zip(shape, expected, strict=True))


def _shape_text(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(str(n) for n in shape)})"
