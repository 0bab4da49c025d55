"""What is read of an account in one go: over HTTP from the stand-in, and from a server whose answers are written here."""

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote

import pytest
from tests.teams import PRODUCTION as NUMBER
from tests.teams import team

from watchbill.access.documents import trust_document
from watchbill.access.model import Call, KeyUse
from watchbill.aws.accounts import Accounts, translated
from watchbill.aws.iam import AwsCloud
from watchbill.errors import ProviderError
from watchbill.sim.stand_in import StandIn


PRODUCTION = team().accounts["production"]
DIRECT = replace(PRODUCTION, role=None)
TAGS = [{"Key": "owner", "Value": "x"}, {"Key": "watchbill:team", "Value": "payments"}]
DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": NUMBER}}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [ASSUME]})


@pytest.fixture
def accounts():
    """Give the way to a fresh stand-in."""
    with StandIn() as stand_in:
        yield Accounts(stand_in.endpoint, ("any", "any"))


class Scripted:
    """Serves IAM and STS with answers written by action: text is a result, a pair is the status and code of an error.

    Each action's answers are given in turn, the last for ever; `asked` are the requests of IAM.
    """

    def __init__(self, **answers):
        self.asked: list[dict[str, str]] = []
        answers["GetCallerIdentity"] = [f"<Account>{NUMBER}</Account>"]
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = {key: values[0] for key, values in parse_qs(body).items()}
                action = asked["Action"]
                if action != "GetCallerIdentity":
                    scripted.asked.append(asked)
                left = answers[action]
                answer = left.pop(0) if len(left) > 1 else left[0]
                status = 200 if isinstance(answer, str) else answer[0]
                inside = f"<{action}Result>{answer}</{action}Result>" if status == 200 else _error(*answer[1:])
                name = f"{action}Response" if status == 200 else "ErrorResponse"
                data = f"<{name}>{inside}</{name}>".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def cloud(self, waited=None):
        """Give a cloud that asks this server, and writes down how long it would wait."""
        accounts = Accounts(f"http://127.0.0.1:{self._server.server_port}", ("any", "any"))
        return AwsCloud(accounts, ([] if waited is None else waited).append)

    def counted(self):
        """Count the calls by action."""
        return Counter(asked["Action"] for asked in self.asked)


def at_once(seconds: float) -> None:
    """Fail where something would be waited for."""
    pytest.fail(f"waited for {seconds} s")


def _error(code, message="in words"):
    return f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"


def user(name, made="2026-01-02T03:04:05Z", more=""):
    """Give a user as GetAccountAuthorizationDetails does."""
    return (
        f"<member><Path>/</Path><UserName>{name}</UserName><UserId>AIDA{name}</UserId>"
        f"<Arn>arn:aws:iam::{NUMBER}:user/{name}</Arn><CreateDate>{made}</CreateDate>{more}</member>"
    )


def page(users="", roles="", marker=None):
    """Give one page of GetAccountAuthorizationDetails."""
    more = f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>" if marker else "<IsTruncated>false</IsTruncated>"
    return f"<UserDetailList>{users}</UserDetailList><RoleDetailList>{roles}</RoleDetailList>{more}"


KEYS = ",".join(f"access_key_{n}_{what}" for n in (1, 2) for what in ("active", "last_rotated", "last_used_date"))
HEADER = f"user,arn,user_creation_time,password_enabled,mfa_active,{KEYS}"
NO_KEYS = "false,N/A,N/A,false,N/A,N/A"


def report(*rows, header=HEADER):
    """Give a credential report; rows are of a name, when it was made, whether it has MFA, and its keys."""
    lines = [header]
    for name, made, mfa, *keys in rows:
        lines.append(f"{name},arn,{made},true,{mfa},{keys[0] if keys else NO_KEYS}")
    return f"<Content>{base64.b64encode(chr(10).join(lines).encode()).decode()}</Content>"


SUMMARY = (
    "<SummaryMap><entry><key>PolicySizeQuota</key><value>7000</value></entry>"
    "<entry><key>Users</key><value>27</value></entry></SummaryMap>"
)
GIVEN = "2026-01-02T03:04:05+00:00"
DETAILS, STARTED = "GetAccountAuthorizationDetails", "<State>STARTED</State>"


