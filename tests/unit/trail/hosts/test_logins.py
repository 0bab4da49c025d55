"""Who it was on a host: by what AWS recorded, by key, by user, by the one open session; or nobody, never a guess."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import team

from watchbill.trail.hosts.logins import attribute_hosts, fingerprint
from watchbill.trail.hosts.model import HostAction
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.model import Actor, Attributed, Confidence, Method, Place
from watchbill.trail.read import make_event


AT = datetime(2026, 4, 21, 12, 0, tzinfo=UTC)
WEB1, WEB2 = "i-0123456789abcdef0", "i-0fedcba9876543210"
PUSHED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtAlK45MAEWZ7MUY2QEmi3M6W+peGL3VCrc0qH54xRu ada@laptop"
PRINT = fingerprint(PUSHED)
ADAS = "SHA256:" + "A" * 43
OTHERS = "SHA256:" + "B" * 43


def ours(**people):
    """Make a team: ada has a key, james and priya a user of their own; web1 is an instance of EC2."""
    base = team()
    changed = {
        "ada": replace(base.people["ada"], ssh_keys=(ADAS,)),
        "james": replace(base.people["james"], host_users=("james",)),
        "priya": replace(base.people["priya"], host_users=("priya",), ssh_keys=("SHA256:" + "P" * 43,)),
    }
    return replace(base, people={**base.people, **changed, **people}, hosts={"web1": WEB1, "web2": WEB2})


def follow(text, cloud=(), who=None):
    """Attribute the events of some lines, written at 13:00 and so many seconds: `00 web1 sshd[1]: ...`."""
    lines = [f"Mar 27 13:{line}" if line[2] == ":" else f"Mar 27 13:00:{line}" for line in text.strip().splitlines()]
    reading = read_host_file("auth.log", "\n".join(lines).encode(), host=None, zone=UTC, at=AT)
    assert reading.unreadable == 0
    return attribute_hosts(reading.events, who or ours(), cloud)


def call(source, name, second, person, asked, answer=None, confidence=Confidence.STRONG, **more):
    """Make an attributed event of CloudTrail."""
    at = datetime(2026, 3, 27, 13, 0, tzinfo=UTC) + timedelta(seconds=second)
    record = {
        "eventSource": source,
        "eventName": name,
        "requestParameters": asked,
        "responseElements": answer,
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/dev/x"},
        **more,
    }
    event = make_event(record, f"e-{name}-{second}-{person}", at, Place("trail", second))
    method = Method.SOURCE_IDENTITY if person else Method.NONE
    sure = confidence if person else Confidence.NONE
    return Attributed(
        event, Actor(person, "arn", method, sure, f"source identity {person}" if person else "no AssumeRole")
    )


def push(second, person, instance=WEB1, user="ubuntu", **more):
    """Push a key by EC2 Instance Connect."""
    asked = {"instanceId": instance, "instanceOSUser": user, "sSHPublicKey": PUSHED}
    return call(
        "ec2-instance-connect.amazonaws.com", "SendSSHPublicKey", second, person, asked, {"success": True}, **more
    )


def started(second, person, session="ada-1", instance=WEB1, document=None):
    """Start a session of Systems Manager."""
    asked = {"target": instance} if document is None else {"target": instance, "documentName": document}
    return call("ssm.amazonaws.com", "StartSession", second, person, asked, {"sessionId": session})


def login(second, pid, key, user="ubuntu", ip="192.0.2.7", host="web1"):
    """Write the lines of a log-in by key."""
    return (
        f"{second:02} {host} sshd[{pid}]: Accepted publickey for {user} from {ip} port {pid} ssh2: ED25519 {key}\n"
        f"{second:02} {host} sshd[{pid}]: pam_unix(sshd:session): session opened for user {user} by (uid=0)\n"
    )


def logout(second, pid, user="ubuntu"):
    """Write the line of a log-out."""
    return f"{second:02} web1 sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}\n"


def sudo(second, user="ubuntu"):
    """Write the lines of a command by sudo, whose session opens and closes."""
    return (
        f"{second:02} web1 sudo:  {user} : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id\n"
        f"{second:02} web1 sudo: pam_unix(sudo:session): session opened for user root by {user}(uid=0)\n"
        f"{second:02} web1 sudo: pam_unix(sudo:session): session closed for user root\n"
    )


def commands(found):
    """Give the person, method and confidence of each command."""
    return [
        (each.actor.person, each.actor.method, each.actor.confidence)
        for each in found
        if each.event.name == HostAction.COMMAND_RUN
    ]


def the_login(found):
    """Give the actor of the one accepted log-in."""
    (actor,) = [each.actor for each in found if each.event.name == HostAction.LOGIN_ACCEPTED]
    return actor


# --- fingerprints ---------------------------------------------------------------------------------


def test_a_fingerprint_is_what_openssh_prints():
    """The host key of github.com and its fingerprint, as GitHub publishes both; a comment changes nothing."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    assert fingerprint(key) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    assert fingerprint(f"{key} comment with words\n") == fingerprint(key)


