"""The page: what it shows, what it takes, and all that it refuses."""

import http.client
import json
import socket
import time

import pytest

from knuckle.errors import KnuckleError
from knuckle.video import mjpeg
from knuckle.video.mjpeg import MOST_CLIENTS, PictureServer

KEYS = {"m": "mirror", "q": "quit & go"}


@pytest.fixture
def server():
    with PictureServer(KEYS, title="<live>") as server:
        yield server


def ask(server: PictureServer, method: str, path: str, body: bytes | None = None, **headers: str | None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3)
    wanted = {"Host": f"127.0.0.1:{server.port}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    if body is not None:
        wanted.setdefault("Content-Length", str(len(body)))
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in wanted.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def press(server: PictureServer, key: object, **headers: str | None):
    options = {"Content_Type": "application/json", **headers}
    return ask(server, "POST", "/key", json.dumps({"key": key}).encode(), **options)[0]


def watch(server: PictureServer) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=3)
    client.sendall(f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    return client


def test_the_page_has_a_button_for_every_key_and_forbids_what_it_does_not_need(server):
    status, headers, page = ask(server, "GET", "/")
    assert status == 200 and headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    text = page.decode()
    assert "&lt;live&gt;" in text and "<live>" not in text and "quit &amp; go" in text
    assert text.count("<button") == len(KEYS) and "{" + "nonce" + "}" not in text


def test_keys_come_in_order_once(server):
    assert [press(server, key) for key in "mqm"] == [204] * 3
    assert server.keys() == ["m", "q", "m"]
    assert server.keys() == []


def test_what_is_refused(server):
    body = b'{"key": "m"}'
    json_type = {"Content_Type": "application/json"}
    assert ask(server, "GET", "/etc/passwd")[0] == 404
    assert ask(server, "GET", "/key")[0] == 405
    assert ask(server, "POST", "/", body, **json_type)[0] == 405
    assert ask(server, "PUT", "/key", body, **json_type)[0] == 501
    assert press(server, "x") == press(server, 7) == press(server, ["m"]) == 400
    assert ask(server, "POST", "/key", b"no json", **json_type)[0] == 400
    assert ask(server, "POST", "/key", body, Content_Type="text/plain")[0] == 415
    assert ask(server, "POST", "/key", b"", Content_Length="1000000000", **json_type)[0] == 413
    assert ask(server, "POST", "/key", body, Content_Length=None, **json_type)[0] == 411
    for host in (
        "evil.example",
        f"evil.example:{server.port}",
        "127.0.0.1",
        f"127.0.0.1:{server.port}@evil",
        None,
    ):
        assert press(server, "m", Host=host) == 421
    assert press(server, "m", Origin="http://evil.example") == 403
    assert press(server, "m", Sec_Fetch_Site="cross-site") == 403
    assert ask(server, "GET", "/stream", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert server.keys() == []
    own = f"localhost:{server.port}"
    assert press(server, "m", Host=own, Origin=f"http://{own}", Sec_Fetch_Site="same-origin") == 204


def test_a_client_sees_the_newest_picture_and_a_slow_one_holds_nobody_up(server):
    server.publish(b"old")
    slow, quick = watch(server), watch(server)
    while server.watchers < 2:
        time.sleep(0.01)
    start = time.monotonic()
    for number in range(30):
        server.publish(b"%03d" % number * 2_000_000)
    assert time.monotonic() - start < 1
    server.publish(b"<newest>")
    seen = b""
    while b"<newest>" not in seen:
        seen = seen[-100:] + quick.recv(1_000_000)
    # Complete: the next picture's boundary is there already.
    while not seen.endswith(b"\r\n--picture\r\n"):
        seen += quick.recv(1000)
    start = time.monotonic()
    server.close()
    while server.watchers and time.monotonic() - start < 2:
        time.sleep(0.01)
    assert not server.watchers
    slow.close()
    quick.close()


def test_clients_are_limited_and_their_places_come_free(server):
    clients = [watch(server) for _ in range(MOST_CLIENTS)]
    while server.watchers < MOST_CLIENTS:
        time.sleep(0.01)
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(server, "GET", "/")
    for client in clients:
        client.close()
    # No picture comes meanwhile, as of a stream that stands still.
    until = time.monotonic() + 5
    while server.watchers and time.monotonic() < until:
        time.sleep(0.01)
    assert not server.watchers and ask(server, "GET", "/")[0] == 200


def test_a_client_that_waits_for_a_picture_is_kept(server, monkeypatch):
    monkeypatch.setattr(mjpeg, "LOOKED_S", 0.02)
    client = watch(server)
    while not server.watchers:
        time.sleep(0.01)
    time.sleep(0.2)
    assert server.watchers == 1
    server.publish(b"<late>")
    seen = b""
    while b"<late>" not in seen:
        seen += client.recv(1000)
    client.close()


def test_an_address_in_use_is_told(server):
    with pytest.raises(KnuckleError, match=f"127.0.0.1:{server.port}: expected an address"):
        PictureServer(KEYS, port=server.port)
