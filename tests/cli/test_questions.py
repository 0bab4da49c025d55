"""`can`, `explain`, `who-can`, `prove`, `diff`, `policy cases`: what a person reads, and what programs are told."""

import json
import shlex
import subprocess
import sys
from datetime import timedelta

import pytest
from tests.cli.scenes import on_stage
from tests.lakes import log
from tests.teams import MONDAY
from tests.trails import record, user

from watchbill.access.organization import SCP
from watchbill.bootstrap import make_app
from watchbill.files.team_file import read_team


NOON = {"watchbill_at": "2026-01-12T12:00:00Z"}
REBOOT = "rds:RebootDBInstance"


def test_can_says_by_which_way_and_why(watchbill, sample):
    """A line for each way; a denial names what denies, not what else is allowed."""
    ran = watchbill("can", "james", REBOOT, **NOON)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "production, user james: ImplicitlyDenied (no statement allows it)",
        "production, role oncall-platform: ExplicitlyDenied (gate-oncall-platform-1#S20260112T110000; "
        "fence-oncall-platform-1#S20260112T110000)",
        "staging, user james: Allowed (set-developer#Allow)",
    ]


def test_can_with_json_has_the_whole_of_it(watchbill, sample):
    """Programs read ARNs, each way, and the best answer of an account."""
    production, staging = watchbill("can", "rick", REBOOT, "--json", **NOON).json["result"]
    assert (production["decision"], staging["decision"]) == ("Allowed", "Allowed")
    assert [path["path"] for path in production["paths"]] == ["user rick", "role oncall-platform"]
    assert production["paths"][1]["because"][-1] == "arn:aws:iam::111111111111:policy/watchbill/set-prod-oncall#Allow"
    without = watchbill("can", "rick", REBOOT, "--without-mfa", "--account", "production", "--json").json["result"]
    assert [each["decision"] for each in without] == ["ImplicitlyDenied"]
    given = watchbill("can", "rick", REBOOT, "--context", "AWS:multifactorauthpresent=false", "--json").json["result"]
    assert given[0]["decision"] == "ImplicitlyDenied"


def test_can_at_an_instant(watchbill, sample):
    """The handoff belongs to the next watch."""
    for at, decision in (("2026-01-12T17:59:59Z", "Allowed"), ("2026-01-12T18:00:00Z", "ImplicitlyDenied")):
        ran = watchbill("can", "rick", REBOOT, "--account", "production", "--at", at, "--json", **NOON)
        assert ran.json["result"][0]["decision"].replace("Explicitly", "Implicitly") == decision


def test_who_can_now(watchbill, sample):
    """Those together who can by the same way; what else must be so is said."""
    ran = watchbill("who-can", REBOOT, **NOON)
    assert ran.out.splitlines() == [
        "production, role oncall-platform, if aws:MultiFactorAuthPresent is true: rick",
        "staging, their own user: ada, james, lee, rick",
    ]
    assert watchbill("who-can", "iam:CreateUser", **NOON).out == "nobody\n"


def test_who_can_over_a_span(watchbill, sample):
    """Each part with who can in it, in order of time; all of it is one word."""
    ran = watchbill("who-can", REBOOT, "--between", "2026-01-12T00:00:00Z", "2026-01-12T20:00:00Z")
    assert ran.out.splitlines() == [
        "production, role oncall-platform, if aws:MultiFactorAuthPresent is true",
        "  2026-01-12T00:00:00Z - 2026-01-12T02:00:00Z  ada",
        "  2026-01-12T02:00:00Z - 2026-01-12T11:00:00Z  priya",
        "  2026-01-12T11:00:00Z - 2026-01-12T18:00:00Z  rick",
        "  2026-01-12T18:00:00Z - 2026-01-12T20:00:00Z  james",
        "staging, their own user",
        "  throughout  ada, james, lee, rick",
    ]


