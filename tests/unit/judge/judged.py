"""Teams in which much hangs on little, events that lie close to every edge, and the plain judgement of each."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from tests.teams import DAY, HERE, MONDAY, PRODUCTION, STAGING, grant, layer, person, rota, team, workload
from tests.trails import FOREIGN, after, assume_role, record, service, session, stamp, user

from watchbill.access.history import History, InForce, Organized
from watchbill.access.model import ControlPolicy, Freeze
from watchbill.access.organization import RCP, SCP, Organization, Target
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED
from watchbill.judge.judge import REACH, Judges
from watchbill.judge.model import Watch
from watchbill.schedule.oncall import shifts
from watchbill.team.model import Access, Group, Kind, Override, PermissionSet, Rota


WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
MS = timedelta(milliseconds=1)

ENTITLED = {"entitled": "yes", "needs none": "yes", "off shift": "no", "beyond role": "no", "frozen": "no"}


def one_by_one(found, history, span):
    """Judge events without batches, by the rules that JUDGED states."""
    judges = Judges(history, span)
    return [_plain(each, judges, history, span) for each in found]


def _plain(each, judges, history, span):
    event = each.event
    row = dict.fromkeys(JUDGED.names)
    row |= {"account": event.account or None, "id": event.id, "person": each.actor.person}
    row |= {"right": "not judgeable", "entitled": "unknown", "past_role": False, "unexpected": False}
    if event.at not in span:
        return row | {"why": f"it lies outside the span that is judged, {span}"}
    judged = judges.judge(each)
    row |= {
        "right": str(judged.right),
        "why": judged.why,
        "through": judged.holding.through if judged.holding else None,
        "entitled": ENTITLED.get(str(judged.right), "unknown"),
        "past_role": judged.past_role,
        "unexpected": judged.unexpected,
    }
    state, began = judged.state, event.identity.session_began
    if state is None:
        return row
    row["watch"] = str(state.watch)
    if state.watch in (Watch.ENDED, Watch.NOT_YET):
        row["minutes"] = state.away // timedelta(minutes=1)
    if began is not None:
        (piece,) = (piece for piece, _ in judges.pieces if event.at in piece)
        row["started_on_shift"] = began_on_shift(history.at(event.at), each.actor.person, state.rota, began, piece)
    return row


def began_on_shift(of, name, by, began, piece):
    """Tell whether somebody was on call by a rota at an instant."""
    found = of.rotas[by] if by else None
    wide = Interval(piece.start - REACH, piece.end + REACH)
    return any(s.person == name and began in s.interval for s in (shifts(found, wide) if found else ()))


def documented(name: str, *statements: dict[str, Any], **more: Any) -> PermissionSet:
    """Make a permission set of a policy of one's own."""
    every = {"Resource": "*"}
    listed = [{"Effect": "Allow", **({} if "NotResource" in each else every), **each} for each in statements]
    return PermissionSet(name, "", (), (), {"Version": "2012-10-17", "Statement": listed}, HERE, **more)


def when(operator: str, key: str, *values: str, action: str = "rds:*", effect: str = "Allow") -> dict[str, Any]:
    """Make a statement with a condition."""
    return {"Effect": effect, "Action": action, "Condition": {operator: {key: list(values)}}}


_BUCKET = "arn:aws:s3:::orders-*/*"

CONDITIONS = (
    when("Bool", "aws:MultiFactorAuthPresent", "true"),
    when("BoolIfExists", "aws:MultiFactorAuthPresent", "false", effect="Deny", action="*"),
    when("NumericLessThan", "aws:MultiFactorAuthAge", "7200"),
    when("DateLessThan", "aws:CurrentTime", stamp(after(18.5))),
    when("NumericGreaterThan", "aws:EpochTime", str(int(after(18).timestamp()))),
    when("IpAddress", "aws:SourceIp", "198.51.100.0/24"),
    when("StringEquals", "aws:SourceVpce", "vpce-1"),
    when("StringEquals", "aws:VpceAccount", PRODUCTION),
    when("StringLike", "aws:UserAgent", "aws-cli/*"),
    when("StringEquals", "aws:RequestedRegion", "eu-west-1", action="*"),
    when("StringEquals", "aws:username", "james", action="*"),
    when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/james", action="*"),
    when("Bool", "aws:SecureTransport", "true", action="s3:*"),
    when("StringEquals", "s3:TlsVersion", "1.3", action="s3:*"),
    when("StringEquals", "s3:prefix", "a/", action="s3:*"),
    when("StringEquals", "aws:ResourceAccount", PRODUCTION, action="*"),
    when("StringEquals", "aws:PrincipalTag/team", "orders", action="*"),
    when("StringEquals", "aws:RequestTag/team", "orders", action="ec2:*"),
    when("StringEquals", "iam:PassedToService", "lambda.amazonaws.com", action="iam:PassRole"),
    when("StringEquals", "aws:CalledViaLast", "cloudformation.amazonaws.com"),
    when("DateGreaterThan", "aws:TokenIssueTime", stamp(after(-2))),
    when("StringEquals", "aws:SourceIdentity", "james"),
    when("StringEquals", "ec2:Region", "eu-west-1", action="ec2:*"),
    when("NoSuchOperator", "aws:username", "james", action="ec2:*"),
)

