"""Sudo by shift as a text: who may what when, held to the shifts themselves, and what is never written."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import DAY, HERE, MONDAY, rota, team, with_rota

from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import on_call
from watchbill.access.host_plan import HostSeen, plan_hosts, words_of
from watchbill.access.model import Freeze, Verb
from watchbill.access.sudo import FILE, Rule, is_text_of_ours, read, rules_on, users_on, write
from watchbill.intervals import Interval
from watchbill.team.model import Host, Kind


NOON = MONDAY + timedelta(hours=12)
SECOND = timedelta(seconds=1)
USERS = frozenset({"ada", "james", "rick", "lee", "priya"})


def hosted(*commands, **changes):
    """Give a team whose rota gives sudo on a host, on which everybody has a user of their name."""
    made = team()
    people = {name: replace(person, host_users=(name,)) for name, person in made.people.items()}
    given_ = replace(rota(), hosts=("bastion",), **{"sudo": commands or ("ALL",), **changes})
    made = replace(made, people=people, reached={"bastion": Host("bastion", "127.0.0.1", "watchbill", 22, HERE)})
    return with_rota(made, given_)


def seen(text="", **more):
    """Give the host as it is read."""
    return HostSeen("bastion", text, "0" * 64 if text else "", users=more.pop("users", USERS), **more)


def planned(of, host, freezes=(), at=NOON, held=()):
    """Plan for the one host."""
    return plan_hosts(of, {"bastion": host}, freezes, at, at, held)


def wanted(of, freezes=(), at=NOON, users=USERS):
    """Give the text that the host is to have."""
    return write(rules_on(of, "bastion", users, freezes, at))


def may(text, user, command, at):
    """Tell, as sudo would, whether some rule lets a user run a command in the second of an instant."""
    second = at.replace(microsecond=0)
    for line in text.splitlines():
        if line.startswith(f"{user} "):
            start, last = (line.partition(f"{name}=")[2].split()[0] for name in ("NOTBEFORE", "NOTAFTER"))
            told = second.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
            if line.endswith(f": {command}") and start <= told <= last:
                return True
    return False


def test_rules_are_the_shifts_to_the_second():
    """At each end, a second before and after, for everybody: exactly who is on call by the rota, grace and all."""
    of = hosted(grace_before=timedelta(minutes=15), grace_after=timedelta(minutes=30))
    text, made = wanted(of), of.rotas["platform"]
    horizon = horizon_of(made, NOON)
    windows = [(held.person, held.interval) for held in on_call(made, horizon) if held.interval is not None]
    instants = {end + n * SECOND for _, span in windows for end in (span.start, span.end) for n in (-1, 0, 1)}
    checked = 0
    for at in sorted({*instants, horizon.start, horizon.end, horizon.end + DAY}):
        for user in USERS:
            on = any(person == user and at in span for person, span in windows)
            assert may(text, user, "ALL", at) is on, (user, at)
            checked += on
    assert checked > 100
    assert all(not may(text, user, "ALL", horizon.end) for user in USERS)


def test_a_kind_that_the_rota_gives_nothing_has_no_sudo():
    """As in AWS: somebody in the shadow looks on."""
    assert wanted(hosted()) != ""
    assert wanted(hosted(entitlement={Kind.SECONDARY: "prod-oncall"})) == ""


@given(st.integers(0, 3_000_000), st.integers(1, 5_000_000))
def test_parts_of_seconds_never_give_more(begins, lasts):
    """Whatever a window begins and ends with, no second is allowed that is not in it whole."""
    span = Interval(NOON + timedelta(microseconds=begins), NOON + timedelta(microseconds=begins + lasts))
    text = write([Rule("james", span, "/bin/a")])
    for second in range(10):
        at = NOON + second * SECOND
        assert may(text, "james", "/bin/a", at) is (span.start <= at and at + SECOND <= span.end)


def test_who_is_frozen_has_no_rule_and_whoever_was_has():
    """Not even in what is over; other people's rules stay as they are."""
    of = hosted()
    frozen = [Freeze("F-1", "james", NOON - SECOND, None, None)]
    text = wanted(of, frozen)
    assert "james" not in text
    assert set(text.splitlines()[3:]) == {ln for ln in wanted(of).splitlines()[3:] if not ln.startswith("james ")}
    assert wanted(of, [replace(frozen[0], end=NOON)]) == wanted(of)
    assert wanted(of, [replace(frozen[0], start=NOON + SECOND)]) == wanted(of)


def test_rules_are_for_users_who_are_there():
    """A person may have several, on other hosts; who has none is said."""
    of = hosted()
    assert {rule.user for rule in read(wanted(of, users={"ada"}))[0]} == {"ada"}
    warned = planned(of, seen(users=frozenset({"ada"}))).warnings
    assert "james has no sudo on bastion: none of james is a user there" in warned
    domain = {"james": replace(of.people["james"], host_users=("CORP\\james", "james@corp", "%wheel"))}
    assert "james" not in " ".join(users_on(replace(of, people={**of.people, **domain}), "bastion"))


