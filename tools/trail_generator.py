"""Make trails to measure with: CloudTrail files as AWS delivers them, and rows as the lake keeps them.

Everything is drawn from a seed, nothing is anybody's: people who join, leave, move house and travel, roles that they
take, workloads, services, mistyped passwords, attempts from outside. Addresses are of ranges that belong to nobody
(RFC 6598, RFC 2544, RFC 3849). The same seed gives the same files of JSON and the same rows, with however many
processes.

    python tools/trail_generator.py trail 1000000    # gzipped JSON in AWS's layout
    python tools/trail_generator.py rows 20000000    # Parquet files with the columns of the lake

What was made lies in `$XDG_CACHE_HOME/watchbill-bench`, or in `~/.cache/watchbill-bench`, and is made once.
"""

# ruff: noqa: E501 - templates of what is called stay on one line

import argparse
import base64
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from watchbill.trail.model import HIDDEN, Confidence, Method, Outcome
from watchbill.trail.table import SCHEMA


VERSION = 1
"""Part of the name of what is kept: raise it when the same seed gives other bytes."""

DAY = 86_400
"""Seconds of a day."""

TRAIL_BEGINS = datetime(2026, 1, 12, tzinfo=UTC)
ROWS_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
MONTHS = 20

ACCOUNTS = ("111122223333", "444455556666", "777788889999")
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
BUSY = (0.75, 0.17, 0.08)
"""How much of everything the first, second and third account or region has."""

FIRST_NAMES = (
    "ada alan amara anders bea bjorn carla chen dina diego elif emil fatima finn grace hugo ines ivan james jun "
    "kofi lena luca maya mika nadia noor omar petra priya quinn rick rosa sami sofia tariq uma viktor wen yara "
    "zoe"
)
LAST_NAMES = (
    "abara berg costa diaz eklund farah garcia haddad ito jensen kaya larsen mensah nagy okafor park quist "
    "rossi sato tanaka ueda vargas weber xu yilmaz zhou adler bauer cohen dubois evans fischer grant hansen "
    "ivanov jones klein lund moreau novak olsen petrov reyes silva toth usman vega wolf"
)

BROWSERS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0",
)
TOOLS = (
    "aws-cli/2.{n}.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython",
    "Boto3/1.40.{n} md/Botocore#1.40.{n} ua/2.1 os/macos#24.5.0 md/arch#arm64 lang/python#3.12.4 cfg/retry-mode#legacy",
    "APN/1.0 HashiCorp/1.0 Terraform/1.{n}.2 (+https://www.terraform.io) terraform-provider-aws/6.{n}.0 aws-sdk-go-v2/1.38.1",
)
SERVICES = ("autoscaling", "ec2", "config", "lambda", "rds", "cloudtrail", "ecs-tasks", "backup")
ROLES = ("developer", "prod-oncall", "read-only", "platform-admin", "data-engineer", "support")
WORKLOADS = ("orders-api", "billing-worker", "search-indexer", "image-resizer", "nightly-report", "ci-deploy")
FAILURES = ("ThrottlingException", "ValidationException", "NoSuchEntityException", "Client.InvalidParameterValue")

