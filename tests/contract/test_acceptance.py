"""The checks for an AWS account, run against a server here that decides as AWS documents it, or wrongly on purpose.

It keeps its state in the stand-in, and decides by our own evaluator: that shows that the checks check, and nothing of AWS.
"""

import importlib.util
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request as Sent
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import boto3
import botocore.session
import pytest

from watchbill.access.model import AccountState
from watchbill.access.quarantine import DENY_ALL
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.errors import Location
from watchbill.intervals import iso
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.statements import parse_policy
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import Account


spec = importlib.util.spec_from_file_location("acceptance", Path(__file__).parents[2] / "tools" / "acceptance.py")
assert spec is not None
assert spec.loader is not None
acceptance = importlib.util.module_from_spec(spec)
sys.modules["acceptance"] = acceptance
spec.loader.exec_module(acceptance)

NUMBER = "123456789012"
ACCOUNT = Account("only", NUMBER, "sandbox", None, Location("here", 1))
SESSION = boto3.session.Session("any", "any")
YES = ("--account", NUMBER, "--yes-i-mean-this-account")
SIMULATE = botocore.session.get_session().get_service_model("iam").operation_model("SimulateCustomPolicy")


class FakeTimer:
    """Time that passes by waiting alone, and is far from the machine's: how fast that is decides nothing."""

    def __init__(self):
        self._now = datetime(2031, 3, 4, 5, 6, 7, tzinfo=UTC)

    def now(self):
        """Give the time."""
        return self._now

    def sleep(self, seconds):
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


