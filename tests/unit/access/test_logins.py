"""SSH by shift as a text: whom a host lets in and when, held to the shifts themselves, and what is never written."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, layer, rota, with_rota
from tests.unit.access.test_sudo import NOON, USERS, hosted

from watchbill.access.certificates import certificates, taken
from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import on_call
from watchbill.access.host_plan import HostLogins, HostSeen, plan_hosts, words_of
from watchbill.access.logins import FILE, TAKES, Login, login_of, logins_on, read, write
from watchbill.access.model import Freeze, Verb
from watchbill.intervals import Interval
from watchbill.team.model import Kind
from watchbill.team.ssh_keys import fingerprint_of


SECOND = timedelta(seconds=1)
KEYS = {
    "james": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMnT9sqVqKpnOyUBtxGJ7pS2dW1R9Yk8mBqbSbKJm0fE",
    "ada": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH9cGGjEoLV0J3dydf+WGjI6VVD1XQH51UQOVI0lu8kz",
}
AUTHORITY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SPAN = Interval(NOON, NOON + DAY)


def certified(**changes):
    """Give a team whose rota lets people sign in to a host, of whom James and Ada have keys."""
    of = hosted(**{"sudo": (), "ssh": True, **changes})
    people = {n: replace(p, public_keys=(KEYS[n],) if n in KEYS else ()) for n, p in of.people.items()}
    return replace(of, people=people)


def let_in(of, freezes=(), at=NOON, users=USERS):
    """Give whom the host is to let in."""
    return logins_on(of, "bastion", users, freezes, at)


def planned(of, logins=None, at=NOON, authority=AUTHORITY):
    """Plan for the one host."""
    seen = HostSeen("bastion", users=USERS, logins=logins or HostLogins())
    return plan_hosts(of, {"bastion": seen}, (), at, at, (), authority)


def test_log_ins_are_the_shifts_grace_and_all():
    """Of whoever has a key, whole windows: the same ones that AWS is written."""
    of = certified(grace_before=timedelta(minutes=15), grace_after=timedelta(minutes=30))
    made = of.rotas["platform"]
    horizon = horizon_of(made, NOON)
    held = ((h.person, h.interval) for h in on_call(made, horizon) if h.interval is not None and h.person in KEYS)
    windows = {(who, span) for who, span in held if span.end < horizon.end and span.start > horizon.start}
    found = {(login.user, login.interval) for login in let_in(of) if login.interval.start > horizon.start}
    assert found == windows
    assert len(found) > 10
    assert {login.key for login in let_in(of)} == {fingerprint_of(key) for key in KEYS.values()}
    assert let_in(certified(entitlement={Kind.SECONDARY: "prod-oncall"})) == []


def test_a_window_is_the_same_one_every_day_of_it():
    """One certificate for all of a week's watch: neither midnight nor the horizon cuts it, until it is in reach whole."""
    week = replace(layer("all", "UTC", 0, 0, ("james", "ada")), restrictions=())
    of = with_rota(certified(), replace(rota(week), hosts=("bastion",), ssh=True))
    begins = MONDAY + 28 * DAY
    whole = Interval(begins, begins + 7 * DAY)
    found = {day: [e for e in let_in(of, at=begins + day * DAY) if e.interval.start == begins] for day in range(-20, 7)}
    spans = {day: [each.interval for each in each_day] for day, each_day in found.items()}
    assert [day for day, each in spans.items() if each == []] == list(range(-20, -7))
    assert [day for day, each in spans.items() if each == [whole]] == list(range(-7, 7))


def test_one_longer_than_the_horizon_is_cut_there():
    """Nothing is given past it; it is written from the day before it begins."""
    week = replace(layer("all", "UTC", 0, 0, ("james", "ada")), restrictions=())
    of = with_rota(certified(), replace(rota(week), hosts=("bastion",), ssh=True, horizon=3 * DAY))
    for day in (0, 1, 2):
        at = MONDAY + day * DAY + timedelta(hours=5)
        (mine,) = [each for each in let_in(of, at=at) if each.interval.start == MONDAY]
        assert mine.interval.end == min(MONDAY + 7 * DAY, horizon_of(of.rotas["platform"], at).end)
    assert [each for each in let_in(of, at=MONDAY + 4 * DAY) if each.user == "ada"] == []
    assert [each for each in let_in(of, at=MONDAY + 6 * DAY) if each.user == "ada"] != []


def test_who_is_frozen_or_has_no_key_or_no_user_is_not_let_in():
    """As with sudo; a key that is taken out of the file opens nothing any more, whoever has its certificate."""
    of = certified()
    assert {login.user for login in let_in(of, [Freeze("F-1", "james", NOON, None, None)])} == {"ada"}
    assert {login.user for login in let_in(of, users={"james", "rick"})} == {"james"}
    keyless = replace(of, people={**of.people, "james": replace(of.people["james"], public_keys=())})
    assert {login.user for login in let_in(keyless)} == {"ada"}
    assert any("james has no certificate for bastion" in line for line in planned(keyless).warnings)


