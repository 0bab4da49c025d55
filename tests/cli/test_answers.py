"""What every command promises: one JSON object that its committed schema takes, exit codes, help, inert text."""

import json
from dataclasses import replace
from pathlib import Path

import boto3
import click
import jsonschema
import pytest
from tests.cli.scenes import case_of, hijacked, on_stage, trail_of

from watchbill.cli.main import cli
from watchbill.cli.parts import whole
from watchbill.cli.schemas import LINES, PLAIN, RESULTS, output_schemas


SCHEMAS = Path(__file__).parents[2] / "schemas/output"
SCHEDULES = Path(__file__).parents[1] / "data/schedules"
RESERVED = frozenset(
    {"init", "validate", "plan", "apply", "drift", "grant", "oncall", "can", "who-can", "explain", "diff", "prove"}
    | {
        "policy",
        "rightsize",
        "review",
        "roles",
        "trail",
        "audit",
        "rules",
        "cases",
        "case",
        "ask",
        "answer",
        "confirm",
        "verdict",
        "freeze",
        "evict",
        "tick",
        "assist",
        "offboard",
        "onboard",
        "export",
        "send",
    }
    | {
        "restore",
        "ledger",
        "report",
        "run",
        "serve",
        "sign-in",
        "slack",
        "demo",
        "request",
        "requests",
        "plans",
        "observe",
        "hosts",
    }
)


def commands(group=cli, above=()):
    """Give the name of every command, `trail read`, with the command."""
    for name, command in whole(group).items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield " ".join((*above, name)), command
            yield from commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


def check(name, ran):
    """Take what a command printed by its committed schema."""
    schema = json.loads((SCHEMAS / f"{name.replace(' ', '-')}.schema.json").read_text("utf-8"))
    jsonschema.validate(ran.json, schema, format_checker=jsonschema.FormatChecker())
    return ran.json


def test_the_committed_schemas_are_in_step():
    """`python tools/schemas.py` writes them anew; one for each command, and none besides."""
    committed = {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8")) for path in SCHEMAS.iterdir()
    }
    assert committed == output_schemas()
    assert {*RESULTS, *LINES, *PLAIN} == {name for name, _ in commands()}


def test_names_are_the_reserved_ones():
    """Names are final: what exists is spelled as it always will be."""
    assert set(whole(cli)) <= RESERVED


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_help_teaches(name, command, watchbill):
    """Each command says what it does and what each option is for."""
    assert command.help
    assert len(command.help) > 40
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, f"{name} {parameter.name}"
    assert watchbill(*name.split(), "--help").code == 0


def ask_about_plans(answer, folder):
    """Let a pass keep a plan by a file that gives somebody more; it is shown, approved by one of two, and refused."""
    assert answer("hosts plan") == answer("hosts apply", "--yes")
    assert answer("hosts certificates", "james") == []
    file = folder / "watchbill.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("members: [sofia]", "members: [sofia, omar]"), "utf-8")
    kept = answer("run")["proposal"]
    (waits,) = answer("plans")
    assert (waits["id"], waits["state"], waits["people"]) == (kept, "waiting", 2)
    assert [each["kind"] for each in answer("plans show", kept)["findings"] if each["waits"]] == ["unknown-author"] * 2
    assert answer("plans approve", kept, watchbill_actor="ada")["approved_by"] == ["ada"]
    assert answer("plans refuse", kept, "--reason", "not yet")["state"] == "refused"
    file.write_text(text, "utf-8")
    assert answer("run")["proposal"] is None


def ask_who_can(answer, watchbill, folder):
    """Ask each question about who can do what, once."""
    answer("slack check", code=1)
    answer("sign-in", code=1)
    explained = answer("explain", "james", "rds:ModifyDBInstance", "--at", "2026-01-12T20:00:00Z")
    assert [each["decision"] for each in explained if each["account"] == "production"] == [
        "ImplicitlyDenied",
        "Allowed",
    ]
    (holder,) = answer("who-can", "rds:ModifyDBInstance", "--live", "--account", "production")
    assert holder["conditions"] == ["if aws:MultiFactorAuthPresent is true"]
    (proof, broken) = answer("prove", "sofia never s3:*", "james never rds:* in staging", code=1)[1:]
    assert (proof["answer"], broken["answer"]) == ("proven", "broken")
    changed = (folder / "watchbill.yaml").read_text("utf-8").replace('"cloudtrail:LookupEvents", ', "")
    (folder / "changed.yaml").write_text(changed, "utf-8")
    found = answer("diff", "watchbill.yaml", "changed.yaml", "--days", "1", "--detailed-exitcode", code=2)
    assert {(each["person"], each["verb"]) for each in found} == {("sofia", "loses")}
    case = {"id": "c", "layer": "nonsense", "expected": {"decision": "Allowed"}}
    (folder / "cases.jsonl").write_text(f"{json.dumps(case)}\n[]\n", "utf-8")
    ran = watchbill("policy", "cases", "cases.jsonl", "--json")
    for line in ran.out.splitlines():
        check("policy cases", replace(ran, out=line))
    assert len(ran.out.splitlines()) == 2