def scripted(**answers):
    """Serve an account of one user, james; some actions answer otherwise."""
    usual = {
        DETAILS: [page(user("james"))],
        "GetAccountSummary": [SUMMARY],
        "GenerateCredentialReport": ["<State>COMPLETE</State>"],
        "GetCredentialReport": [report(("james", GIVEN, "true"))],
    }
    return Scripted(**(usual | answers))


def test_all_that_a_plan_needs_is_read(accounts):
    """Boundaries, ids, the team's tag, the account's limits, and who has MFA; users' boundaries the stand-in lacks."""
    client, cloud = accounts.client(PRODUCTION, "iam"), AwsCloud(accounts, at_once)
    bound = translated(client.create_policy, PolicyName="b", PolicyDocument=DOCUMENT, Tags=TAGS)["Policy"]["Arn"]
    ids = [
        translated(client.create_user, UserName="james", Tags=TAGS)["User"]["UserId"],
        translated(client.create_user, UserName="rick", Tags=TAGS[:1])["User"]["UserId"],
    ]
    made = {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}
    ids.append(translated(client.create_role, **made, PermissionsBoundary=bound, Tags=TAGS)["Role"]["RoleId"])
    serial = translated(client.create_virtual_mfa_device, VirtualMFADeviceName="m")["VirtualMFADevice"]["SerialNumber"]
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "234567"}
    translated(client.enable_mfa_device, UserName="james", SerialNumber=serial, **codes)
    state = cloud.observe(PRODUCTION)
    james, rick, role = state.users["james"], state.users["rick"], state.roles["r"]
    assert [james.id, rick.id, role.id] == ids
    assert (james.team, rick.team, role.team, state.policies[bound].team) == ("payments", None, "payments", None)
    assert (james.boundary, role.boundary) == (None, bound)
    assert state.mfa == {"james": True, "rick": False}
    assert state.quotas["PolicySizeQuota"] == 6144
    assert "Users" not in state.quotas
    assert state.unread == ()


def test_the_age_and_the_use_of_active_keys_is_read(accounts):
    """As AWS writes them, by a report in its form; and as the stand-in tells of keys that are there."""
    rotated, used = "2026-01-03T00:00:00+00:00", "2026-01-04T05:06:00+00:00"
    for keys, expected in (
        (NO_KEYS, ()),
        (f"true,{rotated},{used},false,{rotated},{used}", (KeyUse(at_(rotated), at_(used)),)),
        (f"true,{rotated},N/A,true,{used},no_information", (KeyUse(at_(rotated), None), KeyUse(at_(used), None))),
    ):
        with scripted(GetCredentialReport=[report(("james", GIVEN, "true", keys))]) as server:
            state = server.cloud().observe(DIRECT)
        assert (state.keys, state.unread) == ({"james": expected}, ())
    client = accounts.client(PRODUCTION, "iam")
    client.create_user(UserName="james")
    client.create_access_key(UserName="james")
    off = client.create_access_key(UserName="james")["AccessKey"]["AccessKeyId"]
    client.update_access_key(UserName="james", AccessKeyId=off, Status="Inactive")
    (found,) = AwsCloud(accounts, at_once).observe(PRODUCTION).keys["james"]
    assert found.used is None


