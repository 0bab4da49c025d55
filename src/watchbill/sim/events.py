"""Records as CloudTrail writes them: who, from where, what, how it went.

After the CloudTrail User Guide, "CloudTrail record contents", "userIdentity element" and "AWS Management Console
sign-in events".
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from watchbill.sim.calls import ASSUME_ROLE, Call
from watchbill.sim.people import PATH, Spot, World


HOME = "eu-west-1"
GLOBAL = "us-east-1"
"""Where events of services with a single endpoint are recorded."""

SESSION = timedelta(hours=1)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WORD_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_API_VERSION = re.compile(r"20150331(v2)?$")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A record with the account and region whose trail it goes to."""

    at: datetime
    account: str
    """Twelve digits."""
    region: str
    record: Record

    @property
    def id(self) -> str:
        """The record's `eventID`."""
        return str(self.record["eventID"])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where, with what."""

    account: str
    """The account's name in the team file."""
    identity: Mapping[str, Any]
    """`userIdentity`."""
    address: str
    agent: str
    console: bool = False
    """Whether the credentials come from a console session."""

    @property
    def key(self) -> str:
        """The id of the access key that signs."""
        return str(self.identity["accessKeyId"])


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """An attempt at the console's door."""

    account: str
    user: str
    spot: Spot
    agent: str
    mfa: bool = True
    """Whether a second factor was given."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a record says of the event itself."""

    at: datetime
    number: str
    region: str
    source: str
    name: str
    kind: str
    read_only: bool


