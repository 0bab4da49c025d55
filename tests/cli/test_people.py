"""What an instance works with besides its passes: channels by the team file as it is."""

import io
from datetime import UTC, datetime

import pytest
from tests.workspace import CHANNEL, notice, populate, recipient

from watchbill.cli.output import Output
from watchbill.cli.people import Channels, Workers
from watchbill.cli.session import Session
from watchbill.respond.notices import LEADS, NoticeKind
from watchbill.service.logs import lines_of_json
from watchbill.settings import read_settings
from watchbill.sim.clock import SimClock
from watchbill.sim.slack import SlackStandIn
from watchbill.sim.slack.model import APP_TOKEN, BOT, BOT_TOKEN
from watchbill.store.database import open_store


AT = datetime(2026, 1, 15, 11, 30, tzinfo=UTC)
OTHER = "C0222222222"
TEAM_FILE = """\
team: orders
slack: {channel: %s}
people:
  sofia: {name: Sofia, email: sofia@example.com}
leads: [sofia]
"""


@pytest.fixture
def slack(monkeypatch, tmp_path):
    """Run the stand-in, where the environment says."""
    monkeypatch.chdir(tmp_path)
    with SlackStandIn() as running:
        populate(running)
        running.add_channel(OTHER, "other", [BOT])
        for name, value in (("BOT_TOKEN", BOT_TOKEN), ("APP_TOKEN", APP_TOKEN), ("URL", running.url)):
            monkeypatch.setenv(f"WATCHBILL_SLACK_{name}", value)
        yield running


def test_leads_are_told_where_the_team_file_says_now(slack, tmp_path):
    """Another channel counts at once; what cannot be read changes nothing."""
    file = tmp_path / "watchbill.yaml"
    file.write_text(TEAM_FILE % CHANNEL, "utf-8")
    session = Session(read_settings(), Output("serve", AT, as_json=False, colour=False), AT)
    workers = Workers(session)
    with open_store(tmp_path / "state") as store:
        channels = Channels(workers, store, lines_of_json(io.StringIO(), "one", SimClock(AT)))
        try:
            for number, text in enumerate((TEAM_FILE % CHANNEL, TEAM_FILE % OTHER, "team: [", TEAM_FILE % "null")):
                file.write_text(text, "utf-8")
                told = notice(NoticeKind.ESCALATION, LEADS, key=f"C-{number}")
                channels.senders(workers.team)["slack"].send(told, recipient(LEADS), None)
        finally:
            channels.close()
    assert [message.key for message in slack.messages(CHANNEL)] == ["C-0"]
    assert [message.key for message in slack.messages(OTHER)] == ["C-1", "C-2"]
    assert [message.key for message in slack.direct("U0SOFIA")] == ["C-3"]