def test_who_can_supposes_nothing(watchbill, sample):
    """With MFA given the condition is gone; without it nobody is left in production."""
    given = watchbill("who-can", REBOOT, "--context", "aws:multifactorauthpresent=true", "--json", **NOON)
    rick = given.json["result"][0]
    assert (rick["person"], rick["decision"], rick["conditions"]) == ("rick", "Allowed", [])
    none = watchbill("who-can", REBOOT, "--context", "aws:MultiFactorAuthPresent=false", "--account", "production")
    assert none.out == "nobody\n"


def test_explain_goes_down_to_the_line_of_the_file(watchbill, sample):
    """The statement in words, what gives it, and the line that says so."""
    ran = watchbill("explain", "rick", REBOOT, **NOON)
    assert ran.code == 0
    assert "production, role oncall-platform: Allowed" in ran.out
    (because,) = [line for line in ran.out.splitlines() if "because rota platform, layer emea-day" in line]
    assert "gives prod-oncall in production, until 2026-01-12T18:00:00Z" in because
    line = int(because.rsplit("watchbill.yaml:", 1)[1].split(":")[0])
    assert sample.read_text("utf-8").splitlines()[line - 1].strip() == "- name: emea-day"
    later = watchbill("explain", "james", REBOOT, **NOON).out
    assert "it is allowed from 2026-01-12T18:00:00Z to 2026-01-13T02:00:00Z" in later


def test_explain_with_json(watchbill, sample):
    """Each step with its decision; the taking of the role comes first."""
    found = watchbill("explain", "rick", REBOOT, "--account", "production", "--json", **NOON).json["result"]
    own, role = found
    assert (own["way"], own["decision"]) == ("user rick", "ImplicitlyDenied")
    assert own["steps"][0]["blocked_by"] == "identity"
    assert [step["decision"] for step in role["steps"]] == ["Allowed", "Allowed"]
    assert role["steps"][0]["request"].startswith("sts:AssumeRole on arn:aws:iam::111111111111:role/")
    assert role["what_would_change_it"] == []


def test_prove_exits_by_its_answer(watchbill, sample):
    """A pipeline may stand on it: 0 when all is proven, 1 when anything is not."""
    ran = watchbill("prove", "everyone never iam:CreateUser", **NOON)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "proven: everyone never iam:CreateUser (8 people, 18 ways)")
    ran = watchbill("prove", "everyone never iam:CreateUser", "sofia never iam:GetUser in staging", **NOON)
    assert ran.code == 1
    assert "broken: sofia never iam:GetUser in staging: sofia in staging by user sofia" in ran.out
    ran = watchbill("prove", "omar never ec2:* in staging", **NOON)
    assert (ran.code, "nobody it is about has an IAM user there" in ran.out) == (0, True)
    broken = watchbill("prove", "support never ec2:TerminateInstances", "--json", **NOON)
    assert broken.code == 1
    (role,) = [each for each in broken.json["result"] if each["answer"] == "broken" and each["person"] == "priya"]
    assert role["taking"]["action"] == "sts:AssumeRole"
    assert role["counterexample"]["action"] == "ec2:TerminateInstances"