def at_(text):
    """Read an instant."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("users", [0, 3, 30])
def test_an_account_is_read_with_as_many_calls_whatever_it_holds(accounts, users):
    """Pages and three more; none for each user, role or policy."""
    client, cloud = accounts.client(PRODUCTION, "iam"), AwsCloud(accounts, at_once)
    for number in range(users):
        translated(client.create_user, UserName=f"u{number}")
    calls: Counter[str] = Counter()
    client.meta.events.register("before-call.iam", lambda model, **_: calls.update([model.name]))
    assert len(cloud.observe(PRODUCTION).users) == users
    assert calls == dict.fromkeys((DETAILS, "GetAccountSummary", "GenerateCredentialReport", "GetCredentialReport"), 1)


def test_every_page_is_read_and_nothing_else():
    """A large account comes in pages; a user's boundary and tags are with them."""
    more = (
        "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>"
        "<PermissionsBoundaryArn>arn:aws:iam::aws:policy/X</PermissionsBoundaryArn></PermissionsBoundary>"
        "<Tags><member><Key>watchbill:team</Key><Value>a %2F b</Value></member></Tags>"
    )
    pages = [page(user("james", more=more), marker="1"), page(user("rick"), marker="2"), page(user("ada"))]
    with scripted(**{DETAILS: pages}) as server:
        state = server.cloud().observe(DIRECT)
    assert sorted(state.users) == ["ada", "james", "rick"]
    assert (state.users["james"].boundary, state.users["james"].team) == ("arn:aws:iam::aws:policy/X", "a %2F b")
    assert state.users["rick"].boundary is None
    assert server.counted() == {
        DETAILS: 3,
        "GetAccountSummary": 1,
        "GenerateCredentialReport": 1,
        "GetCredentialReport": 1,
    }
    assert [asked.get("Marker") for asked in server.asked[:3]] == [None, "1", "2"]


def test_a_report_is_of_the_users_who_are_there():
    """Not of the root user, nor of one who is gone, nor of one whose name another has now."""
    rows = [("<root_account>", GIVEN, "true"), ("james", GIVEN, "true"), ("gone", GIVEN, "true")]
    rows += [("rick", "2025-01-01T00:00:00+00:00", "true"), ("ada", GIVEN, "false")]
    with scripted(
        **{
            DETAILS: [page("".join(map(user, ("james", "rick", "ada", "new"))))],
            "GetCredentialReport": [report(*rows)],
        }
    ) as server:
        state = server.cloud().observe(DIRECT)
    assert state.mfa == {"james": True, "ada": False}
    assert state.quotas == {"PolicySizeQuota": 7000}


def test_a_report_is_waited_for_but_not_for_ever():
    """AWS makes it in its own time; what is not there after a while is said to be missing."""
    waits: list[float] = []
    late = [(410, "ReportNotPresent"), (404, "ReportInProgress"), report(("james", GIVEN, "true"))]
    with scripted(GenerateCredentialReport=[STARTED], GetCredentialReport=late) as server:
        state = server.cloud(waits).observe(DIRECT)
    assert (state.mfa, state.unread, len(waits)) == ({"james": True}, (), 2)
    with scripted(GenerateCredentialReport=[STARTED], GetCredentialReport=[(404, "ReportInProgress")]) as server:
        state = server.cloud(waits).observe(DIRECT)
    assert (state.mfa, state.unread) == ({}, ("credential report: ReportInProgress: in words",))
    assert server.counted()["GetCredentialReport"] == 5
    assert sum(waits[2:]) <= 15


DENIED = (403, "AccessDenied", "not authorized to perform: iam:X")


@pytest.mark.parametrize(
    ("answers", "unread", "mfa", "quotas"),
    [
        ({"GenerateCredentialReport": [DENIED]}, ["credential report"], {}, {"PolicySizeQuota": 7000}),
        ({"GetCredentialReport": [DENIED]}, ["credential report"], {}, {"PolicySizeQuota": 7000}),
        ({"GetAccountSummary": [DENIED]}, ["account summary"], {"james": True}, {}),
        (
            {"GetAccountSummary": [DENIED], "GetCredentialReport": [DENIED]},
            ["credential report", "account summary"],
            {},
            {},
        ),
    ],
)
def test_what_may_not_be_read_is_said_and_the_rest_given(answers, unread, mfa, quotas):
    """By name, in AWS's words; it is not taken for empty."""
    with scripted(**answers) as server:
        state = server.cloud().observe(DIRECT)
    assert state.unread == tuple(f"{what}: AccessDenied: not authorized to perform: iam:X" for what in unread)
    assert (state.mfa, state.quotas, list(state.users)) == (mfa, quotas, ["james"])


def test_a_report_in_another_form_is_not_read():
    """A column that is missing says nothing about anybody."""
    with scripted(GetCredentialReport=[report(header="user,arn")]) as server:
        (unread,) = server.cloud().observe(DIRECT).unread
    assert unread == "credential report: not in the form that AWS documents: ['user', 'arn']"


NONSENSE = "<PolicyName>p</PolicyName><PolicyDocument>nonsense</PolicyDocument>"


