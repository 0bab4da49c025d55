"""Naming anew: what comes out later names people, in whatever order it comes; who was named stays named."""

import base64
import contextlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.lakes import AT, delivery, forced, log, rows, taken_in
from tests.teams import MONDAY, PRODUCTION, STAGING, team
from tests.trails import assume_role, other_account, record, session, user

from watchbill.lake.hosts import tell_all_hosts
from watchbill.lake.parts import read_part
from watchbill.lake.people import People, rename, tell, tell_all
from watchbill.lake.place import Lake
from watchbill.lake.seal import seal
from watchbill.service.lake import Library, rename_all
from watchbill.trail.everyone import Everyone
from watchbill.trail.forms import Hosts
from watchbill.trail.hosts.logins import fingerprint
from watchbill.trail.table import rows_of


OPENS = assume_role(user("james"), "oncall", "ASIAONE", MONDAY, event_id="opens")
ACTS = record(who=session("oncall", "x", "ASIAONE"), at=MONDAY + timedelta(hours=1), event_id="acts")
KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
TEAM = replace(team(), hosts={"web-1": "i-0123456789abcdef0"})


@pytest.fixture
def lake(tmp_path):
    """Give an empty lake."""
    with contextlib.closing(Lake(tmp_path)) as found:
        yield found


def people(lake, of=None):
    """Give what names people by what the lake knows now."""
    named = team() if of is None else of
    return People(lake.manifest, lambda find, trusts: Everyone(named, find, forced(trusts, named)))


def without(*names):
    """Give the team without some people."""
    return replace(team(), people={name: each for name, each in team().people.items() if name not in names})


def persons(lake):
    """Give who each event was, by its id."""
    return {row["id"]: row["person"] for row in rows(lake.folder)}


def test_naming_anew_without_news_changes_no_file(lake):
    """A file of which nothing else is known stays the very same file, and waits for the same keys."""
    taken_in(lake.folder, [delivery("a", log([ACTS]))], team())
    (part,) = lake.manifest.parts()
    assert not rename(lake, part, people(lake))
    assert tell(lake, people(lake)) == 0
    assert lake.manifest.parts() == [part]
    assert lake.manifest.waits_of([part.name]) == {"ASIAONE"}


def test_a_file_waits_no_more_for_a_key_that_is_known(lake):
    """When its key's opening is there, a file is told once, and then hangs on nothing."""
    taken_in(lake.folder, [delivery("a", log([ACTS]))], team())
    taken_in(lake.folder, [delivery("b", log([OPENS]))], team())
    assert persons(lake) == {"opens": "james", "acts": "james"}
    assert lake.manifest.waits_of([part.name for part in lake.manifest.parts()]) == set()
    assert lake.manifest.news() == set()
    assert tell(lake, people(lake)) == 0


