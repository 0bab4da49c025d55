"""One freeze over IAM, a real sshd and an identity provider on the loopback: planned, carried out, verified, given back."""

import subprocess
from dataclasses import replace

import pytest
from tests.idp import JAMES, TOKEN
from tests.sshd import PERSON
from tests.unit.service.world import World, hijack

from watchbill.access.model import Call, Change, Phase
from watchbill.aws.identity_center import Center
from watchbill.errors import Location, ProviderError
from watchbill.outside import Outside
from watchbill.respond.elsewhere import Elsewhere
from watchbill.service import containment
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store
from watchbill.team.model import Directory, IdentityCenter


WHERE = Location("w.yaml", 1)


@pytest.fixture
def world(tmp_path, sshd, james, peer, monkeypatch):
    """Give a world in which James has a user of a real host, and one at Okta."""
    monkeypatch.setenv("OKTA_TOKEN", TOKEN)
    with open_store(tmp_path) as store:
        made = World(store)
        outside = Outside(Center(made.app.accounts), hosts=sshd.hosts)
        made.app = replace(made.app, outside=outside, performers=outside.performers(), lanes=8)
        person = replace(made.team.people["james"], email=JAMES, host_users=(PERSON,))
        corp = Directory("corp", "okta", "OKTA_TOKEN", peer.url, None, None, None, WHERE)
        made.team = replace(
            made.team,
            leads=("sofia", "ada"),
            people={**made.team.people, "james": person},
            reached={"bastion": sshd.host},
            directories={"corp": corp},
        )
        yield made


def test_one_freeze_covers_all_of_it(world, sshd, peer):
    """A session that was open dies, nobody gets in by key or by Okta, and the restore gives everything back."""
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    before = world.app.elsewhere(world.team, "james")
    with subprocess.Popen(sshd.client("echo in; sleep 300"), stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        session.stdout.readline()
        made = containment.freeze(world.as_("sofia"), containment.plan(world.as_("sofia"), case_id))
        session.wait(10)
    assert [check.what for check in made.checks if not check.holds] == []
    assert {change.account for change in made.containment.changes} == {"bastion", "corp", "production", "staging"}
    assert not sshd.lets_in()
    assert (peer.okta, peer.sessions) == ("SUSPENDED", 0)
    restored = containment.restore(world.as_("sofia"), case_id)
    assert restored.differences == ()
    assert sshd.lets_in()
    assert (peer.okta, world.app.elsewhere(world.team, "james")) == ("ACTIVE", before)


def test_places_that_cannot_be_read_are_named_each(world, sshd, monkeypatch):
    """A host that refuses us, a secret that is not set, a service that is not there: the rest is read all the same."""
    monkeypatch.delenv("OKTA_TOKEN")
    center = IdentityCenter("production", "eu-west-1", "d-1", "arn:aws:sso:::instance/ssoins-1", None, None, WHERE)
    hosts = {"bastion": sshd.host, "gone": replace(sshd.host, name="gone", port=1)}
    team = replace(world.team, reached=hosts, identity_center=center)
    found = world.app.elsewhere(team, "james")
    assert [user.host for user in found.hosts] == ["bastion"]
    assert sorted(found.unread) == ["corp", "gone", "identity-center"]
    assert "OKTA_TOKEN" in found.unread["corp"]
    assert "Connection refused" in found.unread["gone"]


def test_what_the_file_names_no_more_is_told(world):
    """A plan outlives the file it was made by."""
    bare = replace(world.team, reached={}, directories={})
    assert world.app.elsewhere(bare, "james") == Elsewhere()
    calls = [
        ("bastion", Call("ExpireUser", {"UserName": PERSON}, "host")),
        ("corp", Call("SuspendUser", {"Directory": "corp", "UserId": "00u1"}, "okta")),
        ("identity-center", Call("UpdatePolicy", {"PolicyId": "p", "Content": "{}"}, "organizations")),
    ]
    for place, call in calls:
        with pytest.raises(ProviderError, match="any more"):
            world.app.perform(bare, Change(place, Phase.REVOKE, call, ""))
