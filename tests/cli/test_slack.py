"""`slack check`, run against the stand-in for Slack."""

import json
from dataclasses import dataclass, replace

import jsonschema
import pytest
from tests.workspace import CHANNEL, populate, slack_team, user_of

from watchbill.cli.main import main
from watchbill.cli.schemas import output_schemas
from watchbill.respond.interfaces import SlackId
from watchbill.sim.slack import SlackStandIn
from watchbill.sim.slack.model import APP_TOKEN, BOT, BOT_TOKEN, SCOPES, SIGNING_SECRET, TEAM
from watchbill.slack.check import check
from watchbill.slack.connect import SlackSettings


TEAM_FILE = """\
team: orders
slack: {channel: "#oncall"}
people:
  rick: {name: Rick, email: rick@example.com}
  mo: {name: Mo, email: mo@example.com}
leads: [rick]
"""


@pytest.fixture
def slack():
    """Run the stand-in, with the team in it."""
    with SlackStandIn() as running:
        populate(running)
        yield running


@dataclass
class Looked:
    """What a check found, by what it looked at."""

    slack: SlackStandIn

    def at(self, of=None, pins=None, **settings):
        """Check, and give what holds and what does not."""
        found = SlackSettings(BOT_TOKEN, APP_TOKEN, None, self.slack.url)
        return {each.what: each for each in check(replace(found, **settings), of or slack_team(), pins or {})}


@pytest.fixture
def looked(slack):
    """Give the checks of the stand-in."""
    return Looked(slack)


def test_all_is_well(looked):
    """Everything holds, and nobody was written to."""
    found = looked.at()
    assert [what for what, each in found.items() if not each.holds] == []
    assert list(found)[:4] == ["bot token", "scopes", "presses", "leads"]
    assert found["person rick"].detail == user_of("rick")
    assert found["leads"].detail == f"they are told in {CHANNEL}"
    assert looked.slack.said == []
    assert "conversations.open" not in {method for method, _ in looked.slack.calls}


def test_what_is_wrong_is_said_with_what_to_do(looked):
    """Each by itself."""
    slack = looked.slack
    found = looked.at(bot_token="xoxb-wrong")
    assert (list(found), found["bot token"].holds) == (["bot token"], False)
    assert "WATCHBILL_SLACK_BOT_TOKEN" in found["bot token"].fix

    assert "WATCHBILL_SLACK_APP_TOKEN" in looked.at(app_token="xapp-wrong")["presses"].fix
    assert "WATCHBILL_SLACK_APP_TOKEN" in looked.at(app_token=None)["presses"].fix
    assert looked.at(app_token=None, signing_secret=SIGNING_SECRET)["presses"].holds

    slack.scopes = SCOPES - {"im:write", "commands"} | {"admin"}
    assert looked.at()["scopes"].detail == "missing: commands, im:write"
    slack.scopes = SCOPES | {"admin"}
    assert looked.at()["scopes"].detail == "all it needs; it needs no admin"
    slack.scopes = SCOPES

    assert looked.at(replace(slack_team(), slack=None))["team file"].fix == "add `slack: {}` to it"


def test_the_channel_of_leads(looked):
    """It has to be there, and the app in it; without one, leads are written to."""
    slack = looked.slack
    slack.add_channel("C0999999999", "other", [user_of("ada")])
    slack.add_channel("C0777777777", "closed", [user_of("ada")], "private")
    assert looked.at(slack_team("#oncall"))["leads"].detail.endswith(f"safer than its name: {CHANNEL}")
    for channel, said in (
        ("C0888888888", "C0888888888: Slack refused: channel_not_found"),
        ("#nowhere", "#nowhere: the app sees no channel `#nowhere`"),
        ("C0999999999", "the app is not in C0999999999"),
        ("C0777777777", "C0777777777: Slack refused: channel_not_found"),
    ):
        found = looked.at(slack_team(channel))["leads"]
        assert (found.holds, found.detail) == (False, said)
        assert found.fix
    assert looked.at(slack_team(None))["leads"].holds
    assert looked.at(slack_team(None, ()))["leads"].fix == "name `leads` in the team file"
    many = looked.at(slack_team(None, ("ada", "james", "lee") * 3))["leads"]
    assert many.detail == "nobody can write to 9 leads at once"


def test_people_who_are_nobody_in_slack(looked):
    """Not there, a guest, gone; and somebody whose address is another's now."""
    slack = looked.slack
    slack.users[user_of("lee")].is_guest = True
    del slack.users[user_of("ada")]
    rick, priya = SlackId(TEAM, user_of("rick")), SlackId(TEAM, user_of("priya"))
    slack.users[user_of("james")].email = "other@example.com"
    pins = {"rick": rick, "priya": rick, "james": SlackId(TEAM, user_of("james"))}
    found = looked.at(pins=pins)
    assert found["person rick"].detail == f"pinned to {rick.user}"
    assert found["person ada"].detail == "nobody in the Slack workspace has their address"
    assert found["person lee"].detail.endswith("a guest")
    assert found["person priya"].detail == f"pinned to {rick.user}, and their address is {priya.user}'s now"
    assert "face to face" in found["person priya"].fix
    assert found["person james"].detail.endswith("not known to Slack any more")
    assert [what for what, each in found.items() if not each.holds] == ["person ada", "person lee", "person priya"]


def test_too_many_questions_are_asked_later(looked):
    """Those that were answered stay."""
    looked.slack.limit("users.lookupByEmail", 1, retry_after=30)
    found = looked.at()
    assert found["people"].fix == "check again in 30 s"
    assert not [what for what in found if what.startswith("person")]


def test_the_command_says_yes_or_no(slack, tmp_path, monkeypatch, capsys):
    """And exits with 1 where something is to be done."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "watchbill.yaml").write_text(TEAM_FILE, "utf-8")
    for name, value in (("BOT_TOKEN", BOT_TOKEN), ("APP_TOKEN", APP_TOKEN), ("URL", slack.url)):
        monkeypatch.setenv(f"WATCHBILL_SLACK_{name}", value)
    with pytest.raises(SystemExit) as ended:
        main(["slack", "check"])
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert f"yes  bot token: it is watchbill's, in Stand-in ({TEAM})" in shown
    assert "no   person mo: nobody in the Slack workspace has their address" in shown
    assert "try: give the address of their Slack account in the team file" in shown
    assert BOT_TOKEN not in shown
    slack.add_channel(CHANNEL, "oncall", [BOT])
    slack.users[user_of("rick")].email = "mo@example.com"
    with pytest.raises(SystemExit):
        main(["slack", "check", "--json"])
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, output_schemas()["slack-check"])
    assert {each["what"]: each["holds"] for each in answer["result"]["checks"]}["person mo"]
    assert not answer["result"]["holds"]


def test_without_a_token_it_says_which(tmp_path, monkeypatch, capsys):
    """And where it is said how to get one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATCHBILL_SLACK_BOT_TOKEN", raising=False)
    (tmp_path / "watchbill.yaml").write_text(TEAM_FILE, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["slack", "check"])
    assert ended.value.code == 1
    assert "WATCHBILL_SLACK_BOT_TOKEN is not set" in capsys.readouterr().err