def test_prove_reads_a_file(watchbill, sample, tmp_path):
    """Mistakes are told with file and line, also to programs."""
    (tmp_path / "never.txt").write_text("# ours\neveryone never iam:CreateUser  # nobody\n", "utf-8")
    assert watchbill("prove", "--file", "never.txt", **NOON).code == 0
    (tmp_path / "bad.txt").write_text("everyone never iam:CreateUser\nsales never s3:*\n", "utf-8")
    ran = watchbill("prove", "--file", "bad.txt", **NOON)
    assert (ran.code, ran.out) == (1, "")
    assert "bad.txt:2" in ran.err
    assert "`sales` is no group" in ran.err
    (problem,) = watchbill("prove", "--file", "bad.txt", "--json", **NOON).json["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("bad-invariant", "bad.txt", 2)


def test_a_slip_in_an_action_is_said(watchbill, sample):
    """Nobody can do what does not exist, which proves nothing."""
    for arguments in (("can", "rick"), ("explain", "rick"), ("who-can",)):
        ran = watchbill(*arguments, "ec2:TerminateInstance", **NOON)
        said = "note: AWS's reference lists no action `ec2:TerminateInstance` (did you mean `ec2:TerminateInstances`?)"
        assert said in ran.out
    for action in ("ec2:TerminateInstance", "ec2:Terminated*"):
        ran = watchbill("prove", f"sofia never {action}", **NOON)
        assert f"note: AWS's reference lists no action `{action}`" in ran.out
    assert "note:" not in watchbill("prove", "sofia never iam:Create*", **NOON).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("can", "rick"), "Missing argument"),
        (("can", "rick", "ec2:*"), "`ec2:*` is a pattern"),
        (("who-can", "ec2:*"), "`ec2:*` is a pattern"),
        (("can", "rick", REBOOT, "--context", "nonsense"), "`nonsense` is no key=value"),
        (("can", "rick", REBOOT, "--context", "=x"), "`=x` is no key=value"),
        (("explain", "rick", REBOOT, "--context", "aws:currenttime=1"), "use --at"),
        (("can", "rick", REBOOT, "--at", "noon"), "`noon` is no instant"),
        (("can", "rick", REBOOT, "--at", "2026-01-12T12:00:00"), "names no time zone"),
        (("can", "rick", REBOOT, "--at", "0001-01-01T00:00:00+14:00"), "is no instant"),
        (("can", "rick", REBOOT, "--at", "9999-12-31T00:00:00Z"), "is out of reach"),
        (("who-can", REBOOT, "--between", "noon", "2026-01-12T12:00:00Z"), "`noon` is no instant"),
        (("who-can", REBOOT, "--between", "2026-01-12T12:00:00Z", "2026-01-12T12:00:00Z"), "must end after it starts"),
        (("who-can", REBOOT, "--at", "2026-01-12T12:00:00Z", "--between", "a", "b"), "not both"),
        (("prove", "james never s3:* in production", "--account", "staging"), "is about another account"),
        (("diff", "watchbill.yaml"), "Missing argument"),
        (("diff", "watchbill.yaml", "gone.yaml"), "does not exist"),
        (("diff", "watchbill.yaml", "watchbill.yaml", "--days", "0"), "0 is not in the range"),
        (("policy", "cases"), "Missing argument"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments, message, watchbill, sample):
    """64, nothing on standard output, and what to write instead."""
    ran = watchbill(*arguments, **NOON)
    assert (ran.code, ran.out) == (64, "")
    assert message in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("can", "jams", REBOOT), "no person `jams`"),
        (("explain", "jams", REBOOT), "no person `jams`"),
        (("who-can", REBOOT, "--account", "prod"), "no account `prod`"),
        (("prove", "everyone never s3:*", "--account", "prod"), "no account `prod`"),
        (("prove", "sales never s3:*"), "`sales` is no group"),
    ],
)
def test_a_name_that_nothing_has_is_met_with_what_there_is(arguments, message, watchbill, sample):
    """1, since the command line is right and the team file has no such thing."""
    ran = watchbill(*arguments, **NOON)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err


