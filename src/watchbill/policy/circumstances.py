"""What a CloudTrail record tells of the context of a request: keys that were there, keys that were not.

A key that is in neither is not known, and may make an answer depend. Source of every key: IAM User Guide, "AWS global
condition context keys", availability; of every field: CloudTrail User Guide, "CloudTrail record contents" and
"CloudTrail userIdentity element". What is never in a record: tags of principals and resources, organizations, and most
keys of services.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from watchbill.intervals import iso


@dataclass(frozen=True, slots=True)
class Known:
    """Condition keys of the circumstances of a call."""

    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    present: frozenset[str] = frozenset()
    """Keys that were there, with a value that is not known."""
    absent: frozenset[str] = frozenset()


TYPES: Mapping[str, str] = {
    "AssumedRole": "AssumedRole",
    "FederatedUser": "FederatedUser",
    "IAMUser": "User",
    "Root": "Account",
    "Role": "AssumedRole",
}
"""What `aws:PrincipalType` is, by `userIdentity.type`."""

_INSTANCE_KEYS = frozenset({"aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "ec2:RoleDelivery"})
"""Keys that only credentials handed out on an EC2 instance bring."""

_LONG_TERM = _INSTANCE_KEYS | {
    *("aws:AssumedRoot", "aws:FederatedProvider", "aws:SourceIdentity"),
    *("aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent", "aws:TokenIssueTime"),
}
"""Keys that only temporary credentials bring."""

_NO_SERVICE = frozenset(
    {
        *("aws:PrincipalServiceName", "aws:PrincipalServiceNamesList"),
        *("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths"),
    }
)
"""Keys that only a call by a service on its own account brings."""

_NO_IDENTITY = frozenset({"aws:PrincipalAccount", "aws:PrincipalArn", "aws:userid", "aws:username"})
"""Keys that only a call by an IAM identity brings."""

_NO_ENDPOINT = frozenset(
    {
        *("aws:SourceVpc", "aws:SourceVpcArn", "aws:SourceVpce", "aws:VpcSourceIp"),
        *("aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths"),
    }
)
"""Keys that only a call through a VPC endpoint brings."""

_NO_CHAIN = frozenset({"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"})
"""Keys that only a call by a service for somebody brings."""

_CHAINED = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        *("aoss", "athena", "backup", "cloud9", "cloudformation", "databrew", "dataexchange", "dynamodb"),
        *("imagebuilder", "kms", "mgn", "nimble", "omics", "ram", "robomaker", "servicecatalog-appregistry"),
        *("sqlworkbench", "ssm-guiconnect"),
    )
)
"""Services that tell `aws:CalledVia` when they call on for somebody."""


def circumstances_of(record: Mapping[str, Any]) -> Known:
    """Give what a record tells of the keys of its request; nothing in a record raises."""
    told = _Told(record)
    _moment(told)
    _network(told)
    _principal(told)
    _session(told)
    _chain(told)
    _transport(told)
    return Known(told.known, frozenset(told.present) if told.present else _NOTHING, _together(tuple(told.absent)))


_NOTHING: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def _together(sets: tuple[frozenset[str], ...]) -> frozenset[str]:
    return frozenset().union(*sets)


class _Told:
    """The fields of a record that keys are read from, and what has been read of them."""

    __slots__ = (
        *("absent", "arn", "attributes", "began", "by_service", "endpoint", "identity", "invoked_by"),
        *("known", "present", "record", "session", "type"),
    )

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.known: dict[str, str | tuple[str, ...]] = {}
        self.present: set[str] = set()
        self.absent: list[frozenset[str]] = []
        self.record = record
        self.identity = _mapping(record.get("userIdentity"))
        self.session = _mapping(self.identity.get("sessionContext"))
        self.attributes = _mapping(self.session.get("attributes"))
        self.began = _instant(self.attributes.get("creationDate"))
        self.type = _text(self.identity.get("type"))
        self.arn = _text(_mapping(self.session.get("sessionIssuer")).get("arn")) or _text(self.identity.get("arn"))
        self.endpoint = _text(record.get("vpcEndpointId"))
        self.invoked_by = _text(self.identity.get("invokedBy"))
        self.by_service = self.invoked_by is not None or self.type in ("AWSService", "AWSAccount")

    def is_(self, key: str, value: str | None) -> None:
        """Note a key's value, if there is one."""
        if value is not None:
            self.known[key] = value

    def lacks(self, key: str) -> None:
        """Note that a key is not there."""
        self.absent.append(_only(key))

    @property
    def temporary(self) -> bool | None:
        """Whether the credentials were temporary; None where the record does not say."""
        if self.type in ("AssumedRole", "FederatedUser") or self.began is not None:
            return True
        key = _text(self.identity.get("accessKeyId")) or ""
        if key.startswith("ASIA"):
            return True
        return False if key.startswith("AKIA") or (self.type == "IAMUser" and not self.session and key) else None