SETS = (
    *(documented(f"condition-{number}", each) for number, each in enumerate(CONDITIONS)),
    documented("all-but-iam", {"NotAction": ["iam:*", "s3:*"]}),
    documented("bucket", {"Action": "s3:*", "Resource": [_BUCKET, "arn:aws:s3:::orders-a"]}),
    documented("not-bucket", {"Action": "s3:*", "NotResource": [_BUCKET]}),
    documented("own-bucket", {"Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}/*"}),
    documented("instance", {"Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:instance/i-1"}),
    documented("no-key-1", {"Action": "*"}, {"Effect": "Deny", "Action": "s3:*", "Resource": _BUCKET}),
    documented("one-key", {"Action": "kms:*", "Resource": f"arn:aws:kms:eu-west-1:{PRODUCTION}:key/k-1"}),
    documented("one-db", {"Action": "rds:*", "Resource": f"arn:aws:rds:*:{PRODUCTION}:db:orders"}),
    documented("iam", {"Action": ["iam:*", "sts:*"]}),
    documented("everything", {"Action": "*"}),
    PermissionSet("ec2", "", ("ec2:*", "sts:AssumeRole"), (), None, HERE),
    PermissionSet("rds", "", ("rds:*", "kms:*", "lambda:*", "dynamodb:*"), (), None, HERE),
    PermissionSet("no-stop", "", ("ec2:*",), ("ec2:Stop*", "s3:GetObject*"), None, HERE),
    PermissionSet("view", "", (), (), None, HERE, ("ViewOnlyAccess",)),
    PermissionSet("build", "", (), (), None, HERE, ("AWSCodeBuildDeveloperAccess",)),
    PermissionSet("gone", "", ("rds:Describe*",), (), None, HERE, ("NoSuchPolicyOfAws",)),
    PermissionSet("kept", "", ("*",), (), None, HERE, (), {}, ("function-code",)),
    PermissionSet("nothing", "", ("wellarchitected:*",), (), None, HERE),
)
NAMES = tuple(each.name for each in SETS)
TURNS = (timedelta(days=3, hours=18, minutes=34, seconds=12), timedelta(days=3, hours=15, minutes=4, seconds=8))
"""When the managed policies of `view` and of `build` turn, after MONDAY."""

WHO = ("james", "ada", "rick")


def platform(given: str, other: str, overrides: tuple[Override, ...], grace: int) -> Rota:
    """Make a rota of two kinds, short turns and a grace."""
    made = rota(
        layer("day", "UTC", 9, 18, ("james", "ada")),
        layer("night", "UTC", 18, 2, ("rick", "james")),
        overrides=overrides,
    )
    after_it = timedelta(minutes=grace)
    return replace(made, entitlement={Kind.PRIMARY: given, Kind.SECONDARY: other}, grace_after=after_it)


@st.composite
def overrides(draw):
    """Put somebody else on call for some hours, or one beside another, so that shifts overlap."""
    start = draw(st.sampled_from([9, 12, 17, 18, 26]))
    span = Interval(after(start), after(start + draw(st.sampled_from([1, 6, 10]))))
    who = draw(st.sampled_from(WHO))
    kind = draw(st.sampled_from([Kind.PRIMARY, Kind.SECONDARY]))
    beside = draw(st.booleans())
    return Override(f"o{start}", kind, span, who, None, "cover", "sofia", HERE, beside=beside)