def test_diff_says_who_gains_what_when(watchbill, sample, tmp_path):
    """Two lines for each: what, and when on what condition; 2 only when it is asked for."""
    text = sample.read_text("utf-8")
    (tmp_path / "new.yaml").write_text(text.replace('"ssm:*"]', '"ssm:*", "sqs:SendMessage"]'), "utf-8")
    span = ("--days", "1", "--at", "2026-01-12T12:00:00Z")
    ran = watchbill("diff", "watchbill.yaml", "new.yaml", *span)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "+ production: james gains sqs:SendMessage",
        "    2026-01-12T18:00:00Z - 2026-01-13T02:00:00Z, if aws:MultiFactorAuthPresent is true",
        "+ production: priya gains sqs:SendMessage",
        "    2026-01-13T02:00:00Z - 2026-01-13T11:00:00Z, if aws:MultiFactorAuthPresent is true",
        "+ production: rick gains sqs:SendMessage",
        "    2026-01-12T12:00:00Z - 2026-01-12T18:00:00Z and 1 more span, if aws:MultiFactorAuthPresent is true",
    ]
    assert watchbill("diff", "watchbill.yaml", "new.yaml", *span, "--detailed-exitcode").code == 2
    back = watchbill("diff", "new.yaml", "watchbill.yaml", *span, "--json").json["result"]
    assert {(each["verb"], tuple(each["actions"])) for each in back} == {("loses", ("sqs:SendMessage",))}
    same = watchbill("diff", "watchbill.yaml", "watchbill.yaml", "--detailed-exitcode")
    assert (same.code, same.out) == (0, "no difference in what anybody can do\n")


def test_diff_says_all_that_is_gained_in_few_words(watchbill, sample, tmp_path):
    """None is left out of the text; programs get patterns without exceptions."""
    text = sample.read_text("utf-8")
    (tmp_path / "new.yaml").write_text(text.replace('allow: ["ec2:Describe*"]', 'allow: ["ec2:*"]'), "utf-8")
    span = ("--days", "1", "--at", "2026-01-12T12:00:00Z")
    out = watchbill("diff", "watchbill.yaml", "new.yaml", *span).out
    assert "+ production: omar gains ec2:* but ec2:Describe*, ec2:TerminateInstances\n    throughout\n" in out
    (omar,) = [
        each
        for each in watchbill("diff", "watchbill.yaml", "new.yaml", *span, "--json").json["result"]
        if each["person"] == "omar"
    ]
    assert "ec2:RunInstances" in omar["actions"] or "ec2:Run*" in omar["actions"]
    assert not {"ec2:*", "ec2:Describe*", "ec2:Terminate*", "ec2:TerminateInstances"} & set(omar["actions"])