HOSTILE = [
    ("ALL", "/bin/a"),
    ("%wheel", "/bin/a"),
    ("#0", "/bin/a"),
    ("+admins", "/bin/a"),
    ("!james", "/bin/a"),
    ("james,ALL", "/bin/a"),
    ("james ALL", "/bin/a"),
    ("james\nroot", "/bin/a"),
    ("james\n", "/bin/a"),
    ("-x", "/bin/a"),
    ("jämes", "/bin/a"),
    ("", "/bin/a"),
    ("a" * 33, "/bin/a"),
    ("james", "ALL, /bin/a"),
    ("james", "/bin/a, ALL"),
    ("james", "/bin/a\nrick ALL=(ALL) NOPASSWD: ALL"),
    ("james", "/bin/a\n"),
    ("james", "/bin/*"),
    ("james", "/bin/a *"),
    ("james", "/bin/[ab]"),
    ("james", "/bin/a ^.*$"),
    ("james", "/bin/a # and"),
    ("james", "/bin/a \\"),
    ("james", '/bin/a "x"'),
    ("james", "/bin/a $(reboot)"),
    ("james", "/bin/../home/james/a"),
    ("james", "/bin/"),
    ("james", "bin/a"),
    ("james", "sudoedit /etc/passwd"),
    ("james", "!/bin/a"),
    ("james", "NOPASSWD: /bin/a"),
    ("james", "/bin/a  b"),
    ("james", "/bin/ä"),
    ("james", "all"),
    ("james", ""),
]


@pytest.mark.parametrize(("user", "command"), HOSTILE)
def test_what_could_mean_something_else_is_never_written(user, command):
    """A group, an alias, a pattern, a second line: each is refused, and is no text of ours either."""
    rule = Rule(user, Interval(NOON, NOON + DAY), command)
    with pytest.raises(ValueError, match="is no "):
        write([rule])
    good = write([replace(rule, user="james", command="/bin/a")])
    assert is_text_of_ours(good)
    forged = good.replace("james ALL", f"{user} ALL", 1) if user != "james" else good.replace("/bin/a", command)
    assert not is_text_of_ours(forged)


def test_a_plan_says_who_gains_and_loses_and_when_and_a_second_one_is_empty():
    """Gains first; written, there is nothing more to do; without the rota's hosts all of it is lost and the file goes."""
    of = hosted("/usr/bin/systemctl restart shop")
    first = planned(of, seen())
    (change,) = first.changes
    assert {effect.verb for effect in first.effects} == {Verb.GAINS}
    assert {effect.person for effect in first.effects} == {"ada", "james", "rick", "lee", "priya"}
    line = "+ james gains sudo on bastion as james 2026-01-12T18:00:00Z - 2026-01-13T02:00:00Z"
    assert f"{line}: /usr/bin/systemctl restart shop" in list(words_of(first.effects))
    text = change.call.parameters["Rules"]
    assert planned(of, seen(text)) == replace(first, changes=(), effects=())
    gone = planned(with_rota(of, rota()), seen(text))
    assert {effect.verb for effect in gone.effects} == {Verb.LOSES}
    assert [each.call.parameters["Digest"] for each in gone.changes] == [""]
    assert planned(with_rota(of, rota()), seen()).changes == ()


def test_a_day_that_passes_is_no_loss():
    """The text rolls forward at midnight; what is over is nobody's loss, and between midnights it is the same."""
    # With so much grace windows last for days: one is cut at midnight, and another grows at the horizon.
    of = hosted(grace_after=3 * DAY)
    text = wanted(of)
    assert planned(of, seen(text), at=MONDAY + DAY - SECOND).changes == ()
    rolled = planned(of, seen(text), at=MONDAY + 2 * DAY + timedelta(hours=1))
    assert len(rolled.changes) == 1
    assert {effect.verb for effect in rolled.effects} == {Verb.GAINS}
    assert min(effect.interval.start for effect in rolled.effects) >= horizon_of(of.rotas["platform"], NOON).end


def test_what_others_did_is_drift_and_is_undone():
    """A line by hand, another mode, and what gives the same user more beside our file."""
    of = hosted()
    text = wanted(of)
    for changed in (text + "eve ALL=(ALL:ALL) NOPASSWD: ALL\n", text.replace("james", "rick"), "garbage\n"):
        found = planned(of, seen(changed))
        assert found.drift == (f"{FILE} on bastion was changed by others; undone by this plan",)
        assert [change.call.parameters["Rules"] for change in found.changes] == [text]
    loose = planned(of, seen(text, access="666 james:james"))
    assert (len(loose.changes), loose.effects) == (1, ())
    more = planned(of, seen(text, others=(("james", "group sudo"), ("james", "/etc/sudoers.d/extra"))))
    assert (more.changes, len(more.drift)) == ((), 2)
    assert more.drift[0] == "james may use sudo as james on bastion by group sudo, on shift or off"


def test_what_is_not_known_or_held_is_said_and_left():
    """A host that is down, one whose sudo does not read the folder, one in a mode in which nothing is written."""
    of = hosted()
    down = plan_hosts(of, {"bastion": "Connection refused"}, (), NOON, NOON)
    assert (down.changes, [each.code for each in down.problems]) == ((), ["unread-host"])
    apart = planned(of, seen(included=False))
    assert (apart.changes, [each.code for each in apart.problems]) == ((), ["sudoers-not-included"])
    assert planned(of, seen(), held={"bastion"}).changes == ()
    late = planned(of, seen(clock=NOON + timedelta(seconds=61)))
    assert late.warnings == ("the clock of bastion says 2026-01-12T12:01:01Z: shifts begin and end by it",)
    assert planned(of, seen(clock=NOON - timedelta(seconds=60))).warnings == ()
