"""A stand-in for AWS on the loopback: IAM, STS and S3 that keep state for as long as the block lasts.

It stores what it is told and gives it back; it judges nothing: no condition is evaluated and no request is refused
for lack of permission. One at a time in a process, since its state is the process's.
"""

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from watchbill.errors import WatchbillError
from watchbill.sim import center_gaps, gaps


if TYPE_CHECKING:
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

HOST = "127.0.0.1"


class StandIn:
    """Serves while inside its `with` block, from an empty state; raises WatchbillError where moto is not installed."""

    def __init__(self, seed: int = 0, center: center_gaps.Rates | None = None) -> None:
        """Make up ids and keys from a seed, so that the same calls get the same answers.

        With `center`, Identity Center answers no more than that at once; without, all there is, and at once.
        """
        self._seed = seed
        self._center = center
        self.endpoint = ""
        """Where to send requests, as `http://127.0.0.1:PORT`; empty outside the block."""
        self._server: ThreadedMotoServer | None = None
        self._log = logging.getLogger("werkzeug")
        self._level = self._log.level

    def __enter__(self) -> Self:
        server = _server(self._seed)
        center_gaps.fill(self._center)
        self._level = self._log.level
        # The server says every request aloud on standard error otherwise.
        self._log.setLevel(logging.ERROR)
        server.start()
        host, port = server.get_host_and_port()
        self._server, self.endpoint = server, f"http://{host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()
        self._server, self.endpoint = None, ""
        self._log.setLevel(self._level)


def _server(seed: int) -> "ThreadedMotoServer":
    """Make a server on a free port, its state emptied."""
    try:
        # Imported here, since only the demo needs what `watchbill[demo]` installs.
        from moto import backends  # noqa: PLC0415 - see above
        from moto.moto_api._internal import mock_random  # noqa: PLC0415 - see above
        from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415 - see above
        from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # noqa: PLC0415 - see above
    except ImportError as error:
        message = f"the AWS stand-in is not installed: {error.name or error} is missing"
        raise WatchbillError(message, "run `pip install 'watchbill[demo]'`") from error
    gaps.fill()
    # It lists the folder of its own code at every request, to tell services by their names; it does not change.
    modules = tuple(backends.list_of_moto_modules())
    setattr(backends, "list_of_moto_modules", lambda: modules)  # noqa: B010 - a function is not assigned to
    moto_api_backend.reset()
    mock_random.seed(seed)
    return ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
