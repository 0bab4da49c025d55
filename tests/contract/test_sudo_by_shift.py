"""Sudo by shift over a real sshd, the real sudo and visudo: who may at each instant, and what a broken file does."""

import hashlib
import json
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.sshd import PERSON, Here, run
from tests.unit.service.test_stepping import Site
from tests.unit.service.world import World, hijack

from watchbill.access.model import Call, State
from watchbill.access.sudo import FILE, SERVICE, WRITE, Rule, read, write
from watchbill.aws.identity_center import Center
from watchbill.clock import SystemClock
from watchbill.errors import ProviderError, RefusedError
from watchbill.intervals import Interval
from watchbill.outside import Outside
from watchbill.respond.hosts import Known, freeze_on_hosts, verify_on_hosts
from watchbill.service import containment, host_access, proposals
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store
from watchbill.store.rows import Proposed
from watchbill.team.model import Mode


OURS = Path(FILE)
OWN = Path(f"/etc/sudoers.d/{PERSON}")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def host(without_sudo):
    """Give a host on which James has no sudo of his own, and none by shift."""
    return without_sudo


def now():
    """Give the instant, by the clock that sudo goes by."""
    return SystemClock().now()


def around(start, end):
    """Give a span around now."""
    at = now().replace(microsecond=0)
    return Interval(at + start, at + end)


def put(host, text, was="", edge=None):
    """Write the file of the host."""
    digest = hashlib.sha256(text.encode()).hexdigest() if text else ""
    call = Call(WRITE, {"FileName": FILE, "Was": was, "Digest": digest, "Rules": text}, SERVICE)
    (edge or host.hosts).perform(host.host, call)


def may(*command):
    """Tell whether James, on the host, may run a command as root now."""
    words = ["runuser", "-u", PERSON, "--", "sudo", "-n", *command]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_the_real_sudo_begins_and_ends_it_by_its_own_clock(host):
    """What ended a second ago and what starts in an hour is refused, what runs is not, and only what is written."""
    rules = [
        Rule(PERSON, around(-HOUR, timedelta()), "/bin/true over"),
        Rule(PERSON, around(-HOUR, HOUR), "/bin/true runs"),
        Rule(PERSON, around(HOUR, 2 * HOUR), "/bin/true later"),
    ]
    put(host, write(rules))
    assert [may("/bin/true", word) for word in ("over", "runs", "later")] == [False, True, False]
    assert not may("/bin/true")
    assert not may("/bin/true", "runs", "more")
    assert not may("/bin/sh", "-c", "true")
    found = OURS.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o440, 0, 0)
    assert run("visudo", "-c").count("parsed OK") >= 1


def test_an_open_window_shuts_at_its_end_and_no_second_later(host):
    """Asked again and again over the end: allowed before, never at the end or after, though nobody writes anything."""
    put(host, write([Rule(PERSON, around(-HOUR, 3 * SECOND), "/bin/true")]))
    ((rule,), _) = read(OURS.read_text())
    asked = []
    while now() < rule.interval.end + SECOND:
        before = now()
        asked.append((before, now(), may("/bin/true")))
        time.sleep(0.05)
    assert asked[0][2]
    assert [before for before, _, let in asked if let and before >= rule.interval.end] == []
    assert not asked[-1][2]


def test_a_shift_of_everything_is_everything(host):
    """`all` is a shell of root's for the time, and nothing after it."""
    put(host, write([Rule(PERSON, around(-HOUR, HOUR), "ALL")]))
    assert may("/bin/sh", "-c", "test $(id -u) = 0")
    first = hashlib.sha256(OURS.read_bytes()).hexdigest()
    put(host, write([Rule(PERSON, around(-HOUR, timedelta()), "ALL")]), was=first)
    assert not may("/bin/sh", "-c", "true")


def test_commands_are_for_sudo_what_the_team_file_says(tmp_path):
    """cvtsudoers, of sudo itself, reads each command, user and instant as they were given."""
    word = st.text("abcXYZ019_./+@:=,-", min_size=1, max_size=8)
    part = st.text("abcXYZ019_.+@-", min_size=1, max_size=6).filter(lambda text: text[0] not in ".+@-")
    command = st.tuples(st.lists(part, min_size=1, max_size=3), st.lists(word, max_size=3)).map(
        lambda drawn: " ".join(["/" + "/".join(drawn[0]), *drawn[1]])
    )

    @examples(40, 300)
    @given(command, st.integers(0, 10**9), st.integers(1, 10**7))
    def holds(said, begins, lasts):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=begins)
        rule = Rule("james", Interval(start, start + timedelta(seconds=lasts)), said)
        path = tmp_path / "rules"
        path.write_text(write([rule]))
        (spec,) = json.loads(run("cvtsudoers", "-f", "json", str(path)))["User_Specs"]
        (found,) = spec["Cmnd_Specs"]
        options = {key: value for option in found["Options"] for key, value in option.items()}
        assert spec["User_List"] == [{"username": "james"}]
        assert [each["command"] for each in found["Commands"]] == [said]
        last = rule.interval.end - SECOND
        assert options["notbefore"] == start.strftime("%Y%m%d%H%M%SZ")
        assert options["notafter"] == last.strftime("%Y%m%d%H%M%SZ")
        assert read(path.read_text()) == ([rule], True)

    holds()


