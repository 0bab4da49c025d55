"""Who answers to which name, as the team file says: people, workloads, and the accounts in which names count."""

import re
from dataclasses import dataclass
from itertools import pairwise

from watchbill.team.model import Team
from watchbill.trail.model import Identity


_ARN_ACCOUNT = 4
"""Which part of an ARN is the account."""

_CLAIMS = ("actor", "user_login")
"""Claims of a subject that name who started a run: GitHub's `actor`, GitLab's `user_login`.

Neither is in a subject by default. GitHub takes them in by `include_claim_keys`, GitLab by
`ci_id_token_sub_claim_components`; both write `claim:value` joined by colons.
"""

_CIRCLE_CI = re.compile(r"org/[^/:]+/project/[^/:]+/user/([^/:]+)(?:/.*)?")
"""CircleCI's subject has the user always."""

_HOSTS = {"github.com": "token.actions.githubusercontent.com", "circleci.com": "oidc.circleci.com"}
"""Hosts by which people know an issuer of tokens, and the host that issues them."""


def says_who(team: Team) -> str:
    """Give all of a team file that says who is who, as one text; most changes of a file leave it as it is."""
    people = [
        (p.name, p.iam_user, p.email, p.identity_center_user, p.also_known_as, p.ci_users, p.host_users, p.ssh_keys)
        for p in sorted(team.people.values(), key=lambda person: person.name)
    ]
    accounts = sorted(account.number for account in team.accounts.values())
    workloads = sorted((workload.name, workload.subjects) for workload in team.workloads.values())
    return repr((people, accounts, workloads, team.session_names, sorted(team.hosts.items())))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a caller."""

    identity: Identity
    recorded: str
    """The account whose trail recorded it."""
    source: str

    @property
    def account(self) -> str:
        """Give the account that the caller belongs to: its own field first, else its ARN's, else the trail's."""
        parts = (self.identity.arn or self.identity.issuer_arn or "").split(":")
        return self.identity.account or (parts[_ARN_ACCOUNT] if len(parts) > _ARN_ACCOUNT else "") or self.recorded


class People:
    """Who answers to which name."""

    def __init__(self, team: Team | None) -> None:
        self.team = team
        people = () if team is None else tuple(team.people.values())
        self._by_user = {p.iam_user.lower(): p.name for p in people}
        self._by_email = {p.email.lower(): p.name for p in people}
        self._by_address = {name.lower(): p.name for p in people for name in (p.email, *p.also_known_as)}
        self._by_center = {p.identity_center_user.lower(): p.name for p in people if p.identity_center_user}
        self._by_ci = {_ci_key(login): p.name for p in people for login in p.ci_users}
        workloads = {} if team is None else team.workloads
        self._workloads = {name.lower() for name in workloads}
        # The pattern that says the most first, so that it is the one that decides.
        subjects = [(each.replace("*", ""), each, name) for name, found in workloads.items() for each in found.subjects]
        self._subjects = [(each, name) for said, each, name in sorted(subjects, key=lambda s: (-len(s[0]), s))]
        self._accounts = set() if team is None else {account.number for account in team.accounts.values()}

    def stranger(self, seen: Seen) -> str | None:
        """Give the account that an actor belongs to where it is none of the team's."""
        number = seen.account
        return number if self.team is not None and number and number not in self._accounts else None

    def by_user(self, name: str) -> str | None:
        """Find whose IAM user it is; without a team, a user is a person of its own."""
        return name if self.team is None else self._by_user.get(name.lower())

    def by_address(self, name: str) -> str | None:
        """Find who an identity provider knows by an address; without a team, an address is a person of its own."""
        if self.team is None:
            return name if "@" in name else None
        return self._by_address.get(name.lower())

    def by_any_name(self, name: str) -> str | None:
        """Find who has a name, whichever of theirs it is: of IAM, an address, or that of the team file."""
        if self.team is None:
            return name
        folded = name.lower()
        known = name if name in self.team.people else None
        return self._by_user.get(folded) or self._by_address.get(folded) or known

    def by_center(self, user: str) -> str | None:
        """Find whose user id in the Identity Store it is."""
        return self._by_center.get(user.lower())

    def by_ci(self, host: str, login: str) -> str | None:
        """Find whose login it is at the host of an issuer, or at the part of it that the rest of its URL names."""
        at = f":{login}".lower()
        return self._by_ci.get(host.lower() + at) or self._by_ci.get(host.partition("/")[0].lower() + at)

    def by_convention(self, name: str) -> str | None:
        """Find whose session it is by its name, where the team file declares that sessions are called so."""
        if self.team is None or self.team.session_names is None:
            return None
        return (self._by_user if self.team.session_names == "iam_user" else self._by_email).get(name.lower())

    def is_workload(self, name: str) -> bool:
        """Tell whether the team file calls a user or a role a machine."""
        return name.lower() in self._workloads

    def by_subject(self, host: str, subject: str) -> str | None:
        """Name the workload whose subjects match; of several, the one whose pattern says the most."""
        texts = (subject, f"{host}:{subject}")
        return next((name for each, name in self._subjects if any(_matches(each, text) for text in texts)), None)


def issuer(identity: Identity) -> str:
    """Give the host and path of who issued a token: what stands before audience and subject in the principal's id.

    CloudTrail User Guide, "userIdentity element": `<provider>:<audience>:<subject>`, where an OIDC provider is an ARN.
    """
    told = (identity.principal_id or "").removesuffix(f":{identity.user_name}")
    return told.rpartition(":oidc-provider/")[2].partition(":")[0]


def started_by(subject: str) -> str | None:
    """Give the login of who started a run, as a subject tells; None where it does not, or tells of two."""
    if (circle := _CIRCLE_CI.fullmatch(subject)) is not None:
        return circle[1]
    parts = subject.split(":")
    found = [value for claim, value in pairwise(parts) if claim in _CLAIMS]
    return found[0] if len(found) == 1 and found[0] else None


def _ci_key(login: str) -> str:
    host, _, name = login.lower().rpartition(":")
    return f"{_HOSTS.get(host, host)}:{name}"


def _matches(pattern: str, text: str) -> bool:
    """Tell whether a text is that of a pattern, in which `*` is any characters; looks at each character few times."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == pattern
    last = middle.pop()
    if not text.startswith(first) or not text.endswith(last):
        return False
    position = len(first)
    for part in middle:
        position = text.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return position <= len(text) - len(last)
