"""What the team file says of who is who in a trail: each name is one person's, machines are nobody's, hosts are known."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from watchbill.errors import FileError, Location
from watchbill.team.files import parse
from watchbill.team.model import Workload
from watchbill.team.schema import team_schema


ROOT = Path(__file__).parents[3]
KEY = "SHA256:" + "Abcdefghijklmnopqrstuvwxyz0123456789+/ABCDE"
OTHER = "SHA256:" + "Zbcdefghijklmnopqrstuvwxyz0123456789+/ABCDE"
ID = "90676d5c3a-8f4b1a52-0c1d-4e2f-9a3b-5c6d7e8f9a0b"
NAMED = f"""\
team: small
accounts:
  production: {{number: "111111111111", environment: production}}
people:
  ana:
    name: Ana
    email: ana@example.com
    host_users: [ana, ana.smith, "CORP\\\\ana"]
    ssh_keys: ["{KEY}"]
    identity_center_user: {ID}
    also_known_as: [a.smith@corp.example]
    ci_users: ["github.com:ana-s", "gitlab.example.org/group:ana"]
  bo: {{name: Bo, email: bo@example.com, host_users: [bo], ssh_keys: ["{OTHER}"]}}
groups:
  ops: {{members: [ana]}}
workloads:
  ci: {{owner: ops, actions: ["s3:Put*", "ecr:*"], subjects: ["repo:acme/shop:*"]}}
  web: {{owner: bo}}
  Cron.1: {{}}
hosts:
  web-1.example.com: i-0123456789abcdef0
  db-1: i-01234567
  rack: mi-0123456789abcdef0