def test_an_opening_is_told_though_its_run_was_killed_before(lake):
    """What a run took in and did not come to tell is told by the next one, which takes in nothing."""
    taken_in(lake.folder, [delivery("a", log([ACTS]))], team())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchbill.lake.ingest.tell", lambda *_: 0)
        taken_in(lake.folder, [delivery("b", log([OPENS]))], team())
    assert persons(lake)["acts"] is None
    assert lake.manifest.news() == {"ASIAONE"}
    assert taken_in(lake.folder, [], team()).renamed == 1
    assert persons(lake)["acts"] == "james"


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("runs", [1, 2, 3])
def test_a_call_into_another_account_is_told_by_both_copies(lake, monkeypatch, order, runs):
    """One copy has the key and not who called, the other who called and not the key: in any order, in any runs."""
    into = "arn:aws:iam::222222222222:role/oncall"
    theirs = assume_role(other_account(), "oncall", "ASIATWO", account=STAGING, event_id="theirs", sharedEventID="both")
    ours = record(
        "sts:AssumeRole",
        user("james"),
        MONDAY,
        event_id="ours",
        requestParameters={"roleArn": into},
        sharedEventID="both",
    )
    acts = record(
        who=session("oncall", "x", "ASIATWO", account=STAGING),
        at=MONDAY + timedelta(hours=1),
        event_id="acts",
        account=STAGING,
    )
    files = [delivery(f"{place}", log([(theirs, ours, acts)[which]])) for place, which in enumerate(order)]
    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
    for run in range(runs):
        taken_in(lake.folder, files[run * len(files) // runs : (run + 1) * len(files) // runs], team())
    assert persons(lake)["acts"] == "james"


def test_a_run_that_learns_of_a_call_asks_again_for_its_key(lake):
    """The copy that says who called and what was done come in one file, after the copy that has the key."""
    theirs = assume_role(other_account(), "oncall", "ASIATWO", account=STAGING, event_id="theirs", sharedEventID="both")
    ours = record("sts:AssumeRole", user("james"), MONDAY, event_id="ours", sharedEventID="both")
    who = session("oncall", "x", "ASIATWO", account=STAGING)
    acts = record(who=who, at=MONDAY + timedelta(hours=1), event_id="acts", account=STAGING)
    taken_in(lake.folder, [delivery("a", log([theirs]))], team())
    taken_in(lake.folder, [delivery("b", log([ours, acts]))], team())
    assert persons(lake)["acts"] == "james"


def test_whoever_left_the_team_stays_named(lake):
    """A name that was given stays, by every way it was given, also when files are written anew for somebody else."""
    taken_in(lake.folder, [delivery("a", log([OPENS, ACTS, record(event_id="self", who=user("james"))]))], team())
    before = persons(lake)
    assert tell_all(lake, people(lake, without("james"))) == 0
    assert persons(lake) == before == {"opens": "james", "acts": "james", "self": "james"}
    later = record(who=session("oncall", "y", "ASIALATE"), at=MONDAY, event_id="later")
    taken_in(lake.folder, [delivery("b", log([later]))], without("james"))
    seal(lake, AT + timedelta(days=90))
    opened = assume_role(user("rick"), "oncall", "ASIALATE", MONDAY, event_id="opens-later")
    taken_in(lake.folder, [delivery("c", log([opened]))], without("james"))
    assert persons(lake) == {**before, "later": "rick", "opens-later": "rick"}


@pytest.mark.parametrize("first", ["acts", "opens"])
def test_a_name_that_was_chosen_gives_way_to_evidence(lake, first):
    """A session that a stranger called by a person's name is not that person's, whichever record comes first."""
    named = replace(team(), session_names="iam_user")
    stranger = assume_role(user("eve"), "oncall", "ASIAEVE", MONDAY, event_id="opens")
    acts = record(who=session("oncall", "james", "ASIAEVE"), at=MONDAY + timedelta(hours=1), event_id="acts")
    files = {"acts": delivery("a", log([acts])), "opens": delivery("b", log([stranger]))}
    taken_in(lake.folder, [files.pop(first)], named)
    if first == "acts":
        assert persons(lake) == {"acts": "james"}
    taken_in(lake.folder, files.values(), named)
    (row,) = [row for row in rows(lake.folder) if row["id"] == "acts"]
    assert (row["person"], row["traced"]) == (None, True)


def host_lines(*texts):
    """Write lines of sshd on Monday, a minute apart."""
    stamps = (MONDAY + timedelta(hours=9, minutes=number) for number in range(len(texts)))
    return "".join(f"{at:%b %d %H:%M:%S} web-1 {text}\n" for at, text in zip(stamps, texts, strict=True)).encode()


def pushed_by(who, at=MONDAY + timedelta(hours=8, minutes=59, seconds=40)):
    """Make the record of a public key that was pushed to the host."""
    return record(
        "ec2-instance-connect:SendSSHPublicKey",
        who,
        at,
        event_id="pushed",
        requestParameters={"instanceId": "i-0123456789abcdef0", "instanceOSUser": "ec2-user", "sSHPublicKey": KEY},
        responseElements={"success": True},
    )


AUTH = host_lines(
    f"sshd[100]: Accepted publickey for ec2-user from 198.51.100.7 port 22 ssh2: ED25519 {fingerprint(KEY)}"
)


def on_hosts(lake):
    """Give the person, the method and why of each row of hosts."""
    return [(row["person"], row["method"], row["why"]) for row in rows(lake.folder) if row["category"] == "Host"]


def test_who_pushed_a_key_may_come_out_late(lake):
    """The session that pushed a key is nobody's until its AssumeRole comes; then the login is that person's too."""
    pushed = pushed_by(session("oncall", "x", "ASIAONE"))
    taken_in(lake.folder, [delivery("aws", log([pushed]))], TEAM)
    taken_in(lake.folder, [delivery("auth.log", AUTH)], TEAM, hosts=Hosts(AT))
    assert [found[0] for found in on_hosts(lake)] == [None]
    taken_in(lake.folder, [delivery("late", log([OPENS]))], TEAM)
    assert [found[:2] for found in on_hosts(lake)] == [("james", "host-login")]


def test_hosts_in_a_file_with_aws_are_not_told_by_their_users_alone(lake):
    """Sealing puts both into one file; when a key's opening renames that file, rows of hosts stay what they were."""
    strange = host_lines("sshd[7]: Accepted password for nobody-we-know from 198.51.100.7 port 22 ssh2")
    taken_in(lake.folder, [delivery("auth.log", strange)], TEAM, hosts=Hosts(AT))
    taken_in(lake.folder, [delivery("aws", log([ACTS]))], TEAM)
    before = on_hosts(lake)
    seal(lake, AT + timedelta(days=90))
    assert len(lake.manifest.parts()) == 1
    taken_in(lake.folder, [delivery("late", log([OPENS]))], TEAM)
    assert persons(lake)["acts"] == "james"
    assert on_hosts(lake) == before


def test_what_sealing_put_together_says_no_more_of_hosts(lake):
    """A month in one file ties no login to what was pushed a week before, as it would not have before sealing."""
    taken_in(lake.folder, [delivery("aws", log([pushed_by(user("james"), MONDAY - timedelta(days=7))]))], TEAM)
    taken_in(lake.folder, [delivery("auth.log", AUTH)], TEAM, hosts=Hosts(AT))
    seal(lake, AT + timedelta(days=90))
    asked = []

    def tie(events, aws):
        asked.append((len(events), len(aws)))
        return Library(TEAM, None).tie(events, aws)

    tell_all_hosts(lake, tie)
    assert asked == [(1, 0)]


def test_a_day_of_hosts_is_asked_once(lake):
    """However many files a day has, who did what on it is found out once."""
    for number in range(4):
        line = host_lines(f"sshd[{number}]: Accepted password for james-unix from 198.51.100.{number} port 22 ssh2")
        taken_in(lake.folder, [delivery(f"{number}", line)], TEAM, hosts=Hosts(AT))
    asked = []

    def tie(events, aws):
        asked.append(len(events))
        return Library(TEAM, None).tie(events, aws)

    tell_all_hosts(lake, tie)
    assert asked == [4]


def test_a_team_file_names_and_forgets_nobody_on_hosts(lake):
    """Whoever is declared as the user of a host is named, and stays so when the declaration goes."""
    unix = {**team().people, "james": replace(team().people["james"], host_users=("james-unix",))}
    knows = replace(TEAM, people=unix)
    line = host_lines("sshd[7]: Accepted password for james-unix from 198.51.100.7 port 22 ssh2")
    taken_in(lake.folder, [delivery("auth.log", line)], TEAM, hosts=Hosts(AT))
    assert [found[0] for found in on_hosts(lake)] == [None]
    assert rename_all(lake, Library(knows, None)).renamed == 1
    assert [found[:2] for found in on_hosts(lake)] == [("james", "host-user")]
    assert rename_all(lake, Library(TEAM, None)).renamed == 0
    assert [found[:2] for found in on_hosts(lake)] == [("james", "host-user")]


def test_everyone_is_named_with_progress(lake):
    """Naming everyone anew tells how far it is, a file at a time, and counts those that changed."""
    strangers = [record(event_id=f"{day}", who=user("eve"), at=MONDAY + timedelta(days=2 * day)) for day in range(3)]
    own = record(event_id="j", at=MONDAY + timedelta(days=7))
    taken_in(lake.folder, [delivery("a", log([*strangers, own]))], team())
    seen = []
    known = replace(team(), people={**team().people, "eve": replace(team().people["ada"], name="eve", iam_user="eve")})
    taken_in(lake.folder, [delivery("b", log([record(event_id="k", who=user("mallory"))]))], team())
    assert tell_all(lake, people(lake, known), lambda done, total: seen.append((done, total))) == 3
    assert seen == [(n, 5) for n in range(1, 6)]
    assert persons(lake)["0"] == "eve"
    assert persons(lake)["k"] is None


def pinned(at, event_id="pinned"):
    """Make the record of a role that was made so that a session of it has its caller's own source identity."""
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{PRODUCTION}:user/james"},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Condition": {"StringEquals": {"sts:SourceIdentity": "${aws:username}"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    asked = {"roleName": "admin", "assumeRolePolicyDocument": document}
    return record("iam:CreateRole", user("ada"), at, event_id=event_id, requestParameters=asked)


@pytest.mark.parametrize("sealed", [False, True])
def test_what_a_role_forced_may_come_out_late(lake, sealed):
    """A source identity is as sure as the trust policy of then: when that arrives after it, the row is written anew."""
    began = MONDAY + timedelta(days=3)
    who = session("admin", "x", "ASIAONE", source_identity="james", began=began)
    taken_in(lake.folder, [delivery("a", log([record(who=who, at=began, event_id="acts")]))], team())
    (row,) = rows(lake.folder)
    assert (row["person"], row["confidence"]) == ("james", "strong")
    if sealed:
        seal(lake, AT + timedelta(days=90))
    found = taken_in(lake.folder, [delivery("b", log([pinned(MONDAY)]))], team())
    (row,) = [row for row in rows(lake.folder) if row["id"] == "acts"]
    assert (row["person"], row["confidence"], found.renamed) == ("james", "certain", 1)
    assert lake.manifest.untold_trusts() == []
    assert taken_in(lake.folder, [], team()).renamed == 0


@pytest.fixture
def read_again(monkeypatch):
    """Give the events of each file that is read again to name who is in it, as far as it went."""
    found = []

    def watched(lake, part, *more):
        found.append([row["id"] for row in rows_of(read_part(lake.folder, part.name))])
        return rename(lake, part, *more)

    monkeypatch.setattr("watchbill.lake.people.rename", watched)
    return found


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_named_by_a_trust_policy_is_not_read_again_for_it(lake, monkeypatch, read_again, killed):
    """A run reads again what it wrote before a policy came; the one after a run that was killed reads all since."""
    began = MONDAY + timedelta(days=3)
    before, after = (
        record(who=session("admin", "x", f"ASIA{n}", source_identity="james", began=began), at=began, event_id=n)
        for n in ("before", "after")
    )
    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
    with pytest.MonkeyPatch.context() as patch:
        if killed:
            patch.setattr("watchbill.lake.ingest.tell", lambda *_: 0)
        files = [delivery(f"{n}", log([made])) for n, made in enumerate((before, pinned(MONDAY), after))]
        taken_in(lake.folder, files, team())
    taken_in(lake.folder, [], team())
    assert sorted(read_again) == ([["after"], ["before"], ["pinned"]] if killed else [["before"]])
    confidence = {row["id"]: row["confidence"] for row in rows(lake.folder)}
    assert (confidence["before"], confidence["after"]) == ("certain", "certain")


def test_what_a_role_forced_later_says_nothing_of_before(lake):
    """A policy that came into force after a session began changes nothing of its row."""
    who = session("admin", "x", "ASIAONE", source_identity="james")
    taken_in(lake.folder, [delivery("a", log([record(who=who, at=MONDAY, event_id="acts")]))], team())
    late = pinned(MONDAY + timedelta(days=2))
    assert taken_in(lake.folder, [delivery("b", log([late]))], team()).renamed == 0
    assert [row["confidence"] for row in rows(lake.folder) if row["id"] == "acts"] == ["strong"]


def test_naming_by_a_team_file_loses_no_news(lake):
    """What a killed run did not come to tell is told first: a name that was chosen gives way then too."""
    named = replace(team(), session_names="iam_user")
    acts = record(who=session("oncall", "james", "ASIAEVE"), at=MONDAY + timedelta(hours=1), event_id="acts")
    taken_in(lake.folder, [delivery("a", log([acts]))], named)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchbill.lake.ingest.tell", lambda *_: 0)
        opens = assume_role(user("eve"), "oncall", "ASIAEVE", MONDAY, event_id="opens")
        taken_in(lake.folder, [delivery("b", log([opens]))], named)
    assert persons(lake)["acts"] == "james"
    rename_all(lake, Library(named, None))
    assert persons(lake)["acts"] is None


@pytest.mark.parametrize("aws_first", [True, False])
def test_midnight_parts_no_login_from_its_key(lake, aws_first):
    """A key is pushed seconds before midnight and used seconds after: whichever comes first, the two are tied."""
    midnight = MONDAY.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    pushed = pushed_by(user("james"), midnight - timedelta(seconds=20))
    login = f"sshd[100]: Accepted publickey for ec2-user from 198.51.100.7 port 22 ssh2: ED25519 {fingerprint(KEY)}"
    line = f"{midnight + timedelta(seconds=10):%b %d %H:%M:%S} web-1 {login}\n".encode()
    runs = [([delivery("aws", log([pushed]))], None), ([delivery("auth.log", line)], Hosts(AT))]
    for deliveries, hosts in runs if aws_first else runs[::-1]:
        taken_in(lake.folder, deliveries, TEAM, hosts=hosts)
    assert [found[:2] for found in on_hosts(lake)] == [("james", "host-login")]


def test_a_user_that_is_declared_to_be_somebody_elses_is_named_anew(lake):
    """Whoever is named by the team file as it is now is named, also where another name was given before."""
    taken_in(lake.folder, [delivery("a", log([record(event_id="own", who=user("james"))]))], team())
    people_of = team().people
    moved = {**people_of, "james": replace(people_of["james"], iam_user="jim")}
    moved["ada"] = replace(people_of["ada"], iam_user="james")
    assert tell_all(lake, people(lake, replace(team(), people=moved))) == 1
    assert persons(lake) == {"own": "ada"}


def test_files_that_are_gone_wait_for_nothing(lake):
    """What a file waited for goes over to the one in its place, and is forgotten with it."""
    taken_in(lake.folder, [delivery("a", log([ACTS]))], team())
    (old,) = lake.manifest.parts()
    seal(lake, AT + timedelta(days=90))
    (new,) = lake.manifest.parts()
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, [new.name], [])
    assert old.name == new.name or lake.manifest.waits_of([old.name]) == set()
    assert lake.manifest.waits_of([new.name]) == set()
