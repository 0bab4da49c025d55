"""A group whose commands lie in files of their own: a file is loaded when one of its commands is asked for.

So a command is there in a moment, and holds what it uses and no more: not every one needs an engine, or a server.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click
import rich_click


class PartedGroup(rich_click.RichGroup):
    """A group that knows its commands by name before it has loaded them."""

    def __init__(self, *arguments: Any, parts: Mapping[str, Sequence[str]], **named: Any) -> None:
        """Begin; `parts` gives the names of commands by the module of `cli.commands` that lists them in `COMMANDS`."""
        super().__init__(*arguments, **named)
        self.parts = {name: part for part, names in parts.items() for name in names}
        """By name of a command the module that it is in."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, in the order of the alphabet."""
        return sorted({*super().list_commands(ctx), *self.parts})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a command, its file loaded where it was not; None where there is none of this name."""
        if cmd_name not in self.commands and cmd_name in self.parts:
            module = import_module(f"watchbill.cli.commands.{self.parts[cmd_name]}")
            for command in module.COMMANDS:
                self.commands.setdefault(command.name, command)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that a line names; a slip is met with the nearest, loaded or not."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None


def whole(group: click.Group) -> Mapping[str, click.Command]:
    """Give all commands of a group by name, loaded."""
    context = click.Context(group)
    found = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    return {name: command for name, command in found if command is not None}