class Scribe:
    """Writes records, taking what is random in them from one source."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self._rng = rng

    def by_key(self, account: str, user: str, spot: Spot, agent: str, key: str = "") -> Caller:
        """Give an IAM user who signs with a long-lived key: their everyday one unless another is named."""
        identity = {**self._user(account, user), "accessKeyId": key or self.world.key(account, user)}
        return Caller(account, {**identity, "userName": user}, spot.address, agent)

    def by_console(self, sign_in: SignIn, at: datetime) -> Caller:
        """Give an IAM user who clicks in the console after signing in at an instant."""
        identity = {
            **self._user(sign_in.account, sign_in.user),
            "accessKeyId": self._temporary_key(),
            "userName": sign_in.user,
            "sessionContext": {"attributes": {"creationDate": stamp(at), "mfaAuthenticated": str(sign_in.mfa).lower()}},
        }
        return Caller(sign_in.account, identity, sign_in.spot.address, sign_in.agent, console=True)

    def call(
        self, caller: Caller, call: Call, at: datetime, *, region: str = HOME, refusal: Refusal | None = None
    ) -> Written:
        """Write a call; `$` texts in it become things of the caller's account."""
        things = {kind: self._rng.choice(names) for kind, names in self.world.things[caller.account].items()}
        region = GLOBAL if call.is_global else region
        host = f"{call.source}.amazonaws.com" if call.is_global else f"{call.source}.{region}.amazonaws.com"
        errors = {"errorCode": refusal.code, "errorMessage": refusal.message} if refusal else {}
        console = {"sessionCredentialFromConsole": "true"} if caller.console else {}
        outcome = {
            **errors,
            "requestParameters": _filled(call.parameters, things),
            "responseElements": None if refusal else _filled(call.response, things),
        }
        tail = {**console, "eventCategory": "Management", "tlsDetails": tls(host)}
        origin = (caller.address, _agent(caller.agent, call))
        number, source = self.world.number(caller.account), f"{call.source}.amazonaws.com"
        head = Head(at, number, region, source, call.name, "AwsApiCall", read_only=call.read_only)
        return self._write(head, caller.identity, origin, outcome, tail)

    def denied(self, caller: Caller, call: Call, at: datetime) -> Written:
        """Write a call that AWS refused for lack of permission."""
        action = call.action or "sts:GetCallerIdentity"
        reason = (
            f"User: {caller.identity['arn']} is not authorized to perform: {action} on resource: * "
            f"because no identity-based policy allows the {action} action"
        )
        if call.source == "ec2":
            reason = f"You are not authorized to perform this operation. {reason}"
            return self.call(caller, call, at, refusal=Refusal("Client.UnauthorizedOperation", reason))
        return self.call(caller, call, at, refusal=Refusal("AccessDenied", reason))

    def assume_watch(self, caller: Caller, role: str, at: datetime) -> tuple[Written, Caller]:
        """Write a person's step into an on-call role, with MFA and under their own name; give who they then are."""
        number, user = self.world.number(caller.account), str(caller.identity["userName"])
        arn, role_id = f"arn:aws:iam::{number}:role{PATH}{role}", self.world.identifier("AROA", number, role)
        session_arn, key = f"arn:aws:sts::{number}:assumed-role/{role}/{user}", self._temporary_key()
        response = {
            "credentials": {
                "accessKeyId": key,
                "sessionToken": "IQoJb3JpZ2luX2VjE" + "".join(self._rng.choices(_LETTERS, k=60)),
                "expiration": spelled(at + SESSION),
            },
            "assumedRoleUser": {"assumedRoleId": f"{role_id}:{user}", "arn": session_arn},
            "sourceIdentity": user,
        }
        parameters = role_request(arn, user) | {"serialNumber": f"arn:aws:iam::{number}:mfa/{user}"}
        call = Call("sts", "AssumeRole", ASSUME_ROLE.action, read_only=True, parameters=parameters, response=response)
        written = self.call(caller, call, at)
        written.record["resources"] = [{"accountId": number, "type": "AWS::IAM::Role", "ARN": arn}]
        issuer = {"type": "Role", "principalId": role_id, "arn": arn, "accountId": number, "userName": role}
        identity = {
            "type": "AssumedRole",
            "principalId": f"{role_id}:{user}",
            "arn": session_arn,
            "accountId": number,
            "accessKeyId": key,
            "sessionContext": {
                "sessionIssuer": issuer,
                "attributes": {"creationDate": stamp(at), "mfaAuthenticated": "true"},
                "sourceIdentity": user,
            },
        }
        return written, Caller(caller.account, identity, caller.address, caller.agent)

    def signed_in(self, sign_in: SignIn, at: datetime) -> Written:
        """Write a successful sign-in."""
        number = self.world.number(sign_in.account)
        device = {"MFAIdentifier": f"arn:aws:iam::{number}:mfa/{sign_in.user}"} if sign_in.mfa else {}
        identity = {**self._user(sign_in.account, sign_in.user), "userName": sign_in.user}
        extra = {**device, "MFAUsed": "Yes" if sign_in.mfa else "No"}
        return self._sign_in(sign_in, at, identity, {"responseElements": {"ConsoleLogin": "Success"}}, extra)

    def failed_sign_in(self, sign_in: SignIn, at: datetime) -> Written:
        """Write a wrong password for a name that exists: AWS gives the name, and no ARN."""
        user = self._user(sign_in.account, sign_in.user)
        identity = {
            "type": user["type"],
            "principalId": user["principalId"],
            "accountId": user["accountId"],
            "accessKeyId": "",
            "userName": sign_in.user,
        }
        return self._failed(sign_in, at, identity, "Failed authentication")

    def unknown_sign_in(self, sign_in: SignIn, at: datetime) -> Written:
        """Write an attempt under a name that does not exist: AWS hides it, since it may be a password."""
        identity = {
            "type": "IAMUser",
            "accountId": self.world.number(sign_in.account),
            "accessKeyId": "",
            "userName": "HIDDEN_DUE_TO_SECURITY_REASONS",
        }
        return self._failed(sign_in, at, identity, "No username found in supplied account")

    def service_assumes(self, account: str, service: str, role: str, at: datetime) -> tuple[Written, Caller]:
        """Write an AWS service's step into its own role; give who it then is."""
        number, host, session = self.world.number(account), f"{service}.amazonaws.com", service.capitalize()
        arn, role_id = (
            f"arn:aws:iam::{number}:role/aws-service-role/{host}/{role}",
            self.world.identifier("AROA", number, role),
        )
        key = self._temporary_key()
        issuer = {"type": "Role", "principalId": role_id, "arn": arn, "accountId": number, "userName": role}
        session_identity = {
            "type": "AssumedRole",
            "principalId": f"{role_id}:{session}",
            "arn": f"arn:aws:sts::{number}:assumed-role/{role}/{session}",
            "accountId": number,
            "accessKeyId": key,
            "sessionContext": {
                "sessionIssuer": issuer,
                "attributes": {"creationDate": stamp(at), "mfaAuthenticated": "false"},
            },
            "invokedBy": host,
        }
        outcome = {
            "requestParameters": {"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600},
            "responseElements": {"credentials": {"accessKeyId": key, "expiration": spelled(at + SESSION)}},
        }
        identity = {"type": "AWSService", "invokedBy": host}
        head = Head(at, number, HOME, "sts.amazonaws.com", "AssumeRole", "AwsApiCall", read_only=True)
        written = self._write(head, identity, (host, host), outcome, {"eventCategory": "Management"})
        written.record["sharedEventID"] = self._uuid()
        return written, Caller(account, session_identity, host, host)

    def service_event(self, account: str, service: str, name: str, details: Mapping[str, Any], at: datetime) -> Written:
        """Write something that an AWS service did without being asked."""
        number, host = self.world.number(account), f"{service}.amazonaws.com"
        identity = {"accountId": number, "invokedBy": host}
        outcome = {"requestParameters": None, "responseElements": None}
        head = Head(at, number, HOME, host, name, "AwsServiceEvent", read_only=False)
        tail = {"serviceEventDetails": details, "eventCategory": "Management"}
        return self._write(head, identity, (host, host), outcome, tail)

    def _failed(self, sign_in: SignIn, at: datetime, identity: Mapping[str, Any], message: str) -> Written:
        outcome = {"errorMessage": message, "responseElements": {"ConsoleLogin": "Failure"}}
        return self._sign_in(sign_in, at, identity, outcome, {"MFAUsed": "No"})

    def _sign_in(
        self,
        sign_in: SignIn,
        at: datetime,
        identity: Mapping[str, Any],
        outcome: Mapping[str, Any],
        extra: Mapping[str, Any],
    ) -> Written:
        door = "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_eu-west-1"
        outcome = {
            **{name: value for name, value in outcome.items() if name == "errorMessage"},
            "requestParameters": None,
            "responseElements": outcome["responseElements"],
            "additionalEventData": {"LoginTo": door, "MobileVersion": "No", **extra},
        }
        number, source = self.world.number(sign_in.account), "signin.amazonaws.com"
        head = Head(at, number, GLOBAL, source, "ConsoleLogin", "AwsConsoleSignIn", read_only=False)
        tail = {"eventCategory": "Management", "tlsDetails": tls("signin.aws.amazon.com")}
        written = self._write(head, identity, (sign_in.spot.address, sign_in.agent), outcome, tail)
        del written.record["requestID"]
        return written

    def _write(
        self,
        head: Head,
        identity: Mapping[str, Any],
        origin: tuple[str, str],
        outcome: Mapping[str, Any],
        tail: Mapping[str, Any],
    ) -> Written:
        at = head.at.replace(microsecond=0)
        record = {
            "eventVersion": "1.11",
            "userIdentity": dict(identity),
            "eventTime": stamp(at),
            "eventSource": head.source,
            "eventName": head.name,
            "awsRegion": head.region,
            "sourceIPAddress": origin[0],
            "userAgent": origin[1],
            **outcome,
            "requestID": self._uuid(),
            "eventID": self._uuid(),
            "readOnly": head.read_only,
            "eventType": head.kind,
            "managementEvent": True,
            "recipientAccountId": head.number,
            **tail,
        }
        return Written(at, head.number, head.region, record)

    def _user(self, account: str, user: str) -> dict[str, str]:
        return {
            "type": "IAMUser",
            "principalId": self.world.identifier("AIDA", account, user),
            "arn": self.world.user_arn(account, user),
            "accountId": self.world.number(account),
        }

    def _temporary_key(self) -> str:
        return "ASIA" + "".join(self._rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))

    def _uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


