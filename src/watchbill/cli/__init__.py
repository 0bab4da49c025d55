"""The commands, and how their answers look."""

from watchbill.cli.main import main


__all__ = ["main"]