def test_what_sudo_cannot_read_is_never_put_into_force(host, tmp_path):
    """It is refused by visudo, and what was there stays; so does a file that was changed since it was read."""
    good = write([Rule(PERSON, around(-HOUR, HOUR), "/bin/true")])
    put(host, good)
    was = hashlib.sha256(good.encode()).hexdigest()
    old = tmp_path / "visudo"
    old.write_text("#!/bin/sh\necho 'syntax error near NOTBEFORE' >&2\nexit 1\n")
    old.chmod(0o755)

    class Older(Here):
        """A host whose sudo knows no NOTBEFORE."""

        def _client(self, host):
            yield from ("unshare", "-m", "sh", "-c", f'mount --bind {old} /usr/sbin/visudo; exec sh -c "$0"')

    other = write([Rule(PERSON, around(-HOUR, HOUR), "ALL")])
    with pytest.raises(ProviderError, match=r"syntax error.*sudo 1\.8\.20 or later"):
        put(host, other, was, Older())
    with pytest.raises(ProviderError, match="not as it was read"):
        put(host, other, "0" * 64)
    assert OURS.read_text() == good
    with pytest.raises(ValueError, match="are none"):
        put(host, good + "eve ALL=(ALL) ALL\n", was)
    put(host, good, "0" * 64)
    put(host, "", was)
    assert not OURS.exists()


def test_what_else_gives_them_sudo_is_read(host):
    """A group, a file of their own; and whoever the host does not know is not among its users."""
    assert host.hosts.by_shift(host.host, [PERSON, "nobody-of-that-name"]).users == {PERSON}
    OWN.write_text(f"{PERSON} ALL=(ALL) ALL\n")
    run("gpasswd", "-a", PERSON, "sudo")
    put(host, write([Rule(PERSON, around(-HOUR, HOUR), "/bin/true")]))
    OURS.chmod(0o644)
    found = host.hosts.by_shift(host.host, [PERSON])
    assert found.others == ((PERSON, str(OWN)), (PERSON, "group sudo"))
    assert (found.text, found.access, found.included) == (OURS.read_text(), "644 root:root", True)
    assert abs(found.clock - now()) < timedelta(minutes=1)
    with pytest.raises(ValueError, match="no user"):
        host.hosts.by_shift(host.host, ["$(reboot)"])


def test_a_freeze_takes_one_out_and_leaves_the_others_as_they_are(host):
    """At once, to the same text that is written without them; and a file that others changed stays known as such."""
    mine, others = Rule(PERSON, around(-HOUR, HOUR), "ALL"), Rule("zoe", around(-HOUR, HOUR), "/bin/true a:b")
    put(host, write([mine, others]))
    was = host.hosts.describe(host.host, PERSON)
    assert (was.on_call, was.shared, was.sudoers) == (True, (), ())
    for change in freeze_on_hosts([was]):
        host.hosts.perform(host.host, change.call)
    frozen = host.hosts.describe(host.host, PERSON)
    assert [check.what for check in verify_on_hosts([was], [frozen]) if not check.holds] == []
    assert OURS.read_text() == write([others])
    leave = Call("LeaveOnCall", {"UserName": PERSON}, SERVICE)
    OURS.chmod(0o600)
    OURS.write_text(write([mine, others]).replace("zoe", "eve"))
    host.hosts.perform(host.host, leave)
    assert PERSON not in OURS.read_text()
    assert read(OURS.read_text())[1] is False
    OURS.chmod(0o600)
    OURS.write_text(f"zoe,{PERSON} ALL=(ALL) ALL\n")
    by_hand = host.hosts.describe(host.host, PERSON)
    assert (by_hand.on_call, by_hand.shared) == (False, (FILE,))
    OURS.write_text(write([mine]))
    host.hosts.perform(host.host, leave)
    host.hosts.perform(host.host, leave)
    assert not OURS.exists()


