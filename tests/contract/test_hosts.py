"""A freeze on a host, over a real sshd on the loopback: nobody is in after it, and a restore gives back what was."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sshd import KEPT, OPERATOR, PERSON, Here, run

from watchbill.access.apply import apply
from watchbill.access.model import Call, Outcome, State
from watchbill.errors import Location, ProviderError
from watchbill.hosts.ssh import Hosts
from watchbill.respond.hosts import (
    EXPIRED,
    HostUser,
    Known,
    Password,
    by_hand_on_hosts,
    drift_on_hosts,
    freeze_on_hosts,
    restore_on_hosts,
    verify_on_hosts,
    warnings_on_hosts,
)
from watchbill.team.model import Host


RULES = Path(f"/etc/sudoers.d/{PERSON}")


class Killed(BaseException):
    """The process is gone."""


def about(path):
    """Give all there is to a file."""
    found = path.stat()
    return path.read_bytes(), found.st_mode, found.st_uid, found.st_gid


def everything(home):
    """Give all that a freeze touches, as the system has it."""
    entry = next(line for line in Path("/etc/shadow").read_text().splitlines() if line.startswith(f"{PERSON}:"))
    groups = run("id", "-nG", PERSON).split()
    return entry, sorted(groups), about(home / ".ssh/authorized_keys"), about(RULES)


def carry_out(sshd, changes, done=(), hosts=None):
    """Make every change on the host."""
    edge = hosts or sshd.hosts
    outcomes = list(apply(changes, lambda change: edge.perform(sshd.host, change.call), done=done))
    assert [outcome.error for outcome in outcomes if outcome.state is not State.DONE] == []


def read(sshd):
    """Read the person as they are now."""
    return sshd.hosts.describe(sshd.host, PERSON)


def broken(was, now):
    """Give what does not hold of a freeze."""
    return [check.what for check in verify_on_hosts([was], [now]) if not check.holds]


def test_a_freeze_ends_what_is_open_and_a_restore_gives_back_what_was(sshd, james):
    """An open session dies, the key is refused, sudo is gone; after it shadow, groups and files are the same again."""
    before, was = everything(james), read(sshd)
    assert (was.known, was.password, was.groups, was.shared, was.jobs) == (Known.LOCAL, Password.SET, ("sudo",), (), ())
    assert [file.path for file in was.keys] == [f"{james}/.ssh/authorized_keys"]
    assert [(file.path, file.mode, file.owner) for file in was.sudoers] == [(str(RULES), "440", "root:root")]
    assert sshd.lets_in()
    with subprocess.Popen(sshd.client("echo in; sleep 300"), stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "in\n"
        assert run("sudo", "-n", "-l", "-U", PERSON).count("NOPASSWD: ALL") == 1
        frozen = list(freeze_on_hosts([was]))
        assert [change.call.operation for change in frozen][:3] == ["ExpireUser", "LockPassword", "EndSessions"]
        carry_out(sshd, frozen)
        session.wait(10)
    assert not sshd.lets_in()
    now = read(sshd)
    assert broken(was, now) == []
    assert list(freeze_on_hosts([now])) == []
    assert "not allowed to run sudo" in run("sudo", "-n", "-l", "-U", PERSON)
    assert (now.expiry, now.password, now.processes) == (EXPIRED, Password.LOCKED, 0)

    assert list(drift_on_hosts([was], [now])) == []
    changes, left_out = restore_on_hosts([was], [now])
    assert left_out == ()
    carry_out(sshd, changes)
    assert everything(james) == before
    assert replace(read(sshd), processes=was.processes) == was
    assert sshd.lets_in()


def test_expiry_alone_keeps_an_open_session(sshd, james):
    """It is why sessions are ended: what is verified is seen to fail where a step was not made."""
    was = read(sshd)
    with subprocess.Popen(sshd.client("echo in; sleep 300"), stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        session.stdout.readline()
        carry_out(sshd, [change for change in freeze_on_hosts([was]) if change.call.operation != "EndSessions"])
        assert session.poll() is None
        assert broken(was, read(sshd)) == [f"user {PERSON} on bastion runs nothing"]
        assert [change.call.operation for change in freeze_on_hosts([read(sshd)])] == ["EndSessions"]
        carry_out(sshd, freeze_on_hosts([read(sshd)]))


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_it_is_carried_on_with(sshd, james, after):
    """Before a step or after it, before it was written down: what was done is not undone by doing it again."""
    before, was = everything(james), Here().describe(sshd.host, PERSON)
    frozen = tuple(freeze_on_hosts([was]))
    for cut in range(len(frozen)):
        cut_short(sshd, frozen, cut, after=after)
        now = Here().describe(sshd.host, PERSON)
        assert broken(was, now) == []
        back, _ = restore_on_hosts([was], [now])
        cut_short(sshd, back, cut % len(back), after=after)
        assert everything(james) == before


def cut_short(sshd, changes, cut, *, after):
    """Make changes, be killed at one of them, and carry on by the journal."""
    journal: dict[int, Outcome] = {}

    def perform(change):
        if changes.index(change) == cut and not after:
            raise Killed
        Here().perform(sshd.host, change.call)
        if changes.index(change) == cut:
            raise Killed

    with pytest.raises(Killed):
        list(apply(changes, perform, lambda outcome: journal.__setitem__(outcome.number, outcome)))
    assert journal[cut].state is State.BEGUN
    done = [number for number, outcome in journal.items() if outcome.state is State.DONE]
    carry_out(sshd, changes, done, Here())


def test_what_comes_back_is_seen_and_frozen_again(sshd, james):
    """A key that somebody puts there after the freeze is drift, and is set aside beside the first."""
    before, was = everything(james), read(sshd)
    carry_out(sshd, list(freeze_on_hosts([was])))
    (james / ".ssh/authorized_keys").write_text(f"ssh-ed25519 AAAA of whoever has {PERSON}\n")
    now = read(sshd)
    assert [found.what for found in drift_on_hosts([was], [now])] == [
        f"{james}/.ssh/authorized_keys was made since the freeze"
    ]
    assert broken(was, now) == [f"user {PERSON} on bastion has no key, no sudo and no group of root's"]
    carry_out(sshd, list(freeze_on_hosts([now])))
    assert broken(was, read(sshd)) == []
    carry_out(sshd, restore_on_hosts([was], [read(sshd)])[0])
    assert everything(james) == before


def test_what_stands_in_the_place_of_a_file_is_kept_too(sshd, james):
    """A restore gives back what was, and loses nothing of what somebody put there meanwhile."""
    before, was = everything(james), Here().describe(sshd.host, PERSON)
    carry_out(sshd, list(freeze_on_hosts([was])), hosts=Here())
    (james / ".ssh/authorized_keys").write_text(f"of whoever has {PERSON}\n")
    carry_out(sshd, restore_on_hosts([was], [Here().describe(sshd.host, PERSON)])[0], hosts=Here())
    assert everything(james) == before
    assert (KEPT / f"{was.keys[0].kept}.since").read_text() == f"of whoever has {PERSON}\n"


@pytest.mark.parametrize(("expiry", "password"), [("", ""), ("", "!"), ("2020-01-01", "*")])
def test_what_was_locked_or_expired_before_stays_so(sshd, james, expiry, password):
    """A restore unlocks nothing that the freeze did not lock."""
    run("usermod", "--expiredate", expiry, "-p", password, PERSON)
    before, was = everything(james), read(sshd)
    carry_out(sshd, list(freeze_on_hosts([was])))
    assert broken(was, read(sshd)) == []
    carry_out(sshd, restore_on_hosts([was], [read(sshd)])[0])
    after = everything(james)
    assert after == before
    assert not sshd.lets_in() or not expiry


def test_what_is_shared_is_left_to_a_person(sshd, james):
    """Files of sudo about others too, keys behind a link, users of a directory, and what runs by itself."""
    RULES.write_text(f"{PERSON},{OPERATOR} ALL=(ALL) ALL\n")
    (james / ".ssh/authorized_keys").unlink()
    (james / ".ssh").rmdir()
    (james / ".ssh").symlink_to("/root/.ssh-not-there")
    timers = james / ".config/systemd/user"
    timers.mkdir(parents=True)
    (timers / "again.timer").write_text("")
    was = read(sshd)
    assert (was.shared, was.sudoers, was.keys) == ((str(RULES),), (), ())
    assert list(warnings_on_hosts([was])) == [f"{PERSON} on bastion has the timer again.timer: look what it does"]
    domain = sshd.hosts.describe(sshd.host, "EXAMPLE\\james")
    words = [change.why for change in by_hand_on_hosts([was, domain])]
    assert words == [
        f"take {PERSON} out of {RULES}, which is about others too",
        "disable EXAMPLE\\james at the directory that bastion knows them from: LDAP or SSSD, not the host",
    ]
    assert list(freeze_on_hosts([domain])) == []
    assert sshd.hosts.describe(sshd.host, "wbtest-nobody").known is Known.NOBODY


def test_a_link_is_not_followed_out_of_a_home(sshd, james, tmp_path):
    """Keys put back through a link that the person bent would be keys of root."""
    was = read(sshd)
    carry_out(sshd, list(freeze_on_hosts([was])))
    (james / ".ssh").rmdir()
    (james / ".ssh").symlink_to(tmp_path)
    with pytest.raises(ProviderError, match="leads elsewhere now"):
        sshd.hosts.perform(sshd.host, restore_on_hosts([was], [read(sshd)])[0][0].call)
    assert list(tmp_path.iterdir()) == []


def test_root_and_whoever_signs_in_are_refused(sshd):
    """Neither can watchbill lock itself out."""
    for user, said in (("root", "root is root"), (OPERATOR, "is who watchbill signs in as"), ("wbtest-no", "no user")):
        with pytest.raises(ProviderError, match=said):
            sshd.hosts.perform(sshd.host, Call("ExpireUser", {"UserName": user}, "host"))


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("ExpireUser", {"UserName": "a; reboot"}),
        ("ExpireUser", {"UserName": "-x"}),
        ("LeaveGroup", {"UserName": "james", "GroupName": "$(reboot)"}),
        ("SetAside", {"UserName": "james", "Kept": "0" * 24, "FileName": "/a\n/b"}),
        ("SetAside", {"UserName": "james", "Kept": "../../etc/passwd", "FileName": "/a"}),
        ("SetExpiry", {"UserName": "james", "Days": "-1 --uid 0"}),
    ],
)
def test_an_argument_of_another_shape_is_never_sent(operation, given):
    """It is refused before anything runs."""
    nowhere = Host("bastion", "127.0.0.1", "x", 1, Location("w.yaml", 1))
    with pytest.raises(ValueError, match="is none"):
        Hosts().perform(nowhere, Call(operation, given, "host"))


def test_a_path_is_one_word_there(sshd, james):
    """Quotes, spaces and dollars of a path mean nothing to the shell."""
    odd = james / "it's $(touch oops) `x`;"
    odd.write_text("kept")
    given = {"UserName": PERSON, "Kept": "0" * 24, "FileName": str(odd)}
    sshd.hosts.perform(sshd.host, Call("SetAside", given, "host"))
    assert not odd.exists()
    sshd.hosts.perform(sshd.host, Call("PutBack", given, "host"))
    assert odd.read_text() == "kept"
    assert [path.name for path in james.iterdir() if path.name == "oops"] == []


def test_a_host_that_is_not_known_or_not_there_says_so(sshd, tmp_path):
    """Another host key, no sshd, no sudo: each is told, with what to do."""
    empty = tmp_path / "known"
    empty.touch()
    with pytest.raises(ProviderError, match="Host key verification failed"):
        Hosts(str(sshd.folder / "ops"), str(empty)).describe(sshd.host, PERSON)
    with pytest.raises(ProviderError, match="Permission denied"):
        Hosts(str(sshd.folder / "james"), str(sshd.folder / "known_hosts")).describe(sshd.host, PERSON)
    gone = replace(sshd.host, port=1)
    with pytest.raises(ProviderError, match="Connection refused"):
        sshd.hosts.describe(gone, PERSON)


def test_what_was_not_read_does_not_hold():
    """And who is gone can do nothing."""
    was = HostUser("bastion", "james")
    assert [check.holds for check in verify_on_hosts([was], [])] == [False]
    assert [check.holds for check in verify_on_hosts([was], [replace(was, known=Known.NOBODY)])] == [True]
    assert restore_on_hosts([was], []) == ((), ("user james on bastion: it is gone",))
