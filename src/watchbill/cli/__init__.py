"""The commands, and how their answers look."""

from watchbill.settings import prefer_plain_memory


# PyArrow reads this once, when it is loaded, which what follows does.
prefer_plain_memory()

from watchbill.cli.main import main  # noqa: E402 - see above


__all__ = ["main"]