@cache
def _only(key: str) -> frozenset[str]:
    return frozenset({key})


def _moment(told: _Told) -> None:
    at = _instant(told.record.get("eventTime"))
    if at is not None:
        told.known["aws:CurrentTime"], told.known["aws:EpochTime"] = at.iso, str(at.epoch)
    told.is_("aws:RequestedRegion", _text(told.record.get("awsRegion")))


def _network(told: _Told) -> None:
    """Tell from where. Through an endpoint the address is private and goes by another key; a service's is its own."""
    if told.by_service:
        return
    told.is_("aws:UserAgent", _text(told.record.get("userAgent")))
    ip = _text(told.record.get("sourceIPAddress"))
    address = ip if ip is not None and _is_address(ip) else None
    if told.endpoint is None:
        told.is_("aws:SourceIp", address)
        told.absent.append(_NO_ENDPOINT)
        return
    told.known["aws:SourceVpce"] = told.endpoint
    told.present.add("aws:SourceVpc")
    told.is_("aws:VpceAccount", _text(told.record.get("vpcEndpointAccountId")))
    told.lacks("aws:SourceIp")
    if address is None:
        told.present.add("aws:VpcSourceIp")
    else:
        told.known["aws:VpcSourceIp"] = address


def _principal(told: _Told) -> None:
    if told.type == "AWSService":
        told.known["aws:PrincipalIsAWSService"] = "true"
        told.is_("aws:PrincipalServiceName", told.invoked_by)
        told.absent.append(_NO_IDENTITY)
        return
    if told.type is None or told.type not in TYPES:
        return
    identity = told.identity
    told.known["aws:PrincipalType"] = TYPES[told.type]
    told.known["aws:PrincipalIsAWSService"] = "false"
    told.is_("aws:PrincipalArn", told.arn)
    told.is_("aws:PrincipalAccount", _text(identity.get("accountId")))
    told.is_("aws:userid", _text(identity.get("principalId")))
    told.absent.append(_NO_SERVICE)
    if told.type == "IAMUser":
        told.is_("aws:username", _text(identity.get("userName")) or _name_of(told.arn))
    else:
        told.lacks("aws:username")
    if "onBehalfOf" in identity:
        told.is_("identitystore:UserId", _text(_mapping(identity["onBehalfOf"]).get("userId")))


def _name_of(arn: str | None) -> str | None:
    return arn.rsplit("/", 1)[-1] if arn and ":user/" in arn else None


