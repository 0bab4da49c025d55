"""The answer for a whole trail: every event counted once, under somebody or under why it is nobody's."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.teams import DAY, MONDAY, team
from tests.trails import FOREIGN, after, assume_role, document, reading, record, root, service, session, user
from tests.unit.alerts.records import AWAY, audited, failed, hidden, signed_in

from watchbill.access.history import History, InForce, Revision, declared
from watchbill.access.model import Freeze
from watchbill.alerts.audit import audit, judgements, span_of
from watchbill.alerts.plain import audit_view
from watchbill.detect.sigma import load, together
from watchbill.errors import Problem
from watchbill.judge.model import Right
from watchbill.trail.read import combine, read_file


NIGHT = after(27)

MADE = [
    record("ec2:DescribeInstances", user("james"), after(12)),
    record("rds:RebootDBInstance", user("james"), NIGHT),
    record("rds:RebootDBInstance", user("james"), NIGHT, error="AccessDenied"),
    record("rds:RebootDBInstance", user("james", account=FOREIGN), NIGHT),
    record("iam:CreateUser", user("ada"), after(13)),
    record("s3:GetObject", user("ada"), after(13), account=FOREIGN),
    record("s3:PutObject", user("deploy-bot"), after(1)),
    record("s3:PutObject", service("ec2"), after(2)),
    record("s3:PutObject", root(), after(3)),
    record("s3:PutObject", session("oncall", "james", "ASIALOST"), after(4)),
    record("s3:PutObject", {}, after(5)),
    failed("rick", after(6)),
    hidden(after(7), AWAY),
    signed_in("rick", after(8)),
]


@given(st.lists(st.sampled_from(MADE), max_size=20), st.booleans())
def test_the_counts_add_up(records, with_team):
    """However often a record was delivered, its event is counted once: under a person, or under why it is nobody's."""
    found = audit(reading(*records), team() if with_team else None)
    distinct = len({each["eventID"] for each in records})
    assert found.tally.distinct == distinct
    assert sum(each.events for each in found.people) + sum(found.others.values()) == distinct
    assert found.tally.records == len(records) == distinct + found.tally.duplicates
    for person in found.people:
        assert sum(person.by_right.values()) == sum(person.methods.values()) == person.events >= person.denied


def test_the_counts_say_whose_and_how_known():
    """A reader sees what each person did by right, what AWS refused them, and how we know it was they."""
    found = audited(*MADE)
    assert {p.person: (p.events, dict(p.by_right), p.denied, dict(p.methods)) for p in found.people} == {
        "ada": (2, {"beyond role": 1, "not judgeable": 1}, 0, {"iam-user": 2}),
        "james": (3, {"entitled": 1, "off shift": 2}, 1, {"iam-user": 3}),
        "rick": (2, {"needs none": 2}, 0, {"iam-user": 2}),
    }
    assert dict(found.others) == {
        "workload: workload deploy-bot": 1,
        "service: AWS itself (ec2.amazonaws.com)": 1,
        "root: the root user, which is nobody in particular": 1,
        "none: a session of role oncall whose AssumeRole is not in the trail": 1,
        "none: the record names nobody": 1,
        "none: AWS hides the name: no such user, or a password typed as one": 1,
        "none: IAM user james of account 999999999999, which is in no team file": 1,
    }
    assert (found.start, found.end) == (after(1), NIGHT)


def test_the_commonest_nobody_comes_first():
    """What a reader should declare first stands first."""
    bots = [record("s3:PutObject", user("deploy-bot"), after(n)) for n in range(3)]
    found = audited(record("s3:PutObject", root(), MONDAY), *bots)
    assert list(found.others.values()) == [3, 1]


def test_what_cannot_be_read_is_kept_beside():
    """A bad record costs only itself, and is reported."""
    bad = {**MADE[0], "eventID": None}
    found = audit(combine([read_file("trail.json", document(MADE[0], bad))]), team())
    assert (found.tally.distinct, found.tally.unreadable_records) == (1, 1)
    assert [problem.code for problem in found.problems] == ["no-event-id"]


def test_an_empty_trail_is_answered():
    """Nothing happened, and nothing is what is said."""
    for of in (team(), None):
        found = audit(reading(), of)
        assert (found.people, dict(found.others), found.cases, found.start, found.end) == ((), {}, (), None, None)


def test_without_a_team_file_nobody_is_judged():
    """No right can be told, and every judgement says so; findings stand all the same."""
    found = audit(reading(*MADE, *(failed("rick", after(9 + n / 60), AWAY) for n in range(3))), None)
    judged_of = judgements(reading(*MADE), None)
    assert {each.right for each in judged_of} == {Right.NOT_JUDGEABLE, Right.UNKNOWN_ACTOR}
    assert {right for person in found.people for right in person.by_right} == {"not judgeable"}
    assert [case.person for case in found.cases if case.kind == "sign-in"] == ["rick"]
    judged = next(each for each in judged_of if each.attributed.actor.person == "ada")
    assert judged.why == "no team file says what is theirs"


def test_what_a_frozen_person_does_is_judged_by_the_freeze():
    """The freeze is part of what was so at the time."""
    freeze = Freeze("F-1", "james", after(11), None, "C-1")
    rights = {p.person: dict(p.by_right) for p in audited(*MADE, freezes=(freeze,)).people}
    assert rights["james"] == {"frozen": 3}
    assert rights["ada"] == {"beyond role": 1, "not judgeable": 1}


SIGMA = """\
title: {title}
author: somebody
logsource: {{product: aws, service: cloudtrail}}
detection:
  s: {{eventName: {name}}}
  condition: s
"""