@st.composite
def teams(draw):
    """Give out a few permission sets: always, on call, and by grants."""
    names = st.sampled_from(NAMES)
    access = draw(st.lists(st.tuples(names, st.sampled_from([("production",), ("production", "staging")])), max_size=3))
    listed = tuple(Access(name, accounts, HERE) for name, accounts in access)
    base = team()
    grants = [
        grant(f"g{number}", draw(st.sampled_from(WHO)), (start, start + draw(st.sampled_from([1, 4, 30]))), draw(names))
        for number, start in enumerate(draw(st.lists(st.sampled_from([0, 16, 18, 20, 60]), max_size=3)))
    ]
    other = replace(platform(draw(names), draw(names), (), 0), name="second", layers=(layer("x", "UTC", 0, 6, WHO),))
    first = platform(
        draw(names), draw(names), tuple(draw(st.lists(overrides(), max_size=1))), draw(st.sampled_from([0, 30]))
    )
    rotas = draw(st.sampled_from([{"platform": first}, {"platform": first, "second": other}]))
    members = draw(st.sampled_from([WHO, ("james", "ada")]))
    return replace(
        base,
        permission_sets={each.name: each for each in SETS},
        groups={"all": Group("all", members, (), listed, HERE)},
        people={name: person(name) for name in (*WHO, "lee")},
        rotas=rotas,
        grants=tuple(grants),
        workloads={
            "bot": workload("bot", actions=("s3:Get*", "ec2:Describe*", "lambda:*")),
            "free": workload("free"),
        },
        digest=draw(st.sampled_from(["one", "two"])),
        organization=draw(st.sampled_from([None, "production", "production"])),
    )


FULL = {"Effect": "Allow", "Action": "*", "Resource": "*"}

_SCPS = (
    ({"Effect": "Deny", "Action": ["ec2:*", "iam:*"], "Resource": "*"},),
    ({"Effect": "Deny", "Action": "s3:*", "Resource": [_BUCKET]},),
    ({"Effect": "Allow", "Action": ["s3:*", "rds:*", "kms:*", "sts:*"], "Resource": "*"},),
    *(({"Resource": "*", **each, "Effect": "Deny", "Action": "*"},) for each in CONDITIONS[5:12:2]),
    ({"Resource": "*", **when("StringNotEquals", "aws:PrincipalOrgID", "o-1234567890", effect="Deny", action="*")},),
    ({"Resource": "*", **when("StringEquals", "aws:PrincipalOrgID", "o-1234567890", effect="Deny", action="rds:*")},),
)
_RCPS = (
    ({"Effect": "Deny", "Principal": "*", "Action": ["s3:*", "kms:*"], "Resource": "*"},),
    ({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": _BUCKET},),
)


@st.composite
def organizations(draw):
    """Make an organization of the team's accounts, one of them perhaps not in it, or in charge of it."""
    targets = [Target("r-1", "Root", "root", None), Target("ou-1", "Work", "OU", "r-1")]
    numbers = draw(st.sampled_from([(PRODUCTION, STAGING), (PRODUCTION, STAGING), (PRODUCTION,)]))
    targets += [Target(number, f"a{number[0]}", "account", "ou-1") for number in numbers]
    every = tuple(each.id for each in targets)
    full = draw(st.sampled_from([every, every, ("r-1", *numbers)]))
    policies = {"p-full": ControlPolicy("p-full", "full", SCP, {"Version": "2012-10-17", "Statement": [FULL]})}
    attached = {"p-full": full}
    kinds = [*((SCP, each) for each in _SCPS), *((RCP, each) for each in _RCPS)]
    for number, (kind, said) in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=2))):
        name = f"p-{number}"
        policies[name] = ControlPolicy(name, f"guard {number}", kind, {"Version": "2012-10-17", "Statement": [*said]})
        attached[name] = (draw(st.sampled_from(every)),)
    management = draw(st.sampled_from(["999999999999", "999999999999", STAGING]))
    types = draw(st.sampled_from([frozenset({SCP, RCP}), frozenset({SCP, RCP}), frozenset({RCP})]))
    return Organization("o-1234567890", management, {each.id: each for each in targets}, policies, attached, types)