class Judge:
    """Serves IAM and STS: what the user and its sessions ask it decides, the rest it hands on to the stand-in.

    `late` is how many seconds its clock is behind; `faults` are what it does wrong: `fence`, `gate`, `mfa`, `trust`,
    `names`, `simulator`, `freeze`, `attached`, `inline`, `boundary`, `keys`, or `all`: it allows everything, as the
    stand-in does.
    """

    def __init__(self, behind, timer, late=0.0, faults=()):
        self.behind, self.timer, self.late, self.faults = behind, timer, late, faults
        self.cloud = AwsCloud(Accounts(behind, ("any", "any")))
        self.users: dict[str, bool] = {}
        """By access key, whether MFA was given."""
        self.sessions: dict[str, str] = {}
        self.trusted = ""
        self.devices: set[str] = set()
        """Serial numbers of MFA devices in use: the stand-in would delete a user who has one, and AWS does not."""
        self.off: set[str] = set()
        """Keys that are off: the stand-in lets them work, and AWS does not."""
        self._state: AccountState | None = None
        judge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, data = judge.answer(body, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def date_time_string(self, timestamp=None):
                """Date answers by the clock that the checks wait by."""
                return super().date_time_string(judge.timer.now().timestamp() if timestamp is None else timestamp)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, body, headers):
        """Answer one request with a status and XML."""
        asked = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        action = asked["Action"]
        if action == "SimulateCustomPolicy":
            return 200, self.simulated(asked)
        key = headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        if key in self.off and not {"keys", "all"} & set(self.faults):
            return (
                403,
                b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error></ErrorResponse>",
            )
        if action not in ("GetSessionToken", "GetCallerIdentity") and not self.allowed(key, action, asked):
            return 403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        if action == "DeleteUser" and self.devices:
            return (
                409,
                b"<ErrorResponse><Error><Code>DeleteConflict</Code><Message>MFA</Message></Error></ErrorResponse>",
            )
        status, data = self.handed_on(body, headers)
        if status == 200:
            self.keep(action, asked, data)
        return status, data

    def keep(self, action, asked, data):
        """Keep what the stand-in does not go by."""
        if not action.startswith(("Get", "List")):
            self._state = None
        if action in ("EnableMFADevice", "DeactivateMFADevice"):
            (self.devices.add if action == "EnableMFADevice" else self.devices.discard)(asked["SerialNumber"])
        if action == "UpdateAccessKey":
            (self.off.add if asked["Status"] == "Inactive" else self.off.discard)(asked["AccessKeyId"])
        if action in ("CreateAccessKey", "GetSessionToken", "AssumeRole"):
            given = next(each.text or "" for each in ET.fromstring(data).iter() if each.tag.endswith("AccessKeyId"))
            if action == "AssumeRole":
                self.sessions[given] = asked["RoleSessionName"]
            else:
                self.users[given] = action == "GetSessionToken"
        if action in ("CreateRole", "UpdateAssumeRolePolicy"):
            # AWS keeps the unique id of whom a trust policy names.
            self.trusted = self.state().users[acceptance.NAME].id

    def handed_on(self, body, headers):
        """Have the stand-in answer."""
        kept = {
            k: v
            for k, v in headers.items()
            if k in ("Authorization", "Content-Type", "X-Amz-Date", "X-Amz-Security-Token")
        }
        try:
            with urlopen(Sent(self.behind, body, kept)) as response:
                return response.status, response.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    def state(self):
        """Give what there is, read anew after each change."""
        if self._state is None:
            self._state = self.cloud.observe(ACCOUNT)
        return self._state

    def allowed(self, key, action, asked):
        """Decide what the user and its sessions may; whoever runs the checks may all."""
        time = {"aws:CurrentTime": iso(self.timer.now() - timedelta(seconds=self.late))}
        if key in self.sessions and "all" not in self.faults:
            state = self.state()
            role = state.roles[acceptance.NAME]
            context = {**time, "aws:userid": f"{role.id}:{self.sessions[key]}"}
            documents = [
                state.policies[arn].document
                for arn in role.attached
                if not any(fault in self.faults and arn.endswith(fault) for fault in ("fence", "freeze"))
            ]
            return self.decides(f"iam:{action}", "*", context, documents, role.arn)
        if key not in self.users or "all" in self.faults:
            return True
        assert action == "AssumeRole"
        state = self.state()
        user, role = state.users[acceptance.NAME], state.roles[acceptance.NAME]
        mfa = {"aws:MultiFactorAuthPresent": "true"} if self.users[key] or "mfa" in self.faults else {}
        name = acceptance.NAME if "names" in self.faults else asked["RoleSessionName"]
        context = {**time, **mfa, "aws:username": user.name, "sts:RoleSessionName": name}
        documents = [state.policies[arn].document for group in user.groups for arn in state.groups[group].attached]
        if "gate" in self.faults:
            documents = [acceptance.document([{"Effect": "Allow", "Action": "*", "Resource": "*"}])]
        denies = {
            "attached": DENY_ALL in user.attached,
            "inline": bool(user.inline),
            "boundary": user.boundary == DENY_ALL,
        }
        if any(there and form not in self.faults for form, there in denies.items()):
            return False
        known = self.trusted == user.id or "trust" in self.faults
        return known and self.decides("sts:AssumeRole", role.arn, context, documents, user.arn, role.trust)

    def decides(self, action, resource, context, documents, who, trust=None):
        """Ask our evaluator."""
        asked = Request(action, resource, context, complete=True, principal=Principal.of(who))
        policies = [parse_policy(each, "p") for each in documents]
        own = None if trust is None else parse_policy(trust, "trust")
        return evaluate(asked, identity=policies, resource=own).effect is Effect.ALLOWED

    def simulated(self, asked):
        """Answer SimulateCustomPolicy in the words of AWS's service model, which is also what it may be asked in."""
        names = {key.partition(".")[0] for key in asked} - {"Action", "Version"}
        assert names <= set(SIMULATE.input_shape.members), names
        entries = SIMULATE.input_shape.members["ContextEntries"].member.members
        context: dict[str, str] = {}
        number = 1
        while (name := asked.get(f"ContextEntries.member.{number}.ContextKeyName")) is not None:
            kind = asked[f"ContextEntries.member.{number}.ContextKeyType"]
            assert kind in entries["ContextKeyType"].enum
            context[name] = asked[f"ContextEntries.member.{number}.ContextKeyValues.member.1"]
            number += 1
        policies = [parse_policy(json.loads(v), "p") for k, v in asked.items() if k.startswith("PolicyInputList.")]
        action, resource = asked["ActionNames.member.1"], asked["ResourceArns.member.1"]
        effect = evaluate(Request(action, resource, context, complete=True), identity=policies).effect
        said = acceptance.SIMULATED[str(effect)]
        if "simulator" in self.faults and "aws:userid" not in context and "aws:username" not in context:
            said = "allowed"
        result = SIMULATE.output_shape.members["EvaluationResults"].member.members
        assert said in result["EvalDecision"].enum
        inside = f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>{said}</EvalDecision></member>"
        body = (
            f"<SimulateCustomPolicyResult><EvaluationResults>{inside}</EvaluationResults></SimulateCustomPolicyResult>"
        )
        return f"<SimulateCustomPolicyResponse>{body}</SimulateCustomPolicyResponse>".encode()


