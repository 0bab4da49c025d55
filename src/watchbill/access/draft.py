"""Draft a team file from the IAM that an account has: its people, its groups, and what the groups give.

The draft copies and judges nothing. Groups of IAM become groups, each policy of theirs a permission set; whatever else
gives somebody something is named in a comment with its ARN, so that nothing is lost in silence. All text from IAM is
quoted, or inert in a comment.

Watchbill makes groups and policies of its own beside those that are there, `job-ops` for the group `ops`. AWS takes a
name only once in an account, whatever its path and case (IAM API Reference, CreateGroup and CreatePolicy): a name whose
own is taken already is numbered.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from watchbill.access.compile import JOB, SET
from watchbill.access.limits import Limits
from watchbill.access.model import PATH, AccountState, Document, GroupState, RoleState, UserState, last_of
from watchbill.inert import inert
from watchbill.policy.managed import ManagedPolicy, managed_policy


_NAME_LENGTH = 32
_IAM_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9+=,.@_-]{0,63}")
"""What the team file takes for the name of an IAM user."""
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
"""Where a word begins in `AWSReadOnlyAccess`, but not in `DBAs`."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_SPECIAL = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""Words that YAML, in this version or the one before, does not take for text."""
_AWS_MANAGED = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/.+", re.DOTALL)
_LONG_KEY = 900
"""Characters of a key after which YAML wants it marked as one (YAML 1.2.2, section 8.2.2: 1,024 at most)."""
_WIDTH = 120
_PRINCIPALS_SHOWN = 3

_HEAD = """\
# Drafted from the IAM of account {number}, which was read and not changed.
#
# What happens next:
#   1. Edit this file: full names, addresses (IAM has none) and time zones of people; what should stay out, take out.
#      What it could not say is listed at its end, each as `not taken over`.
#   2. `watchbill validate` tells every mistake, each with its place.
#   3. `watchbill plan` shows who would gain what, then each call. Nothing changes before `watchbill apply`.
#   4. Add a rota for who is on call, and a permission set that only they hold: this is what all else is for.
#
# Watchbill makes groups and policies of its own, under the path {path}, and puts the users that are there into its
# groups. The old groups and policies stay, and give what they give, until a person removes them: only then does this
# file say all there is. `watchbill drift` shows what people have beside it.
"""

_AT_WORK = """\
#
# Watchbill is at work in this account already, by another team file: a plan of this one would take away what that one
# made. Go on with that file, or take over from here what it lacks.
"""


def account_name(alias: str | None, number: str) -> str:
    """Give what a team file may call an account: its alias if it has one, else `account-` and its number."""
    return _folded(alias or "") or f"account-{number}"


def draft_team(state: AccountState, passwords: Mapping[str, bool]) -> str:
    """Give the text of a valid team file of one account, whose name must be valid in it.

    `passwords` tells which IAM users have a console password; one that is absent is not known. Users who have neither
    that nor an MFA device are taken for machines; where either is not known, for people, and it is said.
    """
    draft = _Draft(state, passwords)
    people, machines = list(draft.people()), list(draft.machines())
    groups = [line for group in _by_name(state.groups) for line in draft.group(group)]
    lines = [
        _HEAD.format(number=inert(state.number), path=PATH) + (_AT_WORK if _at_work(state) else "") + "team: drafted",
        "",
        "# `production` raises the severity of what happens there; call it what it is.",
        f"accounts:\n  {_word(state.account)}: {{number: {_quoted(state.number)}, environment: production}}",
        "",
        "# Their address is not in IAM: put it in, since watchbill asks people about what they did.",
        "# Nobody takes an on-call role without MFA.",
        *_section("people", people, "{}"),
        "",
        "# IAM users that look like machines: no console password and no MFA device. Move people to `people`.",
        *_section("workloads", machines, "{}"),
        "",
        *_section("groups", groups, "{}"),
        "",
        *_section("permission_sets", draft.sets, "{}"),
        "",
        "rotas: {}",
    ]
    left = [*draft.left, *draft.left_over()]
    lines += ["", *(f"# not read: {inert(each)}" for each in state.unread)]
    lines += [f"# not taken over: {inert(each)}" for each in dict.fromkeys(left)]
    return "\n".join(lines).rstrip("\n") + "\n"


