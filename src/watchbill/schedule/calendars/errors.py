"""Why an event of a calendar is left out."""


class BadEventError(Exception):
    """Something about one event that is not understood; the event is dropped, and the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