@pytest.mark.parametrize("text", ["", "ssh-rsa", "ssh-rsa !!!", "ssh-rsa AAA", "-----BEGIN"])
def test_what_is_no_key_has_no_fingerprint(text):
    """A pushed key that cannot be read ties nothing."""
    assert fingerprint(text) is None


# --- log-ins --------------------------------------------------------------------------------------


def test_a_pushed_key_names_who_pushed_it():
    """EC2 Instance Connect: the key of the log-in is that of a push, so it is whoever AWS says."""
    actor = the_login(follow(login(30, 5, PRINT), [push(10, "ada")]))
    assert (actor.person, actor.method, actor.confidence) == ("ada", Method.HOST_LOGIN, Confidence.STRONG)
    assert actor.principal == "ubuntu@web1"
    assert "e-SendSSHPublicKey-10-ada" in actor.why
    sure = the_login(follow(login(30, 5, PRINT), [push(10, "ada", confidence=Confidence.CERTAIN)]))
    assert sure.confidence == Confidence.CERTAIN


@pytest.mark.parametrize(
    ("second", "tied"), [(-31, False), (-30, True), (29, True), (30, True), (31, True), (32, False)]
)
def test_a_pushed_key_lasts_a_minute(second, tied):
    """A key is there for 60 seconds; what was pushed after a log-in cannot have let it in."""
    actor = the_login(follow(login(30, 5, PRINT), [push(second, "ada")]))
    assert (actor.person == "ada") is tied


@pytest.mark.parametrize(
    "other",
    [
        push(10, "ada", instance=WEB2),
        push(10, "ada", user="root"),
        push(10, "ada", errorCode="AccessDenied"),
        push(10, None),
    ],
)
def test_another_push_ties_nothing(other):
    """Another instance, another user, a push that failed, one by nobody known: nobody is named."""
    assert the_login(follow(login(30, 5, PRINT), [other])).person is None


def test_a_key_that_nobody_known_pushed_is_nobodys():
    """What AWS recorded counts more than whose user it is: somebody else may have pushed a key for james."""
    actor = the_login(follow(login(30, 5, PRINT, user="james"), [push(10, None, user="james")]))
    assert (actor.person, actor.confidence) == (None, Confidence.NONE)
    assert "no AssumeRole" in actor.why


def test_a_declared_key_names_its_owner():
    """A key is somebody's; with two owners it is nobody's."""
    actor = the_login(follow(login(1, 5, ADAS)))
    assert (actor.person, actor.method, actor.confidence) == ("ada", Method.SSH_KEY, Confidence.STRONG)
    both = ours(rick=replace(team().people["rick"], ssh_keys=(ADAS,)))
    assert the_login(follow(login(1, 5, ADAS), who=both)).person is None


def test_a_key_counts_more_than_the_user():
    """Ada's key in james's home is ada."""
    assert the_login(follow(login(1, 5, ADAS, user="james"))).person == "ada"


def test_a_declared_user_is_weak_with_a_key_that_nobody_declared():
    """Somebody may have put a key of their own into james's home."""
    actor = the_login(follow(login(1, 5, OTHERS, user="james")))
    assert (actor.person, actor.method, actor.confidence) == ("james", Method.HOST_USER, Confidence.WEAK)
    by_password = follow("01 web1 sshd[5]: Accepted password for james from 192.0.2.7 port 5 ssh2")
    assert the_login(by_password).confidence == Confidence.STRONG
    assert the_login(follow(login(1, 5, OTHERS))).person is None


