"""Hands of live video as OSC messages (Open Sound Control 1.0) for TouchDesigner, Max, SuperCollider, Unreal and the
like. Needs the extra "osc"."""

from typing import Any, Self

import numpy as np

from knuckle.errors import KnuckleError, install_command
from knuckle.hands import Hand, Hands
from knuckle.skeleton import Side

ROOT = "/knuckle"
"""How all addresses begin."""


class OscSender:
    """Sends hands to a host by UDP: a bundle a hand a frame, so that each fits into a datagram. A context manager.

    Each hand's addresses begin with /knuckle/hand/IDENTITY:

    | address | arguments |
    |---|---|
    | .../side | "left" or "right" |
    | .../state | "observed", "doubtful", "held" |
    | .../confidence | 0..1 |
    | .../wrist | x, y, z: camera frame (x right, y down, z forward), metres |
    | .../joints | 63 numbers: x, y, z of the 21 joints, camera frame, metres |
    | .../picture | 42 numbers: x, y of the 21 joints, 0..1 of the picture from its upper left corner |
    | .../pose | 48 numbers: rotation vectors of the 16 joints, radians |

    A hand that is gone gets one message .../gone with its side. /knuckle/frame has the time (s) and the number of hands
    and closes every frame.

    Args:
        target: HOST:PORT.

    Raises KnuckleError for a target of another form or a host that is not known, and without python-osc.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise KnuckleError(f"--osc: expected HOST:PORT such as 127.0.0.1:9000, got {target!r}")
        try:
            from pythonosc.udp_client import UDPClient
        except ModuleNotFoundError as error:
            raise KnuckleError(
                f"--osc: expected the package python-osc, got none; {install_command('osc')}"
            ) from error
        try:
            self._client = UDPClient(host, int(port))
        except OSError as error:
            raise KnuckleError(
                f"--osc {target}: expected a host that is known, got {error.strerror}"
            ) from error
        self._here: dict[int, Side] = {}

    def send(self, hands: Hands) -> None:
        """Send a frame's hands. A receiver that is not there costs nothing: datagrams are lost."""
        here = dict(zip(hands.identities, hands.sides, strict=True))
        for hand in hands:
            self._send(
                [(f"{ROOT}/hand/{hand.identity}/{name}", value) for name, value in _values(hand, hands)]
            )
        for identity in sorted(self._here.keys() - here.keys()):
            self._send([(f"{ROOT}/hand/{identity}/gone", [self._here[identity]])])
        self._send([(f"{ROOT}/frame", [float(hands.time_s or 0), len(hands)])])
        self._here = here

    def close(self) -> None:
        """Close the socket."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, messages: list[tuple[str, list[Any]]]) -> None:
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
        from pythonosc.osc_message_builder import OscMessageBuilder

        bundle = OscBundleBuilder(IMMEDIATELY)
        for address, values in messages:
            message = OscMessageBuilder(address)
            for value in values:
                message.add_arg(value, "f" if isinstance(value, float) else None)
            bundle.add_content(message.build())
        try:
            self._client.send(bundle.build())
        except OSError:
            # As when the receiver refuses the last datagram: live video goes on, and so does sending.
            return


def _values(hand: Hand, hands: Hands) -> list[tuple[str, list[Any]]]:
    camera = hands.camera
    # Half a pixel more: px are counted from the middle of the first one.
    in_picture = (hand.joints_px + 0.5) / (camera.width, camera.height)
    return [
        ("side", [hand.side]),
        ("state", [hand.state]),
        ("confidence", [float(hand.confidence)]),
        ("wrist", _plain(hand.joints_m[0])),
        ("joints", _plain(hand.joints_m)),
        ("picture", _plain(in_picture)),
        ("pose", _plain(hand.pose_rad)),
    ]


def _plain(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.ravel(values)]