def test_diff_reads_a_revision_from_git(sample, tmp_path):
    """As its help says, by a shell's `<(...)`; a command that gives nothing is told from a file that does."""

    def run(line):
        return subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)

    setup = "git init -q -b main . && git add watchbill.yaml && git -c user.name=a -c user.email=a@b commit -qm one"
    assert run(setup).returncode == 0
    text = sample.read_text("utf-8")
    sample.write_text(text.replace('"ssm:*"]', '"ssm:*", "sqs:SendMessage"]'), "utf-8")
    diff = f"{shlex.quote(sys.executable)} -m watchbill diff"
    span = "--days 1 --at 2026-01-12T12:00:00Z"
    ran = run(f"{diff} <(git show main:watchbill.yaml) watchbill.yaml {span}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "+ production: james gains sqs:SendMessage\n" in ran.stdout
    both = run(f"{diff} <(cat watchbill.yaml) <(git show main:watchbill.yaml) {span}")
    assert both.stdout == ran.stdout.replace("+ ", "- ").replace("gains", "loses")
    gone = run(f"{diff} <(git show nowhere:watchbill.yaml) watchbill.yaml")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "nothing came out of /dev/fd/" in gone.stderr
    endless = run(f"{diff} watchbill.yaml <(yes)")
    assert (endless.returncode, endless.stdout) == (1, "")
    assert "more than 10 MiB" in endless.stderr


def test_diff_of_a_file_with_mistakes_names_the_place(watchbill, sample, tmp_path):
    """Either of the two may be wrong."""
    (tmp_path / "bad.yaml").write_text("team: x\npeple: {}\n", "utf-8")
    ran = watchbill("diff", "watchbill.yaml", "bad.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert "bad.yaml:2:1" in ran.err


def test_live_asks_what_aws_has(watchbill, aws, tmp_path):
    """Before a plan is applied nobody can do anything there; after, what the file says."""
    on_stage(aws, tmp_path)
    environment = {"watchbill_at": "2026-01-12T00:00:00Z", "watchbill_actor": "ada"}
    assert watchbill("who-can", "ec2:DescribeInstances", "--live", **environment).out == "nobody\n"
    assert watchbill("apply", "--yes").code == 0
    live = watchbill("who-can", "ec2:DescribeInstances", "--live", "--json").json["result"]
    written = watchbill("who-can", "ec2:DescribeInstances", "--json").json["result"]
    assert {each["person"] for each in live} == {each["person"] for each in written} > {"rick"}
    assert watchbill("prove", "everyone never iam:CreateUser", "--live").code == 0
    assert "developer#Allow" in watchbill("explain", "rick", "s3:GetObject", "--live").out


def test_a_question_makes_no_state(watchbill, sample, tmp_path):
    """Who only asks leaves nothing behind."""
    assert watchbill("can", "rick", REBOOT, **NOON).code == 0
    assert not (tmp_path / ".watchbill").exists()


def decision(name, expected):
    """Write a case of one policy that allows, and what is expected of it."""
    return {"id": name, "layer": "decision", "source": {"project": "ours"}, "policies": {"identity": [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}]}, "request": {"action": "s3:GetObject", "resource": "arn:aws:s3:::a/b", "context": {}}, "expected": {"decision": expected}}  # fmt: skip


def test_policy_cases_says_where_we_agree(watchbill, tmp_path):
    """One that cannot be read disagrees and says why; the others are run all the same."""
    lines = [json.dumps(decision("good", "Allowed")), json.dumps(decision("bad", "Denied")), "", "{nonsense", "[]", "3"]
    (tmp_path / "cases.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    ran = watchbill("policy", "cases", "cases.jsonl", "--json")
    assert ran.code == 0
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [each["agrees"] for each in found] == [True, False, False, False, False]
    assert [each["id"] for each in found] == ["good", "bad", "cases.jsonl:4", "cases.jsonl:5", "cases.jsonl:6"]
    assert "this is no JSON" in found[2]["reasons"][0]
    shown = watchbill("policy", "cases", "cases.jsonl", "--detailed-exitcode")
    assert shown.code == 2
    assert "bad: expected Denied, got Allowed" in shown.out


def test_hostile_strings_are_inert(watchbill, sample, tmp_path):
    """Whatever is asked is shown, and moves no cursor."""
    bad = "ec2:[red]Run\x1b[2J\u202eX"
    for arguments in (("can", "rick"), ("explain", "rick"), ("who-can",)):
        ran = watchbill(*arguments, bad, "arn:aws:s3:::[bold]\x07", **NOON)
        assert ran.code == 0
        assert not any(character in ran.out + ran.err for character in "\x1b\x07\u202e")
    ran = watchbill("prove", f"sofia never {bad} on arn:aws:s3:::\x07", **NOON)
    assert not any(character in ran.out + ran.err for character in "\x1b\x07\u202e")
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "\x1b[2J[red]", "layer": "\x07"}) + "\n", "utf-8")
    ran = watchbill("policy", "cases", "cases.jsonl")
    assert not any(character in ran.out + ran.err for character in "\x1b\x07\u202e")


@pytest.fixture
def bound(watchbill, sample, aws):
    """Put the accounts of the sample into an organization, which denies every reboot, and say so in the file."""
    text = sample.read_text("utf-8")
    sample.write_text(f"organization: production\n{text}", "utf-8")
    app = make_app(endpoint=aws, keys=("any", "any"))
    client = app.accounts.client(read_team(sample).accounts["production"], "organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    client.enable_policy_type(RootId=root, PolicyType=SCP)
    said = {"Sid": "NoReboots", "Effect": "Deny", "Action": REBOOT, "Resource": "*"}
    content = json.dumps({"Version": "2012-10-17", "Statement": [said]})
    policy = client.create_policy(Content=content, Description="-", Name="guard", Type=SCP)
    client.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=root)
    return sample