@pytest.mark.parametrize(
    "answer", [DENIED, page(user("james", more=f"<UserPolicyList><member>{NONSENSE}</member></UserPolicyList>"))]
)
def test_an_account_that_cannot_be_read_is_an_error(answer):
    """Without its documents there is no state; nor with one that is no JSON."""
    with (
        scripted(**{DETAILS: [answer]}) as server,
        pytest.raises(ProviderError, match="could not read the IAM of account `production`"),
    ):
        server.cloud().observe(DIRECT)


def test_documents_come_url_encoded():
    """A trust policy and an inline one, as AWS sends them."""
    role = (
        f"<member><Path>/</Path><RoleName>r</RoleName><RoleId>AROAR</RoleId><Arn>arn:aws:iam::{NUMBER}:role/r</Arn>"
        f"<CreateDate>2026-01-02T03:04:05Z</CreateDate>"
        f"<AssumeRolePolicyDocument>{quote(TRUST)}</AssumeRolePolicyDocument>"
        f"<RolePolicyList><member><PolicyName>p</PolicyName><PolicyDocument>{quote(DOCUMENT)}</PolicyDocument></member>"
        f"</RolePolicyList></member>"
    )
    with scripted(**{DETAILS: [page(roles=role)]}) as server:
        found = server.cloud().observe(DIRECT).roles["r"]
    assert found.trust["Statement"][0]["Principal"] == {"AWS": NUMBER}
    assert found.inline["p"]["Statement"][0]["Action"] == "s3:*"
    assert found.id == "AROAR"


@pytest.mark.parametrize("users", [("james",), ("ada", "james", "priya", "rick")])
def test_a_trust_is_the_same_in_whatever_order_aws_gives_it_back(users):
    """AWS keeps the ids of users and gives their names back in an order of its own; a plan must not see a change."""
    arns = [f"arn:aws:iam::{NUMBER}:user/watchbill/{user}" for user in users]
    written = trust_document(arns)
    for given in (arns[::-1], arns[1:] + arns[:1], arns[0] if len(arns) == 1 else arns):
        sent = json.loads(json.dumps(written))
        sent["Statement"][0]["Principal"]["AWS"] = given
        role = (
            f"<member><Path>/watchbill/</Path><RoleName>r</RoleName><RoleId>AROAR</RoleId>"
            f"<Arn>arn:aws:iam::{NUMBER}:role/watchbill/r</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate>"
            f"<AssumeRolePolicyDocument>{quote(json.dumps(sent))}</AssumeRolePolicyDocument></member>"
        )
        with scripted(**{DETAILS: [page(roles=role)]}) as server:
            assert server.cloud().observe(DIRECT).roles["r"].trust == written


ATTACH = Call("AttachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/X"})


def test_what_aws_slows_down_is_done_in_the_end():
    """Throttling is botocore's to wait for."""
    with Scripted(AttachRolePolicy=[(400, "Throttling"), (400, "Throttling"), ""]) as server:
        server.cloud().perform(DIRECT, ATTACH)
    assert len(server.asked) == 3


@pytest.mark.parametrize("code", ["ConcurrentModification", "EntityTemporarilyUnmodifiable"])
def test_what_aws_refuses_for_now_is_tried_again_a_few_times(code):
    """Two changes at once, or one right after another, pass by themselves; when they do not, it is said."""
    waits: list[float] = []
    with Scripted(AttachRolePolicy=[(409, code), (409, code), ""]) as server:
        server.cloud(waits).perform(DIRECT, ATTACH)
    assert (len(server.asked), len(waits)) == (3, 2)
    with (
        Scripted(AttachRolePolicy=[(409, code)]) as server,
        pytest.raises(ProviderError, match=rf"AttachRolePolicy.*in account `production`.*{code}"),
    ):
        server.cloud(waits).perform(DIRECT, ATTACH)
    assert len(server.asked) == 5
    assert sum(waits[2:]) <= 15