@pytest.fixture
def stand_in():
    """Give the address of a fresh stand-in."""
    with StandIn() as found:
        yield found.endpoint


def caller(endpoint):
    """Give whoever runs the checks."""
    return acceptance.Caller(SESSION, endpoint)


def judged(stand_in, capsys, **how):
    """Run all checks against a judge; give the exit code and the checks by what they say, having left nothing."""
    timer = FakeTimer()
    with Judge(stand_in, timer, **how) as judge:
        code = acceptance.main([*YES, "--json"], caller(judge.endpoint), timer)
        assert acceptance.found(caller(judge.endpoint)) == []
    return code, {each["what"]: each for each in json.loads(capsys.readouterr().out)}


def failed(checks: Mapping[str, Mapping[str, object]]):
    """Name the checks that did not hold."""
    return [what for what, each in checks.items() if not each["held"]]


def test_all_holds_where_aws_does_as_it_documents(stand_in, capsys):
    """Every check is made and holds, and nothing is left."""
    code, checks = judged(stand_in, capsys)
    assert (failed(checks), code) == ([], 0)
    assert len(checks) == 29
    late = checks["the window ends, and the same session is denied"]["detail"]
    assert float(late.split()[1]) < 0.5, late


def test_how_late_a_session_is_denied_is_measured(stand_in, capsys):
    """An AWS whose clock is behind lets a session go on; more than some seconds are not accepted."""
    code, checks = judged(stand_in, capsys, late=8.0)
    assert code == 1
    assert "the window ends, and the same session is denied" in failed(checks)
    detail = checks["the window ends, and the same session is denied"]["detail"]
    assert 8 <= float(detail.split()[1]) < 8.5, detail


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("fence", "the window ends, and the same session is denied"),
        ("gate", "before the window the role cannot be taken"),
        ("mfa", "without MFA it cannot be taken"),
        ("names", "nor under another session name"),
        ("trust", "a user made anew under the same name is not trusted"),
        ("freeze", "a new version of the freeze policy ends a live session"),
        ("attached", "AWSDenyAll on a user ends what it signed in to"),
        ("inline", "an inline deny on a user ends what it signed in to"),
        ("boundary", "AWSDenyAll as the boundary of a user ends what it signed in to"),
        ("keys", "a key that is off signs nothing"),
        ("simulator", "AWS's simulator agrees with our evaluator: gate and fence, of others and with keys absent"),
    ],
)
def test_each_fault_is_found(stand_in, capsys, monkeypatch, fault, what):
    """What AWS might do otherwise is found by its own check."""
    monkeypatch.setattr(acceptance, "PATIENCE", 6.0)
    code, checks = judged(stand_in, capsys, faults=(fault,))
    assert code == 1
    assert what in failed(checks)


def test_a_stand_in_that_decides_nothing_passes_for_no_aws(stand_in, capsys, monkeypatch):
    """Where no condition is evaluated, the checks fail, and what was made is removed."""
    monkeypatch.setattr(acceptance, "PATIENCE", 3.0)
    code, checks = judged(stand_in, capsys, faults=("all",))
    assert code == 1
    assert "before the window the role cannot be taken" in failed(checks)
    assert checks["nothing is left behind"]["held"]


def test_it_is_refused_without_a_yes_and_for_another_account(stand_in, capsys):
    """Nothing is made without the word, nor in an account that is not the one that was named."""
    with pytest.raises(SystemExit) as stopped:
        acceptance.main(["--account", NUMBER], caller(stand_in), FakeTimer())
    assert stopped.value.code == 2
    other = ["--account", "999999999999", "--yes-i-mean-this-account"]
    for more in ([], ["--clean-up"]):
        assert acceptance.main([*other, *more], caller(stand_in), FakeTimer()) == 1
    assert "of account 123456789012, not of 999999999999" in capsys.readouterr().err


