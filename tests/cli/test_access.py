"""`plan`, `apply`, `drift` and `prove` as a user runs them, against the stand-in over HTTP."""

import json

import boto3
import pytest
from tests.trails import record, user


NOON = {"watchbill_at": "2026-01-12T12:00:00Z", "watchbill_actor": "sofia"}
ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


@pytest.fixture
def iam(aws):
    """Give what somebody else does with IAM in production: by the role that the sample's file names."""
    sts = boto3.client("sts", endpoint_url=aws, region_name="us-east-1")
    given = sts.assume_role(RoleArn="arn:aws:iam::111111111111:role/watchbill", RoleSessionName="other")["Credentials"]
    return boto3.client(
        "iam",
        endpoint_url=aws,
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def test_a_plan_is_shown_with_its_lines_policies_limits_and_warnings(watchbill, sample, aws):
    """First people with the line of the file, then statements, then calls, then what to think about."""
    said = watchbill("plan", **NOON).out
    lines = said.splitlines()
    assert any(
        line.startswith("+ james gains prod-oncall in production Mon 12 Jan 18:00 - ")
        and line.endswith("(watchbill.yaml:89:9)")
        for line in lines
    )
    assert "    and 5 more like it, up to Mon 19 Jan 02:00 UTC" in lines
    first = lines.index("~ set-support in production")
    assert lines[first + 1 : first + 3] == ["    + Allow ec2:Describe* on *", "    + Deny ec2:TerminateInstances on *"]
    assert any(line.startswith("~ gates, fences and guards in production: ") for line in lines)
    assert any(line.startswith("nearest to AWS's limits: policies attached to role oncall-platform ") for line in lines)
    assert "what is done as oncall-platform can outlive the shift: " in said
    assert "function-code (" in said
    result = watchbill("plan", "--json", **NOON).json["result"]
    assert result["capacity"][0]["limit"] == 10
    assert any("outlive" in warning for warning in result["warnings"])
    assert {effect["where"].rpartition(":")[0] for effect in result["effects"] if effect["person"] == "james"} == {
        "watchbill.yaml:40",
        "watchbill.yaml:41",
        "watchbill.yaml:89",
    }


def test_drift_names_who_did_it_and_the_next_plan_undoes_it(watchbill, sample, aws, iam, tmp_path):
    """What was attached by hand, what was taken away by hand, and what somebody denied."""
    assert watchbill("apply", "--yes", **NOON).code == 0
    arn = iam.create_policy(PolicyName="legacy", PolicyDocument=ANYTHING)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="james", PolicyArn=arn)
    iam.remove_user_from_group(GroupName="job-support", UserName="omar")
    iam.put_user_policy(UserName="rick", PolicyName="brake", PolicyDocument=ANYTHING.replace("Allow", "Deny"))
    events = [
        record("iam:AttachUserPolicy", user("mallory"), requestParameters={"userName": "james", "policyArn": arn}),
        record(
            "iam:RemoveUserFromGroup", user("sofia"), requestParameters={"userName": "omar", "groupName": "job-support"}
        ),
    ]
    (tmp_path / "trail").mkdir()
    (tmp_path / "trail" / "one.json").write_text(json.dumps({"Records": events}), "utf-8")
    found = watchbill("drift", "--trail", "trail", "--json", "--detailed-exitcode", **NOON)
    assert found.code == 2
    told = {view["what"].partition(",")[0]: (view["healed"], view["author"]) for view in found.json["result"]}
    assert told.keys() == {
        f"user james has policy {arn} attached",
        "user rick has inline policy brake",
        "user omar is no longer in job-support",
    }
    assert told[f"user james has policy {arn} attached"][0] is True
    assert "mallory attached it from 198.51.100.7" in told[f"user james has policy {arn} attached"][1]
    assert "sofia" in told["user omar is no longer in job-support"][1]
    assert told["user rick has inline policy brake"] == (False, "who did it is not in the trail")
    said = watchbill("drift", **NOON).out
    assert "; the next plan undoes it" in said
    assert watchbill("apply", "--yes", **NOON).code == 0
    left = watchbill("drift", "--json", **NOON).json["result"]
    assert [view["what"].partition(",")[0] for view in left] == ["user rick has inline policy brake"]


def test_prove_without_words_proves_what_the_file_says_and_that_nothing_escapes(watchbill, sample):
    """The invariants of the file, then each on-call role."""
    ran = watchbill("prove", **NOON)
    assert ran.code == 0
    assert "proven: everyone never iam:CreateUser" in ran.out
    assert "ways to outlive the shift are closed: oncall-platform in production" in ran.out
    views = watchbill("prove", "--json", **NOON).json["result"]
    assert {"oncall-platform never pass-role", "oncall-platform never role-chaining"} <= {v["invariant"] for v in views}
    assert not any(view["invariant"] == "oncall-platform never function-code" for view in views)


def test_prove_finds_a_fence_that_somebody_opened(watchbill, sample, aws, iam):
    """By the documents that AWS has: the guard replaced by hand with one that denies nothing."""
    assert watchbill("apply", "--yes", **NOON).code == 0
    guard = "arn:aws:iam::111111111111:policy/watchbill/guard-oncall-platform-1"
    nothing = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sqs:AddPermission","Resource":"*"}]}'
    iam.create_policy_version(PolicyArn=guard, PolicyDocument=nothing, SetAsDefault=True)
    ran = watchbill("prove", "--live", "--account", "production", **NOON)
    assert ran.code == 1
    assert "broken: oncall-platform never " in ran.out or "unknown: oncall-platform never " in ran.out


def test_a_large_plan_needs_a_word(watchbill, sample, aws):
    """Eleven new people at once: refused, and done when it is meant."""
    text = sample.read_text("utf-8")
    names = [f"extra{number}" for number in range(11)]
    people = "".join(f"  {name}: {{name: Extra, email: {name}@example.com}}\n" for name in names)
    text = text.replace("\npeople:\n", f"\npeople:\n{people}", 1)
    text = text.replace("members: [omar, priya, marta]", f"members: [omar, priya, marta, {', '.join(names)}]", 1)
    sample.write_text(text, "utf-8")
    ran = watchbill("apply", "--yes", **NOON)
    assert ran.code == 1
    assert "--allow-large" in ran.err
    assert watchbill("apply", "--yes", "--allow-large", **NOON).code == 0
    assert watchbill("plan", "--json", **NOON).json["result"]["changes"] == []


def test_a_plan_file_cannot_take_away_what_stops_the_plan(watchbill, sample, aws, tmp_path):
    """An invariant that the file breaks stops the plan also where the saved plan was edited to say nothing of it."""
    text = sample.read_text("utf-8")
    sample.write_text(text.replace("invariants: [", 'invariants: ["support never ec2:DescribeInstances", ', 1), "utf-8")
    ran = watchbill("plan", "-o", "plan.json", **NOON)
    assert ran.out.endswith("saved to plan.json, which `watchbill apply plan.json` applies without asking again\n")
    saved = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    assert saved["plan"]["problems"]
    saved["plan"]["problems"], saved["plan"]["effects"] = [], []
    (tmp_path / "plan.json").write_text(json.dumps(saved), "utf-8")
    ran = watchbill("apply", "plan.json", "--yes", **NOON)
    assert ran.code == 1
    assert "does not hold" in ran.err
