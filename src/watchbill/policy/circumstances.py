"""What a CloudTrail record tells of the context of a request: keys that were there, keys that were not.

A key that is in neither is not known, and may make an answer depend. Source of every key: IAM User Guide, "AWS global
condition context keys", availability; of every field: CloudTrail User Guide, "CloudTrail record contents" and
"CloudTrail userIdentity element". What is never in a record: tags of principals and resources, organizations, and most
keys of services.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
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

_SESSION_KEYS = frozenset({"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:TokenIssueTime"})
"""Keys that only temporary credentials bring."""

_SERVICE_KEYS = frozenset({"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths"})
"""Keys that only a call by a service on its own account brings."""

_ENDPOINT_KEYS = frozenset(
    {"aws:SourceVpc", "aws:SourceVpcArn", "aws:VpcSourceIp", "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths"}
)
"""Keys that only a call through a VPC endpoint brings, besides that of the endpoint."""

_CHAIN_KEYS = frozenset({"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"})

_CHAINED = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        *("aoss", "athena", "backup", "cloud9", "cloudformation", "databrew", "dataexchange", "dynamodb"),
        *("imagebuilder", "kms", "mgn", "nimble", "omics", "ram", "robomaker", "servicecatalog-appregistry"),
        *("sqlworkbench", "ssm-guiconnect"),
    )
)
"""Services that tell `aws:CalledVia` when they call on for somebody."""

_INSTANCE_KEYS = frozenset({"aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "ec2:RoleDelivery"})
"""Keys that only credentials handed out on an EC2 instance bring."""


def circumstances_of(record: Mapping[str, Any]) -> Known:
    """Give what a record tells of the keys of its request; nothing in a record raises."""
    told = _Told(record)
    known: dict[str, str | tuple[str, ...]] = {}
    present: set[str] = set()
    absent: set[str] = set()
    for key, value in _keys(told):
        if value is True:
            present.add(key)
        elif value is False:
            absent.add(key)
        elif value is not None:
            known[key] = value
    return Known(known, frozenset(present), frozenset(absent))


_Value = str | bool | None
"""A key's value; True where it is there and False where it is not; None where nothing is known of it."""


