"""Addresses in notices: where the team file names pages, whoever is told by mail is led to them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import HERE
from tests.unit.service.desk import Office, asking_team

from watchbill.cli.pages import links_of
from watchbill.respond.notices import NoticeKind
from watchbill.service import asking
from watchbill.service.jobs import outbox
from watchbill.service.lead import Lead
from watchbill.service.serve import Turn
from watchbill.team.model import Web


BASE = "https://watchbill.example.com"


@pytest.fixture
def office(tmp_path):
    """Give an office that has no Slack."""
    made = Office(tmp_path, asking_team(slack=False))
    yield made
    made.store.close()


def told(office):
    """Do what the job does that tells people, once; give what the mail to James has."""
    asking.ask(office.as_("watchbill"), "C-theirs")
    lead = Lead(office.store, "a", office.clock, timedelta(minutes=1))
    lead.turn()
    assert lead.lease is not None
    job = outbox(lambda turn: office.as_("watchbill"), lambda team: {"notify:ops": office.mail}, links_of)
    job.work(Turn(office.store, lead.lease, office.clock.now(), lambda: True))
    (question,) = office.mail.sent(NoticeKind.QUESTION)
    return {button.action: button.url for button in question.buttons}


def test_a_mail_leads_to_the_pages_of_the_team_file(office):
    """Each answer has its address, below the base; the secret in it is as long as they come, and not kept."""
    office.team = replace(office.team, web=Web(BASE, None, HERE))
    urls = told(office)
    assert urls["answer:yes"].startswith(f"{BASE}/answer/")
    secret = urls["answer:yes"].removeprefix(f"{BASE}/answer/").partition("?")[0]
    assert len(secret) >= 43
    assert urls["answer:no"] == f"{BASE}/answer/{secret}?say=no"
    answered = asking.answer_by_link(office.as_("watchbill"), secret, "no")
    assert answered.moved


def test_without_pages_there_are_no_addresses(office):
    """It says how to answer by command."""
    assert not any(told(office).values())