def test_a_failed_login_says_who_was_meant():
    """Not who it was: weak, and for a user of nobody none at all."""
    (mine, other) = follow(
        "01 web1 sshd[5]: Failed password for james from 198.51.100.9 port 5 ssh2\n"
        "02 web1 sshd[5]: Failed password for root from 198.51.100.9 port 5 ssh2"
    )
    assert (mine.actor.person, mine.actor.confidence) == ("james", Confidence.WEAK)
    assert "does not say who it was" in mine.actor.why
    assert other.actor.person is None


def test_a_session_of_systems_manager_carries_ssh():
    """It comes from the host itself, right after StartSession; two people at once are nobody."""
    lines = login(30, 5, OTHERS, ip="127.0.0.1")
    ssh = "AWS-StartSSHSession"
    actor = the_login(follow(lines, [started(25, "ada", document=ssh)]))
    assert (actor.person, actor.method, actor.confidence) == ("ada", Method.HOST_LOGIN, Confidence.STRONG)
    two = [started(25, "ada", document=ssh), started(26, "rick", "rick-1", document=ssh)]
    assert the_login(follow(lines, two)).person is None
    assert the_login(follow(lines, [started(25, "ada")])).person is None
    assert the_login(follow(login(30, 5, OTHERS), [started(25, "ada", document=ssh)])).person is None


def test_a_host_that_is_in_no_team_file_is_tied_by_keys_alone():
    """A pushed key is somebody's alone, wherever it lets in; of sessions nothing says that they were on this host."""
    assert the_login(follow(login(30, 5, PRINT, host="web9"), [push(10, "ada")])).person == "ada"
    lines = "30 web9 sudo:  ssm-user : TTY=x ; PWD=/ ; USER=root ; COMMAND=/bin/id\n"
    assert commands(follow(lines, [started(10, "ada")]))[0][0] is None


def test_a_session_as_another_user_is_not_tied():
    """Run As: `StartSession` does not say as whom, so that what that user does is whose the user is, or nobody's."""
    cloud = [started(10, "ada")]
    assert [person for person, _, _ in commands(follow(sudo(30, "deploy") + sudo(31, "james"), cloud))] == [
        None,
        "james",
    ]


# --- what is done after ---------------------------------------------------------------------------


def test_what_is_done_in_the_one_open_session_is_theirs():
    """A shared user is whoever has it open; after the log-out it is nobody again."""
    found = follow(sudo(1) + login(2, 5, ADAS) + sudo(3) + logout(4, 5) + sudo(5))
    assert [person for person, _, _ in commands(found)] == [None, "ada", None]
    assert commands(found)[1][1:] == (Method.SSH_KEY, Confidence.STRONG)


def test_two_people_in_a_shared_user_are_nobody():
    """Who of the two it was stands nowhere. One of them twice is still one; a stranger beside her is not."""
    priyas = "SHA256:" + "P" * 43
    assert commands(follow(login(1, 5, ADAS) + login(2, 6, priyas) + sudo(3)))[0][0] is None
    assert commands(follow(login(1, 5, ADAS) + login(2, 6, priyas) + logout(3, 6) + sudo(4)))[0][0] == "ada"
    assert commands(follow(login(1, 5, ADAS) + login(2, 6, ADAS) + sudo(3)))[0][0] == "ada"
    assert commands(follow(login(1, 5, ADAS) + login(2, 6, OTHERS) + sudo(3)))[0][0] is None


def test_other_hosts_are_other_hosts():
    """A session on web2 says nothing of web1."""
    assert commands(follow(login(1, 5, ADAS, host="web2") + sudo(3)))[0][0] is None


def test_root_is_whoever_became_root():
    """Through sudo and su, and through su inside sudo; when it ends, root is nobody."""
    found = follow(
        login(1, 5, ADAS) + "02 web1 sudo: pam_unix(sudo:session): session opened for user root by ubuntu(uid=0)\n"
        "03 web1 su[9]: Successful su for db by root\n"
        "03 web1 su[9]: pam_unix(su:session): session opened for user db by root(uid=0)\n"
        "04 web1 sudo:     root : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/a\n"
        "05 web1 sudo:       db : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/b\n"
        "06 web1 su[9]: pam_unix(su:session): session closed for user db\n"
        "07 web1 sudo: pam_unix(sudo:session): session closed for user root\n"
        "08 web1 sudo:     root : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/c\n"
        "09 web1 sudo:       db : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/d\n"
    )
    assert [person for person, _, _ in commands(found)] == ["ada", "ada", None, None]