class _Told:
    """The fields of a record that keys are read from."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.identity = _mapping(record.get("userIdentity"))
        self.session = _mapping(self.identity.get("sessionContext"))
        self.attributes = _mapping(self.session.get("attributes"))
        self.issuer = _mapping(self.session.get("sessionIssuer"))
        self.web = _mapping(self.session.get("webIdFederationData"))
        self.more = _mapping(record.get("additionalEventData"))
        self.at = _instant(record.get("eventTime"))
        self.began = _instant(self.attributes.get("creationDate"))
        self.type = _text(self.identity.get("type"))
        self.arn = _text(self.issuer.get("arn")) or _text(self.identity.get("arn"))
        self.endpoint = _text(record.get("vpcEndpointId"))
        self.invoked_by = _text(self.identity.get("invokedBy"))
        self.ip = _text(record.get("sourceIPAddress"))

    @property
    def by_service(self) -> bool:
        """Whether a service made the call: for somebody, or on its own account."""
        return self.invoked_by is not None or self.type in ("AWSService", "AWSAccount")

    @property
    def is_identity(self) -> bool:
        """Whether an IAM identity made the call, with keys of the kinds we know."""
        return self.type in TYPES

    @property
    def temporary(self) -> bool | None:
        """Whether the credentials were temporary; None where the record does not say."""
        if self.type in ("AssumedRole", "FederatedUser") or self.began is not None:
            return True
        key = _text(self.identity.get("accessKeyId")) or ""
        if key.startswith("ASIA"):
            return True
        return False if key.startswith("AKIA") or (self.type == "IAMUser" and not self.session and key) else None


def _keys(told: _Told) -> Iterator[tuple[str, _Value]]:
    yield from _moment(told)
    yield from _network(told)
    yield from _principal(told)
    yield from _session(told)
    yield from _chain(told)
    yield from _transport(told)


def _moment(told: _Told) -> Iterator[tuple[str, _Value]]:
    if told.at is not None:
        yield "aws:CurrentTime", iso(told.at)
        yield "aws:EpochTime", str(int(told.at.timestamp()))
    yield "aws:RequestedRegion", _text(told.record.get("awsRegion"))


def _network(told: _Told) -> Iterator[tuple[str, _Value]]:
    """Through an endpoint the address is a private one, and goes by another key. A service's is not its caller's."""
    if told.by_service:
        return
    address = told.ip if _is_address(told.ip or "") else None
    yield "aws:UserAgent", _text(told.record.get("userAgent"))
    if told.endpoint is None:
        yield "aws:SourceIp", address
        yield "aws:SourceVpce", False
        yield from ((key, False) for key in _ENDPOINT_KEYS)
        return
    yield "aws:SourceVpce", told.endpoint
    yield "aws:SourceVpc", True
    yield "aws:VpcSourceIp", address or True
    yield "aws:VpceAccount", _text(told.record.get("vpcEndpointAccountId"))
    yield "aws:SourceIp", False


def _principal(told: _Told) -> Iterator[tuple[str, _Value]]:
    identity = told.identity
    if told.type == "AWSService":
        yield "aws:PrincipalIsAWSService", "true"
        yield "aws:PrincipalServiceName", told.invoked_by or True
        yield from ((key, False) for key in ("aws:username", "aws:userid", "aws:PrincipalArn", "aws:PrincipalAccount"))
        return
    if not told.is_identity:
        return
    account = _text(identity.get("accountId"))
    yield "aws:PrincipalArn", told.arn
    yield "aws:PrincipalAccount", account
    yield "aws:PrincipalType", TYPES[str(told.type)]
    yield "aws:userid", _text(identity.get("principalId"))
    yield "aws:username", _user_name(told) if told.type == "IAMUser" else False
    yield "aws:PrincipalIsAWSService", "false"
    yield "aws:PrincipalServiceName", False
    yield "aws:PrincipalServiceNamesList", False
    yield from ((key, False) for key in _SERVICE_KEYS)
    on_behalf = _text(_mapping(identity.get("onBehalfOf")).get("userId"))
    yield "identitystore:UserId", on_behalf


def _user_name(told: _Told) -> str | None:
    named = _text(told.identity.get("userName"))
    return named or (told.arn.rsplit("/", 1)[-1] if told.arn and ":user/" in told.arn else None)


def _session(told: _Told) -> Iterator[tuple[str, _Value]]:
    """Keys of temporary credentials. Long-term keys bring none of them: `aws:MultiFactorAuthPresent` is not there."""
    temporary = told.temporary
    if not told.is_identity or temporary is None:
        return
    if not temporary:
        yield from ((key, False) for key in (*_SESSION_KEYS, *_INSTANCE_KEYS))
        yield "aws:SourceIdentity", False
        yield "aws:FederatedProvider", False
        yield "aws:AssumedRoot", False
        return
    yield "aws:TokenIssueTime", iso(told.began) if told.began else True
    yield from _mfa(told)
    identity = _text(told.session.get("sourceIdentity"))
    yield "aws:SourceIdentity", identity or (False if told.session else None)
    provider = _text(told.web.get("federatedProvider"))
    yield "aws:FederatedProvider", provider or (False if told.type == "IAMUser" else None)
    yield "aws:AssumedRoot", "true" if _text(told.session.get("assumedRoot")) == "true" else None
    delivery = _text(told.session.get("ec2RoleDelivery"))
    yield "ec2:RoleDelivery", delivery or (False if told.session else None)
    if not delivery and told.session:
        yield from ((key, False) for key in _INSTANCE_KEYS if key != "ec2:RoleDelivery")


def _mfa(told: _Told) -> Iterator[tuple[str, _Value]]:
    """Whether AWS's own MFA backs the session. Where an identity provider stands behind it the key may be missing."""
    said = _text(told.attributes.get("mfaAuthenticated"))
    if said == "true":
        yield "aws:MultiFactorAuthPresent", "true"
        age = (told.at - told.began).total_seconds() if told.at and told.began else None
        yield "aws:MultiFactorAuthAge", str(int(age)) if age is not None and age >= 0 else True
    elif said == "false":
        provided = bool(told.web) or ":role/aws-reserved/sso.amazonaws.com/" in (told.arn or "")
        yield "aws:MultiFactorAuthPresent", None if provided else "false"
        yield "aws:MultiFactorAuthAge", False


def _chain(told: _Told) -> Iterator[tuple[str, _Value]]:
    """Whether a service called on for somebody."""
    if told.type == "AWSService":
        yield "aws:ViaAWSService", "false"
        return
    if told.invoked_by is None:
        if told.is_identity:
            yield "aws:ViaAWSService", "false"
            yield from ((key, False) for key in _CHAIN_KEYS)
        return
    if told.invoked_by.endswith(".amazonaws.com"):
        yield "aws:ViaAWSService", "true"
        if told.invoked_by in _CHAINED:
            yield "aws:CalledVia", True
            yield "aws:CalledViaFirst", True
            yield "aws:CalledViaLast", told.invoked_by


def _transport(told: _Told) -> Iterator[tuple[str, _Value]]:
    """TLS, and how an S3 call was signed (S3 User Guide, "Amazon S3 policy keys"; CloudTrail's data events of S3)."""
    details = _mapping(told.record.get("tlsDetails"))
    version = _text(details.get("tlsVersion"))
    if version or _text(told.more.get("CipherSuite")):
        yield "aws:SecureTransport", "true"
    if told.record.get("eventSource") != "s3.amazonaws.com":
        return
    if version and version.startswith("TLSv"):
        yield "s3:TlsVersion", version.removeprefix("TLSv")
    yield "s3:signatureversion", _SIGNATURES.get(_text(told.more.get("SignatureVersion")) or "")
    yield "s3:authType", _METHODS.get(_text(told.more.get("AuthenticationMethod")) or "")


_SIGNATURES = {"SigV2": "AWS", "SigV4": "AWS4-HMAC-SHA256", "SigV4A": "AWS4-ECDSA-P256-SHA256"}
_METHODS = {"AuthHeader": "REST-HEADER", "QueryString": "REST-QUERY-STRING"}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