def test_every_answer_is_as_its_schema_says(watchbill, aws, tmp_path):
    """One run of each command against the stand-in, success and failure, validated by the committed schemas."""
    stage = on_stage(aws, tmp_path)
    seen = set()

    def answer(name, *arguments, code=0, **environment):
        ran = watchbill(*name.split(), *arguments, "--json", **environment)
        assert ran.code == code, (name, ran.out, ran.err)
        seen.add(name)
        return check(name, ran)["result"]

    environment = {"watchbill_at": "2026-01-12T00:00:00Z", "watchbill_actor": "ada"}
    answer("validate", **environment)
    assert answer("oncall")["gaps"] == []
    assert answer("oncall show")["shifts"] == answer("oncall export", "--to", "2026-01-26", "--form", "json")["shifts"]
    assert answer("oncall check", "--days", "14")["loads"]
    assert answer("oncall fetch") == []
    assert answer("oncall swap", "james", "rick", "--from", "2026-01-13", "--to", "2026-01-14", "--reason", "r")[
        "gains"
    ]
    assert answer("oncall import", "csv", SCHEDULES / "shifts.csv")["shifts"]
    answer("plan", "-o", "plan.json")
    assert all(outcome["state"] == "done" for outcome in answer("apply", "plan.json")["outcomes"])
    assert answer("plan", "--detailed-exitcode")["changes"] == []
    answer("drift")
    assert {each["role"] for each in answer("roles")["policies"]} == {"reader", "reconciler", "responder"}
    (found,) = answer("can", "james", "rds:ModifyDBInstance", "--at", "2026-01-12T20:00:00Z", "--account", "production")
    assert found["decision"] == "Allowed"
    ask_who_can(answer, watchbill, tmp_path)

    ask_about_plans(answer, tmp_path)
    hijack, where = hijacked(stage), trail_of(stage, tmp_path)
    at = stage.clock.now().isoformat()
    assert answer("trail read", where, watchbill_at=at)["distinct"] > 1000
    assert answer("audit", "--trail", where)["team"] == "orders"
    answer("rules list", "rules", code=0)
    assert answer("rules test", "rules", code=1)["tests"] == []
    answer("rules doctor", "rules", where)
    check("rules run", watchbill("rules", "run", "rules", where, "--json"))
    assert answer("run", "--trail", where)["raised"]
    case_id = case_of(answer("cases"), hijack.person)
    assert answer("case", case_id)["case"]["person"] == hijack.person
    assert answer("export cases", "--format", "jsonl")["cases"]
    assert answer("send cases", "--syslog", "udp://127.0.0.1:9", "--dry-run")["dry_run"]
    stop_and_give_back(answer, case_id, hijack.person)
    answer("verdict", case_id, "hijack", "--reason", "stolen password")
    told = answer("case", case_id, "--html", "case.html")
    assert told["steps"][-1]["what"] == "closed the case as hijack: stolen password"
    assert told["times"]["answer"] is not None
    assert "closed the case" in (tmp_path / "case.html").read_text("utf-8")
    assert answer("report", "--trail", where)["cases"] == answer("report")["cases"]
    ask_for_access(answer)
    answer("ledger show")
    assert answer("ledger verify")["state"] == "intact"
    answer("init", "--from-trail", where, "--team", "drafted.yaml")
    ask_the_lake(answer, aws, where, tmp_path)
    # What these two answer at their end is seen where they are run: in test_demo.py and test_serve.py.
    assert seen | {"demo", "serve"} == set(RESULTS)