@pytest.mark.parametrize(
    "user", ["", "james\n", "a b", "*", "%h", "#james", "james,root", "a:b", "a@b", "James", "x" * 33]
)
def test_a_user_who_could_be_another_is_never_written(user):
    """Nor read back out of a file that somebody else wrote."""
    key = str(fingerprint_of(KEYS["james"]))
    with pytest.raises(ValueError, match="is no user"):
        write([Login(user, SPAN, key)])
    good = Login("james", SPAN, key)
    assert login_of(good.principal) == good
    assert login_of(good.principal.replace("james", user)) is None
    assert read(write([good]).replace("james", user, 1) if user else "x") == ([], False)


def test_a_plan_says_who_gains_and_loses_and_a_second_one_is_empty():
    """What is written is what is wanted; by hand it is drift, and undone; another mode, too."""
    first = planned(certified())
    (change,) = first.changes
    assert {(effect.verb, effect.what) for effect in first.effects} == {(Verb.GAINS, "ssh")}
    line = "+ james gains ssh on bastion as james 2026-01-12T18:00:00Z - 2026-01-13T02:00:00Z"
    assert line in list(words_of(first.effects))
    text = change.call.parameters["Rules"]
    again = planned(certified(), HostLogins(text, "0" * 64))
    assert (again.changes, again.effects, again.logins) == ((), (), first.logins)
    loose = planned(certified(), HostLogins(text, "0" * 64, "666 james:james"))
    assert (len(loose.changes), loose.drift) == (1, (f"{FILE} on bastion is 666 james:james; undone by this plan",))
    by_hand = planned(certified(), HostLogins(f"{text}james\n", "0" * 64))
    assert by_hand.drift == (f"{FILE} on bastion was changed by others; undone by this plan",)
    gone = planned(hosted(), HostLogins(text, "0" * 64))
    assert {effect.verb for effect in gone.effects if effect.what == "ssh"} == {Verb.LOSES}
    assert [each.call.parameters["Digest"] for each in gone.changes if each.call.operation == "WriteLogins"] == [""]


def test_what_sshd_lacks_is_said_in_the_lines_that_it_is_to_have():
    """All of them where it has none; each that is another; none where it is as it should be."""
    has = {
        "trustedusercakeys": "/etc/ssh/watchbill-ca.pub",
        "authorizedprincipalscommand": f"/usr{TAKES}",
        "authorizedprincipalscommanduser": "nobody",
        "revokedkeys": "/etc/ssh/krl",
    }

    def said(**changes):
        sshd = tuple((user, name, value) for user in USERS for name, value in {**has, **changes}.items() if value)
        trusted = tuple((user, str(fingerprint_of(AUTHORITY))) for user in USERS)
        return [w for w in planned(certified(), HostLogins(sshd=sshd, trusted=trusted)).warnings if "sshd" in w]

    assert said() == []
    (bare,) = [w for w in planned(certified()).warnings if "sshd" in w]
    assert bare.count("; ") == 3
    assert f"TrustedUserCAKeys /etc/ssh/watchbill-ca.pub, and in that file: {AUTHORITY}" in bare
    assert said(revokedkeys="")[0].endswith(": RevokedKeys /etc/ssh/watchbill-revoked")
    assert said(authorizedprincipalscommand="/bin/cat /etc/ssh/all")[0].endswith(f"AuthorizedPrincipalsCommand {TAKES}")
    unsigned = planned(certified(), authority="")
    assert (unsigned.changes, [each.code for each in unsigned.problems]) == ((), ["no-authority"])


def test_a_certificate_is_of_one_window_and_one_key_and_says_all_of_its_users():
    """Two users of hosts are one certificate; two keys are two; the same has the same number, and another has not."""
    of = certified()
    james = replace(of.people["james"], host_users=("james", "jim"), public_keys=(KEYS["james"], AUTHORITY))
    of = replace(of, people={**of.people, "james": james})
    found = list(certificates(of, let_in(of, users={"james", "jim"})))
    assert {each.person for each in found} == {"james"}
    assert {len(each.principals) for each in found} == {2}
    assert len(found) == 2 * len({each.interval for each in found})
    assert len({each.serial("SHA256:x") for each in found}) == len(found)
    assert found[0].serial("SHA256:x") != found[0].serial("SHA256:y")
    assert found == list(certificates(of, let_in(of, users={"james", "jim"})))
    of = replace(of, reached={**of.reached, "db": replace(of.reached["bastion"], name="db")})
    hosts = taken(of, (), NOON)
    assert {hosts[name] for each in found for name in each.principals} == {("bastion",)}
    both = with_rota(of, replace(of.rotas["platform"], hosts=("db", "bastion")))
    assert set(taken(both, (), NOON).values()) == {("bastion", "db")}