def test_two_who_became_root_are_told_apart_by_the_process_of_sudo():
    """Where lines have it, the one whose sudo ended is no longer root, and the other still is."""
    opened = "{:02} web1 sudo[{}]: pam_unix(sudo:session): session opened for user root by {}(uid=0)\n".format
    closed = "{:02} web1 sudo[{}]: pam_unix(sudo:session): session closed for user root\n".format
    run = "{:02} web1 sudo[9]:     root : TTY=pts/0 ; PWD=/ ; USER=db ; COMMAND=/bin/a\n".format
    who = login(1, 5, ADAS) + login(1, 6, OTHERS, user="james")
    found = follow(who + opened(2, 21, "ubuntu") + opened(3, 22, "james") + run(4) + closed(5, 21) + run(6))
    assert [person for person, _, _ in commands(found)] == [None, "james"]
    twice = opened(2, 21, "ubuntu") + opened(3, 22, "ubuntu") + closed(4, 21) + run(5) + closed(6, 22) + run(7)
    assert [person for person, _, _ in commands(follow(who + twice))] == ["ada", None]


def test_two_who_became_root_are_nobody_where_it_is_not_said_whose_ended():
    """Without a process nothing tells them apart: nobody is named until the host starts anew."""
    opened = "{:02} web1 sudo: pam_unix(sudo:session): session opened for user root by {}(uid=0)\n".format
    closed = "{:02} web1 sudo: pam_unix(sudo:session): session closed for user root\n".format
    who = login(1, 5, ADAS) + login(1, 6, OTHERS, user="james")
    found = follow(who + opened(2, "ubuntu") + opened(3, "james") + closed(5) + sudo(6, "root"))
    assert [person for person, _, _ in commands(found)] == [None]


@pytest.mark.parametrize("said", ["[preauth]", "authenticating", "invalid"])
def test_before_a_login_nothing_is_of_the_process_that_later_logs_in(said):
    """A process of sshd that let somebody in may have its number from one that speaks of strangers still."""
    lines = {
        "[preauth]": "sshd[5]: Connection closed by 198.51.100.9 port 7 [preauth]",
        "authenticating": "sshd[5]: Connection closed by authenticating user ubuntu 198.51.100.9 port 7",
        "invalid": "sshd[5]: Disconnected from invalid user ubuntu 198.51.100.9 port 7",
    }
    found = follow(login(1, 5, ADAS) + f"02 web1 {lines[said]}\n")
    assert (found[-1].actor.person, found[-1].actor.why) == (None, "a connection that had not logged in")


def test_a_closed_session_of_sshd_is_nobodys_any_more():
    """What its process says after, and what its user does after, is nobody's."""
    found = follow(
        login(1, 5, ADAS) + logout(2, 5) + "03 web1 sshd[5]: Disconnected from user ubuntu 192.0.2.9 port 9\n" + sudo(4)
    )
    after = [each.actor.person for each in found if each.event.at.second > 2]
    assert set(after) == {None}


def test_a_stranger_at_the_door_is_not_who_is_inside():
    """A connection that has not logged in is nobody's, though ada has that very user open."""
    found = follow(
        login(1, 5, ADAS)
        + "02 web1 sshd[6]: Connection closed by authenticating user ubuntu 198.51.100.9 port 7 [preauth]\n"
        "03 web1 sshd[6]: pam_unix(sshd:session): session opened for user ubuntu by (uid=0)\n"
        "04 web1 sshd[8]: Starting session: shell on pts/0 for ubuntu from 192.0.2.7 port 5 id 0\n"
        "05 web1 sshd[8]: Received disconnect from 192.0.2.7 port 5:11: disconnected by user\n"
    )
    assert [each.actor.person for each in found[2:]] == [None, None, "ada", "ada"]


def test_a_scheduled_job_is_nobodys():
    """Cron opens sessions of root all day: they are no log-in of anybody."""
    (event,) = follow("01 web1 CRON[1]: pam_unix(cron:session): session opened for user root by (uid=0)")
    assert (event.actor.person, event.actor.method) == (None, Method.SERVICE)