def stop_and_give_back(answer, case_id, person):
    """Ask somebody, freeze them, look at the eviction, restore them, and help another back in."""
    answer("ask", case_id)
    assert answer("answer", case_id, "no", watchbill_actor=person)["status"] == "escalated"
    answer("confirm", case_id, "yes", code=1)
    assert answer("freeze", case_id, "--yes", watchbill_actor="ada")["holds"]
    for live in ((), ("--live",)):
        frozen = answer("can", person, "ec2:DescribeInstances", *live)
        assert {each["decision"] for each in frozen} == {"ExplicitlyDenied"}
    answer("verdict", case_id, "hijack", "--reason", "stolen password")
    assert answer("evict", case_id, "--dry-run")["outcomes"] == []
    assert answer("tick", case_id) == []
    answer("tick", case_id, "1", code=1)
    assert answer("restore", case_id)["differences"] == []
    help_back(answer)
    onboard(answer)
    offboard(answer)


def onboard(answer):
    """Give somebody their first password, into a file alone; a second one is refused."""
    given = ("omar", "--account", "production")
    assert answer("onboard", *given, "--dry-run")["outcomes"] == []
    made = answer("onboard", *given, "--password-file", "omar.txt", "--yes")
    password = Path("omar.txt").read_text("utf-8").strip()
    assert len(password) == 40
    assert password not in json.dumps(made)
    answer("onboard", *given, "--password-file", "again.txt", "--yes", code=1)


def offboard(answer):
    """Shut somebody out who leaves, look, be refused while the file gives them anything, and take it back."""
    assert answer("offboard begin", "marta", "--reason", "left", "--dry-run")["checks"] == []
    assert answer("offboard begin", "marta", "--reason", "left", "--yes")["holds"]
    found = answer("offboard show", "marta", "-o", "marta.diff")
    assert (found["state"], [given["what"] for given in found["given"]]) == ("asked", ["group support"])
    assert "-    members: [omar, priya, marta]" in found["diff"]
    assert "DeleteUser" in {each["operation"] for each in answer("offboard finish", "marta", "--dry-run")["changes"]}
    answer("offboard finish", "marta", "--yes", code=1, watchbill_actor="sofia")
    assert answer("offboard cancel", "marta", watchbill_actor="ada")["differences"] == []


def help_back(answer):
    """Help somebody back in, once; the password is in no answer."""
    given = ("lee", "--account", "production", "--password", "--reason", "forgotten")
    name = answer("assist request", *given)["id"]
    answer("assist approve", name)
    made = answer("assist collect", name, watchbill_actor="lee")
    assert (made["state"], "Password" in str(made)) == ("done", False)
    answer("assist refuse", name, "--reason", "late", code=1, watchbill_actor="ada")


def ask_for_access(answer):
    """Ask for a permission set twice: one is approved and ended, the other refused."""
    for_a_while = ("support", "--for", "30m", "--reason")
    first, second = (answer("request", *for_a_while, why, watchbill_actor="lee")["id"] for why in ("a ticket", "more"))
    assert {each["id"] for each in answer("requests")} == {first, second}
    assert answer("requests approve", first, watchbill_actor="ada")["state"] == "approved"
    exchange = ("james", "ada", "--from", "2026-01-17", "--to", "2026-01-19", "--reason", "a dentist")
    swap = answer("requests swap", *exchange, watchbill_actor="james")
    assert (swap["kind"], swap["state"]) == ("swap", "waiting")
    assert answer("requests refuse", swap["id"], watchbill_actor="ada")["state"] == "refused"
    assert answer("requests end", first, watchbill_actor="ada")["effective_at"] is None
    assert answer("requests refuse", second, "--reason", "one will do")["decided_by"] == "ada"
    review_access(answer)


def review_access(answer):
    """Open a review, look at it, and hold its export against the ledger."""
    opened = answer("review open", "--live", watchbill_actor="ada")
    assert opened["rows"]
    assert opened["drift"]
    assert answer("review show")[0]["id"] == answer("review show", opened["id"])[0]["id"] == opened["id"]
    files = answer("review export", opened["id"])
    assert files["rows"] == len(opened["rows"])
    assert answer("review verify", files["json"])["unsigned"] == files["rows"]


def ask_the_lake(answer, aws, where, folder):
    """Run what keeps a trail, and what asks for it."""
    taken = answer("trail ingest", where)
    assert (taken["events"], taken["in_the_lake"] > 1000) == (0, True)
    assert answer("trail ingest", where)["objects"] == 0
    queue = boto3.client("sqs", endpoint_url=aws, region_name="us-east-1").create_queue(QueueName="trail")["QueueUrl"]
    assert answer("trail follow", queue, "--wait", "0")["objects"] == 0
    assert answer("trail rename")["renamed_files"] == 0
    (event,) = answer("trail timeline", "james", "--last", "1")
    (kept,) = answer("trail record", event["id"])
    assert json.loads(kept["raw"])["eventID"] == event["id"]
    assert answer("trail raw", "on")["kept"]
    assert answer("trail sql", "SELECT count(*) FROM events")["rows"] == [[taken["in_the_lake"]]]
    assert answer("trail export", "james.csv", "--person", "james")["events"] > 1
    answer("trail coverage")
    assert answer("rightsize", "--days", "1")["sets"]
    assert answer("observe", "--since", "7d")["people"]
    answer("trail lookup", "looked", code=1)
    assert not answer("trail verify", where, code=1)["sound"]
    (folder / "auth.log").write_text(
        "Jan 12 09:00:00 web-1 sudo: james : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls\n"
    )
    assert answer("trail hosts", "auth.log")["events"] == 1


