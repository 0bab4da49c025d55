"""`audit` by the state: each event by the file that was applied by then, and what is assumed said once."""

import pytest
from tests.teams import MONDAY
from tests.trails import after, document, record, user

from watchbill.store.database import open_store
from watchbill.team.files import parse


FILE = """\
team: orders
accounts:
  production: {{ number: "111111111111", environment: production }}
people:
  james: {{ name: James, email: james@example.com, time_zone: Europe/London }}
permission_sets:
  servers: {{ allow: ["ec2:*"] }}
groups:
  admins:
    members: [{members}]
    access: [{{ permission_set: servers, accounts: [production] }}]
leads: []
"""


@pytest.fixture
def trail(tmp_path):
    """Put a trail of three acts of James into the folder, and the file of today, which gives him nothing."""
    acts = [record("ec2:RebootInstances", user("james"), after(hours)) for hours in (1, 2, 3)]
    (tmp_path / "trail.json").write_bytes(document(*acts))
    (tmp_path / "watchbill.yaml").write_text(FILE.format(members=""), "utf-8")
    return tmp_path / "trail.json"


def applied(folder, at, members):
    """Keep a revision in the state of a folder, as if it had been applied."""
    made = parse(FILE.format(members=members), "watchbill.yaml")
    with open_store(folder) as store:
        store.revisions.add(made.digest, at, made.text, "sofia")


def judged(ran):
    """Tell how many events were judged how, and what was said about the files."""
    found = ran.json
    (person,) = found["result"]["people"]
    return person["by_right"], [each["message"] for each in found["problems"] if each["code"] == "assumed"]


def test_without_a_state_the_given_file_is_assumed_and_that_is_said_once(watchbill, trail, tmp_path):
    """On one line for people, in one object for programs; an audit makes no state."""
    rights, said = judged(watchbill("audit", "--trail", trail, "--json"))
    assert (rights, len(said)) == ({"beyond role": 3}, 1)
    ran = watchbill("audit", "--trail", trail, "--html", "report.html")
    assert (ran.out + ran.err).count("no revision of the team file is recorded") == 1
    assert "no revision of the team file is recorded" in (tmp_path / "report.html").read_text("utf-8")
    assert not (tmp_path / ".watchbill").exists()
    assert judged(watchbill("audit", "--trail", trail, "--no-team", "--json"))[1] == []


@pytest.mark.parametrize("option", [True, False])
def test_the_state_says_which_file_was_in_force(watchbill, trail, tmp_path, option):
    """The state of the folder, or the one that is named."""
    where = tmp_path / ("elsewhere" if option else ".watchbill")
    applied(where, MONDAY, "james")
    applied(where, after(2), "")
    ran = watchbill("audit", "--trail", trail, "--json", *(["--state", where] if option else []))
    assert judged(ran) == ({"entitled": 1, "beyond role": 2}, [])


def test_a_revision_that_can_be_read_no_more_is_a_problem(watchbill, trail, tmp_path):
    """What was done under it is not judged, and the reason is printed."""
    with open_store(tmp_path / ".watchbill") as store:
        store.revisions.add("f" * 64, MONDAY, "team: orders\nshape: old\n", "sofia")
    applied(tmp_path / ".watchbill", after(2), "")
    ran = watchbill("audit", "--trail", trail, "--json")
    assert judged(ran) == ({"not judgeable": 1, "beyond role": 2}, [])
    assert [each["code"] for each in ran.json["problems"]] == ["unreadable-revision"]
    assert "f" * 12 in watchbill("audit", "--trail", trail).err
