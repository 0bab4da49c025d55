"""Check on an AWS account what no stand-in can show: that AWS ends access by its own clock, and that a freeze holds.

It takes some eleven minutes.

    python tools/acceptance.py --account 123456789012 --yes-i-mean-this-account

It makes a user, a group, a role, their policies and a virtual MFA device under the path `/watchbill-acceptance/`, with
the documents that watchbill writes (gate, fence, trust and freeze of `watchbill.access.documents`) and windows of
minutes, asks AWS, and removes it all again, whatever happens. The user is frozen in each form that there is, and
restored. Run it with credentials that may do all of IAM, in an account where nothing depends on it. What an interrupted
run left, `--clean-up` removes. Where something is under that path already, nothing is made.

Nothing of the documents is left out: the user signs in with MFA, whose codes are made here (RFC 6238), by
GetSessionToken. SimulateCustomPolicy is asked about the gate, the fence and the guards alone: it does not look at trust
policies. Seconds are by AWS's clock, as far as its answers' `Date` tells it: to one second.

This has been run against a stand-in on the loopback only, and never against AWS.
"""

import argparse
import base64
import hmac
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.documents import (
    document,
    fence_statements,
    freeze_document,
    gate_statements,
    slices_of,
    trust_document,
)
from watchbill.access.guards import guard_statements
from watchbill.access.model import PATH as OURS
from watchbill.access.model import QUARANTINE, Document, Holding
from watchbill.access.quarantine import DENY_ALL
from watchbill.clock import SystemClock
from watchbill.errors import Location
from watchbill.intervals import Interval, iso
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Request
from watchbill.policy.statements import parse_policy


NAME = "watchbill-acceptance"
PATH = f"/{NAME}/"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LATE = 5.0
"""Seconds after the end of a window from which a call that is still allowed fails the check."""
PATIENCE = 120.0
"""Seconds for which a new object is waited for: AWS makes it known by and by."""
DENIED = ("AccessDenied", "AccessDeniedException")
NOT_YET = (
    "DeleteConflict",
    "EntityTemporarilyUnmodifiable",
    "InvalidAuthenticationCode",
    "InvalidClientTokenId",
    "NoSuchEntity",
)
"""Errors that pass once AWS has made something known everywhere."""
SIMULATED = {"Allowed": "allowed", "ExplicitlyDenied": "explicitDeny", "ImplicitlyDenied": "implicitDeny"}
READ, MORE = "iam:ListAccountAliases", "iam:GetAccountSummary"
"""What the role may do, and what it may do later: both read little and change nothing."""


class RefusedError(Exception):
    """It is not sure that this may be run here."""


