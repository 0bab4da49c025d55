"""A web server on this machine whose answers tests write themselves."""

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Thread


class Serving:
    """Serves until it is left; `answer` is given each request and writes to it."""

    def __init__(self, answer, tls: SSLContext | None = None):
        self.asked: list[BaseHTTPRequestHandler] = []
        self.stopped = Event()
        """Set when it stops, for answers that go on and on."""
        serving = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                serving.asked.append(self)
                # Whoever asked may leave in the middle.
                with suppress(OSError):
                    answer(self)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.serving = self  # type: ignore[attr-defined]
        self._server.daemon_threads = False
        # Nobody waits for handshakes that fail.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path="/"):
        """Give the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


def reply(data: bytes, status=200, **headers):
    """Make an answer that is always the same; `__` in a header's name is a dash."""

    def answer(request):
        request.send_response(status)
        for name, value in ({"Content__Length": len(data)} | headers).items():
            request.send_header(name.replace("__", "-"), str(value))
        request.end_headers()
        request.wfile.write(data)

    return answer
