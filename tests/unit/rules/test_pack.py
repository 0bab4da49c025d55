"""Watchbill's own rules: each loads, says what it must, holds its own tests, and is on its page."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from watchbill.detect.sigma.doctor import Doctor
from watchbill.detect.sigma.trial import every_rule, try_tests, untested


ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("measure_pack", ROOT / "tools" / "measure_pack.py")
assert spec is not None
assert spec.loader is not None
pack = importlib.util.module_from_spec(spec)
sys.modules["measure_pack"] = pack
spec.loader.exec_module(pack)

FILES = sorted(pack.RULES.glob("*.yml"))
LOADED, RULES = pack.load_pack()
EVERY = every_rule(LOADED)
PLAIN = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FILES}

NO_ACTIONS = {"exfil-shared-snapshot-used": {"SharedSnapshotCopyInitiated", "SharedSnapshotVolumeCreated"}}
"""Events that no action stands behind, by rule: AWS tells of them by itself."""


def test_every_file_loads():
    """A rule that does not load sees nothing, and nobody would know."""
    assert LOADED.problems == ()
    assert len(EVERY) == len(FILES)
    assert len(EVERY) > 100


def test_ids_and_titles_are_of_one_rule_each():
    """A case names a rule by them."""
    ids = [rule.id for rule in EVERY]
    assert len(set(ids)) == len(EVERY)
    assert {UUID(each).version for each in ids} == {4}
    assert len({rule.title.casefold() for rule in EVERY}) == len(EVERY)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_says_what_it_must(path):
    """Whoever reads a case learns from the rule what it saw, why that matters, when it is harmless, and what to do."""
    rule = PLAIN[path.stem]
    assert rule["author"] == "watchbill"
    assert rule["falsepositives"]
    assert rule["level"] in {"informational", "low", "medium", "high", "critical"}
    assert all(re.fullmatch(r"attack\.(?:[a-z-]+|t\d{4}(?:\.\d{3})?)", tag) for tag in rule["tags"])
    assert any(re.fullmatch(r"attack\.t.*\d", tag) for tag in rule["tags"])
    assert all(pack.described(next(each for each in EVERY if each.file == path.name)))
    assert (rule["watchbill"]["stage"], rule["status"]) in {("live", "stable"), ("staged", "experimental")}
    assert path.stem.partition("-")[0] in pack.GROUPS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_has_a_hit_and_a_near_miss(path):
    """A rule that matched everything would hold a test of hits alone."""
    hits = [test["hits"] for test in PLAIN[path.stem]["watchbill"]["tests"]]
    assert any(hits)
    assert not all(hits)


def test_every_rule_holds_its_own_tests():
    """The tests beside a rule are its specification."""
    assert untested(LOADED) == []
    trials = try_tests(LOADED)
    assert [trial for trial in trials if not trial.passed] == []
    assert len(trials) >= 2 * len(EVERY)


def test_what_pages_is_never_mere_information():
    """A live rule opens a case; that is for what is worth a question."""
    live = {name for name, rule in PLAIN.items() if rule["watchbill"]["stage"] == "live"}
    assert all(PLAIN[name]["level"] in {"medium", "high", "critical"} for name in live)
    assert 40 < len(live) < len(FILES) / 2


def test_every_fact_that_a_rule_brings_is_weighed():
    """A fact that no weight knows would count for nothing, without a sound."""
    weights = tomllib.loads((ROOT / "src" / "watchbill" / "alerts" / "weights.toml").read_text("utf-8"))
    known = {(family, fact) for family, told in weights["family"].items() for fact in told["base"]}
    brought = {(family, fact) for rule in EVERY for family, fact in rule.block.facts.items()}
    assert brought <= known
    assert len(brought) > 5


def test_rules_ask_for_calls_that_aws_has():
    """A mistyped name is a rule that never matches."""
    found = {}
    for flaw in Doctor(LOADED).flaws():
        if flaw.code not in {"derived", "unknown-source"}:
            assert flaw.code == "unknown-name", flaw
            found[flaw.file.removesuffix(".yml")] = set(re.findall(r"`([A-Za-z0-9]+)`", flaw.message))
    assert found == NO_ACTIONS


def test_no_rule_asks_for_what_watchbill_does_itself():
    """Watchbill changes groups, policies and users all day; a rule that told of that would hide the rest."""
    ours = {"wb": {"ours": True, "actor": "workload", "outcome": "allowed"}, "eventSource": "iam.amazonaws.com"}
    calls = {
        "AddUserToGroup": {"groupName": "oncall-payments", "userName": "rick"},
        "AttachGroupPolicy": {"groupName": "oncall-payments", "policyArn": "arn:aws:iam::1:policy/watchbill/gate"},
        "AttachRolePolicy": {"roleName": "oncall-payments", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        "CreatePolicy": {"policyName": "gate", "path": "/watchbill/", "policyDocument": _everything("Allow")},
        "CreatePolicyVersion": {"policyArn": "a", "setAsDefault": True, "policyDocument": _everything("Allow")},
        "CreateUser": {"userName": "rick", "path": "/watchbill/"},
        "CreateLoginProfile": {"userName": "rick"},
        "PutUserPolicy": {
            "userName": "rick",
            "policyName": "watchbill-quarantine",
            "policyDocument": _everything("Deny"),
        },
        "UpdateAssumeRolePolicy": {"roleName": "oncall-payments", "policyDocument": "{}"},
        "DeactivateMFADevice": {"userName": "rick"},
        "DeleteAccessKey": {"userName": "rick", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"},
    }
    for name, given in calls.items():
        record = {**ours, "eventName": name, "requestParameters": given, "userIdentity": {"type": "AssumedRole"}}
        assert [rule.title for rule in LOADED.rules if rule.matches(record)] == [], name


def _everything(effect):
    return f'{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "*", "Resource": "*"}}}}'


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("spaces", ["", " ", "\n    "])
@pytest.mark.parametrize("order", [("Effect", "Action"), ("Action", "Effect")])
@pytest.mark.parametrize("action", ['"*"', '["s3:GetObject", "*"]', '"iam:*"', '"s3:*"', '["ec2:*", "s3:*"]'])
def test_only_an_allow_of_everything_is_an_escalation(effect, spaces, order, action):
    """Policies are written in many ways; what they say counts."""
    parts = {"Effect": f'"Effect":{spaces}"{effect}"', "Action": f'"Action":{spaces}{action}'}
    written = (
        f'{{{spaces}"Statement":[{{{spaces}"Sid":"a",{spaces}{parts[order[0]]},{parts[order[1]]},"Resource":"*"}}]}}'
    )
    record = {
        "eventSource": "iam.amazonaws.com",
        "eventName": "PutRolePolicy",
        "requestParameters": {"roleName": "r", "policyName": "p", "policyDocument": written},
    }
    wanted = effect == "Allow" and action in {'"*"', '["s3:GetObject", "*"]', '"iam:*"'}
    assert RULES["escalate-admin-policy-written"].matches(record) == wanted


@pytest.mark.parametrize("condition", [None, "first", "last"])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("principal", ['"*"', '{"AWS": "*"}', '{"AWS": ["*"]}', '{"Service": "s3.amazonaws.com"}'])
def test_only_an_allow_for_everyone_without_a_condition_is_public(condition, effect, principal):
    """A statement beside it, with a condition or a deny, changes nothing."""
    limit = '"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}'
    parts = [f'"Effect": "{effect}"', f'"Principal": {principal}', '"Action": "sqs:SendMessage"']
    parts = [limit, *parts] if condition == "first" else [*parts, limit] if condition == "last" else parts
    other = '{"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}'
    written = f'{{"Statement": [{other}, {{{", ".join(parts)}}}]}}'
    record = {"eventName": "SetQueueAttributes", "requestParameters": {"attributes": {"Policy": written}}}
    wanted = condition is None and effect == "Allow" and "*" in principal
    assert RULES["exfil-policy-public"].matches(record) == wanted


def test_the_page_lists_every_rule():
    """The page is what people read before they switch a rule on; `python tools/measure_pack.py --write` writes it."""
    page = (ROOT / "docs" / "rule-pack.md").read_text("utf-8")
    assert pack.with_parts(page, {"rules": pack.list_of_rules(LOADED)}) == page
    assert all(f"`{path.stem}`" in page for path in FILES)