def test_a_start_of_the_host_ends_every_session():
    """A log that was cut by a crash has no log-out: nobody is taken to be in still."""
    assert commands(follow(login(1, 5, ADAS) + "02 web1 systemd-logind[1]: New seat seat0.\n" + sudo(3)))[0][0] is None


def test_ssm_user_is_the_one_open_session():
    """Sure for an hour or until its recorded end, weak for a day, then over; two people are nobody."""
    lines = sudo(30, "ssm-user")
    assert commands(follow(lines, [started(10, "ada")])) == [("ada", Method.HOST_LOGIN, Confidence.STRONG)]
    assert commands(follow(lines, [started(10 - 7200, "ada")])) == [("ada", Method.HOST_LOGIN, Confidence.WEAK)]
    assert commands(follow(lines, [started(10 - 90000, "ada")]))[0][0] is None
    both = [started(10 - 7200, "ada"), started(10, "ada", "ada-2")]
    assert commands(follow(lines, both)) == [("ada", Method.HOST_LOGIN, Confidence.STRONG)]
    ended = call("ssm.amazonaws.com", "TerminateSession", 20, "ada", {"sessionId": "ada-1"})
    assert commands(follow(lines, [started(10, "ada"), ended]))[0][0] is None
    assert commands(follow(lines, [started(10, "ada"), started(11, "rick", "rick-1")]))[0][0] is None
    assert commands(follow(lines, [started(10, "ada", instance=WEB2)]))[0][0] is None
    assert commands(follow(lines, [started(10, "ada", document="AWS-StartPortForwardingSession")]))[0][0] is None


def test_the_audit_system_keeps_who_logged_in():
    """Auid and ses stay through sudo and su, and lead back to the process of sshd that logged in."""
    syslog = read_host_file(
        "auth.log", ("Mar 27 13:00:" + login(1, 5, ADAS).splitlines()[0]).encode(), host=None, zone=UTC, at=AT
    )
    stamp = 1774616401
    records = [
        f"type=LOGIN msg=audit({stamp}.500:1): pid=5 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=3 res=1",
        f"type=SYSCALL msg=audit({stamp + 9}.500:2): arch=c000003e syscall=59 success=yes auid=1000 uid=0 ses=3 pid=99",
        f"type=SYSCALL msg=audit({stamp + 9}.500:3): arch=c000003e syscall=59 success=yes auid=1000 uid=0 ses=4 pid=99",
        f"type=SYSCALL msg=audit({stamp + 9}.500:4): arch=c000003e syscall=59 success=yes auid=4294967295 uid=0 ses=4294967295",
        f'type=SYSCALL msg=audit({stamp + 9}.500:5): arch=c000003e syscall=59 auid=1001 uid=0 ses=8\x1dAUID="james" UID="root"',
    ]
    audit = read_host_file("audit.log", "\n".join(records).encode(), host="web1", zone=UTC, at=AT)
    found = attribute_hosts([*audit.events, *syslog.events], ours(), ())
    assert [each.actor.person for each in found] == ["ada", "ada", None, None, "james", "ada"]
    assert found[1].actor.method == Method.SSH_KEY
    assert (found[3].actor.method, found[4].actor.method) == (Method.SERVICE, Method.HOST_USER)


def test_a_disputed_line_is_nobodys():
    """What another program wrote in sshd's name opens no session."""
    line = (
        b'{"__REALTIME_TIMESTAMP":"1774616401000000","_HOSTNAME":"web1","SYSLOG_IDENTIFIER":"sshd","_COMM":"logger",'
        b'"MESSAGE":"Accepted publickey for ubuntu from 192.0.2.7 port 5 ssh2: ED25519 ' + ADAS.encode() + b'"}'
    )
    events = read_host_file("journal", line, host=None, zone=UTC, at=AT).events
    assert [each.actor.person for each in attribute_hosts(events, ours(), ())] == [None]


def test_without_a_team_nobody_is_named():
    """A user of a host is no person by its name alone; what AWS recorded still names whom it names."""
    lines = read_host_file(
        "auth.log", ("Mar 27 13:00:" + login(30, 5, PRINT).splitlines()[0]).encode(), host=None, zone=UTC, at=AT
    ).events
    assert attribute_hosts(lines, None, ())[0].actor.person is None
    assert attribute_hosts(lines, None, [push(10, "ada")])[0].actor.person == "ada"