class _Names:
    """Gives names that a team file takes, each once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {name.lower() for name in taken}

    def give(self, name: str, otherwise: str) -> str:
        """Give the name, numbered where it is taken; `otherwise` stands for one of which nothing is left."""
        base = name or otherwise
        found, number = base, 2
        while found in self._taken:
            ending = f"-{number}"
            found, number = base[: _NAME_LENGTH - len(ending)].rstrip("-_.") + ending, number + 1
        self._taken.add(found)
        return found


class _Draft:
    """The parts of a draft while they are gathered, and what is left out of it."""

    def __init__(self, state: AccountState, passwords: Mapping[str, bool]) -> None:
        self._state = state
        self._passwords = passwords
        self._limits = Limits(state.quotas)
        self._group_names = _Names(_after(JOB, state.groups))
        self._set_names = _Names(_after(SET, (policy.name for policy in state.policies.values())))
        self._set_of: dict[str, str] = {}
        """The permission set of each managed policy by its ARN."""
        self._keys: dict[str, str] = {}
        """The person of each IAM user."""
        self._machines: list[UserState] = []
        self.sets: list[str] = []
        """The lines of the permission sets."""
        self.left: list[str] = []
        """What is not taken over."""
        names = _Names(())
        for user in _by_name(state.users):
            if not _IAM_NAME.fullmatch(user.name):
                self.left.append(f"user {user.arn}: a team file cannot name it")
            elif self._looks_like_a_machine(user):
                self._machines.append(user)
            else:
                self._keys[user.name] = names.give(_folded(user.name, words=False), "person")

    def _looks_like_a_machine(self, user: UserState) -> bool:
        return self._passwords.get(user.name) is False and self._state.mfa.get(user.name) is False

    def people(self) -> Iterator[str]:
        for user, key in self._keys.items():
            name, address = _word(user), _quoted(f"{key}@example.invalid")
            yield f"  {_word(key)}: {{name: {name}, email: {address}, iam_user: {name}}}  # {self._signs_in(user)}"
            count, most = len(self._state.users[user].groups), self._limits.of("GroupsPerUserQuota")
            if 2 * count > most:
                yield f"    # in {count} groups: with as many of watchbill's, more than the {most} AWS allows"

    def _signs_in(self, user: str) -> str:
        password, mfa = self._passwords.get(user), self._state.mfa.get(user)
        if password is None and not mfa:
            return "a person or a machine? whether they have a password is not known"
        with_password = {True: "has a password", False: "has no password", None: "password: not known"}[password]
        with_mfa = {True: "has MFA", False: "has no MFA", None: "MFA: not known"}[mfa]
        return f"{with_password}, {with_mfa}"

    def machines(self) -> Iterator[str]:
        for user in self._machines:
            yield f"  {_word(user.name)}: {{}}"

    def group(self, group: GroupState) -> Iterator[str]:
        """Give the lines of a group; its permission sets are gathered, and what is left out of it."""
        arn = f"arn:aws:iam::{self._state.number}:group{group.path}{group.name}"
        if group.path == PATH:
            self.left.append(f"group {arn}: watchbill's own already; another team file says what it is")
            return
        inside = [user for user in _by_name(self._state.users) if group.name in user.groups]
        members = [self._keys[user.name] for user in inside if user.name in self._keys]
        others = [user.arn for user in inside if user.name not in self._keys]
        sets = [found for each in sorted(group.attached) if (found := self._attached(each, f"group {arn}"))]
        sets += [self._inline(group.name, name, each) for name, each in sorted(group.inline.items())]
        self.left += [f"user {each} in group {arn}: it looks like no person" for each in others]
        yield f"  {_word(self._group_names.give(_folded(group.name), 'group'))}:  # as group {inert(group.name)}"
        yield from _list("    members:", members)
        if len(sets) > (most := self._limits.of("AttachedPoliciesPerGroupQuota")):
            yield f"    # {len(sets)} policies: AWS attaches {most} to a group, so join some"
        yield "    access:" if sets else "    access: []"
        for each in sets:
            yield f"      - {{permission_set: {_word(each)}, accounts: [{_word(self._state.account)}]}}"

    def _attached(self, arn: str, where: str) -> str | None:
        """Give the permission set of a managed policy; None where its document is not known."""
        if arn in self._set_of:
            return self._set_of[arn]
        if _AWS_MANAGED.fullmatch(arn):
            if (known := _managed(arn)) is None:
                self.left.append(f"policy {arn} of {where}: AWS lists it no more, or not yet as far as watchbill knows")
                return None
            self._set_of[arn] = self._set(last_of(arn), f"AWS's own {last_of(arn)}.")
            self.sets.append(f"    managed: [{_word(known)}]")
        elif (policy := self._state.policies.get(arn)) is not None:
            self._set_of[arn] = self._set(policy.name, f"As {arn}.")
            self.sets += _policy(policy.document)
        else:
            self.left.append(f"policy {arn} of {where}: its document was not read")
            return None
        return self._set_of[arn]

    def _inline(self, group: str, name: str, document: Document) -> str:
        found = self._set(f"{group}-{name}", f"As the inline policy {name} of group {group}.")
        self.sets += _policy(document)
        return found

    def _set(self, name: str, description: str) -> str:
        given = self._set_names.give(_folded(name), "permissions")
        self.sets += [f"  {_word(given)}:", f"    description: {_quoted(description)}"]
        return given

    def left_over(self) -> Iterator[str]:
        """Name what groups do not give, once all groups are done."""
        for user in _by_name(self._state.users):
            yield from (f"policy {arn}, attached to user {user.arn} itself" for arn in sorted(user.attached))
            yield from (f"inline policy {name} of user {user.arn}" for name in sorted(user.inline))
            if user.boundary is not None:
                yield f"permissions boundary {user.boundary} of user {user.arn}; it stays in force"
            unknown = sorted(user.groups - set(self._state.groups))
            yield from (f"group {name} of user {user.arn}: it was not read" for name in unknown)
        yield from self._policies_left()
        yield from self._roles_left()

    def _policies_left(self) -> Iterator[str]:
        """Name the customer's own policies of which no permission set was made."""
        holders: dict[str, list[str]] = {}
        for each in (*_by_name(self._state.users), *_by_name(self._state.roles)):
            for arn in each.attached:
                holders.setdefault(arn, []).append(each.arn)
        ours = 0
        for arn, policy in sorted(self._state.policies.items()):
            if policy.path == PATH:
                ours += 1
            elif arn not in self._set_of and not _AWS_MANAGED.fullmatch(arn):
                where = f"attached to {_some(holders[arn])}" if arn in holders else "attached to nobody"
                yield f"policy {arn}, {where}"
        if ours:
            yield f"policies under {PATH}, watchbill's own already: {ours}"

    def _roles_left(self) -> Iterator[str]:
        """Name the roles that somebody may take, and count those that only services of AWS may."""
        services = 0
        for role in _by_name(self._state.roles):
            if role.path == PATH:
                yield f"role {role.arn}: watchbill's own already"
            elif takers := _takers(role):
                yield f"role {role.arn}, which trusts {_some(takers)}"
            else:
                services += 1
        if services:
            yield f"roles that trust nobody but services of AWS: {services}"


