"""A small web server on this computer: the standard library's, with a limit of connections and a prompt end."""

import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Generic, TypeVar

from knuckle.errors import KnuckleError

LOOPBACK = "127.0.0.1"
Owner = TypeVar("Owner")


class LocalServer(ThreadingHTTPServer, Generic[Owner]):
    """Listens in a thread of its own from the start, until it is closed.

    Args:
        handler: answers a request; it finds the server as `self.server`.
        owner: what the handler asks for its answers.
        host: the address to listen at.
        port: 0 takes any that is free.
        most_clients: connections at once; further ones are closed unanswered.

    Raises KnuckleError naming the address where it cannot be listened at.
    """

    daemon_threads = True
    block_on_close = False
    # Where this is on, Windows lets two programs listen at one address.
    allow_reuse_address = os.name != "nt"

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        owner: Owner,
        *,
        host: str,
        port: int,
        most_clients: int,
    ) -> None:
        self.owner = owner
        self._host = host
        self._most_clients = most_clients
        self._clients: set[socket.socket] = set()
        self._guard = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise KnuckleError(
                f"{host}:{port}: expected an address to show the page at, got {reason}"
            ) from error
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{LOOPBACK if host in ('0.0.0.0', '[::]') else host}:{self.server_port}/"

    def wait(self) -> None:
        """Until the server ends, or KeyboardInterrupt comes."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Stop listening and drop who is connected; may be called twice."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._guard:
            clients = list(self._clients)
        for client in clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def server_bind(self) -> None:
        # HTTPServer's own asks the network for this computer's name, which can take long.
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._guard:
            if len(self._clients) >= self._most_clients:
                return False
            self._clients.add(request)
            return True

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._clients.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""