class Timer(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> datetime:
        """Return this instant."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class MachineTimer(SystemClock):
    """The machine's own."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, whether it held, and what was measured."""

    what: str
    held: bool
    detail: str = ""


class Caller:
    """IAM and STS, called by one principal: whom the session is of, or whom a key that AWS gave is of."""

    def __init__(
        self, session: boto3.session.Session, endpoint: str | None = None, key: Mapping[str, str] | None = None
    ) -> None:
        self._session, self._endpoint, self._key = session, endpoint, key or {}

    @cached_property
    def iam(self) -> Any:
        """Give the client of IAM."""
        return self._client("iam")

    @cached_property
    def sts(self) -> Any:
        """Give the client of STS."""
        return self._client("sts")

    def other(self, key: Mapping[str, str]) -> "Caller":
        """Give another caller, by an access key or credentials that AWS gave."""
        return Caller(self._session, self._endpoint, key)

    def _client(self, service: str) -> Any:
        key = self._key
        return self._session.client(
            service,
            region_name="us-east-1",
            endpoint_url=self._endpoint,
            aws_access_key_id=key.get("AccessKeyId"),
            aws_secret_access_key=key.get("SecretAccessKey"),
            aws_session_token=key.get("SessionToken"),
            config=Config(retries={"mode": "standard", "max_attempts": 5}, user_agent_extra=NAME),
        )


def totp(seed: str, step: int) -> str:
    """Give the code of a step of 30 seconds (RFC 6238, and RFC 4226, section 5.3)."""
    digest = hmac.digest(base64.b32decode(seed + "=" * (-len(seed) % 8)), step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


# --- what is there, and its removal --------------------------------------------------------------


def found(boss: Caller) -> list[tuple[str, str]]:
    """List all under the path, as (kind, name or ARN), in the order in which it can be removed."""

    def listed(operation: str, key: str, name: str, **given: str) -> list[str]:
        pages = boss.iam.get_paginator(operation).paginate(**given)
        return [each[name] for page in pages for each in page[key]]

    devices = listed("list_virtual_mfa_devices", "VirtualMFADevices", "SerialNumber")
    return [
        *(("user", name) for name in listed("list_users", "Users", "UserName", PathPrefix=PATH)),
        *(("mfa device", arn) for arn in devices if f":mfa{PATH}" in arn),
        *(("group", name) for name in listed("list_groups", "Groups", "GroupName", PathPrefix=PATH)),
        *(("role", name) for name in listed("list_roles", "Roles", "RoleName", PathPrefix=PATH)),
        *(("policy", arn) for arn in listed("list_policies", "Policies", "Arn", PathPrefix=PATH, Scope="Local")),
    ]


def clean_up(boss: Caller, timer: Timer) -> list[tuple[str, str]]:
    """Remove all under the path, and give what could not be; lists are asked again, since they may lag behind."""
    empty, left = 0, found(boss)
    for _ in range(10):
        for kind, name in left:
            with suppress(ClientError):  # whatever is still there is listed anew
                _REMOVALS[kind](boss.iam, name)
        timer.sleep(3)
        left = found(boss)
        empty = 0 if left else empty + 1
        if empty == 2:  # noqa: PLR2004 - once might be a list that lags behind
            break
    return left


def _remove_user(iam: Any, name: str) -> None:
    for device in iam.list_mfa_devices(UserName=name)["MFADevices"]:
        iam.deactivate_mfa_device(UserName=name, SerialNumber=device["SerialNumber"])
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(UserName=name, GroupName=group["GroupName"])
    iam.delete_user(UserName=name)


def _remove_group(iam: Any, name: str) -> None:
    for policy in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]:
        iam.detach_group_policy(GroupName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_group(GroupName=name)


def _remove_role(iam: Any, name: str) -> None:
    # Its fence goes last: were this cut short, the role would have no power rather than no end.
    attached = [policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
    for arn in sorted(attached, key=lambda arn: arn.endswith("-fence")):
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    iam.delete_role(RoleName=name)


def _remove_policy(iam: Any, arn: str) -> None:
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


_REMOVALS: Mapping[str, Callable[[Any, str], object]] = {
    "user": _remove_user,
    "mfa device": lambda iam, arn: iam.delete_virtual_mfa_device(SerialNumber=arn),
    "group": _remove_group,
    "role": _remove_role,
    "policy": _remove_policy,
}


# --- the checks ----------------------------------------------------------------------------------


class Acceptance:
    """One run: makes what it needs, and checks. The caller cleans up."""

    def __init__(self, boss: Caller, account: str, timer: Timer) -> None:
        self.boss, self.account, self.timer = boss, account, timer
        self.role = f"arn:aws:iam::{account}:role{PATH}{NAME}"
        self.user = f"arn:aws:iam::{account}:user{PATH}{NAME}"
        headers = boss.sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
        off = (parsedate_to_datetime(headers["date"]) - timer.now()).total_seconds() if "date" in headers else 0.0
        # The header has whole seconds: less than two off is no difference that it could tell.
        self.skew = timedelta(seconds=off if abs(off) >= 2 else 0)  # noqa: PLR2004
        self.counter = 0

    def now(self) -> datetime:
        """Give this instant by AWS's clock."""
        return self.timer.now() + self.skew

    def wait_for(self, at: datetime) -> None:
        """Wait until an instant, by AWS's clock."""
        self.timer.sleep(max(0.0, (at - self.now()).total_seconds()))

    def checks(self) -> Iterator[Check]:
        """Make what is needed, and give each check as it is done."""
        yield Check(
            "AWS's clock was read", held=True, detail=f"{abs(self.skew.total_seconds()):.0f} s off this machine's"
        )
        key, signed_in = self._sign_up()
        start = self.now().replace(microsecond=0)
        first = Interval(start + MINUTE, start + 2 * MINUTE)
        second = Interval(start + 2.5 * MINUTE, start + 10 * MINUTE)
        horizon = Interval(start - 60 * MINUTE, second.end)  # the second window ends by the horizon alone
        self._write([first, second], horizon)
        taken = self.take(signed_in)
        yield Check("before the window the role cannot be taken", taken is None and self.now() < first.start)
        self.wait_for(first.start)
        session = self._until(lambda: self.take(signed_in))
        late = (self.now() - first.start).total_seconds()
        yield Check("in the window it can", session is not None, f"{late:.1f} s after it began")
        if session is None:
            return
        allowed = self._until(lambda: self.may(session, READ))
        yield Check("and an action works", bool(allowed) and self.now() < first.end)
        yield Check("without MFA it cannot be taken", self.take(key) is None)
        yield Check("nor under another session name", self.take(signed_in, "somebody-else") is None)
        yield self._ends("the window ends, and the same session is denied", session, first.end)
        yield Check("and the role cannot be taken", self.take(signed_in) is None and self.now() < second.start)
        self.wait_for(second.start)
        again = self._until(lambda: self.take(signed_in))
        yield Check("in the next window it can again", again is not None)
        if again is None:
            return
        yield from self._propagation(again)
        yield from self._frozen(again, key, signed_in)
        yield from self._made_anew()
        yield self._ends("the horizon ends, and the same session is denied", self.session_anew or again, horizon.end)
        # Who is on watch in the last slice is denied beyond it by the horizon's own Deny.
        yield Check("and nobody can take the role", self.take(self.signed_in_anew) is None)
        yield from self._simulated([first, second], horizon)

    def _sign_up(self) -> tuple[Caller, Caller]:
        """Make the user and its group, and sign in; give it with its key alone, and with MFA."""
        iam = self.boss.iam
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_group(GroupName=NAME, Path=PATH)
        iam.create_user(UserName=NAME, Path=PATH)
        self._made(lambda: iam.add_user_to_group(GroupName=NAME, UserName=NAME))
        made = iam.create_access_key(UserName=NAME)["AccessKey"]
        self.key_id, key = made["AccessKeyId"], self.boss.other(made)
        self.counter += 1
        device = iam.create_virtual_mfa_device(VirtualMFADeviceName=f"{NAME}-{self.counter}", Path=PATH)[
            "VirtualMFADevice"
        ]
        serial, seed = device["SerialNumber"], bytes(device["Base32StringSeed"]).decode()

        def enable() -> object:
            step = int(self.now().timestamp()) // 30
            codes = {"AuthenticationCode1": totp(seed, step - 1), "AuthenticationCode2": totp(seed, step)}
            return iam.enable_mfa_device(UserName=NAME, SerialNumber=serial, **codes)

        def sign_in() -> Caller | None:
            # A code is taken once, so each try waits for the next.
            step = int(self.now().timestamp()) // 30 + 1
            self.wait_for(datetime.fromtimestamp(step * 30 + 1, UTC))
            try:
                return key.other(
                    key.sts.get_session_token(SerialNumber=serial, TokenCode=totp(seed, step))["Credentials"]
                )
            except ClientError as error:
                if _code(error) not in (*DENIED, *NOT_YET):
                    raise
                return None

        self._made(enable)
        signed_in = self._until(sign_in)
        if signed_in is None:
            raise RefusedError("the new user could not sign in with MFA; nothing could be checked")
        return key, signed_in

    def _write(self, windows: Iterable[Interval], horizon: Interval) -> None:
        """Make the role with its documents, the fence before its power."""
        iam = self.boss.iam
        gate, fence = self.documents(windows, horizon)
        arns = {
            name: iam.create_policy(PolicyName=f"{NAME}-{name}", Path=PATH, PolicyDocument=json.dumps(written))[
                "Policy"
            ]["Arn"]
            for name, written in (
                ("gate", gate),
                ("fence", fence),
                ("may", document([_allow([READ])])),
                ("freeze", freeze_document(())),
            )
        }
        self.may_arn, self.freeze_arn = arns["may"], arns["freeze"]
        iam.attach_group_policy(GroupName=NAME, PolicyArn=arns["gate"])
        trust = json.dumps(trust_document([self.user]))
        self._made(lambda: iam.create_role(RoleName=NAME, Path=PATH, AssumeRolePolicyDocument=trust))
        iam.attach_role_policy(RoleName=NAME, PolicyArn=arns["fence"])
        iam.attach_role_policy(RoleName=NAME, PolicyArn=arns["may"])
        iam.attach_role_policy(RoleName=NAME, PolicyArn=arns["freeze"])

    def documents(self, windows: Iterable[Interval], horizon: Interval) -> tuple[Document, Document]:
        """Give the gate and the fence of some windows of the user, as watchbill writes them."""
        where = Location(NAME, 0)
        held = [(NAME, Holding(NAME, self.account, NAME, window, "", "", where)) for window in windows]
        slices = slices_of(held, horizon)
        return document(gate_statements(slices, horizon, self.role)), document(fence_statements(slices, horizon))

    def _propagation(self, session: Caller) -> Iterator[Check]:
        """Give the role more, and see how long it takes to be known."""
        given = {"PolicyDocument": json.dumps(document([_allow([READ, MORE])])), "SetAsDefault": True}
        before = self.may(session, MORE)
        self.boss.iam.create_policy_version(PolicyArn=self.may_arn, **given)
        began = self.now()
        known = self._until(lambda: self.may(session, MORE))
        took = (self.now() - began).total_seconds()
        yield Check("a new version of a policy comes to be known", bool(known) and not before, f"after {took:.1f} s")

    def _frozen(self, session: Caller, key: Caller, signed_in: Caller) -> Iterator[Check]:
        """Freeze the user as watchbill does, one step after the other, and take each back."""
        iam, user = self.boss.iam, {"UserName": NAME}
        attached, boundary = {**user, "PolicyArn": DENY_ALL}, {**user, "PermissionsBoundary": DENY_ALL}
        inline = {**user, "PolicyName": QUARANTINE}
        deny = json.dumps(document([{"Effect": "Deny", "Action": "*", "Resource": "*"}]))
        for what, freeze, restore in (
            (
                "AWSDenyAll on a user",
                lambda: iam.attach_user_policy(**attached),
                lambda: iam.detach_user_policy(**attached),
            ),
            (
                "an inline deny on a user",
                lambda: iam.put_user_policy(**inline, PolicyDocument=deny),
                lambda: iam.delete_user_policy(**inline),
            ),
            (
                "AWSDenyAll as the boundary of a user",
                lambda: iam.put_user_permissions_boundary(**boundary),
                lambda: iam.delete_user_permissions_boundary(**user),
            ),
        ):
            yield self._turns(f"{what} ends what it signed in to", freeze, lambda: self.take(signed_in) is None)
            yield self._turns(f"{what} is taken back", restore, lambda: self.take(signed_in) is not None)
        for what, document_, denied in (
            ("a new version of the freeze policy ends a live session", freeze_document([NAME]), True),
            ("another lets it go on", freeze_document(()), False),
        ):
            given = {"PolicyArn": self.freeze_arn, "PolicyDocument": json.dumps(document_), "SetAsDefault": True}
            make = partial(iam.create_policy_version, **given)
            yield self._turns(what, make, partial(self._is, not denied, partial(self.may, session, READ)))
        for what, status, off in (
            ("a key that is off signs nothing", "Inactive", True),
            ("and does on again", "Active", False),
        ):
            make = partial(iam.update_access_key, UserName=NAME, AccessKeyId=self.key_id, Status=status)
            yield self._turns(what, make, partial(self._is, not off, partial(self.signs, key)))

    def _turns(self, what: str, make: Callable[[], object], so: Callable[[], bool]) -> Check:
        """Make a step, and see how long it takes until something is so that was not."""
        before = so()
        make()
        began = self.now()
        known = self._until(so)
        return Check(what, bool(known) and not before, f"after {(self.now() - began).total_seconds():.1f} s")

    def _is(self, wanted: bool, ask: Callable[[], bool]) -> bool:  # noqa: FBT001 - an answer
        return ask() is wanted

    def signs(self, key: Caller) -> bool:
        """Tell whether AWS takes what a key signs, for a call that takes no permission."""
        try:
            key.sts.get_caller_identity()
        except ClientError as error:
            if _code(error) != "InvalidClientTokenId":
                raise
            return False
        return True

    def _made_anew(self) -> Iterator[Check]:
        """Make the user anew under its name: the trust names the one that is gone."""
        self._made(lambda: _remove_user(self.boss.iam, NAME))
        _, self.signed_in_anew = self._sign_up()
        # The gate lets the name through; that the trust alone denies shows once it is written anew.
        denied = []
        for _ in range(5):
            denied.append(self.take(self.signed_in_anew) is None)
            self.timer.sleep(3)
        yield Check("a user made anew under the same name is not trusted", all(denied))
        trust = json.dumps(trust_document([self.user]))
        self._made(lambda: self.boss.iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=trust))
        taken = self._until(lambda: self.take(self.signed_in_anew))
        yield Check("until the trust is written anew", taken is not None)
        self.session_anew = taken

    def _ends(self, what: str, session: Caller, end: datetime) -> Check:
        """Watch a session from a little before an end on, and tell how late it is denied."""
        self.wait_for(end - 3 * SECOND)
        asked, allowed = self.now(), self.may(session, READ)
        if not allowed or asked >= end:
            return Check(what, held=False, detail="it was denied, or not asked, before the end")
        while allowed and (asked - end).total_seconds() < PATIENCE:
            self.timer.sleep(0.2)
            asked, allowed = self.now(), self.may(session, READ)
        late = (asked - end).total_seconds()
        if allowed:
            return Check(what, held=False, detail=f"it was still allowed {late:.1f} s after the end")
        return Check(what, -1 <= late <= LATE, f"denied {late:.1f} s after the end")

    def take(self, caller: Caller, session_name: str = NAME) -> Caller | None:
        """Take the role; None where it is denied."""
        try:
            return caller.other(caller.sts.assume_role(RoleArn=self.role, RoleSessionName=session_name)["Credentials"])
        except ClientError as error:
            if _code(error) not in DENIED:
                raise
            return None

    def may(self, session: Caller, action: str) -> bool:
        """Do something in a session; tell whether it was allowed."""
        do = {READ: session.iam.list_account_aliases, MORE: session.iam.get_account_summary}[action]
        try:
            do()
        except ClientError as error:
            if _code(error) not in (*DENIED, *NOT_YET):
                raise
            return False
        return True

    def _until(self, ask: Callable[[], Any]) -> Any:
        """Ask until the answer is yes, for some time; give the last answer."""
        end = self.now() + timedelta(seconds=PATIENCE)
        while not (answer := ask()) and self.now() < end:
            self.timer.sleep(0.5)
        return answer

    def _made(self, make: Callable[[], object]) -> None:
        """Make something of what was made a moment ago, and is not known everywhere."""
        end = self.now() + timedelta(seconds=PATIENCE)
        while True:
            try:
                make()
            except ClientError as error:
                passes = _code(error) in (*NOT_YET, "MalformedPolicyDocument")
                if not passes or self.now() >= end:
                    raise
                self.timer.sleep(2)
            else:
                return

    def _simulated(self, windows: list[Interval], horizon: Interval) -> Iterator[Check]:
        """Ask AWS's simulator and our evaluator the same, at all edges and with keys that are absent."""
        gate, fence = self.documents(windows, horizon)
        edges = {horizon.start, horizon.end, *(edge for each in windows for edge in (each.start, each.end))}
        instants = sorted(edge + shift for edge in edges for shift in (-SECOND, 0 * SECOND, SECOND))
        user, session = {"aws:username": NAME}, {"aws:userid": f"AROAEXAMPLE:{NAME}"}
        mfa = {"aws:MultiFactorAuthPresent": "true"}
        asked: dict[str, list[_Asked]] = {
            "gate": [_Asked([gate], "sts:AssumeRole", self.role, {**user, **mfa, **_at(at)}) for at in instants],
            "fence": [_Asked([fence, document([_allow("*")])], READ, "*", {**session, **_at(at)}) for at in instants],
            "gate and fence, of others and with keys absent": [
                each
                for at in (windows[0].start, windows[0].end)
                for each in (
                    _Asked([gate], "sts:AssumeRole", self.role, {"aws:username": "other", **mfa, **_at(at)}),
                    _Asked([gate], "sts:AssumeRole", self.role, {**mfa, **_at(at)}),
                    _Asked([gate], "sts:AssumeRole", self.role, {**user, **_at(at)}),
                    _Asked([fence, document([_allow("*")])], READ, "*", {"aws:userid": "AROAEXAMPLE:other", **_at(at)}),
                    _Asked([fence, document([_allow("*")])], READ, "*", _at(at)),
                )
            ],
            "guards": list(self._guarded()),
        }
        for name, of_name in asked.items():
            differ = [
                (each, theirs, ours) for each in of_name if (theirs := self._theirs(each)) != (ours := each.ours())
            ]
            said = "".join(f"; {e.action} with {e.context}: AWS {theirs}, we {ours}" for e, theirs, ours in differ[:3])
            yield Check(f"AWS's simulator agrees with our evaluator: {name}", not differ, f"{len(of_name)} asked{said}")

    def _guarded(self) -> Iterator["_Asked"]:
        """Ask what a job role with everything may do, beside watchbill's guards."""
        iam = f"arn:aws:iam::{self.account}"
        documents = [document([_allow("*")]), document(guard_statements(self.account, {NAME: [NAME], "empty": []}))]
        for action, resource in (
            ("iam:AttachRolePolicy", f"{iam}:role{OURS}oncall"),
            ("iam:AttachRolePolicy", f"{iam}:role/theirs"),
            ("iam:CreatePolicyVersion", f"{iam}:policy{OURS}fence"),
            ("iam:AddUserToGroup", f"{iam}:group{OURS}job"),
            ("iam:PutUserPolicy", f"{iam}:user{OURS}{NAME}"),
            ("iam:UpdateUser", f"{iam}:user/somebody"),
            ("iam:CreateAccessKey", f"{iam}:user{OURS}{NAME}"),
            ("iam:CreateAccessKey", f"{iam}:user/{NAME}"),
            ("iam:CreateAccessKey", f"{iam}:user/x{NAME}"),
            ("sts:AssumeRole", f"{iam}:role{OURS}{NAME}"),
            ("sts:AssumeRole", f"{iam}:role{OURS}empty"),
        ):
            yield _Asked(documents, action, resource, {"aws:username": NAME})

    def _theirs(self, asked: "_Asked") -> str:
        answer = self.boss.iam.simulate_custom_policy(
            PolicyInputList=[json.dumps(each) for each in asked.documents],
            ActionNames=[asked.action],
            ResourceArns=[asked.resource],
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": _TYPES.get(key, "string")}
                for key, value in asked.context.items()
            ],
        )
        return str(answer["EvaluationResults"][0]["EvalDecision"])


_TYPES = {"aws:CurrentTime": "date", "aws:MultiFactorAuthPresent": "boolean"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to both."""

    documents: list[Document]
    action: str
    resource: str
    context: Mapping[str, str]

    def ours(self) -> str:
        """Give our evaluator's answer, in the words of the simulator."""
        policies = [parse_policy(each, f"document{number}") for number, each in enumerate(self.documents)]
        # No caller is named: who asks is known by the keys alone.
        request = Request(self.action, self.resource, self.context, complete=True)
        effect = str(evaluate(request, identity=policies).effect)
        return SIMULATED.get(effect, effect)


def _at(at: datetime) -> dict[str, str]:
    return {"aws:CurrentTime": iso(at)}


def _allow(actions: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": "*"}


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


# --- the command ---------------------------------------------------------------------------------


def accept(
    boss: Caller, account: str, timer: Timer, say: Callable[[Check], object] = lambda check: None
) -> list[Check]:
    """Run all checks and remove what was made, also when interrupted; raises RefusedError where it must not begin."""
    must_be(boss, account)
    if there := found(boss):
        raise RefusedError(
            f"under {PATH} there is {', '.join(map(' '.join, there))} already; run with --clean-up first"
        )
    done: list[Check] = []

    def note(check: Check) -> None:
        done.append(check)
        say(check)

    try:
        for check in Acceptance(boss, account, timer).checks():
            note(check)
    except (ClientError, BotoCoreError, RefusedError) as error:
        note(Check("every call was answered", held=False, detail=str(error)))
    finally:
        left = clean_up(boss, timer)
        note(Check("nothing is left behind", not left, ", ".join(map(" ".join, left))))
    return done


def must_be(boss: Caller, account: str) -> None:
    """Refuse unless the credentials are of an account."""
    reached = boss.sts.get_caller_identity()["Account"]
    if reached != account:
        raise RefusedError(f"these credentials are of account {reached}, not of {account}")


def main(arguments: list[str] | None = None, boss: Caller | None = None, timer: Timer | None = None) -> int:
    """Run, print, and give 0 where all held, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--account", required=True, help="the twelve digits of the account")
    parser.add_argument("--yes-i-mean-this-account", action="store_true", help="without it nothing is called")
    parser.add_argument("--clean-up", action="store_true", help="only remove what an interrupted run left")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args(arguments)
    if not given.yes_i_mean_this_account:
        parser.error("this makes a user and a role in the account: say --yes-i-mean-this-account")

    def say(check: Check) -> None:
        if not given.json:
            print(f"{'held' if check.held else 'FAILED':<8}{check.what:<72}{check.detail}", flush=True)

    timer = timer or MachineTimer()
    try:
        boss = boss or Caller(boto3.session.Session())
        if given.clean_up:
            must_be(boss, given.account)
            left = clean_up(boss, timer)
            checks = [Check("nothing is left behind", not left, ", ".join(map(" ".join, left)))]
            say(checks[0])
        else:
            checks = accept(boss, given.account, timer, say)
    except (RefusedError, ClientError, BotoCoreError) as error:
        print(f"not done: {error}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    return 0 if all(check.held for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