STEPS = st.lists(
    st.sampled_from([("in", ADAS, 5), ("in", OTHERS, 6), ("in", "SHA256:" + "P" * 43, 7), ("out", "", 5), ("out", "", 6), ("out", "", 7), ("sudo", "", 0)]),
    max_size=14,
)  # fmt: skip


@given(STEPS)
def test_nobody_is_ever_guessed(steps):
    """A command of a shared user has a person exactly where all who have it open are that one person."""
    owners = {ADAS: "ada", OTHERS: None, "SHA256:" + "P" * 43: "priya"}
    inside, wanted, lines = {}, [], ""
    for second, (what, key, pid) in enumerate(steps):
        if what == "in":
            inside[pid] = owners[key]
            lines += login(second, pid, key)
        elif what == "out":
            inside.pop(pid, None)
            lines += logout(second, pid)
        else:
            people = set(inside.values())
            wanted.append(people.pop() if len(people) == 1 else None)
            lines += sudo(second)
    assert [person for person, _, _ in commands(follow(lines))] == wanted if lines else True


@given(st.permutations(range(5)))
def test_the_order_of_delivery_changes_nothing(order):
    """Events come in any order; who it was follows the order of time."""
    found = follow(login(1, 5, ADAS) + sudo(3))
    events = [each.event for each in found]
    mixed = attribute_hosts([events[number] for number in order], ours(), ())
    assert {each.event.id: each.actor for each in mixed} == {each.event.id: each.actor for each in found}


SESSIONS = st.lists(
    st.tuples(
        st.sampled_from([-90000, -86410, -86400, -7200, 0, 5, 10, 20]),
        st.sampled_from(["ada", "rick", None]),
        st.sampled_from([None, -7100, 6, 15, 40]),
        st.sampled_from([None, "AWS-StartPortForwardingSession", "AWS-StartSSHSession", "Own-Document"]),
    ),
    max_size=6,
)


@given(SESSIONS)
def test_ssm_user_is_whoever_has_it_open_at_each_moment(drawn):
    """Each command is held against all sessions anew: begun, not ended, no older than a day, and a shell."""
    cloud, sessions = [], []
    for number, (second, person, end, document) in enumerate(drawn):
        cloud.append(started(second, person, f"s-{number}", document=document))
        if end is not None:
            cloud.append(call("ssm.amazonaws.com", "TerminateSession", end, person, {"sessionId": f"s-{number}"}))
        if not (document or "").startswith(("AWS-StartPort", "AWS-StartSSH")):
            sessions.append((second, person, end))
    wanted = []
    moments = [0, 1, 3, 4, 6, 9, 10, 15, 16, 30, 50]
    for at in moments:
        who = {
            person
            for second, person, end in sessions
            if second - 1 <= at <= second + 86400 and (end is None or at <= end)
        }
        wanted.append(who.pop() if len(who) == 1 else None)
    found = follow("".join(sudo(at, "ssm-user") for at in moments), cloud)
    assert [person for person, _, _ in commands(found)] == wanted


def test_thousands_of_open_sessions_cost_no_more_each():
    """Four times as many sessions and lines take about four times as long, not sixteen times."""

    def spent(count):
        lines = "".join(
            f"{number // 60 % 60:02}:{number % 60:02} web1 sshd[{number}]: Accepted publickey for ubuntu from 192.0.2.7"
            f" port {number} ssh2: ED25519 {ADAS}\n{number // 60 % 60:02}:{number % 60:02} web1 sudo:  ubuntu : TTY=x ;"
            " PWD=/ ; USER=root ; COMMAND=/bin/id\n"
            for number in range(count)
        )
        events = read_host_file(
            "x", "".join(f"Mar 27 13:{line}\n" for line in lines.splitlines()).encode(), host=None, zone=UTC, at=AT
        ).events
        cloud = [started(number - 3000, "ada", f"s-{number}") for number in range(count)]
        before = time.process_time()
        found = attribute_hosts(events, ours(), cloud)
        assert [each.event for each in found] == list(events)
        return time.process_time() - before

    assert min(spent(3200) / spent(800) for _ in range(3)) < 10