def test_it_is_refused_where_something_is_left_until_that_is_cleaned_up(stand_in, capsys):
    """What is there already may be another run's; what lies elsewhere is never removed, whatever its name."""
    boss = caller(stand_in)
    boss.iam.create_user(UserName="left", Path=acceptance.PATH)
    boss.iam.create_user(UserName=acceptance.NAME, Path="/")
    assert acceptance.main(YES, boss, FakeTimer()) == 1
    assert "user left already; run with --clean-up first" in capsys.readouterr().err
    assert acceptance.main([*YES, "--clean-up"], boss, FakeTimer()) == 0
    assert [user["UserName"] for user in boss.iam.list_users()["Users"]] == [acceptance.NAME]
    # The name is taken, so that no run can begin; the other's user is still not touched.
    assert acceptance.main(YES, boss, FakeTimer()) == 1
    assert [user["Path"] for user in boss.iam.list_users()["Users"]] == ["/"]
    assert acceptance.found(boss) == []


class Cut:
    """Interrupts whoever runs the checks at one of their calls, before it is sent or once it is done."""

    def __init__(self, boss, at, when):
        self.calls: list[str] = []
        self.at = at
        for client in (boss.iam, boss.sts):
            client.meta.events.register(f"{when}-call", self.interrupt)

    def interrupt(self, model, **_):
        """Interrupt at the call that was said."""
        self.calls.append(model.name)
        if len(self.calls) - 1 == self.at:
            raise KeyboardInterrupt


def cut_at(endpoint, at, when):
    """Run with an interrupt at a call; give whether it came to it, whether something was left, and the calls made."""
    boss = caller(endpoint)
    cut = Cut(boss, at, when)
    try:
        acceptance.main([*YES, "--json"], boss, FakeTimer())
    except KeyboardInterrupt:
        fresh = caller(endpoint)
        left = bool(acceptance.found(fresh))
        # Where it was in the middle of its own cleaning up, a second run does that.
        if left:
            assert acceptance.main([*YES, "--clean-up"], fresh, FakeTimer()) == 0
        assert acceptance.found(fresh) == []
        return True, left, cut.calls
    return False, False, cut.calls


def check_cuts(stand_in, monkeypatch, step):
    """Cut at each so many-th call, before it and after it; give how many calls there are."""
    monkeypatch.setattr(acceptance, "PATIENCE", 1.0)
    # The simulator is asked some sixty times, and nothing is made meanwhile.
    monkeypatch.setattr(acceptance.Acceptance, "_simulated", lambda *_: iter(()))
    with Judge(stand_in, FakeTimer(), faults=("all",)) as judge:
        calls = cut_at(judge.endpoint, 10_000, "before")[2]
        found = {(at, w): cut_at(judge.endpoint, at, w) for at in range(0, len(calls), step) for w in CUTS}
    assert all(came for came, _, _ in found.values())
    # Only an interrupt of its own cleaning up, which begins by listing MFA devices anew, may leave anything.
    cleaning = calls.index("ListVirtualMFADevices", calls.index("ListVirtualMFADevices") + 1)
    assert all(at >= cleaning for (at, _), (_, left, _) in found.items() if left)
    return len(calls)


CUTS = ("before", "after")


def test_an_interrupted_run_leaves_nothing(stand_in, monkeypatch, capsys):
    """Cut here and there; the slow test cuts everywhere."""
    check_cuts(stand_in, monkeypatch, 19)


@pytest.mark.slow
def test_a_run_interrupted_at_any_call_leaves_nothing(stand_in, monkeypatch, capsys):
    """Every call, before it is sent and after it is done."""
    assert check_cuts(stand_in, monkeypatch, 1) > 60


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_rfc_6238(seconds, code):
    """Appendix B of RFC 6238: the last six of its eight digits, for SHA-1."""
    assert acceptance.totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", seconds // 30) == code
