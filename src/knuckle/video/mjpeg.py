"""A page on this computer that shows a live picture and takes keys: the standard library's server, one small page.

The picture is a stream of JPEGs ("multipart/x-mixed-replace"), which browsers and VLC show. A client always gets the
newest picture; a slow one misses some and holds nobody up.
"""

import html
import json
import secrets
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from knuckle.local_server import LOOPBACK, LocalServer

MOST_CLIENTS = 8
"""Connections at once; a page has one for its picture and, for a moment, one for a key."""
MOST_BODY = 256
"""Bytes of a request's body."""
MOST_KEYS = 64
"""That wait to be fetched; older ones are forgotten."""
TIMEOUT_S = 10.0
"""For a client to send its request or to take a picture."""
LOOKED_S = 1.0
"""How often it is looked whether a client is still there that waits for a picture."""
_BOUNDARY = "picture"


class PictureServer:
    """Serves the newest published picture to browsers, and collects the keys that are pressed there.

    A context manager. Answers `GET /` (the page), `GET /stream` and `POST /key`, and nothing else. Requests that are
    not meant for this server's own address, or come from another site's page, are refused, so that no page of the web
    can use it.

    Args:
        keys: what may be pressed -> what the page's button for it says.
        title: of the page.
        host: the address to listen at; everyone who reaches it sees the pictures. The default is this computer alone.
        port: 0 takes any that is free.

    Raises KnuckleError naming the address where it cannot be listened at.
    """

    def __init__(
        self, keys: Mapping[str, str], *, title: str = "knuckle", host: str = LOOPBACK, port: int = 0
    ) -> None:
        self.keys_offered = dict(keys)
        self.title = title
        self.host = host
        self._pictures = _Newest()
        self._pressed: deque[str] = deque(maxlen=MOST_KEYS)
        self._server = LocalServer(_Handler, self, host=host, port=port, most_clients=MOST_CLIENTS)
        self.port: int = self._server.server_port

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return self._server.url

    @property
    def watchers(self) -> int:
        """How many clients are shown the picture now."""
        return self._pictures.watchers

    def publish(self, jpeg: bytes) -> None:
        """Show a JPEG from now on; never waits."""
        self._pictures.put(jpeg)

    def keys(self) -> list[str]:
        """The keys that were pressed since the last call, in order."""
        pressed = []
        while self._pressed:
            pressed.append(self._pressed.popleft())
        return pressed

    def press(self, key: str) -> bool:
        """Take a key as if it was pressed in the page; False for one that is not offered."""
        if key in self.keys_offered:
            self._pressed.append(key)
            return True
        return False

    def close(self) -> None:
        """End all streams and stop listening; may be called twice."""
        self._pictures.close()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Newest:
    """The newest picture, for any number of clients."""

    def __init__(self) -> None:
        self.watchers = 0
        self._picture: bytes | None = None
        self._number = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, picture: bytes) -> None:
        with self._changed:
            self._picture = picture
            self._number += 1
            self._changed.notify_all()

    def after(self, number: int, is_gone: Callable[[], bool]) -> tuple[int, bytes | None]:
        """The newest picture and its number, once that is not `number`; None when there will be none, or for a client
        that is gone, which is asked every `LOOKED_S`."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._closed or self._number != number, LOOKED_S):
                if is_gone():
                    return number, None
            return self._number, None if self._closed else self._picture

    def watch(self, by: int) -> None:
        with self._changed:
            self.watchers += by

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer[PictureServer]  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = TIMEOUT_S
    server_version = "knuckle"
    sys_version = ""

    def do_GET(self) -> None:
        if not self._is_ours():
            return
        path = urlsplit(self.path).path
        if path == "/":
            self._send_page()
        elif path == "/stream":
            self._send_stream()
        elif path == "/key":
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if not self._is_ours():
            return
        path = urlsplit(self.path).path
        if path != "/key":
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED if path in ("/", "/stream") else HTTPStatus.NOT_FOUND)
            return
        # A form of another site can send any other type without asking.
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
            return
        if len(length) > 9 or int(length) > MOST_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            body = None
        key = body.get("key") if isinstance(body, dict) else None
        if not isinstance(key, str) or not self.server.owner.press(key):
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._head(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody asked for a log."""

    def _is_ours(self) -> bool:
        """Whether the request is meant for this server and not made by another site's page; answers it where not."""
        hosts = self.headers.get_all("Host") or []
        origin = self.headers.get("Origin")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return False
        if origin is not None and origin != f"http://{hosts[0]}":
            self._refuse(HTTPStatus.FORBIDDEN)
            return False
        # The page itself may be opened from a link anywhere; it cannot be framed.
        opens_page = self.command == "GET" and self.headers.get("Sec-Fetch-Mode") == "navigate"
        if not opens_page and self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            self._refuse(HTTPStatus.FORBIDDEN)
            return False
        return True

    def _is_own(self, host: str) -> bool:
        """No name that an attacker's DNS can point here is; any bare address is where the server listens at all."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self.server.owner.port:
            return False
        own = self.server.owner.host
        if name == own.lower():
            return True
        try:
            listening = ip_address(own)
        except ValueError:
            return False
        if listening.is_loopback or listening.is_unspecified:
            if name == "localhost":
                return True
            try:
                address = ip_address(name)
            except ValueError:
                return False
            return listening.is_unspecified or address == listening
        return False

    def _send_page(self) -> None:
        owner = self.server.owner
        nonce = secrets.token_urlsafe(16)
        buttons = "".join(
            f'<button value="{html.escape(key)}"><kbd>{html.escape(key)}</kbd>{html.escape(text)}</button>'
            for key, text in owner.keys_offered.items()
        )
        page = (files("knuckle.video") / "page.html").read_text(encoding="utf-8")
        for name, value in (("nonce", nonce), ("title", html.escape(owner.title)), ("buttons", buttons)):
            page = page.replace(f"{{{name}}}", value)
        data = page.encode()
        self._head(HTTPStatus.OK)
        self.send_header(
            "Content-Security-Policy",
            f"default-src 'none'; img-src 'self'; connect-src 'self'; style-src 'nonce-{nonce}';"
            f" script-src 'nonce-{nonce}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        )
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_stream(self) -> None:
        self._head(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        pictures = self.server.owner._pictures
        pictures.watch(1)
        number = 0
        boundary = f"--{_BOUNDARY}\r\n".encode()
        try:
            self.wfile.write(boundary)
            while True:
                number, picture = pictures.after(number, self._is_gone)
                if picture is None:
                    return
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                # With the next one's boundary: browsers show a picture when they see that it is complete.
                self.wfile.write(head.encode() + picture + b"\r\n" + boundary)
        finally:
            pictures.watch(-1)

    def _is_gone(self) -> bool:
        """Whether the client has closed the connection: it has nothing more to say, and a picture may come late."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _refuse(self, status: HTTPStatus) -> None:
        self._head(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _head(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
