"""`init`: a team file drafted from the IAM of an account, which is read and never written to."""

import json
import re
import stat

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from watchbill.team.files import parse


NUMBER = "123456789012"
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}


@pytest.fixture
def account(aws):
    """Put two people and a machine into the account that the credentials reach; give its client."""
    iam = boto3.client("iam", endpoint_url=aws, region_name="us-east-1")
    iam.create_group(GroupName="Developers")
    for name in ("ada", "James", "ci"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="Developers", UserName=name)
    for name in ("ada", "James"):
        iam.create_login_profile(UserName=name, Password="Correct-horse-7-battery")
    iam.create_access_key(UserName="ci")
    arn = iam.create_policy(PolicyName="Look", PolicyDocument=json.dumps(DOCUMENT))["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="Developers", PolicyArn=arn)
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=json.dumps(DOCUMENT))
    return iam


@pytest.fixture
def called(monkeypatch):
    """Note each call that is made to AWS; names put into `refused` are not answered."""
    calls: list[str] = []
    refused: set[str] = set()
    send = BaseClient._make_api_call  # noqa: SLF001 - all calls of all clients pass here, and nowhere else

    def call(client, operation, parameters):
        calls.append(operation)
        if operation in refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no\nmore"}}, operation)
        return send(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return calls, refused


def read(folder):
    """Read the team file that was written."""
    return parse((folder / "watchbill.yaml").read_text("utf-8"), "watchbill.yaml")


def test_a_team_is_drafted_from_the_account_that_is_reached(watchbill, account, tmp_path):
    """Its people, groups and policies; the file is valid, can be planned, and is its owner's alone."""
    account.create_account_alias(AccountAlias="acme-prod")
    ran = watchbill("init", "--from-aws")
    assert ran.code == 0
    assert "2 things could not be taken over" in ran.out
    team = read(tmp_path)
    assert {name: each.number for name, each in team.accounts.items()} == {"acme-prod": NUMBER}
    assert {name: each.iam_user for name, each in team.people.items()} == {"ada": "ada", "james": "James"}
    assert (list(team.workloads), team.groups["developers"].members) == (["ci"], ("ada", "james"))
    assert {name: each.policy for name, each in team.permission_sets.items()} == {"look": DOCUMENT}
    assert stat.S_IMODE((tmp_path / "watchbill.yaml").stat().st_mode) == 0o600
    assert watchbill("validate").code == 0
    planned = watchbill("plan")
    assert planned.code == 0
    assert "james gains look in acme-prod, because group developers" in planned.out


@pytest.mark.usefixtures("account")
def test_drafting_only_reads(watchbill, called, tmp_path):
    """Every call gets or lists, or has the credential report made; some are made at all."""
    calls, _ = called
    assert watchbill("init", "--from-aws").code == 0
    assert {"GetCallerIdentity", "GetAccountAuthorizationDetails", "GetCredentialReport"} <= set(calls)
    assert [each for each in calls if not each.startswith(("Get", "List")) and each != "GenerateCredentialReport"] == []
    text = (tmp_path / "watchbill.yaml").read_text("utf-8")
    assert "which was read and not changed" in text


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("refused", ["GenerateCredentialReport", "GetCredentialReport"])
def test_without_the_credential_report_nobody_is_taken_for_a_machine(watchbill, called, tmp_path, refused):
    """It is said to whoever runs it, and once in the file."""
    called[1].add(refused)
    ran = watchbill("init", "--from-aws", "--json")
    assert ran.code == 0
    assert [each["code"] for each in ran.json["problems"]] == ["not-read"]
    team = read(tmp_path)
    assert (set(team.people), team.workloads) == ({"ada", "james", "ci"}, {})
    text = (tmp_path / "watchbill.yaml").read_text("utf-8")
    assert text.count("# not read: credential report: AccessDenied") == 1
    assert text.count("# a person or a machine?") == 3


def test_a_report_of_an_earlier_user_of_that_name_makes_nobody_a_machine(watchbill, account, monkeypatch, tmp_path):
    """A report may be four hours old, and the user made anew since."""
    account.generate_credential_report()
    rows = account.get_credential_report()["Content"].decode().splitlines()
    old = [re.sub(r"(?<=/ci,)[^,]*", "2020-01-01T00:00:00+00:00", row) for row in rows]
    assert old != rows
    send = BaseClient._make_api_call  # noqa: SLF001 - as above

    def call(client, operation, parameters):
        answer = send(client, operation, parameters)
        return {**answer, "Content": "\n".join(old).encode()} if operation == "GetCredentialReport" else answer

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    assert watchbill("init", "--from-aws").code == 0
    team = read(tmp_path)
    assert (set(team.people), team.workloads) == ({"ada", "james", "ci"}, {})
    (line,) = [line for line in (tmp_path / "watchbill.yaml").read_text("utf-8").splitlines() if "iam_user: ci" in line]
    assert line.endswith("# a person or a machine? whether they have a password is not known")


@pytest.mark.usefixtures("account")
def test_an_alias_that_may_not_be_read_is_no_obstacle(watchbill, called, tmp_path):
    """The account is called by its number then, and it is said."""
    called[1].add("ListAccountAliases")
    ran = watchbill("init", "--from-aws")
    assert ran.code == 0
    assert "account alias" in ran.err
    assert list(read(tmp_path).accounts) == [f"account-{NUMBER}"]


def test_the_account_is_called_as_asked(watchbill, account, tmp_path):
    """Whatever its alias."""
    account.create_account_alias(AccountAlias="acme-prod")
    assert watchbill("init", "--from-aws", "--account", "production").code == 0
    assert list(read(tmp_path).accounts) == ["production"]


@pytest.mark.parametrize("refused", ["GetCallerIdentity", "GetAccountAuthorizationDetails"])
@pytest.mark.usefixtures("aws")
def test_what_cannot_be_read_leaves_no_file(watchbill, called, tmp_path, refused):
    """A draft of half an account would look like a whole one."""
    called[1].add(refused)
    ran = watchbill("init", "--from-aws")
    assert (ran.code, "AccessDenied" in ran.err) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept(watchbill, called, tmp_path):
    """Unless told otherwise; AWS is not even asked."""
    (tmp_path / "watchbill.yaml").write_text("team: mine\n", "utf-8")
    ran = watchbill("init", "--from-aws")
    assert (ran.code, called[0]) == (1, [])
    assert "--force" in ran.err
    assert (tmp_path / "watchbill.yaml").read_text("utf-8") == "team: mine\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--from-aws", "--from-trail", "trail"),
        ("--from-trail", "trail", "--account", "production"),
        ("--from-aws", "--account", "Production"),
        ("--from-aws", "--account", "a" * 33),
        ("--from-aws", "--account", ""),
    ],
)
def test_what_to_draft_from_is_said_once(watchbill, called, arguments):
    """Anything else is wrong usage, before anything is read."""
    ran = watchbill("init", *arguments)
    assert (ran.code, called[0]) == (64, [])