def _at_work(state: AccountState) -> bool:
    """Tell whether watchbill has made something in an account."""
    every: tuple[Mapping[str, Any], ...] = (state.users, state.groups, state.roles, state.policies)
    return any(each.path == PATH for found in every for each in found.values())


def _takers(role: RoleState) -> list[str]:
    """Give what a role trusts besides services, as its trust policy says it."""
    statements = role.trust.get("Statement", ())
    found: dict[str, None] = {}
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        if not isinstance(statement, Mapping):
            found["something that cannot be read"] = None
        elif statement.get("Effect") != "Deny":
            principal = statement.get("Principal", "everyone but those it names")
            for kind, named in principal.items() if isinstance(principal, Mapping) else (("", principal),):
                if kind != "Service":
                    found |= dict.fromkeys(str(each) for each in ([named] if isinstance(named, str) else named))
    return list(found)


def _some(names: list[str]) -> str:
    """Join names, the first few of many."""
    more = len(names) - _PRINCIPALS_SHOWN
    return ", ".join(sorted(names)[:_PRINCIPALS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _managed(arn: str) -> str | None:
    """Give what a team file calls a policy of AWS's own; None where it cannot be attached anew, or is not known."""
    found = managed_policy(arn)
    if found is None or (isinstance(found, ManagedPolicy) and not found.listed):
        return None
    return found.name if arn.startswith("arn:aws:") else arn


def _after(prefix: str, names: Iterable[str]) -> Iterator[str]:
    """Give what follows a prefix in the names that have it, whatever their case."""
    return (name[len(prefix) :] for name in names if name.lower().startswith(prefix))


def _by_name(found: Mapping[str, Any]) -> list[Any]:
    return [found[name] for name in sorted(found, key=lambda name: (name.lower(), name))]


def _folded(name: str, *, words: bool = True) -> str:
    """Give what a team file may take for a name; empty where nothing is left of it."""
    text = re.sub(r"[^a-z0-9_.-]+", "-", (_WORDS.sub("-", name) if words else name).lower()).strip("-_.")
    cut = text[: _NAME_LENGTH + 1].rfind("-") if len(text) > _NAME_LENGTH else -1
    # Of a long name whole words are kept, unless little would be left.
    return text[: cut if cut > _NAME_LENGTH // 2 else _NAME_LENGTH].rstrip("-_.")


# --- YAML: as people write it, where that is safe, and quoted where it is not


def _section(name: str, lines: list[str], empty: str) -> list[str]:
    return [f"{name}:", *lines] if lines else [f"{name}: {empty}"]


def _list(head: str, names: list[str]) -> Iterator[str]:
    """Give a list of words: on the line of its key, or each on its own where they are many."""
    line = f"{head} [{', '.join(_word(name) for name in names)}]"
    if len(line) <= _WIDTH:
        yield line
    else:
        yield head
        yield from (f"      - {_word(name)}" for name in names)


def _policy(document: Document) -> list[str]:
    return ["    policy:", *_block(document, 6)] if document else ["    policy: {}"]


def _block(value: Any, indent: int) -> Iterator[str]:
    """Give a JSON mapping or list that is not empty as lines of YAML; what reads them back gets the same."""
    pad = " " * indent
    if isinstance(value, Mapping):
        for key, each in value.items():
            named = _word(str(key))
            head = f"{pad}? {named}\n{pad}:" if len(named) > _LONG_KEY else f"{pad}{named}:"
            if (inline := _inline(each, _WIDTH - len(pad) - len(named))) is not None:
                yield f"{head} {inline}"
            else:
                yield head
                yield from _block(each, indent + 2)
        return
    for each in value:
        if (inline := _inline(each, _WIDTH - len(pad))) is not None:
            yield f"{pad}- {inline}"
        else:
            first, *rest = _block(each, indent + 2)
            yield f"{pad}- {first[indent + 2 :]}"
            yield from rest


def _inline(value: Any, width: int) -> str | None:
    """Give a value on one line: a scalar, what is empty, or a list of scalars that is short enough; else None."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return _word(value)
        case int() | float():
            return repr(value)
        case Mapping():
            return None if value else "{}"
        case _ if any(isinstance(each, Mapping | list | tuple) for each in value):
            return None
        case _:
            line = f"[{', '.join(str(_inline(each, width)) for each in value)}]"
            return line if len(line) <= width or not value else None


def _word(text: str) -> str:
    """Give a word as it is where YAML takes it for text, else quoted."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL else _quoted(text)


def _quoted(text: str) -> str:
    """Give a text in YAML's double quotes (YAML 1.2.2, section 5.7), with every character shown that hides."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    width, mark = next(pair for pair in ((2, "x"), (4, "u"), (8, "U")) if code < 1 << 4 * pair[0])
    return f"\\{mark}{code:0{width}x}"
