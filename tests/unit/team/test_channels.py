"""How people are told, by the team file: Slack, and more ways for leads."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from watchbill.errors import FileError, Location
from watchbill.team.files import parse
from watchbill.team.model import Notify, Slack
from watchbill.team.schema import team_schema


TOLD = """\
team: small
slack: {channel: C0123456789, respond: verdicts}
notify:
  - {name: pager, kind: pagerduty, secret: PAGER_KEY, on: [escalation]}
  - {name: mail, kind: mail, to: leads@example.com}
  - name: archive
    kind: webhook
    secret: ARCHIVE_HOOK
"""


def problems_of(text):
    """Read a team file that is wrong, and give what is."""
    with pytest.raises(FileError) as caught:
        parse(text, "w.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_all_of_it_is_read():
    """With the place of each; what is not said has its default."""
    team = parse(TOLD, "w.yaml")
    assert team.slack == Slack("C0123456789", "verdicts", Location("w.yaml", 2, 1))
    usual = frozenset({"escalation", "update", "stand-in"})
    assert team.notify == (
        Notify("pager", "pagerduty", None, "PAGER_KEY", frozenset({"escalation"}), Location("w.yaml", 4, 5)),
        Notify("mail", "mail", "leads@example.com", None, usual, Location("w.yaml", 5, 5)),
        Notify("archive", "webhook", None, "ARCHIVE_HOOK", usual, Location("w.yaml", 6, 5)),
    )
    assert parse("team: small\nslack: {}\n", "w.yaml").slack == Slack(None, "freeze", Location("w.yaml", 2, 1))
    bare = parse("team: small\n", "w.yaml")
    assert (bare.slack, bare.notify) == (None, ())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("C0123456789", "oncall", "w.yaml:2:18 `oncall` is no valid channel; write the id of a channel"),
        ("respond: verdicts", "respond: evict", "`evict` must be 'off', 'verdicts' or 'freeze'"),
        ("secret: PAGER_KEY, ", "", "w.yaml:4:5 `pager` lacks `secret`: the variable that holds its address or key"),
        ("secret: PAGER_KEY", "secret: https://x.example", "is no valid secret"),
        ("to: leads@example.com", "secret: LEADS", "w.yaml:5:5 mail has no `secret`"),
        ("leads@example.com", "leads", "`leads` is no valid address; an address has one `@`"),
        ("secret: ARCHIVE_HOOK", "secret: ARCHIVE_HOOK\n    to: a@example.com", "w.yaml:9:9 `webhook` has no `to`"),
        ("name: archive", "name: pager", "name of a channel `pager` is given twice"),
        ("[escalation]", "[]", "should have at least 1 item"),
        ("kind: webhook", "kind: telex", "`telex` must be"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(old, new, said):
    """One mistake each."""
    (found,) = problems_of(TOLD.replace(old, new, 1))
    assert said in found


def test_the_schema_takes_it():
    """And has a description of every key."""
    jsonschema.validate(YAML(typ="safe").load(TOLD), team_schema())
    assert "NotifyPart" in json.dumps(team_schema())
