"""Shows the AR page to a browser: the standard library's server, which knows the page's own files and no others."""

import gzip
import hashlib
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from knuckle.local_server import LOOPBACK, LocalServer
from knuckle.web.site import Site

MOST_CLIENTS = 32
"""Connections at once; a browser opens six."""
TIMEOUT_S = 20.0
"""For a client to send a request or to take a part of an answer."""
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webmanifest": "application/manifest+json",
    # Browsers compile it while it arrives only if it is called so.
    ".wasm": "application/wasm",
}
_PACKED_ALREADY = {".png", ".jpg"}
HEADERS = {
    # The first three make the page "cross-origin isolated": only then do browsers lend threads to wasm.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Nothing leaves this server, whatever the page tries. wasm-unsafe-eval is what compiling wasm needs.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:;"
        " connect-src 'self' blob: data:; img-src 'self' blob: data:; media-src 'self' blob: data: mediastream:;"
        " style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), xr-spatial-tracking=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Kept, but asked for anew: the service worker is what makes later loads quick.
    "Cache-Control": "no-cache",
}


class PageServer:
    """Answers GET and HEAD for the files of a site, and nothing else. A context manager.

    Files are looked up in the site's list, so no path leads out of it. They are public (the package's own), so requests
    of other pages need no guard beyond the headers, which keep other origins from embedding them.

    Args:
        site: the files.
        host: the address to listen at. The default is this computer alone.
        port: 0 takes any that is free.

    Raises KnuckleError naming the address where it cannot be listened at.
    """

    def __init__(self, site: Site, *, host: str = LOOPBACK, port: int = 0) -> None:
        self.site = site
        self.host = host
        self.packed = lru_cache(maxsize=len(site.names))(self._packed)
        self._server = LocalServer(_Handler, self, host=host, port=port, most_clients=MOST_CLIENTS)
        self.port: int = self._server.server_port

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return self._server.url

    @property
    def is_local(self) -> bool:
        """Whether browsers reach the page as one of this computer, to which alone they lend a camera without https."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def wait(self) -> None:
        """Until the server ends, or KeyboardInterrupt comes."""
        self._server.wait()

    def close(self) -> None:
        """Stop listening; may be called twice."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _packed(self, name: str) -> "_Answer":
        data = self.site.read(name)
        suffix = PurePosixPath(name).suffix
        small = None if suffix in _PACKED_ALREADY else gzip.compress(data, 6, mtime=0)
        if small is not None and len(small) > 0.95 * len(data):
            small = None
        tag = hashlib.sha256(data).hexdigest()[:20]
        return _Answer(data, small, tag, TYPES.get(suffix, "application/octet-stream"))


class _Answer(NamedTuple):
    """One file, ready to be sent; kept in memory, as all together have some tens of megabytes."""

    data: bytes
    small: bytes | None
    """gzip, where that is smaller."""
    tag: str
    type: str


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer[PageServer]  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = TIMEOUT_S
    protocol_version = "HTTP/1.1"
    server_version = "knuckle"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _other(self) -> None:
        self.close_connection = True
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, with_body=True)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _other

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody asked for a log."""

    def _answer(self, *, with_body: bool) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            # A body would be read as the next request.
            self.close_connection = True
        try:
            name = unquote(urlsplit(self.path).path, errors="strict").removeprefix("/")
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST, with_body=with_body)
            return
        # A folder's name, the root's too, stands for its page.
        name = f"{name}index.html" if name.endswith("/") or not name else name
        if name not in self.server.owner.site.names:
            self._refuse(HTTPStatus.NOT_FOUND, with_body=with_body)
            return
        try:
            answer = self.server.owner.packed(name)
        except OSError:
            # Removed or built anew since the server started.
            self._refuse(HTTPStatus.NOT_FOUND, with_body=with_body)
            return
        if answer.tag in self.headers.get("If-None-Match", ""):
            self._head(HTTPStatus.NOT_MODIFIED, {"ETag": f'"{answer.tag}"'})
            return
        headers = {"Content-Type": answer.type, "ETag": f'"{answer.tag}"', "Vary": "Accept-Encoding"}
        body = answer.data
        if answer.small is not None and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = answer.small
            headers["Content-Encoding"] = "gzip"
        self._head(HTTPStatus.OK, headers | {"Content-Length": str(len(body))})
        if with_body:
            self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, *, with_body: bool) -> None:
        body = f"{status.value} {status.phrase}\n".encode()
        self._head(status, {"Content-Type": TYPES[".txt"], "Content-Length": str(len(body))})
        if with_body:
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (HEADERS | headers).items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