"""


def problems_of(text):
    """Parse and give what is wrong."""
    with pytest.raises(FileError) as caught:
        parse(text, "watchbill.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_names_of_people_are_read():
    """Users and keys of hosts, ids and addresses of identity providers, logins of CI."""
    ana, bo = parse(NAMED, "watchbill.yaml").people.values()
    assert ana.host_users == ("ana", "ana.smith", "CORP\\ana")
    assert (ana.ssh_keys, ana.identity_center_user) == ((KEY,), ID)
    assert ana.also_known_as == ("a.smith@corp.example",)
    assert ana.ci_users == ("github.com:ana-s", "gitlab.example.org/group:ana")
    assert (bo.host_users, bo.ssh_keys, bo.identity_center_user) == (("bo",), (OTHER,), "")
    assert (bo.also_known_as, bo.ci_users) == ((), ())


def test_machines_and_hosts_are_read():
    """With their owners, what they are expected to do, and where the file says so."""
    team = parse(NAMED, "watchbill.yaml")
    assert team.workloads == {
        "ci": Workload("ci", "ops", ("s3:Put*", "ecr:*"), ("repo:acme/shop:*",), Location("watchbill.yaml", 17, 3)),
        "web": Workload("web", "bo", (), (), Location("watchbill.yaml", 18, 3)),
        "Cron.1": Workload("Cron.1", None, (), (), Location("watchbill.yaml", 19, 3)),
    }
    assert team.hosts == {
        "web-1.example.com": "i-0123456789abcdef0",
        "db-1": "i-01234567",
        "rack": "mi-0123456789abcdef0",
    }
    assert (team.path, len(team.digest), team.text) == ("watchbill.yaml", 64, NAMED)


def test_a_file_that_says_none_of_it_has_none_of_it():
    """All of it may be left out."""
    text = "team: t\npeople: {ana: {name: Ana, email: ana@example.com}}\n"
    team = parse(text, "watchbill.yaml")
    assert (team.workloads, team.hosts) == ({}, {})
    assert team.people["ana"].host_users == team.people["ana"].ci_users == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "host_users: [bo]",
            "host_users: [ana]",
            "watchbill.yaml:13:54 host user `ana` is given twice, first in line 8",
        ),
        (
            "host_users: [bo]",
            "host_users: [bo, bo]",
            "watchbill.yaml:13:58 host user `bo` is given twice, first in line 13",
        ),
        ("host_users: [bo]", "host_users: [root]", "watchbill.yaml:13:54 `root` of a host is nobody's own"),
        (OTHER, KEY, f"watchbill.yaml:13:70 SSH key `{KEY}` is given twice, first in line 9"),
        (
            "bo@example.com,",
            f"bo@example.com, identity_center_user: {ID.upper().replace(ID[:10].upper(), ID[:10])},",
            f"watchbill.yaml:13:63 Identity Center user `{ID}` is given twice, first in line 10",
        ),
        (
            "bo@example.com",
            "A.Smith@Corp.example",
            "watchbill.yaml:11:21 email `a.smith@corp.example` is given twice, first in line 13",
        ),
        (
            "[a.smith@corp.example]",
            "[ana@example.com]",
            "watchbill.yaml:11:21 email `ana@example.com` is given twice, first in line 7",
        ),
        (
            "bo@example.com,",
            'bo@example.com, ci_users: ["github.com:ANA-S"],',
            "watchbill.yaml:13:52 CI user `github.com:ana-s` is given twice, first in line 12",
        ),
        ("owner: ops", "owner: opps", "watchbill.yaml:17:15 unknown person or group `opps` (did you mean `ops`?)"),
        (
            "  web: {owner",
            "  Bo: {owner",
            "watchbill.yaml:18:3 `Bo` is the IAM user of `bo`; a machine is nobody's own",
        ),
        ("  Cron.1:", "  CI:", "watchbill.yaml:19:3 workload `ci` is given twice, first in line 17"),
        (
            "web: {owner: bo}",
            'web: {owner: bo, subjects: ["repo:acme/shop:*"]}',
            "watchbill.yaml:18:31 subject `repo:acme/shop:*` is given twice, first in line 17",
        ),
        ('["repo:acme/shop:*"]', '["*:*"]', "watchbill.yaml:17:62 `*:*` would be the subject of anybody"),
        ('["repo:acme/shop:*"]', '["*"]', "watchbill.yaml:17:62 `*` would be the subject of anybody"),
        (
            "  db-1:",
            "  WEB-1.example.com:",
            "watchbill.yaml:22:3 host `web-1.example.com` is given twice, first in line 21",
        ),
        (
            "db-1: i-01234567",
            "db-1: i-0123456789abcdef0",
            "watchbill.yaml:22:9 instance `i-0123456789abcdef0` is given twice, first in line 21",
        ),
        (
            "db-1: i-01234567",
            "db-1: e-0123456",
            "watchbill.yaml:22:9 `e-0123456` is no valid instance; write the id of an instance: i- and 8 or 17 characters",
        ),
        (
            "  db-1:",
            "  db_1/x:",
            "watchbill.yaml:22:3 `db_1/x` is no valid host; write the name of the host as its logs have it",
        ),
        (
            "  web: {owner",
            "  we b: {owner",
            "watchbill.yaml:18:3 `we b` is no valid workload; IAM names have letters, digits and +=,.@_-, 64 at most",
        ),
        (
            f'["{OTHER}"]',
            '["MD5:00:11"]',
            "watchbill.yaml:13:70 `MD5:00:11` is no valid ssh_keys; write the line of a .pub file, or what `ssh-keygen -l` prints: SHA256: and 43 characters",
        ),
        (
            f"identity_center_user: {ID}",
            "identity_center_user: ana",
            "watchbill.yaml:10:27 `ana` is no valid identity_center_user; write the id that `aws identitystore list-users` gives",
        ),
        (
            '"github.com:ana-s"',
            "ana-s",
            "watchbill.yaml:12:16 `ana-s` is no valid ci_users; write the host that issues the tokens, and the login: gitlab.com:ana",
        ),
        (
            "[a.smith@corp.example]",
            "[smith]",
            "watchbill.yaml:11:21 `smith` is no valid also_known_as; an address has one `@`",
        ),
        (
            "[ana, ana.smith,",
            '["a b", ana.smith,',
            "watchbill.yaml:8:18 `a b` is no valid host_users; write the name of a user of your hosts",
        ),
        (
            '"s3:Put*"',
            '"s3"',
            "watchbill.yaml:17:30 `s3` is no valid actions; an action is a service and a name: ec2:Describe*",
        ),
        (
            '["repo:acme/shop:*"]',
            '["a b"]',
            "watchbill.yaml:17:62 `a b` is no valid subjects; write the subject of a token: repo:acme/shop:*",
        ),
        ("ci: {owner:", "ci: {ownr:", "watchbill.yaml:17:8 unknown key `ownr` (did you mean `owner`?)"),
    ],
)
def test_a_mistake_is_said_at_its_place(old, new, expected):
    """Each name of somebody is theirs alone, and what is wrong is said once, where it stands."""
    text = NAMED.replace(old, new, 1)
    assert text != NAMED
    assert problems_of(text) == [expected]


def test_workloads_are_no_list():
    """They have owners; a list of names is told to be one."""
    assert problems_of("team: t\nworkloads: [ci]\n") == ["watchbill.yaml:2:12 input should be a valid dictionary"]


@given(
    st.sampled_from(["people", "workloads", "hosts", "groups"]), st.sampled_from(["7", "[]", "x", "{a: 7}", "{a: [x]}"])
)
def test_a_section_of_the_wrong_form_makes_no_name_wrong(section, value):
    """What refers to a section that cannot be read is not called unknown."""
    lines = NAMED.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{section}:"))
    end = next((n for n, line in enumerate(lines) if n > start and not line.startswith(" ")), len(lines))
    text = "".join([*lines[:start], f"{section}: {value}\n", *lines[end:]])
    with pytest.raises(FileError) as caught:
        parse(text, "watchbill.yaml")
    codes = {problem.code for problem in caught.value.problems}
    # Where the section can be read, whoever is not in it any more is unknown.
    assert codes == {"bad-shape"} or (
        value.startswith("{") and codes <= {"bad-shape", "unknown-person", "unknown-owner"}
    )


def test_the_schema_takes_and_refuses_what_the_reader_does():
    """An independent validator agrees on the new parts, keys too."""
    schema, yaml = team_schema(), YAML(typ="safe")
    assert json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8")) == schema
    jsonschema.validate(yaml.load(NAMED), schema)
    for old, new in [
        ("db-1: i-01234567", "db-1: x"),
        ("  db-1:", "  db_1/x:"),
        ("  web: {owner", "  we b: {owner"),
        (KEY, KEY[:-1]),
        ("{owner: bo}", "{owner: bo, more: 1}"),
        (ID, ID[:-1]),
    ]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.load(NAMED.replace(old, new, 1)), schema)


def test_the_sample_of_the_readme_parses():
    """What the README of the package shows is a valid part of a file."""
    page = (ROOT / "src/watchbill/team/README.md").read_text("utf-8")
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    team = parse(f"team: t\ngroups: {{developers: {{members: [james]}}}}\n{shown}", "watchbill.yaml")
    assert team.people["james"].ssh_keys
    assert set(team.workloads) == {"deploy-bot", "shop"}