def role_request(arn: str, user: str) -> dict[str, Any]:
    """Give the parameters with which a person asks for a role under their own name."""
    return {
        "roleArn": arn,
        "roleSessionName": user,
        "durationSeconds": int(SESSION.total_seconds()),
        "sourceIdentity": user,
    }


def _agent(agent: str, call: Call) -> str:
    """Write the user agent of one call: the AWS CLI names the command at its end."""
    if not agent.startswith("aws-cli/"):
        return agent
    service = call.action.split(":")[0] if call.action else call.source
    command = _WORD_EDGE.sub("-", _API_VERSION.sub("", call.name)).lower()
    return f"{agent} md/command#{service}.{command}"


def _filled(value: Any, things: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\$([a-z]+)", lambda found: things.get(found[1], found[0]), value)
    if isinstance(value, Mapping):
        return {name: _filled(inner, things) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, things) for inner in value]
    return value


def tls(host: str) -> dict[str, str]:
    """Give what a record says of the connection."""
    return {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host}


def stamp(at: datetime) -> str:
    """Write an instant as records do."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def spelled(at: datetime) -> str:
    """Write an instant as IAM and STS do in answers, in English whatever the locale: `Sep 7, 2026, 9:05:00 AM`."""
    hour = at.hour % 12 or 12
    return f"{_MONTHS[at.month - 1]} {at.day}, {at.year}, {hour}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"
