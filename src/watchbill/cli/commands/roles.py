"""`roles`: what watchbill itself may do in AWS, as policies for its own roles."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import rich_click as click

from watchbill.access.documents import size
from watchbill.access.model import Document
from watchbill.access.own_rights import (
    NOT_GIVEN,
    OWN_PATH,
    OwnRole,
    Place,
    Where,
    boundary,
    home_of,
    own_policies,
    where_of,
)
from watchbill.aws.calls import CALLS
from watchbill.cli.session import Session, command
from watchbill.errors import NotFoundError, Problem, RefusedError
from watchbill.team.model import Team


HOME = "home"
"""What stands for the identity that watchbill runs with, where others have the name of an account."""

_ARN = re.compile(r"arn:aws:(?:kms|sqs):[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class OwnPolicyView:
    """A policy of one of watchbill's own roles."""

    name: str
    role: str
    account: str | None
    """The name of an account; null for what the identity that watchbill runs with holds."""
    kind: str
    """`policy`, or `boundary` for what bounds the role."""
    optional: bool
    """Whether the role is whole without it: whoever wants what it is for attaches it as well."""
    means: str
    characters: int
    """As AWS counts them; it takes 6,144."""
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NotGivenView:
    """A call that the code can make and no policy allows."""

    call: str
    why: str


@dataclass(frozen=True, slots=True)
class RolesView:
    """All that watchbill's own roles may do."""

    path: str
    """IAM path of these policies; the roles lie under `/`."""
    policies: list[OwnPolicyView]
    not_given: list[NotGivenView]


@command("roles", team=True)
@click.option("--print", "show", is_flag=True, help="Print the policies themselves, by account and name.")
@click.option("--role", type=click.Choice([str(each) for each in OwnRole]), help="Only the policies of this role.")
@click.option("--account", metavar="NAME", help="Only those in this account, or at `home`.")
@click.option(
    "--trail", "trails", multiple=True, metavar="S3", help="s3://bucket/prefix of a trail; may be given again."
)
@click.option("--queue", "queues", multiple=True, metavar="ARN", help="A queue that tells of a trail's new files.")
@click.option("--key", "keys", multiple=True, metavar="ARN", help="A key of KMS that a trail is encrypted with.")
def roles(
    session: Session,
    role: str | None,
    account: str | None,
    trails: tuple[str, ...],
    queues: tuple[str, ...],
    keys: tuple[str, ...],
    *,
    show: bool,
) -> int:
    """Show what watchbill itself needs to be allowed: least-privilege policies for its reader, reconciler, responder.

    They are made of the list of calls that watchbill's code makes, and of the accounts of the team file. The reader
    observes and audits, the reconciler applies plans, the responder freezes. Policies marked `if wished` are for what
    not every team wants watchbill to be able to do. The same as Terraform and CloudFormation is in `deploy/`.
    """
    team = session.team()
    if account is not None and account != HOME and account not in team.accounts:
        raise NotFoundError(f"no account `{account}` in {team.path}", f"there is {', '.join([*team.accounts, HOME])}")
    trail = Where("", buckets=tuple(map(_bucket, trails)), queues=_arns(queues), keys=_arns(keys))
    every = [*_in_accounts(team), *_at_home(team, trail)]
    chosen = [
        each for each in every if role in (None, each.role) and (account is None or account == (each.account or HOME))
    ]
    result = RolesView(OWN_PATH, chosen, [NotGivenView(call, why) for call, why in sorted(NOT_GIVEN.items())])
    if show:
        _print(session, chosen)
    else:
        _list(session, result)
    session.out.answer(result, list(_problems(team)))
    return 0


def _in_accounts(team: Team) -> Iterator[OwnPolicyView]:
    for account in team.accounts.values():
        for found in own_policies(CALLS, where_of(team, account), (Place.ACCOUNT, Place.CENTER)):
            part = found.part
            yield _view(part.name, part.role, account.name, found.document, part.means, optional=part.optional)
        for role in OwnRole:
            written = boundary(CALLS, role, account.number)
            yield _view(role.boundary, role, account.name, written, "bounds the role, whatever it is given", "boundary")


def _at_home(team: Team, trail: Where) -> Iterator[OwnPolicyView]:
    for role in OwnRole:
        for found in own_policies(CALLS, home_of(team, role, trail), (Place.HOME,)):
            if found.part.role is role:
                yield _view(found.part.name, role, None, found.document, found.part.means)


def _view(
    name: str,
    role: OwnRole,
    account: str | None,
    written: Document,
    means: str,
    kind: str = "policy",
    *,
    optional: bool = False,
) -> OwnPolicyView:
    return OwnPolicyView(name, str(role), account, kind, optional, means, size(written), dict(written))


def _problems(team: Team) -> Iterator[Problem]:
    if team.ceiling is None:
        why = "nothing bounds the roles that plans make, so the reconciler may make any: name a policy as `ceiling`"
        yield Problem("no-ceiling", why, team.path)


def _print(session: Session, policies: Sequence[OwnPolicyView]) -> None:
    documents: dict[str, dict[str, Any]] = {}
    for each in policies:
        documents.setdefault(each.account or HOME, {})[each.name] = each.document
    for line in msgspec.json.format(msgspec.json.encode(documents), indent=2).decode().splitlines():
        session.out.line(line)


def _list(session: Session, result: RolesView) -> None:
    where: dict[str, list[str]] = {}
    for each in result.policies:
        where.setdefault(each.name, []).append(each.account or HOME)
    first = {each.name: each for each in reversed(result.policies)}
    rows = [
        (name, ", ".join(held), str(first[name].characters), "if wished" if first[name].optional else first[name].kind)
        for name, held in where.items()
    ]
    session.out.table(("policy", "in", "characters", "what"), rows)
    for name in where:
        if first[name].kind == "policy":
            session.out.line(f"{name}: who holds it {first[name].means}")
    for left in result.not_given:
        session.out.line(f"in none of them, {left.call}: {left.why}")


def _bucket(trail: str) -> tuple[str, str]:
    bucket, _, prefix = trail.removeprefix("s3://").partition("/")
    if not trail.startswith("s3://") or not bucket:
        raise RefusedError(f"`{trail}` names no bucket", "write s3://bucket/prefix")
    return bucket, prefix


def _arns(given: tuple[str, ...]) -> tuple[str, ...]:
    for each in given:
        if not _ARN.fullmatch(each):
            raise RefusedError(f"`{each}` is no ARN of a queue or a key", "write it as AWS shows it")
    return given


COMMANDS = (roles,)