def test_an_organization_that_was_never_read_leaves_the_answer_open(watchbill, bound, tmp_path):
    """Each question says so, and none makes a state."""
    ran = watchbill("can", "rick", REBOOT, "--account", "staging", **NOON)
    assert "staging, user rick: Depends" in ran.out
    assert "not read: organization policies: they were never read: `watchbill plan` reads them" in ran.out
    who = watchbill("who-can", REBOOT, "--account", "staging", **NOON).out
    assert "unless organization policies: they were never read" in who
    explained = watchbill("explain", "rick", REBOOT, "--account", "staging", **NOON).out
    assert "because not read: organization policies: they were never read" in explained
    broken = watchbill("prove", f"rick never {REBOOT}", "--account", "staging", **NOON)
    assert (broken.code, "unknown: " in broken.out) == (1, True)
    assert not (tmp_path / ".watchbill").exists()


def test_an_organization_that_a_plan_read_is_known_to_the_file(watchbill, bound, tmp_path):
    """Where staging is no member of it, that is said; where production is in charge of it, nothing binds it."""
    assert watchbill("plan", **NOON).code == 0
    ran = watchbill("can", "rick", REBOOT, "--json", **NOON)
    production, staging = ran.json["result"]
    assert (production["decision"], staging["decision"]) == ("Allowed", "Depends")
    assert "is not in the organization o-" in staging["paths"][0]["unread"][0]
    (said,) = ran.json["problems"]
    assert said["code"] == "assumed"
    assert said["message"].startswith("organization policies are taken as read, first so at 2026-01-12T12:00")
    before = watchbill("can", "rick", REBOOT, "--json", "--at", "2026-01-12T11:59:00Z", **NOON).json
    assert "they were not read before 2026-01-12T12:00:00Z" in before["result"][0]["paths"][0]["unread"][0]
    assert "is not known: they were not read before 2026-01-12T12:00:00Z" in before["problems"][0]["message"]


def test_an_audit_says_as_of_when_the_organization_was_read_that_judged_it(watchbill, bound, tmp_path):
    """In its answer and in its report; where it was not read by then, that is said in its place."""
    (tmp_path / "trail").mkdir()
    day = timedelta(days=1)
    (tmp_path / "trail" / "a.json").write_bytes(log([record(REBOOT, user("james"), MONDAY + day)]))
    assert watchbill("plan", **NOON).code == 0
    later = {"watchbill_at": "2026-01-14T12:00:00Z"}
    ran = watchbill("audit", "--trail", "trail", "--html", "report.html", "--json", **later)
    as_of = "organization policies are taken as read, first so at 2026-01-12T12:00:00Z, last at 2026-01-12T12:00:00Z"
    assert [each["message"] for each in ran.json["problems"] if as_of in each["message"]]
    assert as_of in (tmp_path / "report.html").read_text("utf-8")
    (tmp_path / "trail" / "a.json").write_bytes(log([record(REBOOT, user("james"), MONDAY - day)]))
    early = [each["message"] for each in watchbill("audit", "--trail", "trail", "--json", **later).json["problems"]]
    assert any("they were not read before 2026-01-12T12:00:00Z" in each for each in early)
    assert not any(as_of in each for each in early)


def test_a_plan_of_what_lies_ahead_keeps_nothing(watchbill, bound):
    """It would hide whatever is read until then."""
    assert watchbill("plan", watchbill_at="2100-01-12T12:00:00Z").code == 0
    assert watchbill("plan", **NOON).code == 0
    (said,) = watchbill("can", "rick", REBOOT, "--json", **NOON).json["problems"]
    assert "first so at 2026-01-12T12:00:00Z, last at 2026-01-12T12:00:00Z" in said["message"]