KINDS = {"role": 0.40, "user": 0.22, "workload": 0.20, "service": 0.12, "stray": 0.05, "guess": 0.01}
"""Sessions by kind: a person's role, an IAM user, an instance profile, an AWS service, a role whose beginning was
never recorded, and somebody who tries passwords."""


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of call. The texts are templates of JSON; `%(word)s` is drawn, None stands for null."""

    source: str
    name: str
    weight: int
    marks: str
    """`read` when it changes nothing, `machine` when workloads and services do it too."""
    request: str | None = None
    response: str | None = None
    resource: str | None = None
    """Type and ARN of what it was done to, parted by a blank."""
    extra: str | None = None
    """Its `additionalEventData`."""
    version: str | None = None


_EC2 = "2016-11-15"
_RDS = "2014-10-31"
_S3 = (
    '{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":%(small)s,'
    '"AuthenticationMethod":"AuthHeader","x-amz-id-2":"%(word76)s","bytesTransferredOut":%(number)s}'
)
_BUCKET = "AWS::S3::Bucket arn:aws:s3:::%(bucket)s"
_KEY = "AWS::KMS::Key arn:aws:kms:%(region)s:%(account)s:key/%(uuid)s"
_ROLE = "AWS::IAM::Role arn:aws:iam::%(account)s:role/%(role)s"
_INSTANCES = '{"instancesSet":{"items":[{"instanceId":"%(instance)s"}]}}'
_STATE = (
    '{"requestId":"%(uuid)s","instancesSet":{"items":[{"instanceId":"%(instance)s","currentState":{"code":%(code)s,'
    '"name":"%(state)s"},"previousState":{"code":16,"name":"running"}}]}}'
)
_LOGIN = '{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%%23&isauthcode=true","MobileVersion":"No","MFAUsed":"%(yes)s"}'

ACTIONS = (
    Action("ec2.amazonaws.com", "DescribeInstances", 30, "read machine", '{"instancesSet":{"items":[{"instanceId":"%(instance)s"},{"instanceId":"%(instance2)s"}]},"filterSet":{}}', version=_EC2),
    Action("ec2.amazonaws.com", "DescribeSecurityGroups", 12, "read machine", '{"securityGroupSet":{"items":[{"groupId":"%(group)s"}]},"securityGroupIdSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"vpc-%(hex17)s"}]}}]}}', version=_EC2),
    Action("ec2.amazonaws.com", "DescribeVolumes", 8, "read machine", '{"volumeSet":{},"filterSet":{"items":[{"name":"attachment.instance-id","valueSet":{"items":[{"value":"%(instance)s"}]}}]},"maxResults":1000}', version=_EC2),
    Action("ec2.amazonaws.com", "RunInstances", 2, "machine", '{"instancesSet":{"items":[{"imageId":"ami-%(hex17)s","minCount":1,"maxCount":1,"keyName":"%(team)s"}]},"groupSet":{"items":[{"groupId":"%(group)s"}]},"instanceType":"%(size)s","blockDeviceMapping":{"items":[{"deviceName":"/dev/xvda","ebs":{"volumeSize":%(small)s,"deleteOnTermination":true,"volumeType":"gp3","encrypted":true}}]},"monitoring":{"enabled":false},"disableApiTermination":false,"clientToken":"%(uuid)s","tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"team","value":"%(team)s"}]}]}}', '{"requestId":"%(uuid)s","reservationId":"r-%(hex17)s","ownerId":"%(account)s","groupSet":{},"instancesSet":{"items":[{"instanceId":"%(instance)s","imageId":"ami-%(hex17)s","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-%(byte)s-%(byte2)s.%(region)s.compute.internal","amiLaunchIndex":0,"productCodes":{},"instanceType":"%(size)s","subnetId":"subnet-%(hex17)s","vpcId":"vpc-%(hex17)s","privateIpAddress":"10.0.%(byte)s.%(byte2)s","architecture":"arm64"}]}}', version=_EC2),
    Action("ec2.amazonaws.com", "StartInstances", 2, "machine", _INSTANCES, _STATE, version=_EC2),
    Action("ec2.amazonaws.com", "StopInstances", 2, "machine", _INSTANCES[:-1] + ',"force":false}', _STATE, version=_EC2),
    Action("ec2.amazonaws.com", "TerminateInstances", 1, "machine", _INSTANCES, _STATE, version=_EC2),
    Action("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", 1, "", '{"groupId":"%(group)s","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":%(port)s,"toPort":%(port)s,"groups":{},"ipRanges":{"items":[{"cidrIp":"198.18.%(byte)s.0/24","description":"%(team)s"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}', '{"requestId":"%(uuid)s","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"%(account)s","groupId":"%(group)s","securityGroupRuleId":"sgr-%(hex17)s","isEgress":false,"ipProtocol":"tcp","fromPort":%(port)s,"toPort":%(port)s,"cidrIpv4":"198.18.%(byte)s.0/24"}]}}', version=_EC2),
    Action("s3.amazonaws.com", "GetBucketAcl", 6, "read machine", '{"bucketName":"%(bucket)s","Host":"%(bucket)s.s3.%(region)s.amazonaws.com","acl":""}', None, _BUCKET, _S3),
    Action("s3.amazonaws.com", "ListBuckets", 5, "read", '{"Host":"s3.%(region)s.amazonaws.com"}', None, None, _S3),
    Action("s3.amazonaws.com", "GetObject", 18, "read machine", '{"bucketName":"%(bucket)s","Host":"%(bucket)s.s3.%(region)s.amazonaws.com","key":"%(team)s/2026/%(uuid)s.parquet"}', None, _BUCKET, _S3),
    Action("s3.amazonaws.com", "PutObject", 12, "machine", '{"bucketName":"%(bucket)s","Host":"%(bucket)s.s3.%(region)s.amazonaws.com","key":"%(team)s/2026/%(uuid)s.parquet","x-amz-server-side-encryption":"aws:kms"}', '{"x-amz-server-side-encryption":"aws:kms","x-amz-version-id":"%(word32)s"}', _BUCKET, _S3),
    Action("s3.amazonaws.com", "PutBucketPolicy", 1, "", '{"bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%(account)s:role/%(role)s"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::%(bucket)s/*"}]},"bucketName":"%(bucket)s","Host":"%(bucket)s.s3.%(region)s.amazonaws.com","policy":""}', None, _BUCKET, _S3),
    Action("kms.amazonaws.com", "Decrypt", 20, "read machine", '{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::%(bucket)s/%(team)s"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}', None, _KEY, '{"keyMaterialId":"%(hex64)s"}'),
    Action("kms.amazonaws.com", "GenerateDataKey", 12, "read machine", '{"keyId":"arn:aws:kms:%(region)s:%(account)s:key/%(uuid)s","keySpec":"AES_256","encryptionContext":{"aws:ebs:id":"vol-%(hex17)s"}}', None, _KEY),
    Action("sts.amazonaws.com", "GetCallerIdentity", 12, "read machine", None, None, version="2011-06-15"),
    Action("sts.amazonaws.com", "AssumeRole", 6, "read machine", '{"roleArn":"arn:aws:iam::%(account)s:role/%(role)s","roleSessionName":"%(team)s","durationSeconds":3600}', '{"credentials":{"accessKeyId":"ASIA%(word16)s","sessionToken":"%(word76)s","expiration":"Jan 12, 2026, 6:00:00 PM"},"assumedRoleUser":{"assumedRoleId":"AROA%(word16)s:%(team)s","arn":"arn:aws:sts::%(account)s:assumed-role/%(role)s/%(team)s"}}', _ROLE),
    Action("iam.amazonaws.com", "ListUsers", 3, "read", '{"maxItems":1000}', None, version="2010-05-08"),
    Action("iam.amazonaws.com", "GetRole", 5, "read machine", '{"roleName":"%(role)s"}', None, version="2010-05-08"),
    Action("iam.amazonaws.com", "AttachRolePolicy", 1, "", '{"roleName":"%(role)s","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}', None, version="2010-05-08"),
    Action("iam.amazonaws.com", "CreateAccessKey", 1, "", '{"userName":"%(team)s-bot"}', '{"accessKey":{"userName":"%(team)s-bot","accessKeyId":"AKIA%(word16)s","status":"Active","createDate":"Jan 12, 2026, 9:12:41 AM"}}', version="2010-05-08"),
    Action("rds.amazonaws.com", "DescribeDBInstances", 8, "read machine", '{"dBInstanceIdentifier":"%(database)s"}', None, version=_RDS),
    Action("rds.amazonaws.com", "ModifyDBInstance", 1, "", '{"dBInstanceIdentifier":"%(database)s","applyImmediately":true,"allowMajorVersionUpgrade":false,"dBInstanceClass":"db.%(size)s"}', '{"dBInstanceIdentifier":"%(database)s","dBInstanceClass":"db.%(size)s","engine":"postgres","dBInstanceStatus":"available","masterUsername":"app","endpoint":{"address":"%(database)s.%(word12)s.%(region)s.rds.amazonaws.com","port":5432},"allocatedStorage":%(small)s,"preferredBackupWindow":"03:00-04:00","multiAZ":true,"dBInstanceArn":"arn:aws:rds:%(region)s:%(account)s:db:%(database)s","pendingModifiedValues":{},"deletionProtection":true}', version=_RDS),
    Action("lambda.amazonaws.com", "GetFunction20150331v2", 5, "read machine", '{"functionName":"arn:aws:lambda:%(region)s:%(account)s:function:%(team)s"}', None),
    Action("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", 2, "machine", '{"functionName":"%(team)s","s3Bucket":"%(bucket)s","s3Key":"%(uuid)s.zip","publish":false,"dryRun":false}', '{"functionName":"%(team)s","functionArn":"arn:aws:lambda:%(region)s:%(account)s:function:%(team)s","runtime":"python3.13","handler":"app.handler","codeSize":%(number)s,"timeout":30,"memorySize":512,"codeSha256":"%(word43)s=","version":"$LATEST","tracingConfig":{"mode":"PassThrough"},"revisionId":"%(uuid)s","state":"Active","packageType":"Zip","architectures":["arm64"]}'),
    Action("logs.amazonaws.com", "FilterLogEvents", 9, "read", '{"logGroupName":"/aws/lambda/%(team)s","startTime":1768%(number)s,"filterPattern":"ERROR","limit":100}', None, version="20140328"),
    Action("logs.amazonaws.com", "CreateLogStream", 8, "machine", '{"logGroupName":"/aws/lambda/%(team)s","logStreamName":"2026/01/12/[$LATEST]%(hex32)s"}', None, version="20140328"),
    Action("monitoring.amazonaws.com", "DescribeAlarms", 8, "read machine", '{"alarmNamePrefix":"%(team)s","maxRecords":100}', None),
    Action("dynamodb.amazonaws.com", "DescribeTable", 6, "read machine", '{"tableName":"%(team)s"}', None, "AWS::DynamoDB::Table arn:aws:dynamodb:%(region)s:%(account)s:table/%(team)s", version="2012-08-10"),
    Action("secretsmanager.amazonaws.com", "GetSecretValue", 6, "read machine", '{"secretId":"arn:aws:secretsmanager:%(region)s:%(account)s:secret:%(team)s/db-%(word6)s"}', None),
    Action("ssm.amazonaws.com", "StartSession", 1, "", '{"target":"%(instance)s"}', '{"sessionId":"%(team)s-%(hex17)s","tokenValue":"%(hidden)s","streamUrl":"wss://ssmmessages.%(region)s.amazonaws.com/v1/data-channel/%(team)s-%(hex17)s?role=publish_subscribe&cell-number=AAEA"}'),
    Action("cloudformation.amazonaws.com", "DescribeStacks", 6, "read machine", '{"stackName":"arn:aws:cloudformation:%(region)s:%(account)s:stack/%(team)s/%(uuid)s"}', None, version="2010-05-15"),
    Action("signin.amazonaws.com", "ConsoleLogin", 2, "", None, '{"ConsoleLogin":"%(login)s"}', None, _LOGIN),
)  # fmt: skip
"""What is called, about as often as in real trails."""

_ASSUME = next(action for action in ACTIONS if action.name == "AssumeRole")
SIGN_IN = next(number for number, action in enumerate(ACTIONS) if action.name == "ConsoleLogin")
ALONE = tuple(number for number, action in enumerate(ACTIONS) if number != SIGN_IN and "machine" in action.marks)
ANYBODY = tuple(range(len(ACTIONS)))

TASKS = 40
"""Kinds of work; each is eight actions."""
STEPS = 8


def drawn_from(*seed: object) -> Random:
    """Give a stream of chance of its own."""
    return Random("/".join(str(each) for each in seed))  # noqa: S311 - a seeded generator is the point


class Fills(dict[str, str]):
    """The words of templates: the same word is the same text until the next call."""

    def __init__(self, chance: Random, account: str, region: str) -> None:
        super().__init__(account=account, region=region, hidden="HIDDEN_DUE_TO_SECURITY_REASONS")
        self.chance = chance
        self.kept = dict(self)

    def __missing__(self, word: str) -> str:
        self[word] = found = self._drawn(word)
        return found

    def again(self, account: str, region: str) -> "Fills":
        """Forget what was drawn."""
        self.clear()
        self.update(self.kept, account=account, region=region)
        return self

    def _drawn(self, word: str) -> str:
        chance = self.chance
        if word == "uuid":
            return uuid(chance)
        if word.startswith("hex"):
            length = int(word[3:])
            return f"{chance.getrandbits(length * 4):0{length}x}"
        if word.startswith("word"):
            return letters(chance, int(word[4:]))
        known = _WORDS[word.rstrip("2")]
        return known[int(len(known) * chance.random())]


def _pool(name: str, template: str, count: int) -> tuple[str, ...]:
    chance = drawn_from("pool", name)
    return tuple(template.format(n=n, hex=f"{chance.getrandbits(68):017x}") for n in range(count))


_WORDS: Mapping[str, Sequence[str]] = {
    "instance": _pool("instance", "i-{hex}", 600),
    "group": _pool("group", "sg-{hex}", 150),
    "bucket": _pool("bucket", "acme-data-{n}", 120),
    "database": _pool("database", "orders-{n}", 25),
    "team": tuple(f"{name}-{n}" for name in WORKLOADS for n in range(4)),
    "role": ROLES,
    "size": ("t4g.micro", "m7g.large", "m7g.xlarge", "r7g.2xlarge"),
    "state": ("pending", "stopping", "shutting-down"),
    "code": ("0", "32", "64"),
    "port": ("22", "443", "5432"),
    "byte": tuple(str(n) for n in range(256)),
    "small": tuple(str(n) for n in range(20, 500, 20)),
    "number": tuple(str(n) for n in range(1_000_000, 1_900_000, 937)),
    "yes": ("Yes", "Yes", "Yes", "No"),
    "login": ("Success",),
}


def letters(chance: Random, length: int) -> str:
    """Draw capital letters and digits, as AWS's identifiers have them."""
    return base64.b32encode(chance.randbytes(length * 5 // 8 + 1))[:length].decode()


def uuid(chance: Random) -> str:
    """Draw the text of a random UUID."""
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


@cache
def stable(prefix: str, of: str) -> str:
    """Give the unique id that something has for good, such as `AROA...` of a role."""
    return prefix + base64.b32encode(hashlib.sha256(of.encode()).digest())[:17].decode()


def address(chance: Random) -> str:
    """Draw an address that belongs to nobody."""
    drawn = chance.getrandbits(32)
    if drawn % 8 == 0:
        return f"2001:db8:{drawn >> 16:x}:{chance.getrandbits(16):x}::{chance.getrandbits(16):x}"
    if drawn % 8 == 1:
        return f"198.{18 + (drawn >> 8 & 1)}.{drawn >> 16 & 255}.{drawn >> 24}"
    return f"100.{64 + (drawn >> 8 & 63)}.{drawn >> 16 & 255}.{drawn >> 24}"


@dataclass(frozen=True, slots=True)
class Human:
    """Somebody who works here from one step of time to another."""

    name: str
    joined: int
    left: int
    homes: tuple[str, ...]
    """The address at home at each step."""
    agents: tuple[str, ...]


class World:
    """Who is there at each step of time, and from where they come; more of both at every step."""

    def __init__(self, seed: int, steps: int, people: int, joiners: int) -> None:
        chance = drawn_from(seed, "world")
        names = [f"{first}.{last}" for first in FIRST_NAMES.split() for last in LAST_NAMES.split()]
        chance.shuffle(names)
        self.seed = seed
        self.people = [
            self._human(chance, name, max(0, 1 + (number - people) // joiners), steps)
            for number, name in enumerate(names[: people + joiners * (steps - 1)])
        ]
        self.offices = [address(chance) for _ in range(4 + steps // 3)]
        self.tasks = [self._task(chance, ANYBODY) for _ in range(TASKS)] + [
            self._task(chance, ALONE) for _ in range(TASKS)
        ]

    def _human(self, chance: Random, name: str, joined: int, steps: int) -> Human:
        stay = int(chance.expovariate(1 / (4 * steps))) + 1
        homes = [address(chance)]
        for _ in range(steps - 1):
            homes.append(address(chance) if chance.random() < 0.15 else homes[-1])  # noqa: PLR2004 - a share
        agents = [chance.choice(BROWSERS), *chance.sample(TOOLS, 2)]
        return Human(name, joined, joined + stay, tuple(homes), tuple(agents))

    def _task(self, chance: Random, among: Sequence[int]) -> tuple[int, ...]:
        return tuple(chance.choices(among, [ACTIONS[number].weight for number in among], k=STEPS))

    def present(self, step: int) -> list[Human]:
        """Give those who work here at a step."""
        return [human for human in self.people if human.joined <= step < human.left]

    def known_offices(self, step: int) -> list[str]:
        """Give the addresses of the offices there are at a step."""
        return self.offices[: 4 + step // 3]


@dataclass(frozen=True, slots=True)
class Session:
    """What somebody did in one go. Texts are None where a record lacks them; times are seconds since 1970."""

    kind: str
    account: str
    region: str
    began: int
    lasts: int
    ip: str
    agent: str
    task: int
    person: str | None
    """Who it is by what the trail tells; `human` is who it truly is."""
    human: str | None
    method: str
    confidence: str
    why: str
    traced: bool
    principal: str
    identity_type: str
    arn: str | None = None
    principal_id: str | None = None
    user_name: str | None = None
    access_key: str | None = None
    session_name: str | None = None
    issuer_arn: str | None = None
    source_identity: str | None = None
    mfa: bool | None = None
    invoked_by: str | None = None
    endpoint: str | None = None

    def identity(self, *, signing_in: bool = False) -> str:
        """Write `userIdentity`; a sign-in has no key."""
        if self.invoked_by is not None:
            return f'{{"type":"AWSService","invokedBy":"{self.invoked_by}"}}'
        said: dict[str, Any] = {"type": self.identity_type, "principalId": self.principal_id, "arn": self.arn}
        said |= {"accountId": self.account, "accessKeyId": None if signing_in else self.access_key}
        if self.issuer_arn is None:
            said["userName"] = self.user_name
        else:
            said["sessionContext"] = self._context()
        return json.dumps({name: value for name, value in said.items() if value is not None}, separators=(",", ":"))

    def _context(self) -> dict[str, Any]:
        assert self.issuer_arn is not None
        assert self.principal_id is not None
        issuer = {"type": "Role", "principalId": self.principal_id.split(":")[0], "arn": self.issuer_arn}
        issuer |= {"accountId": self.account, "userName": self.issuer_arn.rsplit("/", 1)[-1]}
        attributes = {"creationDate": instant(self.began), "mfaAuthenticated": "true" if self.mfa else "false"}
        named = {"sourceIdentity": self.source_identity} if self.source_identity else {}
        return {"sessionIssuer": issuer, "attributes": attributes, **named}


def instant(seconds: int) -> str:
    """Write an instant as CloudTrail does."""
    days, second = divmod(seconds, DAY)
    return f"{_date(days)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


@cache
def _date(days: int) -> str:
    return date.fromordinal(days + _EPOCH).isoformat()


_EPOCH = date(1970, 1, 1).toordinal()


class Sessions:
    """Draws the sessions that begin in a span of seconds at a step of time."""

    def __init__(self, world: World, chance: Random, step: int, begin: int, span: int) -> None:
        self.world, self.chance, self.step, self.begin, self.span = world, chance, step, begin, span
        self.present, self.offices = world.present(step), world.known_offices(step)
        # Some travel: an address that nobody had before and nobody has again.
        self.away = {human.name: address(chance) for human in chance.sample(self.present, len(self.present) // 8 + 1)}
        self.hosts = [f"i-{chance.getrandbits(68):017x}" for _ in range(40 + 2 * step)]
        self.keys: dict[str, str] = {}
        self.make = {
            "role": self._role,
            "user": self._user,
            "workload": self._workload,
            "service": self._service,
            "stray": self._stray,
            "guess": self._guess,
        }

    def draw(self, count: int, account: str | None = None) -> list[Session]:
        """Draw so many, in one account or in all."""
        kinds = self.chance.choices(list(KINDS), list(KINDS.values()), k=count)
        return [self.make[kind](**self._common(kind, account)) for kind in kinds]

    def _common(self, kind: str, account: str | None) -> dict[str, Any]:
        chance = self.chance
        return {
            "kind": kind,
            "account": account or chance.choices(ACCOUNTS, BUSY)[0],
            "region": chance.choices(REGIONS, BUSY)[0],
            "began": self.begin + int(self.span * chance.random()),
            "lasts": int(300 + 10_500 * chance.random() ** 2),
            "task": chance.randrange(TASKS) + (TASKS if kind in ("workload", "service") else 0),
        }

    def _somebody(self) -> tuple[Human, dict[str, Any]]:
        chance = self.chance
        human = self.present[int(len(self.present) * chance.random())]
        ip = human.homes[self.step] if chance.random() < 0.5 else chance.choice(self.offices)  # noqa: PLR2004 - a share
        if chance.random() < 0.15:  # noqa: PLR2004 - the share that comes by a mobile network
            ip = address(chance)
        agent = chance.choice(human.agents).format(n=100 + self.step)
        return human, {"human": human.name, "ip": self.away.get(human.name, ip), "agent": agent}

    def _role(self, **common: Any) -> Session:
        chance, (human, where) = self.chance, self._somebody()
        sourced = chance.random() < 0.6  # noqa: PLR2004 - a share
        name = human.name if sourced else f"session-{common['began']}"
        acting = self._in_role(common["account"], chance.choice(ROLES), name)
        handed = f"key {acting['access_key']} was handed out by event {uuid(chance)}: the IAM user {human.name}"
        why = f"sourceIdentity is {human.name}" if sourced else handed
        return Session(
            **common,
            **where,
            **acting,
            person=human.name,
            method=Method.SOURCE_IDENTITY if sourced else Method.KEY_CHAIN,
            confidence=Confidence.CERTAIN if sourced else Confidence.STRONG,
            why=why,
            traced=True,
            source_identity=human.name if sourced else None,
            mfa=chance.random() < 0.7,  # noqa: PLR2004 - a share
        )

    def _in_role(self, account: str, role: str, name: str) -> dict[str, Any]:
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{name}"
        return {
            "principal": arn,
            "identity_type": "AssumedRole",
            "arn": arn,
            "principal_id": f"{stable('AROA', account + role)}:{name}",
            "access_key": "ASIA" + letters(self.chance, 16),
            "session_name": name,
            "issuer_arn": f"arn:aws:iam::{account}:role/{role}",
        }

    def _user(self, **common: Any) -> Session:
        human, where = self._somebody()
        key = self.key_of(common["account"], human.name)
        return self._of_user(common, where, human.name, key, mfa=None)

    def key_of(self, account: str, user: str) -> str:
        """Give the key of an IAM user, which is the same for a long time."""
        return "AKIA" + stable("", f"{account} {user} {self.step // 6}")[:16]

    def user_identity(self, account: str, user: str) -> str:
        """Give the `userIdentity` of somebody's IAM user."""
        arn = f"arn:aws:iam::{account}:user/{user}"
        said = {"type": "IAMUser", "principalId": stable("AIDA", arn), "arn": arn, "accountId": account}
        return _json(said | {"accessKeyId": self.key_of(account, user), "userName": user})

    def _of_user(
        self, common: dict[str, Any], where: dict[str, Any], name: str, key: str | None, *, mfa: bool | None
    ) -> Session:
        arn = f"arn:aws:iam::{common['account']}:user/{name}"
        return Session(
            **common,
            **where,
            person=name,
            method=Method.IAM_USER,
            confidence=Confidence.CERTAIN,
            why="it is their IAM user",
            traced=False,
            principal=arn,
            identity_type="IAMUser",
            arn=arn,
            principal_id=stable("AIDA", arn),
            user_name=name,
            access_key=key,
            mfa=mfa,
        )

    def _workload(self, **common: Any) -> Session:
        chance = self.chance
        host = self.hosts[int(len(self.hosts) * chance.random())]
        role = chance.choice(WORKLOADS)
        return Session(
            **common,
            **self._in_role(common["account"], role, host),
            person=None,
            human=None,
            method=Method.WORKLOAD,
            confidence=Confidence.STRONG,
            why=f"the workload `{role}`",
            traced=False,
            ip=f"10.0.{int(host[2:4], 16)}.{int(host[4:6], 16)}",
            agent=TOOLS[1].format(n=100 + self.step // 3),
            mfa=None,
            endpoint=f"vpce-{host[2:]}" if chance.random() < 0.3 else None,  # noqa: PLR2004 - a share
        )

    def _service(self, **common: Any) -> Session:
        service = f"{self.chance.choice(SERVICES)}.amazonaws.com"
        return Session(
            **common,
            person=None,
            human=None,
            method=Method.SERVICE,
            confidence=Confidence.CERTAIN,
            why="an AWS service acts by itself",
            traced=False,
            principal=service,
            identity_type="AWSService",
            ip=service,
            agent=service,
            invoked_by=service,
        )

    def _stray(self, **common: Any) -> Session:
        _, where = self._somebody()
        return Session(
            **common,
            **where,
            **self._in_role(common["account"], self.chance.choice(ROLES), f"session-{common['began']}"),
            person=None,
            method=Method.NONE,
            confidence=Confidence.NONE,
            why="the AssumeRole call that made this session is not in the trail",
            traced=False,
            mfa=None,
        )

    def _guess(self, **common: Any) -> Session:
        """Give attempts at a password within minutes, from outside; half of them at a name that there is not."""
        human, _ = self._somebody()
        where: dict[str, Any] = {"human": None, "ip": address(self.chance), "agent": BROWSERS[1].format(n=90)}
        common["lasts"] = int(60 + 1000 * self.chance.random())
        if self.chance.random() < 0.5:  # noqa: PLR2004 - a share
            return self._of_user(common, where, human.name, None, mfa=False)
        return Session(
            **common,
            **where,
            person=None,
            method=Method.NONE,
            confidence=Confidence.NONE,
            why="there is no such user",
            traced=False,
            principal="unknown",
            identity_type="IAMUser",
            user_name=HIDDEN,
            mfa=False,
        )


def shared_out(total: int, weights: Sequence[float]) -> list[int]:
    """Share a whole number out by weights, so that nothing is left over."""
    upto = np.cumsum(np.asarray(weights, float))
    ends = np.rint(upto / upto[-1] * total).astype(int)
    return [int(n) for n in np.diff(ends, prepend=0)]


@dataclass(frozen=True, slots=True)
class Texts:
    """What a call said, as JSON; None stands for null or for nothing."""

    request: str | None
    response: str | None
    resources: str | None
    extra: str | None


def filled(action: Action, fills: Fills) -> Texts:
    """Fill the templates of a call."""
    resources = None
    if action.resource is not None:
        kind, arn = action.resource.split(" ")
        resources = f'[{{"accountId":"{fills["account"]}","type":"{kind}","ARN":"{arn % fills}"}}]'
    request, response, extra = (
        None if each is None else each % fills for each in (action.request, action.response, action.extra)
    )
    return Texts(request, response, resources, extra)


FAILED_SIGN_IN = '{"ConsoleLogin":"Failure"}'
NO_SIGN_IN = "Failed authentication"
DENIALS = ("Client.UnauthorizedOperation", "AccessDenied")
FAILED_CALL = "The request could not be carried out; try again later."


def refusal(principal: str, action: Action) -> str:
    """Give the words in which AWS refuses."""
    what = f"{action.source.split('.')[0]}:{action.name.removesuffix('20150331v2')}"
    return f"User: {principal} is not authorized to perform: {what} because no identity-based policy allows the {what} action"


def tls(action: Action, region: str) -> str:
    """Give the `tlsDetails` of a call."""
    host = f"{action.source.split('.')[0]}.{region}.amazonaws.com"
    return f'{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{host}"}}'


def key_of(account: str, region: str, seconds: int, word: str) -> str:
    """Give the key under which CloudTrail delivers a file."""
    at = datetime.fromtimestamp(seconds, UTC)
    folder = f"AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}"
    return f"{folder}/{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{word}.json.gz"


# --- files of CloudTrail ------------------------------------------------------------------------

QUARTER = DAY // 4
"""Seconds of a unit of work: a quarter of a day in one account, which is made by itself."""

QUARTERS = (0.10, 0.35, 0.40, 0.15)
"""How much of a day happens in each."""

PER_DAY = 500_000
"""Events of a day: so many that files have a few hundred records on average, from 1 to `MOST`."""

MOST = 5_000
"""Records of the largest file."""

SLOT = 300
"""Seconds between two deliveries of CloudTrail. Longer ones make the large files of a trail that is busier by as much."""

REDELIVERED = 0.001
"""The share of records that come again in another file."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    files: int
    events: int
    """Different ones."""
    records: int
    """Delivered, those that came again too."""
    raw: int
    """Bytes of JSON."""
    packed: int
    """Bytes of the files."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A quarter of a day in one account."""

    number: int
    account: str
    day: int
    quarter: int
    events: int


def write_trail(folder: Path, events: int, seed: int = 1, processes: int = 2, slot: int = SLOT) -> Made:
    """Write so many events as CloudTrail delivers them: late, out of order, a few of them twice."""
    days = max(2, -(-events // PER_DAY))
    places = [
        (account, day, quarter) for day in range(days) for account in range(len(ACCOUNTS)) for quarter in range(4)
    ]
    counts = shared_out(events, [BUSY[account] * QUARTERS[quarter] for account, _, quarter in places])
    units = [
        Unit(number, ACCOUNTS[account], day, quarter, count)
        for number, ((account, day, quarter), count) in enumerate(zip(places, counts, strict=True))
        if count
    ]
    made = spread(partial(_write_unit, folder, seed, days, slot), units, processes)
    return Made(*(sum(each) for each in zip(*(astuple(each) for each in made), strict=True)))


def _write_unit(folder: Path, seed: int, days: int, length: int, unit: Unit) -> Made:
    chance = drawn_from(seed, "unit", unit.number)
    files = _files(World(seed, days, 120, 6), unit, chance, length)
    records = raw = packed = 0
    for (region, slot), texts in files:
        body = b'{"Records":[' + ",".join(texts).encode() + b"]}"
        path = folder / key_of(unit.account, region, (slot + 1) * length, letters(chance, 16))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body, 6, mtime=0))
        records, raw, packed = records + len(texts), raw + len(body), packed + path.stat().st_size
    return Made(len(files), unit.events, records, raw, packed)


def _files(world: World, unit: Unit, chance: Random, length: int) -> list[tuple[tuple[str, int], list[str]]]:
    """Give the files of a unit: region and time of delivery, and the records as they come."""
    delivered: dict[tuple[str, int], list[tuple[float, str]]] = {}
    again: list[tuple[int, str]] = []
    for region, at, text in _records(world, unit, chance):
        delay = min(600.0, max(30.0, chance.lognormvariate(5.3, 0.35)))
        if chance.random() < 0.002:  # noqa: PLR2004 - the share that is late by hours
            delay += chance.random() * 4 * 3600
        slot = int(at + delay) // length
        if chance.random() < REDELIVERED:
            again.append((slot, text))
        delivered.setdefault((region, slot), []).append((at + delay, text))
    files = []
    for place in sorted(delivered):
        texts = [text for _, text in sorted(delivered[place])]
        files += [(place, texts[first : first + MOST]) for first in range(0, len(texts), MOST)]
    for slot, text in again:
        others = [texts for (_, at), texts in files if at >= slot and text not in texts and len(texts) < MOST]
        if others:
            chance.choice(others).append(text)
        else:
            files.append(((REGIONS[0], slot + 1), [text]))
    return files


def _records(world: World, unit: Unit, chance: Random) -> Iterator[tuple[str, int, str]]:
    """Give region, time and text of each event of a unit, session by session."""
    begin = int(TRAIL_BEGINS.timestamp()) + unit.day * DAY + unit.quarter * QUARTER
    drawing = Sessions(world, chance, unit.day, begin, QUARTER // 2)
    sessions = drawing.draw(max(1, unit.events // 40), unit.account)
    weights = [chance.lognormvariate(0, 1.2) * (0.3 if each.kind == "guess" else 1) for each in sessions]
    fills = Fills(chance, unit.account, REGIONS[0])
    for session, count in zip(sessions, shared_out(unit.events, weights), strict=True):
        writer = Writer(session, chance, fills)
        for number in range(count):
            if number == 0 and session.kind in ("role", "workload"):
                yield session.region, session.began, writer.opening(drawing)
                continue
            at = session.began + int(session.lasts * chance.random())
            action = ACTIONS[SIGN_IN if session.kind == "guess" else world.tasks[session.task][chance.randrange(STEPS)]]
            # IAM has one region for all.
            region = REGIONS[1] if action.source.startswith("iam.") else session.region
            yield region, at, writer.call(action, at, region)


class Writer:
    """Writes the records of a session."""

    def __init__(self, session: Session, chance: Random, fills: Fills) -> None:
        self.session, self.chance, self.fills = session, chance, fills
        self.identity = session.identity()
        self.agent = json.dumps(session.agent)

    def opening(self, drawing: Sessions) -> str:
        """Write the AssumeRole call that handed out the key of the session."""
        session, chance = self.session, self.chance
        asked: dict[str, Any] = {"roleArn": session.issuer_arn, "roleSessionName": session.session_name}
        if session.source_identity is not None:
            asked["sourceIdentity"] = session.source_identity
        token = base64.b64encode(chance.randbytes(400)).decode()
        ends = datetime.fromtimestamp(session.began + 3600, UTC)
        expiration = f"{ends:%b} {ends.day}, {ends.year}, {ends.hour % 12 or 12}:{ends:%M:%S %p}"
        keys = {"accessKeyId": session.access_key, "sessionToken": token, "expiration": expiration}
        answer = {
            "credentials": keys,
            "assumedRoleUser": {"assumedRoleId": session.principal_id, "arn": session.arn},
        }
        role = [{"accountId": session.account, "type": "AWS::IAM::Role", "ARN": session.issuer_arn}]
        texts = Texts(_json(asked), _json(answer), _json(role), None)
        if session.human is None:
            asking = '{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}'
            return self._text(_ASSUME, session.began, session.region, asking, texts, by='"ec2.amazonaws.com"')
        asking = drawing.user_identity(session.account, session.human)
        return self._text(_ASSUME, session.began, session.region, asking, texts)

    def call(self, action: Action, at: int, region: str) -> str:
        """Write a call, which fails at times."""
        session, chance = self.session, self.chance
        texts = filled(action, self.fills.again(session.account, region))
        chances, error = chance.random(), ""
        if action.name == "ConsoleLogin":
            if chances < (0.97 if session.kind == "guess" else 0.07):
                texts = Texts(None, FAILED_SIGN_IN, None, texts.extra)
                error = f'"errorMessage":"{NO_SIGN_IN}",'
            return self._text(action, at, region, session.identity(signing_in=True), texts, error)
        if chances < 0.03:  # noqa: PLR2004 - a share
            code = DENIALS[0 if action.source.startswith("ec2.") else 1]
            error = f'"errorCode":"{code}","errorMessage":{json.dumps(refusal(session.principal, action))},'
        elif chances < 0.07:  # noqa: PLR2004 - a share
            error = f'"errorCode":"{chance.choice(FAILURES)}","errorMessage":"{FAILED_CALL}",'
        if error:
            texts = Texts(texts.request, None, None, None)
        return self._text(action, at, region, self.identity, texts, error)

    def _text(
        self,
        action: Action,
        at: int,
        region: str,
        identity: str,
        texts: Texts,
        error: str = "",
        by: str | None = None,
    ) -> str:
        session, chance = self.session, self.chance
        signing_in = action.name == "ConsoleLogin"
        last = "" if by or session.invoked_by else f',"tlsDetails":{tls(action, region)}'
        if session.agent.startswith("Mozilla") and not signing_in:
            last += ',"sessionCredentialFromConsole":"true"'
        return "".join(
            (
                f'{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"{instant(at)}"',
                f',"eventSource":"{action.source}","eventName":"{action.name}","awsRegion":"{region}"',
                f',"sourceIPAddress":{by or json.dumps(session.ip)},"userAgent":{by or self.agent},{error}',
                f'"requestParameters":{texts.request or "null"},"responseElements":{texts.response or "null"}',
                f',"additionalEventData":{texts.extra}' if texts.extra else "",
                "" if signing_in else f',"requestID":"{uuid(chance)}"',
                f',"eventID":"{uuid(chance)}","readOnly":{"true" if "read" in action.marks else "false"}',
                f',"resources":{texts.resources}' if texts.resources else "",
                f',"eventType":"{"AwsConsoleSignIn" if signing_in else "AwsApiCall"}"',
                f',"apiVersion":"{action.version}"' if action.version else "",
                f',"managementEvent":true,"recipientAccountId":"{session.account}"',
                f',"vpcEndpointId":"{session.endpoint}"' if session.endpoint and not by else "",
                f',"eventCategory":"Management"{last}}}',
            )
        )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# --- rows of the lake ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows lie in files."""

    group: int = 100_000
    """Rows of a row group."""
    compression: str = "zstd"
    level: int | None = 3
    parts: int = 1
    """Files of a month: each has a share of its rows by time."""


_PER_SESSION = 60
"""Rows that a session has on average."""

_TEXTS = 2000
"""Different texts of each kind of call in a month, or fewer: one for each fifty rows."""

_PLAIN = ("id", "request_id", "shared_event_id", "error_message")
"""Columns whose values differ from row to row: a dictionary of them only costs."""

_WORDS_OF_SESSION = (
    "account region ip person method confidence principal why identity_type arn principal_id user_name "
    "access_key session_name issuer_arn source_identity invoked_by"
)

_CONSOLE = '{"sessionCredentialFromConsole":"true"}'

_TLS = [tls(action, region) for action in ACTIONS for region in REGIONS]

_HEX = np.frombuffer("".join(f"{n:02x}" for n in range(256)).encode(), np.uint16)
_DIGITS = np.array([n for n in range(36) if n not in (8, 13, 18, 23)])

Codes = np.ndarray[Any, Any]
R = TypeVar("R")


def write_rows(
    folder: Path, rows: int, seed: int = 1, months: int = MONTHS, layout: Layout | None = None, processes: int = 2
) -> list[Path]:
    """Write so many rows as Parquet files, by month and sorted by person and time; those of nobody come last."""
    folder.mkdir(parents=True, exist_ok=True)
    each = shared_out(rows, np.linspace(0.6, 1.4, months).tolist())
    work = partial(_write_month, folder, seed, months, layout or Layout())
    return [path for paths in spread(work, list(enumerate(each)), processes) for path in paths]


def spread(work: Callable[[Any], R], given: Sequence[Any], processes: int) -> list[R]:
    """Do work in several processes, and give the results in order."""
    if processes == 1:
        return [work(each) for each in given]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return list(pool.map(work, given))


def _write_month(folder: Path, seed: int, months: int, layout: Layout, given: tuple[int, int]) -> list[Path]:
    month, count = given
    made = MonthOfRows(World(seed, months, 150, 20), seed, month, count)
    dictionaries = [name for name in SCHEMA.names if name not in _PLAIN]
    found = []
    for part, rows in enumerate(np.array_split(np.argsort(made.seconds, kind="stable"), layout.parts)):
        found.append(folder / f"{_month(month):%Y-%m}-{part:02}.parquet")
        ordered = rows[np.lexsort((made.seconds[rows], made.rank[made.session[rows]]))]
        with pq.ParquetWriter(
            found[-1],
            SCHEMA,
            compression=layout.compression,
            compression_level=layout.level,
            use_dictionary=dictionaries,
        ) as writer:
            for first in range(0, len(ordered), layout.group):
                writer.write_batch(made.batch(ordered[first : first + layout.group]), row_group_size=layout.group)
    return found


def _month(number: int) -> datetime:
    return ROWS_BEGIN.replace(year=ROWS_BEGIN.year + number // 12, month=number % 12 + 1)


class MonthOfRows:
    """A month of the lake, as codes: small until a batch of it is asked for."""

    def __init__(self, world: World, seed: int, month: int, count: int) -> None:
        chance = drawn_from(seed, "rows", month)
        self.draw = draw = np.random.default_rng([seed, month])
        self.begin = int(_month(month).timestamp())
        span = int(_month(month + 1).timestamp()) - self.begin
        drawing = Sessions(world, chance, month, self.begin, span - 10_800)
        self.sessions = sessions = drawing.draw(max(1, count // _PER_SESSION))
        guess = np.array([each.kind == "guess" for each in sessions])
        weights = draw.lognormal(0, 1.2, len(sessions)) * np.where(guess, 0.3, 1)
        self.session = np.repeat(np.arange(len(sessions)), draw.multinomial(count, weights / weights.sum()))
        began, lasts = (np.array([getattr(each, name) for each in sessions]) for name in ("began", "lasts"))
        self.seconds = (began[self.session] + lasts[self.session] * draw.random(count)).astype(np.int64)
        people = {name: n for n, name in enumerate(sorted({each.person for each in sessions if each.person}))}
        self.rank = np.array([people.get(each.person or "", len(people)) for each in sessions])
        task = np.array([each.task for each in sessions])[self.session]
        action = np.array(world.tasks)[task, draw.integers(0, STEPS, count)]
        self.action = np.where(guess[self.session], SIGN_IN, action)
        self.texts = min(_TEXTS, count // 50 + 1)
        self.text = draw.integers(0, self.texts, count)
        signing_in = self.action == SIGN_IN
        chances = draw.random(count)
        denied = (chances < 0.03) & ~signing_in  # noqa: PLR2004 - a share
        failed = (chances < 0.07) & ~denied | guess[self.session] & (chances < 0.97)  # noqa: PLR2004 - shares
        self.outcome = np.where(denied, 1, np.where(failed, 2, 0))
        self._texts(drawn_from(seed, "texts", month))
        self._objects()

    def _texts(self, chance: Random) -> None:
        """Write the texts of JSON of the month: of each kind of call several, and null and a failed sign-in at the end."""
        fills = Fills(chance, ACCOUNTS[0], REGIONS[0])
        found: list[Texts] = []
        for action in ACTIONS:
            for _ in range(self.texts):
                fills.again(chance.choices(ACCOUNTS, BUSY)[0], chance.choices(REGIONS, BUSY)[0])
                found.append(filled(action, fills))
        found += [Texts(None, None, None, None), Texts(None, FAILED_SIGN_IN, None, None)]
        self.requests, self.responses, self.resources, self.extras = (
            pa.array([getattr(each, name) for each in found], pa.string())
            for name in ("request", "response", "resources", "extra")
        )

    def _objects(self) -> None:
        """Say which file each row was in, one for each account, region and hour, and where in it."""
        place = [ACCOUNTS.index(each.account) * len(REGIONS) + REGIONS.index(each.region) for each in self.sessions]
        places = len(ACCOUNTS) * len(REGIONS)
        self.object = (self.seconds - self.begin) // 3600 * places + np.array(place)[self.session]
        order = np.lexsort((self.seconds, self.object))
        starts = np.flatnonzero(np.diff(self.object[order], prepend=-1))
        self.record = np.empty(len(order), np.int32)
        self.record[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))

    def batch(self, rows: Codes) -> pa.RecordBatch:
        """Give rows as the lake has them, in the order asked."""
        columns = self._of_sessions(self.session[rows]) | self._of_actions(rows) | self._of_places(rows)
        missing = [field for field in SCHEMA if field.name not in columns]
        columns |= {field.name: pa.nulls(len(rows), field.type) for field in missing}
        arrays = [columns[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _of_sessions(self, session: Codes) -> dict[str, pa.Array]:
        used, codes = np.unique(session, return_inverse=True)
        sessions, taken = [self.sessions[number] for number in used], pa.array(codes)

        def words(values: Iterable[str | None]) -> pa.Array:
            texts = pa.array([None if each is None else str(each) for each in values], pa.string())
            return texts.dictionary_encode().take(taken)

        def plain(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
            return pa.array(list(values), kind).take(taken)

        columns = {name: words(getattr(each, name) for each in sessions) for name in _WORDS_OF_SESSION.split()}
        return columns | {
            "user_agent": words(each.agent for each in sessions),
            "identity_account": words(None if each.invoked_by else each.account for each in sessions),
            "vpc_endpoint_id": words(each.endpoint for each in sessions),
            "user_identity": words(each.identity() for each in sessions),
            "traced": plain((each.traced for each in sessions), pa.bool_()),
            "mfa": plain((each.mfa for each in sessions), pa.bool_()),
            "session_began_ms": plain(
                (each.began * 1000 if each.issuer_arn else None for each in sessions), pa.int64()
            ),
            "rest": plain((_CONSOLE if each.agent.startswith("Mozilla") else None for each in sessions), pa.string()),
        }

    def _of_actions(self, rows: Codes) -> dict[str, pa.Array]:
        action, outcome, text = self.action[rows], self.outcome[rows], self.text[rows]
        at, signing_in = action * self.texts + text, action == SIGN_IN
        null = len(ACTIONS) * self.texts
        answer = np.where(outcome == 0, at, np.where(signing_in, null + 1, null))
        ec2 = np.array([each.source.startswith("ec2.") for each in ACTIONS])[action]
        code = np.where(outcome == 1, np.where(ec2, 0, 1), 2 + text % len(FAILURES))
        shared = self.draw.random(len(rows)) < 0.01  # noqa: PLR2004 - a share
        return {
            "id": uuids(self.draw, len(rows)),
            "category": coded(("Management",), np.zeros(len(rows), int)),
            "source": coded([each.source for each in ACTIONS], action),
            "name": coded([each.name for each in ACTIONS], action),
            "type": coded(("AwsApiCall", "AwsConsoleSignIn"), signing_in),
            "outcome": coded([str(each) for each in Outcome], outcome),
            "error_code": coded(DENIALS + FAILURES, code, (outcome == 0) | signing_in),
            "error_message": self._messages(rows),
            "read_only": pa.array(np.array(["read" in each.marks for each in ACTIONS])[action]),
            "version": coded(("1.11",), np.zeros(len(rows), int)),
            "request_id": uuids(self.draw, len(rows), signing_in),
            "shared_event_id": uuids(self.draw, len(rows), ~shared),
            "api_version": coded(
                [each.version or "" for each in ACTIONS],
                action,
                np.array([each.version is None for each in ACTIONS])[action],
            ),
            "management": pa.array(np.ones(len(rows), bool)),
            "request_parameters": self.requests.take(pa.array(at)),
            "response_elements": self.responses.take(pa.array(answer)),
            "additional_event_data": self.extras.take(pa.array(at)),
            "resources": self.resources.take(pa.array(at)),
        }

    def _messages(self, rows: Codes) -> pa.Array:
        found: list[str | None] = [None] * len(rows)
        for position in np.flatnonzero(self.outcome[rows]):
            row = rows[position]
            action = ACTIONS[self.action[row]]
            if self.action[row] == SIGN_IN:
                found[position] = NO_SIGN_IN
            elif self.outcome[row] == 1:
                found[position] = refusal(self.sessions[self.session[row]].principal, action)
            else:
                found[position] = FAILED_CALL
        return pa.array(found, pa.string())

    def _of_places(self, rows: Codes) -> dict[str, pa.Array]:
        seconds = self.seconds[rows]
        used, codes = np.unique(self.object[rows], return_inverse=True)
        keys = [self._key(int(number)) for number in used]
        regions = np.array([REGIONS.index(each.region) for each in self.sessions])[self.session[rows]]
        serving = np.array([each.invoked_by is not None for each in self.sessions])[self.session[rows]]
        return {
            "day": pa.array((seconds // DAY).astype(np.int32)).cast(pa.date32()),
            "time_ms": pa.array(seconds * 1000),
            "tls_details": coded(_TLS, self.action[rows] * len(REGIONS) + regions, serving),
            "object": coded(keys, codes),
            "object_digest": coded([hashlib.sha256(key.encode()).hexdigest() for key in keys], codes),
            "record": pa.array(self.record[rows]),
        }

    def _key(self, number: int) -> str:
        hour, place = divmod(number, len(ACCOUNTS) * len(REGIONS))
        account, region = ACCOUNTS[place // len(REGIONS)], REGIONS[place % len(REGIONS)]
        return key_of(account, region, self.begin + hour * 3600, stable("", f"{self.begin} {number}")[:16])


def coded(values: Sequence[str], codes: Codes, null: Codes | None = None) -> pa.Array:
    """Give a column of words by their number."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=null), pa.array(list(values)))


def uuids(draw: np.random.Generator, count: int, null: Codes | None = None) -> pa.Array:
    """Draw a column of the texts of random UUIDs."""
    drawn = np.frombuffer(draw.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    drawn[:, 6] = drawn[:, 6] & 0x0F | 0x40
    drawn[:, 8] = drawn[:, 8] & 0x3F | 0x80
    texts = np.full((count, 36), ord("-"), np.uint8)
    texts[:, _DIGITS] = _HEX[drawn].view(np.uint8)
    values = pa.py_buffer(texts.tobytes())
    if null is None or not null.any():
        offsets = np.arange(0, 36 * count + 1, 36, dtype=np.int32)
        return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), values)
    return pa.Array.from_buffers(pa.binary(36), count, [pa.array(~null).buffers()[1], values]).cast(pa.string())


# --- what is kept, and the command --------------------------------------------------------------


def kept(name: str, make: Callable[[Path], object]) -> Path:
    """Give the folder of that name in the cache; what is not there yet is made, whole or not at all."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")  # noqa: TID251 - where caches lie
    folder = cache / "watchbill-bench" / f"{name}-v{VERSION}"
    if not folder.exists():
        making = folder.with_suffix(f".{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        make(making)
        making.rename(folder)
    return folder


def kept_rows(rows: int, seed: int = 1, processes: int = 2) -> Path:
    """Give the folder of so many rows in the cache."""
    return kept(f"rows-{rows}-{seed}", lambda folder: write_rows(folder, rows, seed, processes=processes))


def kept_trail(events: int, seed: int = 1, processes: int = 2, slot: int = SLOT) -> tuple[Path, Made]:
    """Give the folder of so many events as CloudTrail delivers them, in the cache, and what is there."""

    def make(folder: Path) -> None:
        made = write_trail(folder / "trail", events, seed, processes, slot)
        (folder / "made.json").write_text(_json(asdict(made)), "utf-8")

    folder = kept(f"trail-{events}-{seed}" + (f"-{slot}" if slot != SLOT else ""), make)
    return folder / "trail", Made(**json.loads((folder / "made.json").read_text("utf-8")))


def main() -> None:
    """Make what is asked for, where it is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("trail", "rows"))
    parser.add_argument("count", type=int, help="how many events")
    parser.add_argument("--seed", type=int, default=1, help="[default: 1]")
    parser.add_argument("--processes", type=int, default=2, help="[default: 2]")
    given = parser.parse_args()
    if given.what == "rows":
        print(kept_rows(given.count, given.seed, given.processes))
        return
    folder, made = kept_trail(given.count, given.seed, given.processes)
    print(folder)
    print(
        f"{made.files:,} files, {made.records:,} records of {made.events:,} events, "
        f"{made.raw / 1e6:,.0f} MB of JSON ({made.raw / made.records:,.0f} bytes a record), {made.packed / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