@pytest.mark.parametrize("name", ["validate", "oncall", "plan", "apply", "drift", "run"])
def test_an_error_is_an_object_too(name, watchbill, tmp_path):
    """Under `--json` a mistake in the team file is in `problems`, with its place, and nothing else is printed."""
    (tmp_path / "watchbill.yaml").write_text("team: x\npeple: {}\n", "utf-8")
    ran = watchbill(*name.split(), "--json")
    found = check(name, ran)
    assert (ran.code, ran.err, found["result"]) == (1, "", None)
    (problem,) = found["problems"]
    assert (problem["file"], problem["line"], problem["col"]) == ("watchbill.yaml", 2, 1)
    assert problem["message"] == "unknown key `peple` (did you mean `people`?)"


def test_a_wrong_command_line_exits_with_64(watchbill):
    """2 is free to mean changes."""
    for arguments in (("plan", "--nonsense"), ("nonsense",), ("case",), ("verdict", "C-1", "guess", "--reason", "x")):
        ran = watchbill(*arguments)
        assert (ran.code, ran.out) == (64, "")
        assert ran.err


def test_findings_exit_with_2_when_asked(watchbill, sample, data_dir):
    """Without the flag a finding is no failure of the command."""
    where = data_dir / "cloudtrail/stratus/aws.defense-evasion.cloudtrail-stop.json"
    assert watchbill("audit", "--trail", where, "--no-team").code == 0
    assert watchbill("audit", "--trail", where, "--no-team", "--detailed-exitcode").code == 2


def test_without_a_terminal_there_is_no_colour_and_no_progress(watchbill, sample):
    """What goes into a file is text alone."""
    ran = watchbill("oncall", watchbill_at="2026-01-12T00:00:00Z")
    assert "\x1b" not in ran.out + ran.err
    assert "james" in ran.out


def test_hostile_strings_are_inert_on_the_terminal(watchbill, tmp_path):
    """A user agent cannot move the cursor, and a name in brackets is no markup."""
    record = {
        "eventID": "1\x1b[2J",
        "eventTime": "2026-01-12T00:00:00Z",
        "eventName": "[red]Stop\u202eLogging\x1b[31m",
        "eventSource": "cloudtrail.amazonaws.com",
        "userIdentity": {"type": "IAMUser", "userName": "[bold]eve\x07", "arn": "arn:aws:iam::1:user/eve"},
    }
    (tmp_path / "trail.json").write_text(json.dumps([{**record, "eventID": str(n)} for n in range(3)]), "utf-8")
    for arguments in (("trail", "read", "trail.json"), ("audit", "--trail", "trail.json", "--no-team")):
        ran = watchbill(*arguments)
        assert ran.code == 0
        assert not any(character in ran.out + ran.err for character in "\x1b\x07\u202e")
        assert "[bold]eve" in ran.out


def test_a_team_file_that_was_named_is_never_passed_over(watchbill, data_dir):
    """Auditing against no team because of a slip in its name would look like nothing found."""
    where = data_dir / "cloudtrail/stratus/aws.defense-evasion.cloudtrail-stop.json"
    assert watchbill("audit", "--trail", where).code == 0
    ran = watchbill("audit", "--trail", where, "--team", "teem.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert "no team file teem.yaml" in ran.err
    assert watchbill("audit", "--trail", where, watchbill_team="gone.yaml").code == 1


def test_a_slip_is_met_with_what_there_is(watchbill, sample, monkeypatch, tmp_path):
    """A name that nothing has, and credentials that are not there, are said with what to try."""
    ran = watchbill("can", "jams", "ec2:RunInstances")
    assert ran.code == 1
    assert "no person `jams`" in ran.err
    assert "people: james, rick" in ran.err
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    ran = watchbill("plan")
    assert (ran.code, ran.out) == (1, "")
    assert "no AWS credentials" in ran.err
    assert "AWS_PROFILE" in ran.err
