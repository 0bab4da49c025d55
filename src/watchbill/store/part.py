"""What every part of the state stands on."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection


Connect = Callable[[], AbstractContextManager[Connection]]
"""Gives the connection of the transaction that is open, or of one made for this step."""


class Part:
    """One part of the state: its tables, and nothing of the others."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