def test_sigma_hits_are_counted_by_rule():
    """The rule that matched most stands first; one that matched nothing is not listed."""
    texts = [("b", "PutObject"), ("a", "RebootDBInstance"), ("c", "CreateUser"), ("d", "NoSuchCall")]
    rules = together([load(SIGMA.format(title=title, name=name), "r.yml") for title, name in texts])
    assert list(audited(*MADE, rules=rules).sigma.items()) == [("b", 5), ("a", 3), ("c", 1)]


def test_the_view_adds_up_too():
    """What is printed keeps the promise of what was counted."""
    made = audit_view(audited(*MADE, *MADE), "watchbill.yaml")
    assert (made.tally.records, made.tally.distinct, made.tally.duplicates) == (28, 14, 14)
    assert sum(p.events for p in made.people) + sum(o.events for o in made.others) == made.tally.distinct
    assert (made.team, made.start, made.end) == ("watchbill.yaml", "2026-01-12T01:00:00Z", "2026-01-13T03:00:00Z")
    assert [case.id for case in made.cases] == [case.id for case in audited(*MADE).cases]


def test_the_order_of_delivery_does_not_matter():
    """The same records in any order are the same answer."""
    first, second = audited(*MADE), audited(*reversed(MADE))
    assert audit_view(first, None).people == audit_view(second, None).people
    assert [case.id for case in first.cases] == [case.id for case in second.cases]


# --- the file of the time ------------------------------------------------------------------------


def of_time(*files, freezes=(), assumed=(), problems=()):
    """Make a history of files, each with the instant from which it was in force; None is one that cannot be read."""
    made = tuple(InForce(since, of, "r", "" if of else "cannot be read") for since, of in files)
    return History(team(), made, freezes, None, assumed, problems)


def without(name):
    """Make the team without somebody of its developers."""
    base = team()
    rest = replace(base.groups["developers"], members=tuple(set(base.groups["developers"].members) - {name}))
    people = {each: person for each, person in base.people.items() if each != name}
    return replace(base, people=people, groups={**base.groups, "developers": rest}, rotas={})


@given(st.lists(st.sampled_from(MADE), max_size=12), st.integers(0, 3))
def test_one_file_recorded_before_the_trail_changes_nothing(records, days):
    """The file at hand, applied before the first event, is the same answer as the file at hand, to the last field."""
    of = replace(team(), digest="d1")
    found, plain = reading(*records), audit(reading(*records), of)
    if (span := span_of(found)) is None:
        assert (plain.people, plain.cases) == ((), ())
        return
    recorded = declared([Revision("d1", span.start - days * DAY, "")], of, span)
    assert replace(audit(found, recorded), assumed=plain.assumed) == plain
    assert audit(found, recorded).assumed == ()
    assert len(plain.assumed) == 1


def test_who_left_was_somebody_before():
    """Ada left on Monday at noon: what she did before is hers by name, and after it is nobody's."""
    made = [record("ec2:DescribeInstances", user("ada"), at, event_id=at.isoformat()) for at in (after(11), after(12))]
    before, later = judgements(reading(*made), of_time((None, team()), (after(12), without("ada"))))
    assert (before.attributed.actor.person, before.right) == ("ada", Right.ENTITLED)
    assert (later.attributed.actor.person, later.right) == (None, Right.UNKNOWN_ACTOR)
    joined = judgements(reading(*made), of_time((None, without("ada")), (after(12), team())))
    assert [each.right for each in joined] == [Right.UNKNOWN_ACTOR, Right.ENTITLED]


def test_a_key_is_followed_over_a_change_of_the_file():
    """The role was taken under the old file, and used under the new one, which knows more people: it is still James."""
    made = [
        assume_role(user("james"), "watchbill/oncall-platform", "ASIA1", after(19), event_id="take"),
        record("rds:RebootDBInstance", session("oncall-platform", "james", "ASIA1"), after(20), event_id="act"),
        record("rds:RebootDBInstance", session("oncall-platform", "james", "ASIA1"), after(21), event_id="more"),
    ]
    by = of_time((None, without("ada")), (after(20), team()), (after(21), without("ada")))
    found = judgements(reading(*made), by)
    assert [each.attributed.event.id for each in found] == ["take", "act", "more"]
    assert {each.attributed.actor.person for each in found} == {"james"}
    assert [each.right for each in found] == [Right.BEYOND_ROLE, Right.ENTITLED, Right.BEYOND_ROLE]


def test_what_can_be_read_no_more_is_a_problem_and_no_case():
    """Nobody is accused by a file that nobody knows; the actors are named by the file at hand."""
    problem = Problem("unreadable-revision", "revision r can be read no more")
    by = of_time((None, team()), (after(26), None), assumed=("words",), problems=(problem,))
    read = reading(record("rds:RebootDBInstance", user("james"), NIGHT))
    found = audit(read, by)
    assert (found.problems, found.assumed, found.cases) == ((problem,), ("words",), ())
    (judgement,) = judgements(read, by)
    assert (judgement.right, judgement.why) == (Right.NOT_JUDGEABLE, "cannot be read")
    assert judgement.attributed.actor.person == "james"


def test_the_freezes_of_a_history_count():
    """Beside those given: neither takes the other's place."""
    one, other = Freeze("F-1", "james", after(11), None, None), Freeze("F-2", "ada", after(11), None, None)
    found = audit(reading(*MADE), of_time((None, team()), freezes=(one,)), freezes=(other,))
    rights = {p.person: dict(p.by_right) for p in found.people}
    assert (rights["james"], rights["ada"]) == ({"frozen": 3}, {"frozen": 2})