def _session(told: _Told) -> None:
    """Tell of temporary credentials. Long-term keys bring no key of them, not even `aws:MultiFactorAuthPresent`."""
    if told.type not in TYPES:
        return
    temporary = told.temporary
    if temporary is None:
        return
    if not temporary:
        told.absent.append(_LONG_TERM)
        return
    if told.began is None:
        told.present.add("aws:TokenIssueTime")
    else:
        told.known["aws:TokenIssueTime"] = told.began.iso
    _mfa(told)
    session = told.session
    if _text(session.get("assumedRoot")) == "true":
        told.known["aws:AssumedRoot"] = "true"
    for key, value in (
        ("aws:SourceIdentity", _text(session.get("sourceIdentity"))),
        ("ec2:RoleDelivery", _text(session.get("ec2RoleDelivery"))),
    ):
        if value is not None:
            told.known[key] = value
        elif session:
            told.absent.append(_only(key) if key == "aws:SourceIdentity" else _INSTANCE_KEYS)
    provider = _text(_mapping(session.get("webIdFederationData")).get("federatedProvider"))
    told.is_("aws:FederatedProvider", provider)
    if provider is None and told.type == "IAMUser":
        told.lacks("aws:FederatedProvider")


def _mfa(told: _Told) -> None:
    """Tell whether AWS's own MFA backs the session. Behind an identity provider the key may be missing."""
    said = told.attributes.get("mfaAuthenticated")
    if said == "true":
        told.known["aws:MultiFactorAuthPresent"] = "true"
        at = _instant(told.record.get("eventTime"))
        age = at.epoch - told.began.epoch if at and told.began else -1
        if age >= 0:
            told.known["aws:MultiFactorAuthAge"] = str(age)
        else:
            told.present.add("aws:MultiFactorAuthAge")
    elif said == "false":
        told.lacks("aws:MultiFactorAuthAge")
        if not told.session.get("webIdFederationData") and _IDENTITY_CENTER not in (told.arn or ""):
            told.known["aws:MultiFactorAuthPresent"] = "false"


_IDENTITY_CENTER = ":role/aws-reserved/sso.amazonaws.com/"


def _chain(told: _Told) -> None:
    """Tell whether a service called on for somebody."""
    if told.type == "AWSService":
        told.known["aws:ViaAWSService"] = "false"
    elif told.invoked_by is None:
        if told.type in TYPES:
            told.known["aws:ViaAWSService"] = "false"
            told.absent.append(_NO_CHAIN)
    elif told.invoked_by.endswith(".amazonaws.com"):
        told.known["aws:ViaAWSService"] = "true"
        if told.invoked_by in _CHAINED:
            told.present |= {"aws:CalledVia", "aws:CalledViaFirst"}
            told.known["aws:CalledViaLast"] = told.invoked_by


def _transport(told: _Told) -> None:
    """Tell of TLS, and how an S3 call was signed (S3 User Guide, "Amazon S3 policy keys"; its data events)."""
    record = told.record
    version = _text(_mapping(record.get("tlsDetails")).get("tlsVersion"))
    more = _mapping(record.get("additionalEventData"))
    if version or _text(more.get("CipherSuite")):
        told.known["aws:SecureTransport"] = "true"
    if record.get("eventSource") != "s3.amazonaws.com":
        return
    if version and version.startswith("TLSv"):
        told.is_("s3:TlsVersion", version.removeprefix("TLSv") or None)
    told.is_("s3:signatureversion", _SIGNATURES.get(_text(more.get("SignatureVersion")) or ""))
    told.is_("s3:authType", _METHODS.get(_text(more.get("AuthenticationMethod")) or ""))


_SIGNATURES = {"SigV2": "AWS", "SigV4": "AWS4-HMAC-SHA256", "SigV4A": "AWS4-ECDSA-P256-SHA256"}
_METHODS = {"AuthHeader": "REST-HEADER", "QueryString": "REST-QUERY-STRING"}


@lru_cache(maxsize=65536)
def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Instant:
    iso: str
    epoch: int
    """Whole seconds."""


def _instant(value: object) -> _Instant | None:
    return _read_instant(value) if isinstance(value, str) else None


@lru_cache(maxsize=65536)
def _read_instant(text: str) -> _Instant | None:
    try:
        at = datetime.fromisoformat(text)
        return _Instant(iso(at.astimezone(UTC)), int(at.timestamp())) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _EMPTY


_EMPTY: Mapping[str, Any] = {}