def test_a_user_from_a_directory_is_taken_out_too(host, tmp_path):
    """Their account is disabled there, not here; the rules of shifts are here."""
    asked = tmp_path / "getent"
    asked.write_text("#!/bin/sh\necho zoe:x:70000:70000::/home/zoe:/bin/sh\n")
    asked.chmod(0o755)

    class Joined(Here):
        """A host that knows more users than are in its own files."""

        def _client(self, host):
            yield from ("unshare", "-m", "sh", "-c", f'mount --bind {asked} /usr/bin/getent; exec sh -c "$0"')

    mine, theirs = (Rule(user, around(-HOUR, HOUR), "ALL") for user in (PERSON, "zoe"))
    put(host, write([mine, theirs]))
    was = Joined().describe(host.host, "zoe")
    assert (was.known, was.on_call) == (Known.ELSEWHERE, True)
    assert [check.holds for check in verify_on_hosts([was], [was])] == [False]
    (step,) = freeze_on_hosts([was])
    Joined().perform(host.host, step.call)
    assert OURS.read_text() == write([mine])
    assert [check.holds for check in verify_on_hosts([was], [Joined().describe(host.host, "zoe")])] == [True]
    assert [check.holds for check in verify_on_hosts([was], [])] == [False]


@pytest.fixture
def world(tmp_path, host):
    """Give a world in which James, on watch by a rota, has a user of a real host."""
    with open_store(tmp_path) as store:
        made = World(store)
        outside = Outside(Center(made.app.accounts), hosts=host.hosts)
        made.app = replace(made.app, outside=outside, performers=outside.performers(), lanes=8)
        james = replace(made.team.people["james"], host_users=(PERSON,))
        rota = replace(made.team.rotas["platform"], hosts=("bastion",), sudo=("/bin/true",))
        made.team = replace(
            made.team,
            leads=("sofia", "ada"),
            people={**made.team.people, "james": james},
            rotas={"platform": rota},
            reached={"bastion": host.host},
        )
        yield made


def test_a_pass_writes_only_where_the_file_enforces(world):
    """Proposed it waits for a person, observed for nobody; enforced it is written once, and once removed."""
    assert reconcile(world.as_("watchbill"), None).problems == []
    assert not OURS.exists()
    rota = world.team.rotas["platform"]
    watched = replace(world.team, rotas={"platform": replace(rota, mode=Mode.OBSERVE)})
    assert host_access.plan(replace(world.as_("ada"), team=watched)).changes == ()
    assert len(host_access.plan(world.as_("ada")).changes) == 1

    world.enforce()
    done = reconcile(world.as_("watchbill"), None)
    assert [o.change.call.operation for o in done.outcomes if o.change.account == "bastion"] == [WRITE]
    assert {rule.user for rule in read(OURS.read_text())[0]} == {PERSON}
    again = reconcile(world.as_("watchbill"), None)
    assert (
        [o for o in again.outcomes if o.change.account == "bastion"],
        host_access.plan(world.as_("ada")).changes,
    ) == ([], ())
    kinds = [entry.kind for entry in world.store.ledger.about(["bastion"])]
    assert kinds == ["access:sudo:begun", "access:sudo:written"]

    world.team = replace(world.team, rotas={"platform": replace(world.team.rotas["platform"], hosts=(), sudo=())})
    reconcile(world.as_("watchbill"), None)
    assert not OURS.exists()
    assert host_access.plan(world.as_("ada")).changes == ()


def test_what_waits_for_a_lead_is_written_exactly_or_not_at_all(world):
    """Kept once, beside what waits in AWS; void when the host or the file moves; approved, the next pass writes it."""

    def run():
        done = reconcile(world.as_("watchbill"), None)
        assert done.problems == []
        return done

    waits = run().host_proposal
    assert (waits.state, OURS.exists(), run().host_proposal.id) == (Proposed.WAITING, False, waits.id)
    content = proposals.content_of(waits)
    said = " ".join(proposals.lines_of(content))
    assert f"james gains sudo as {PERSON} (/bin/true) in bastion" in said
    assert "because rota platform" in said
    assert proposals.is_of_hosts(content.plan)

    OURS.write_text("# by hand\n")
    moved = run().host_proposal
    assert (moved.id != waits.id, proposals.find(world.store, waits.id).state) == (True, Proposed.VOID)
    OURS.unlink()
    again = run().host_proposal
    assert (again.id, again.state) == (waits.id, Proposed.WAITING)
    proposals.approve(world.as_("ada"), again.id)
    OURS.write_text("# by hand\n")
    assert (run().host_proposal.state, OURS.read_text()) == (Proposed.WAITING, "# by hand\n")
    OURS.unlink()
    run()

    proposals.approve(world.as_("ada"), waits.id)
    (call,) = [each for each in proposals.content_of(waits).plan.changes if each.account == "bastion"]
    done = run()
    assert (done.host_proposal.state, OURS.read_text()) == (Proposed.APPLIED, call.call.parameters["Rules"])
    assert run().host_proposal is None
    assert proposals.waiting_of(world.store, hosts=True) == []


