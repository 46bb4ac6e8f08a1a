"""The page's server: its headers, what it answers, and what it refuses."""

import gzip
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from knuckle.errors import KnuckleError
from knuckle.web import server as server_module
from knuckle.web.server import PageServer
from knuckle.web.site import Site


@pytest.fixture
def server(built: Site) -> Iterator[PageServer]:
    with PageServer(built) as server:
        yield server


def ask(
    server: PageServer, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def raw(server: PageServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize("path", ["/", "/index.html", "/?scene=water", "/main.js", "/nowhere"])
def test_every_answer_isolates_the_page_and_keeps_it_at_home(server: PageServer, path: str):
    answer, _ = ask(server, path)
    assert answer.getheader("Cross-Origin-Opener-Policy") == "same-origin"
    assert answer.getheader("Cross-Origin-Embedder-Policy") == "require-corp"
    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Cache-Control") == "no-cache"
    policy = dict(
        part.split(maxsplit=1) for part in (answer.getheader("Content-Security-Policy") or "").split("; ")
    )
    assert policy["default-src"] == "'self'"
    # No directive names another origin, or all.
    words = {word for part in policy.values() for word in part.split()}
    assert words <= {
        *("'self'", "'none'", "'wasm-unsafe-eval'", "'unsafe-inline'"),
        *("blob:", "data:", "mediastream:"),
    }


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/service_worker.js", "text/javascript; charset=utf-8"),
        ("/wasm/run.wasm", "application/wasm"),
        ("/files.json", "application/json"),
        ("/models/detector/palm.onnx", "application/octet-stream"),
    ],
)
def test_files_have_the_types_that_browsers_insist_on(server: PageServer, built: Site, path: str, kind: str):
    answer, body = ask(server, path)
    assert (answer.status, answer.getheader("Content-Type")) == (200, kind)
    assert body == built.read(path.removeprefix("/") or "index.html")


@pytest.mark.parametrize(
    "path",
    [
        "/../conftest.py",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/wasm/../index.html",
        "/wasm/..%2f..%2fassets/detector/palm.onnx",
        "//etc/passwd",
        "/models/../detector/palm.onnx",
        "/models/weights/dahyf-photo.json",
        "/models",
        "/wasm/",
        "/main.js/",
        "/%00",
        "/..%5cassets",
        "/service_worker.js%00.html",
    ],
)
def test_paths_that_are_not_in_the_list_are_not_found(server: PageServer, path: str):
    answer, body = ask(server, path)
    assert answer.status == 404
    assert body == b"404 Not Found\n"


def test_a_path_that_is_no_text_is_refused(server: PageServer):
    assert ask(server, "/%ff")[0].status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_and_the_connection_ends(server: PageServer, method: str):
    body = b"GET /main.js HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = raw(
        server, f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    assert answer.startswith(b"HTTP/1.1 405")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_of_a_get_is_not_read_as_another_request(server: PageServer):
    body = b"GET /main.js HTTP/1.1\r\nHost: a\r\n\r\n"
    for length in (f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"):
        answer = raw(server, f"GET / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n".encode() + body)
        assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1 ") == 1


def test_head_has_the_headers_of_get_alone(server: PageServer):
    got, body = ask(server, "/wasm/run.wasm")
    head, nothing = ask(server, "/wasm/run.wasm", method="HEAD")
    assert nothing == b"" and head.status == 200
    assert head.getheader("Content-Length") == got.getheader("Content-Length") == str(len(body))


def test_one_connection_answers_many_requests(server: PageServer, built: Site):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    for name in ("index.html", "nowhere", "main.js"):
        connection.request("GET", f"/{name}")
        sock = connection.sock
        answer = connection.getresponse()
        assert answer.read() == (built.read(name) if name != "nowhere" else b"404 Not Found\n")
        assert connection.sock is sock
    connection.close()


def test_what_gets_smaller_is_sent_packed_to_those_who_can_read_it(server: PageServer, built: Site):
    answer, body = ask(server, "/main.js", headers={"Accept-Encoding": "gzip, br"})
    assert answer.getheader("Content-Encoding") == "gzip"
    assert len(body) < 200 and gzip.decompress(body) == built.read("main.js")
    answer, body = ask(server, "/main.js")
    assert answer.getheader("Content-Encoding") is None and body == built.read("main.js")


def test_what_is_known_is_not_sent_again(server: PageServer, page: Path):
    tag = ask(server, "/main.js")[0].getheader("ETag") or ""
    answer, body = ask(server, "/main.js", headers={"If-None-Match": f'W/"other", {tag}'})
    assert (answer.status, body) == (304, b"")
    assert ask(server, "/main.js", headers={"If-None-Match": '"other"'})[0].status == 200


def test_a_file_that_was_removed_since_is_not_found(server: PageServer, page: Path):
    (page / "main.js").unlink()
    assert ask(server, "/main.js")[0].status == 404


def test_a_port_in_use_is_named(server: PageServer, built: Site):
    with pytest.raises(
        KnuckleError, match=rf"127\.0\.0\.1:{server.port}: expected an address to show the page"
    ):
        PageServer(built, port=server.port)


def test_connections_are_limited(built: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_module, "MOST_CLIENTS", 1)
    with PageServer(built) as server:
        idle = HTTPConnection("127.0.0.1", server.port, timeout=5)
        idle.request("GET", "/")
        idle.getresponse().read()
        with pytest.raises(ConnectionError):
            ask(server, "/")
        idle.close()


def test_it_says_where_it_is_and_whether_a_camera_is_lent_there(built: Site):
    with PageServer(built, host="0.0.0.0") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/" and not server.is_local
    with PageServer(built, host="localhost") as server:
        assert server.is_local
    server.close()
