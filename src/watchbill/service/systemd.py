"""Tell systemd how the service stands, as its protocol of `sd_notify` has it: a datagram to the socket it names."""

import socket


class Systemd:
    """Where systemd listens; nowhere, where the service is not run by it."""

    def __init__(self, path: str | None) -> None:
        """`path` is what `NOTIFY_SOCKET` says: a path, or a name that begins with `@`."""
        self._address = None if path is None else "\0" + path[1:] if path.startswith("@") else path

    def ready(self, status: str) -> None:
        """Say that it runs, and how that is to be shown."""
        self._tell(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that it ends."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            try:
                out.sendto(text.encode(), self._address)
            except OSError:
                # Nobody listens: whoever started it does not want to know.
                return