@st.composite
def histories(draw):
    """Have one team file or two in force, one of them perhaps unreadable, with freezes."""
    given = draw(teams())
    files = [InForce(None, given, None)]
    match draw(st.sampled_from(["one", "two", "two", "lost"])):
        case "two":
            files.append(InForce(after(18.25), draw(teams()), "two"))
        case "lost":
            files.append(InForce(after(18.25), None, "lost", "revision lost can be read no more"))
    frozen = [
        Freeze("f", draw(st.sampled_from(WHO)), after(start), end, None)
        for start in draw(st.lists(st.sampled_from([17, 19]), max_size=1))
        for end in (draw(st.sampled_from([after(19.5), None])),)
    ]
    read = [
        Organized(after(since), draw(st.one_of(st.none(), organizations())))
        for since in draw(st.sampled_from([(), (-1,), (17.5,), (-1, 18.4), (17.5, 18.4)]))
    ]
    return History(given, tuple(files), tuple(frozen), organizations={PRODUCTION: tuple(read)} if read else {})


_EDGES = (0, 2, 6, 9, 17, 18, 18.25, 18.5, 19, 19.5, 20, 26, 27, 33, 42, 50, 60, 90, 160)

TIMES = st.builds(
    lambda edge, off: MONDAY + edge + off,
    st.one_of(
        st.sampled_from([timedelta(hours=each) for each in _EDGES]),
        st.sampled_from(TURNS),
        # Halfway between one turn and the next of the same person, there and thereabouts.
        st.sampled_from([timedelta(hours=each) for each in (5.5, 13.5, 22, 29.5, 37.5, 101)]),
    ),
    st.sampled_from([timedelta(0), -MS, MS, timedelta(minutes=10), timedelta(minutes=-10), timedelta(hours=1)]),
)

_S3 = {"bucketName": "orders-a", "key": "x"}
_ROLE = f"arn:aws:iam::{PRODUCTION}:role/deploy"


def _tls(version):
    return {"tlsDetails": {"tlsVersion": version}, "additionalEventData": {"SignatureVersion": "SigV4"}}


CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ec2:DescribeInstances", {}),
    ("ec2:StopInstances", {"requestParameters": {"instancesSet": {"items": [{"instanceId": "i-1"}]}}}),
    ("ec2:StopInstances", {"requestParameters": {"instancesSet": {"items": [{"instanceId": "i-2"}]}}}),
    ("ec2:RunInstances", {"requestParameters": {"instanceType": "t3.micro"}}),
    (
        "ec2:RunInstances",
        {
            "requestParameters": {
                "instanceType": "t3.micro",
                "iamInstanceProfile": {"name": "p"},
                "tagSpecificationSet": {
                    "items": [{"resourceType": "instance", "tags": [{"key": "team", "value": "orders"}]}]
                },
            }
        },
    ),
    ("rds:RebootDBInstance", {"requestParameters": {"dBInstanceIdentifier": "orders"}}),
    ("rds:DescribeDBInstances", {}),
    (
        "rds:CreateDBInstance",
        {"requestParameters": {"dBInstanceIdentifier": "x", "tags": [{"key": "a", "value": "b"}]}},
    ),
    ("s3:GetObject", {"requestParameters": _S3, **_tls("TLSv1.3")}),
    ("s3:GetObject", {"requestParameters": {**_S3, "versionId": "v1"}, **_tls("TLSv1.2")}),
    ("s3:GetObject", {"requestParameters": {"bucketName": "james", "key": "x"}}),
    ("s3:PutObject", {"requestParameters": {**_S3, "x-amz-acl": "public-read"}}),
    ("s3:PutObject", {"requestParameters": {"bucketName": "other", "key": "x"}}),
    ("s3:CopyObject", {"requestParameters": {**_S3, "x-amz-copy-source": "other/y"}}),
    ("s3:ListObjects", {"requestParameters": {"bucketName": "orders-a", "prefix": "a/"}}),
    ("s3:ListObjects", {"requestParameters": {"bucketName": "orders-a"}}),
    ("lambda:UpdateFunctionCode20150331v2", {"requestParameters": {"functionName": "f"}}),
    ("lambda:CreateFunction20150331", {"requestParameters": {"functionName": "f", "role": _ROLE}}),
    ("lambda:CreateFunction20150331", {"requestParameters": {"functionName": "f"}}),
    ("kms:Decrypt", {"resources": [{"ARN": f"arn:aws:kms:eu-west-1:{PRODUCTION}:key/k-1"}]}),
    ("kms:Decrypt", {"resources": [{"ARN": f"arn:aws:kms:eu-west-1:{PRODUCTION}:key/k-2"}]}),
    ("kms:Decrypt", {"requestParameters": {"keyId": "alias/x"}}),
    ("iam:CreateUser", {"requestParameters": {"userName": "mallory"}}),
    ("iam:CreateAccessKey", {"requestParameters": None}),
    ("iam:CreateAccessKey", {"requestParameters": {"userName": "ada"}}),
    ("iam:ListUsers", {}),
    ("sts:GetCallerIdentity", {}),
    ("dynamodb:ExecuteStatement", {"requestParameters": {"statement": "DELETE FROM orders WHERE a=1"}}),
    ("dynamodb:ExecuteStatement", {"requestParameters": {"statement": "SELECT * FROM orders"}}),
    ("codebuild:StartBuild", {"requestParameters": {"projectName": "x"}}),
    ("kms:CreateAlias", {"requestParameters": {"aliasName": "alias/orders", "targetKeyId": "k-1"}}),
    ("kms:CreateAlias", {"requestParameters": {"aliasName": "alias/aws/orders", "targetKeyId": "k-1"}}),
    *(
        (
            "rds:RebootDBInstance",
            {
                "requestParameters": {},
                "responseElements": {"dBInstanceArn": f"arn:aws:rds:eu-west-1:{PRODUCTION}:db:{name}"},
            },
        )
        for name in ("orders", "other")
    ),
    ("no-such-service:DoThings", {"requestParameters": {"a": "b"}}),
    ("sso:Logout", {}),
)

