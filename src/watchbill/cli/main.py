"""The command group, and the one place where errors become exit codes.

0 fine, 1 error, 64 wrong usage; with `--detailed-exitcode` 2 says "there are changes" or "there are findings".
"""

import errno
import os
import sys

import click
import rich_click

from watchbill.cli.parts import PartedGroup
from watchbill.cli.session import Session
from watchbill.errors import WatchbillError


USAGE = 64
"""Exit code of a wrong command line, so that 2 is free to mean changes (sysexits EX_USAGE)."""

rich_click.rich_click.TEXT_MARKUP = None
rich_click.rich_click.SHOW_ARGUMENTS = True
rich_click.rich_click.COMMAND_GROUPS = {
    "watchbill": [
        {"name": "The team file", "commands": ["init", "validate"]},
        {"name": "Who is on watch", "commands": ["oncall"]},
        {"name": "Access", "commands": ["plan", "apply", "plans", "observe", "drift", "hosts", "rightsize"]},
        {"name": "Access asked for, and reviewed", "commands": ["request", "requests", "review"]},
        {"name": "Who can do what", "commands": ["can", "explain", "who-can", "prove", "diff", "policy"]},
        {"name": "What was done", "commands": ["trail", "audit", "rules"]},
        {
            "name": "Cases",
            "commands": ["cases", "case", "ask", "answer", "confirm", "verdict", "export", "send"],
        },
        {"name": "Stopping somebody", "commands": ["freeze", "tick", "restore", "evict", "assist"]},
        {"name": "Joining and leaving", "commands": ["onboard", "offboard"]},
        {"name": "Running it", "commands": ["run", "serve", "sign-in", "roles", "slack", "report", "ledger", "demo"]},
    ]
}


_PARTS = {
    "init": ["init"],
    "validate": ["validate"],
    "oncall": ["oncall"],
    "access": ["plan", "apply", "drift"],
    "observe": ["observe"],
    "plans": ["plans"],
    "host_access": ["hosts"],
    "requests": ["request", "requests"],
    "questions": ["can", "explain", "who-can", "prove", "diff"],
    "policy": ["policy"],
    "trail": ["trail", "audit"],
    "rules": ["rules"],
    "cases": ["cases", "case", "ask", "answer", "confirm", "verdict"],
    "containment": ["freeze", "restore", "evict", "assist"],
    "onboard": ["onboard"],
    "offboard": ["offboard"],
    "by_hand": ["tick"],
    "export": ["export", "send"],
    "run": ["run"],
    "serve": ["serve"],
    "sign_in": ["sign-in"],
    "slack": ["slack"],
    "report": ["report"],
    "ledger": ["ledger"],
    "roles": ["roles"],
    "rightsize": ["rightsize"],
    "review": ["review"],
    "demo": ["demo"],
}


@click.group(cls=PartedGroup, parts=_PARTS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="watchbill")
def cli() -> None:
    """Keep AWS access in step with who is on watch, and hold every action in the trail against it.

    One YAML file says who is who, who is on call when, and what that gives. Start with `watchbill demo`, which needs
    no AWS account, or with `watchbill init --from-aws`, which only reads, or `watchbill init --from-trail DIR` on a
    CloudTrail of your own.
    """


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit."""
    try:
        code = cli.main(arguments, prog_name="watchbill", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("stopped; nothing more was done", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except WatchbillError as error:
        Session.report(error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        # What is left of the answer would be written again at the end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(f"error: could not write the answer: {error.strerror}; make room where it goes", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