def test_a_trust_in_somebody_made_a_moment_ago_is_tried_again():
    """IAM takes a while to know a new user everywhere; a document that is wrong in itself is refused at once."""
    call = Call("UpdateAssumeRolePolicy", {"RoleName": "r", "PolicyDocument": TRUST})
    new = (400, "MalformedPolicyDocument", "Invalid principal in policy: AWS:x")
    with Scripted(UpdateAssumeRolePolicy=[new, ""]) as server:
        server.cloud().perform(DIRECT, call)
    assert len(server.asked) == 2
    with (
        Scripted(UpdateAssumeRolePolicy=[(400, "MalformedPolicyDocument", "Syntax errors in policy")]) as server,
        pytest.raises(ProviderError, match="Syntax errors"),
    ):
        server.cloud().perform(DIRECT, call)
    assert len(server.asked) == 1


CREATES = [
    Call("CreateUser", {"UserName": "oncall-x", "Path": "/watchbill/"}),
    Call("CreateGroup", {"GroupName": "oncall-x", "Path": "/watchbill/"}),
    Call("CreateRole", {"RoleName": "oncall-x", "Path": "/watchbill/", "AssumeRolePolicyDocument": TRUST}),
]


@pytest.mark.parametrize("call", CREATES, ids=str)
def test_a_name_that_somebody_elses_object_has_is_no_success(accounts, call):
    """IAM keeps names apart whatever their path: what follows would change what is not watchbill's."""
    aws, kind = AwsCloud(accounts), call.operation.removeprefix("Create").lower()
    theirs = {key: value for key, value in call.parameters.items() if key != "Path"}
    aws.perform(PRODUCTION, Call(call.operation, theirs))
    taken = rf"arn:aws:iam::{NUMBER}:{kind}/oncall-x, which is not arn:aws:iam::{NUMBER}:{kind}/watchbill/oncall-x"
    with pytest.raises(ProviderError, match=rf"{call.operation}.*`production`: the name is taken by {taken}.*rename"):
        aws.perform(PRODUCTION, call)
    aws.perform(PRODUCTION, Call(call.operation, theirs))


POLICY = Call("CreatePolicy", {"PolicyName": "fence", "Path": "/watchbill/", "PolicyDocument": DOCUMENT})
EXISTS, GONE = (409, "EntityAlreadyExists"), (404, "NoSuchEntity")


def test_a_policy_is_there_already_only_under_the_wanted_path():
    """Policies are read by ARN; one of that name elsewhere is looked for, to say which it is."""
    ours, theirs = (f"arn:aws:iam::{NUMBER}:policy{path}fence" for path in ("/watchbill/", "/"))
    with Scripted(CreatePolicy=[EXISTS], GetPolicy=[f"<Policy><Arn>{ours}</Arn></Policy>"]) as server:
        server.cloud().perform(DIRECT, POLICY)
    assert server.asked[1]["PolicyArn"] == ours
    listed = (
        f"<Policies><member><PolicyName>FENCE</PolicyName><Arn>{theirs}</Arn></member></Policies>"
        "<IsTruncated>false</IsTruncated>"
    )
    nothing = "<Policies/><IsTruncated>true</IsTruncated><Marker>2</Marker>"
    with (
        Scripted(CreatePolicy=[EXISTS], GetPolicy=[GONE], ListPolicies=[nothing, listed]) as server,
        pytest.raises(ProviderError, match=rf"taken by {theirs}, which is not {ours}"),
    ):
        server.cloud().perform(DIRECT, POLICY)
    with (
        Scripted(CreatePolicy=[EXISTS], GetPolicy=[DENIED]) as server,
        pytest.raises(ProviderError, match=r"CreatePolicy\(fence\) in account `production`.*AccessDenied"),
    ):
        server.cloud().perform(DIRECT, POLICY)


def test_what_is_taken_away_may_be_gone_but_what_is_changed_may_not():
    """A boundary that is not there is as wanted; one that cannot be put is not."""
    name = {"RoleName": "r"}
    with Scripted(DeleteRolePermissionsBoundary=[GONE], PutRolePermissionsBoundary=[GONE]) as server:
        server.cloud().perform(DIRECT, Call("DeleteRolePermissionsBoundary", name))
        put = Call("PutRolePermissionsBoundary", {**name, "PermissionsBoundary": "arn:aws:iam::aws:policy/X"})
        with pytest.raises(ProviderError, match="NoSuchEntity"):
            server.cloud().perform(DIRECT, put)