def test_what_one_refuses_stays_refused_and_what_is_applied_by_hand_waits_no_more(world):
    """A lead's word counts on hosts as in AWS."""

    def waits() -> Any:
        return reconcile(world.as_("watchbill"), None).host_proposal

    proposals.refuse(world.as_("ada"), waits().id, "not now")
    assert waits().state is Proposed.REFUSED
    assert not OURS.exists()
    host_access.write(world.as_("sofia"), host_access.plan(world.as_("sofia")))
    assert OURS.exists()
    assert waits() is None


def test_who_wrote_it_does_not_approve_it_on_hosts_until_it_is_done_there(tmp_path, host):
    """A schedule that waits for nobody, and a command that was let be in AWS: on hosts each waits for somebody else."""
    site = Site(tmp_path, "propose")
    outside = Outside(Center(site.app.accounts), hosts=host.hosts)
    site.app = replace(site.app, outside=outside, performers=outside.performers())

    def run():
        done = reconcile(site.as_("watchbill"), None)
        assert done.problems == []
        return done

    def must_be_anothers(waits, author):
        assert author in proposals.content_of(waits).barred
        with pytest.raises(RefusedError, match=f"`{author}` wrote what is in"):
            proposals.approve(site.as_(author), waits.id)

    with site.store:
        there = host.host
        site.edit("permission_sets:", f"hosts:\n  bastion: {{address: {there.address}, user: {there.user}, port: {there.port}}}\npermission_sets:")  # fmt: skip
        site.edit("james@example.com}", f"james@example.com, host_users: [{PERSON}]}}")
        site.edit("    horizon: 3d", "    hosts: [bastion]\n    sudo: [/bin/true]\n    horizon: 3d", "sofia")
        site.begin()
        first = run().host_proposal
        proposals.approve(site.as_("sofia"), first.id)
        assert run().host_proposal.state is Proposed.APPLIED

        site.edit("[james, rick]\n        turn", "[james, james, rick]\n        turn", "sofia")
        must_be_anothers(run().host_proposal, "sofia")
        site.edit("sudo: [/bin/true]", "sudo: [/bin/false]", "ada")
        proposals.approve(site.as_("rick"), run().proposal.id)
        assert run().proposal.state is Proposed.APPLIED
        waits = run().host_proposal
        must_be_anothers(waits, "sofia")
        must_be_anothers(waits, "ada")
        proposals.approve(site.as_("rick"), waits.id)
        assert run().host_proposal.state is Proposed.APPLIED
        assert "/bin/false" in OURS.read_text()
        site.clock.advance(timedelta(days=1))
        assert proposals.content_of(run().host_proposal).barred == ()


def test_a_freeze_over_a_pass_and_back(world):
    """Out at once, out of the next plan, and in again after the restore where the shift still says so."""
    world.enforce()
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    written = OURS.read_text()
    assert PERSON in written
    frozen = containment.freeze(world.as_("sofia"), containment.plan(world.as_("sofia"), case_id))
    assert [check.what for check in frozen.checks if not check.holds] == []
    assert not OURS.exists()
    reconcile(world.as_("watchbill"), None)
    assert not OURS.exists()
    containment.restore(world.as_("sofia"), case_id)
    reconcile(world.as_("watchbill"), None)
    assert OURS.read_text() == written


def test_a_write_that_fails_is_in_the_ledger_once_and_a_lost_host_is_named(world, monkeypatch):
    """Pass after pass tries it again and says it; a host without an address is a problem until it has one."""
    world.enforce()

    def refuse(self, host, call):
        raise ProviderError("visudo does not take it")

    monkeypatch.setattr("watchbill.hosts.ssh.Hosts.perform", refuse)
    for _ in range(2):
        (outcome,) = [o for o in reconcile(world.as_("watchbill"), None).outcomes if o.change.account == "bastion"]
        assert outcome.state is State.FAILED
    kinds = [entry.kind for entry in world.store.ledger.about(["bastion"])]
    assert kinds == ["access:sudo:begun", "access:sudo:failed"]
    rota = replace(world.team.rotas["platform"], hosts=(), sudo=())
    lost = replace(world.team, reached={}, rotas={"platform": rota})
    (problem,) = host_access.plan(replace(world.as_("ada"), team=lost)).problems
    assert (problem.code, "bastion" in problem.message) == ("unreached-host", True)
