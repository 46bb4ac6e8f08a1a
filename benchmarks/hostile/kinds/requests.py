"""Requests to our servers on this computer: malformed, huge, slow, of other sites, many at once."""

import socket
import struct
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.hostile.attempt import Attempt
from knuckle.errors import KnuckleError

ANSWER_S = 5.0
"""For an honest request after a hostile one."""
_PATHS = ("/", "/stream", "/key", "/index.html", "/main.js", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd")
_PATHS += (
    "//etc/passwd",
    "/..%2f..%2f..%2fetc/passwd",
    "/%00",
    "/" + "a" * 70_000,
    "*",
    "http://other/",
    "/\\..",
)
_METHODS = (
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "G\0T",
    "A" * 70_000,
)
_HEADERS = (
    "Host: other.example",
    "Host: 127.0.0.1:1\r\nHost: 127.0.0.1",
    "Content-Length: -1",
    "Content-Length: 99999999999",
    "Content-Length: 1e3",
    "Transfer-Encoding: chunked",
    "Origin: http://other.example",
    "Sec-Fetch-Site: cross-site",
    "Content-Type: text/plain",
    "Content-Type: application/json",
    "Range: bytes=5-2,-1,0-",
    "If-None-Match: " + "x" * 60_000,
    "Accept-Encoding: " + "gzip," * 5000,
    "Host: [::1",
    "Expect: 100-continue",
    "Connection: keep-alive",
    "X: " + "y" * 70_000,
    "no colon",
    " folded",
    "\xff\xfe: \x01",
)


class Requests:
    """`knuckle live`'s page and, where this version has it, `knuckle ar`'s, both in this process.

    Handled is what leaves them able to answer an honest request, and gives nobody a file of this computer."""

    def __init__(self, materials: Path) -> None:
        from knuckle.video.mjpeg import PictureServer
        from knuckle.web.server import PageServer
        from knuckle.web.site import Site, built_page

        server = PictureServer({"m": "mirror"})
        # One picture and no other, as of a stream that stands still: clients that went away must be noticed without.
        server.publish((materials / "photo.jpg").read_bytes())
        self._ports = [server.port]
        self._servers: list[object] = [server]
        # The page may not be built here: the live page's server is tried all the same.
        with suppress(KnuckleError):
            pages = PageServer(Site(built_page()))
            self._ports.append(int(pages.url.rstrip("/").rsplit(":", 1)[1]))
            self._servers.append(pages)

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        port = chance.choice(self._ports)
        name, way = chance.choice(
            (
                ("a request", _request), ("a request", _request), ("a request", _request), ("noise", _noise),
                ("a slow client", _slow), ("many at once", _many), ("a client that goes", _gone),
            )
        )  # fmt: skip
        return Attempt(
            f"{name}, {'live' if port == self._ports[0] else 'ar'}", partial(_then_honest, way, chance, port)
        )


def _then_honest(way, chance: Random, port: int) -> int:
    answer = way(chance, port)
    if b"root:" in answer:
        raise AssertionError("a file of this computer was given away")
    deadline = time.monotonic() + ANSWER_S
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
            if client.recv(15)[8:].startswith(b" 200"):
                return 0
        if time.monotonic() > deadline:
            raise AssertionError(f"no answer within {ANSWER_S:.0f} s afterwards")
        time.sleep(0.05)


def _request(chance: Random, port: int) -> bytes:
    lines = [f"{chance.choice(_METHODS)} {chance.choice(_PATHS)} {chance.choice(_VERSIONS)}"]
    if chance.random() < 0.8:
        lines.append(f"Host: 127.0.0.1:{port}")
    lines += [chance.choice(_HEADERS) for _ in range(chance.choice((0, 1, 2, 150)))]
    body = chance.choice(_BODIES)
    if chance.random() < 0.5:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    end = chance.choice(("\r\n", "\r\n", "\n", "\r"))
    return _sent(port, end.join([*lines, "", ""]).encode("latin1") + body)


_VERSIONS = ("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP/1.1.1", "", "HTTP/" + "1" * 5000)
_BODIES = (
    b"",
    b'{"key": "m"}',
    b'{"key": {}}',
    b"[" * 250,
    b"\xff" * 200,
    b'"' + b"a" * 100_000 + b'"',
    b'{"key": NaN}',
)


def _noise(chance: Random, port: int) -> bytes:
    return _sent(port, chance.randbytes(chance.choice((1, 100, 200_000))))


def _slow(chance: Random, port: int) -> bytes:
    """Connections that send next to nothing and stay, short of what the server takes at once."""
    with ExitStack() as stack:
        for _ in range(chance.randrange(1, 6)):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=2))
            client.sendall(
                chance.choice((b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST /key HTTP/1.1\r\n"))
            )
        time.sleep(0.1)
    return b""


def _many(chance: Random, port: int) -> bytes:
    with ExitStack() as stack:
        for _ in range(chance.choice((20, 60))):
            with suppress(OSError):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=2))
                client.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
    return b""


def _gone(chance: Random, port: int) -> bytes:
    """Ends the connection hard in the middle of an answer."""
    client = socket.create_connection(("127.0.0.1", port), timeout=2)
    client.sendall(
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (chance.choice((b"/", b"/stream")), port)
    )
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return b""


def _sent(port: int, data: bytes) -> bytes:
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(0.3)
        while len(answer) < 100_000 and (part := client.recv(65_536)):
            answer += part
    return answer