MORE: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {},
    {"awsRegion": "us-east-1"},
    {"sourceIPAddress": "203.0.113.9"},
    {"userAgent": "Boto3/1.34"},
    {"vpcEndpointId": "vpce-1", "vpcEndpointAccountId": PRODUCTION},
    {"vpcEndpointId": "vpce-1", "vpcEndpointAccountId": FOREIGN},
    {"eventType": "AwsConsoleAction"},
    {"eventType": "AwsServiceEvent"},
    {"eventType": None},
    {"errorCode": "AccessDenied", "errorMessage": "User: x is not authorized to perform: iam:PassRole on resource: y"},
    {"errorCode": "AccessDenied", "errorMessage": "You are not authorized to perform: s3:GetObject on z"},
    {"errorCode": "AccessDenied", "requestParameters": None},
    {"errorCode": "", "errorMessage": ""},
    {"responseElements": {"roleArn": _ROLE, "x": f"arn:aws:rds:eu-west-1:{PRODUCTION}:db:orders"}},
    {"requestParameters": "role"},
    {"eventName": ["odd"]},
    {"eventSource": 7},
    {"recipientAccountId": 12},
)


@st.composite
def identities(draw, at):
    """Give who called, in whichever account: as the user, with MFA or not, or in a session."""
    name = draw(st.sampled_from([*WHO * 4, "lee", "stranger", "bot", "free"]))
    account = draw(st.sampled_from([*[PRODUCTION] * 6, STAGING, FOREIGN]))
    match draw(st.sampled_from([*["user"] * 5, *["mfa"] * 3, *["session"] * 3, "service"])):
        case "user":
            return account, user(name, account=account)
        case "mfa":
            who = user(name, account=account, mfa=draw(st.booleans()))
            who["sessionContext"]["attributes"]["creationDate"] = stamp(at - draw(_AGO))
            return account, who
        case "session":
            who = session(
                "oncall-platform",
                name,
                f"ASIA{name.upper()}",
                account=account,
                path="/watchbill/",
                began=at - draw(_AGO),
                source_identity=name,
            )
            return account, who
        case _:
            return account, service("ec2")


_AGO = st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(hours=3), timedelta(hours=9), timedelta(days=40)])


@st.composite
def records(draw):
    """Make a record close to others."""
    at = draw(TIMES)
    account, who = draw(identities(at))
    if draw(st.integers(0, 19)) == 0:
        return assume_role(who, draw(st.sampled_from(["watchbill/oncall-platform", "deploy"])), "ASIAX", at)
    action, fields = draw(st.sampled_from(CALLS))
    more = draw(st.sampled_from(MORE))
    made = record(action, who, at, account=account, **{**fields, **more})
    milliseconds = at.microsecond // 1000
    stamped = f"{stamp(at)[:-1]}.{milliseconds:03}Z" if milliseconds else stamp(at)
    return {
        key: value for key, value in {**made, "eventTime": stamped}.items() if value is not None or key != "eventType"
    }
