"""Reviews of access: what is frozen, who decides what, what is signed, and what an export proves."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.teams import HERE, MONDAY
from tests.unit.service.desk import Office

from watchbill.access.model import Drift, DriftKind
from watchbill.access.recertification import OUTSIDE, Decided, Use, proposed, rows_of
from watchbill.errors import NotFoundError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.service import recertification as reviewing
from watchbill.service.recertification import ReviewView, check, review_view
from watchbill.team.files import parse


DAY = timedelta(days=1)
KEEP, REMOVE = Decided(keeps=True, reason=""), Decided(keeps=False, reason="left the team")
TEXT = """\
team: orders
accounts:
  production: {number: "111111111111", environment: production, role: watchbill}
people:
  ana: {name: Ana, email: ana@example.com, iam_user: ana, time_zone: UTC}
  bo: {name: Bo, email: bo@example.com, iam_user: bo, time_zone: UTC}
  cy: {name: Cy, email: cy@example.com, iam_user: cy, time_zone: UTC}
leads: [ana, cy]
permission_sets:
  read: {allow: ["s3:GetObject"]}
  write: {allow: ["s3:PutObject"]}
groups:
  developers:   # who writes code
    reviewer: bo
    members: [ana, bo, cy]
    access:
      - {permission_set: read, accounts: [production]}
      - {permission_set: write, accounts: [production]}
  all:
    includes: [developers]
    access:
      - {permission_set: read, accounts: [production]}
"""
TEAM = parse(TEXT.encode(), "watchbill.yaml")
DRIFT = (
    Drift(
        "production",
        "arn:aws:iam::111111111111:user/watchbill/bo",
        "a policy was attached",
        "arn:x",
        DriftKind.ATTACHED,
    ),
    Drift(
        "production", "arn:aws:iam::111111111111:role/watchbill/r", "a policy was taken", "arn:y", DriftKind.DETACHED
    ),
)


@pytest.fixture
def office(tmp_path):
    """Give an office of that team."""
    return Office(tmp_path, TEAM)


def opened(office, by="ana", **more):
    """Open a review."""
    work = office.as_(by)
    return reviewing.open_review(work, work.at + 14 * DAY, **more)


def decide(office, review, reviewer, **others):
    """Have a reviewer keep all of theirs but some rows."""
    rows = reviewing.find(office.store, review.id).to_sign(reviewer, office.team)
    chosen = {row.number: others.get(row.person, KEEP) for row in rows}
    reviewing.draft(office.as_(reviewer), review.id, chosen)
    return rows


def signed(office, review, reviewer):
    """Have a reviewer sign what they were shown."""
    found = reviewing.find(office.store, review.id)
    reviewing.sign(office.as_(reviewer), review.id, reviewing.digest_for(found, reviewer, office.team), {"amr": "mfa"})


def finished(office, **others):
    """Have all of a review signed."""
    review = opened(office)
    for reviewer in ("ana", "bo", "cy"):
        if decide(office, review, reviewer, **others):
            signed(office, review, reviewer)
    return reviewing.find(office.store, review.id)


def test_each_way_to_something_is_a_row_for_one_who_is_not_its_holder():
    """A group's reviewer has its members but themselves; leads have the rest, and not their own."""
    rows = rows_of(TEAM, MONDAY, DRIFT)
    told = {(row.person, row.permission_set, row.through): row.reviewer for row in rows}
    assert told["cy", "read", "group developers"] == "bo"
    assert told["bo", "read", "group developers"] == "ana"
    assert told["ana", "read", "group all"] == "cy"
    assert told["bo", "read", "group all"] == "ana"
    assert told["bo", "a policy was attached (arn:x)", OUTSIDE] == "ana"
    assert len(rows) == 10
    assert all(row.person != row.reviewer for row in rows)
    assert [row.number for row in rows] == list(range(1, 11))


def test_rotas_and_grants_are_rows_too(tmp_path):
    """Whoever a rota may put on watch, and what a grant gives until it is over."""
    of = replace(Office(tmp_path).team, leads=("sofia", "lee"))
    ways = {(row.person, row.through) for row in rows_of(of, MONDAY)}
    assert {("james", "rota platform"), ("priya", "rota platform")} <= ways
    for grant in of.grants:
        assert (grant.person, f"grant {grant.name}") in ways
        after = {(row.person, row.through) for row in rows_of(of, grant.interval.end)}
        assert (grant.person, f"grant {grant.name}") not in after


def test_what_is_known_of_its_use_is_frozen_with_it():
    """The latest of its accounts; where nobody looked that is said."""
    uses = {("cy", "production", "read", "group all"): Use("2026-01-01T00:00:00Z", "3 events")}
    told = {(row.person, row.through): (row.last_used, row.use) for row in rows_of(TEAM, MONDAY, (), uses)}
    assert told["cy", "group all"] == ("2026-01-01T00:00:00Z", "3 events")
    assert told["bo", "group all"] == (None, "not known")
    assert {row.use for row in rows_of(TEAM, MONDAY)} == {"not looked up"}


def test_where_nobody_else_could_it_is_not_opened(office):
    """A sole lead would review their own."""
    office.team = replace(TEAM, leads=("ana",))
    with pytest.raises(RefusedError, match="nobody may review what `ana` holds"):
        opened(office)
    assert reviewing.reviews(office.store) == []


def test_a_lead_opens_one_at_a_time(office):
    """And nobody else does."""
    with pytest.raises(RefusedError, match="no lead"):
        opened(office, by="bo")
    review = opened(office, drift=DRIFT)
    with pytest.raises(RefusedError, match=f"{review.id} is open"):
        opened(office)
    assert (review.frozen.drift, review.opened_by, review.is_done) == (True, "ana", False)
    (entry,) = [each for each in office.store.ledger.entries() if each.kind == Kind.REVIEW_OPENED]
    assert (entry.subject, entry.facts["rows"]) == (review.id, 10)
    with pytest.raises(NotFoundError, match="no review `AR-none`"):
        reviewing.find(office.store, "AR-none")


def test_another_one_may_be_of_the_same(office):
    """A quarter in which nothing changed is reviewed like any other, under an id of its own."""
    before = finished(office)
    office.clock.advance(90 * DAY)
    after = opened(office)
    assert after.frozen == before.frozen
    assert after.id != before.id
    assert [(each.id, each.is_done) for each in reviewing.listed(office.store)] == [
        (after.id, False),
        (before.id, True),
    ]


def test_what_is_signed_is_not_read_again_to_tell_what_is_open(office, monkeypatch):
    """The lists tell of reviews of years without what these have frozen."""
    before = finished(office)
    payload = office.store.reviews.get(before.id).payload
    office.clock.advance(90 * DAY)
    opened(office, drift=())
    read = []

    def frozen(text):
        read.append(text)
        return _FROZEN(text)

    monkeypatch.setattr(reviewing, "_frozen", frozen)
    work = office.as_("ana")
    counted = [(each.rows, each.signed) for each in reviewing.listed(office.store)]
    assert counted == [(len(before.frozen.rows), 0), (len(before.frozen.rows),) * 2]
    assert (len(reviewing.awaited(work, "ana")), reviewing.overdue(work)) == (1, [])
    assert read
    assert payload not in read


_FROZEN = reviewing._frozen  # noqa: SLF001 - what is counted is how often it is asked


def test_a_reviewer_decides_their_own_rows_alone(office):
    """Not those of others, nor what is signed; saving the same twice is one entry."""
    review = opened(office)
    theirs = decide(office, review, "bo")
    decide(office, review, "bo")
    drafts = [each for each in office.store.ledger.entries() if each.kind == Kind.REVIEW_DRAFTED]
    assert [each.facts["rows"] for each in drafts] == [len(theirs)]
    other = next(row for row in review.frozen.rows if row.reviewer == "ana")
    with pytest.raises(RefusedError, match="is not for `bo` to decide"):
        reviewing.draft(office.as_("bo"), review.id, {other.number: KEEP})
    signed(office, review, "bo")
    with pytest.raises(RefusedError, match="or is signed"):
        reviewing.draft(office.as_("bo"), review.id, {theirs[0].number: REMOVE})


def test_a_row_that_went_to_another_costs_no_other_its_draft(office):
    """It is refused by its number, and all else that came with it is saved."""
    review = opened(office)
    mine = [row.number for row in review.to_sign("bo", office.team)]
    (other, *_) = [row.number for row in review.frozen.rows if row.number not in mine]
    with pytest.raises(RefusedError, match=f"row {other} of {review.id} is not for `bo` to decide.*is saved"):
        reviewing.draft(office.as_("bo"), review.id, dict.fromkeys([*mine, other], KEEP))
    assert set(reviewing.find(office.store, review.id).decided) == set(mine)


def test_only_what_is_decided_whole_is_signed_and_as_it_was_shown(office):
    """Undecided, without a reason, changed since, a second time: none is signed."""
    review = opened(office)
    with pytest.raises(RefusedError, match="4 of 4 rows are not decided"):
        signed(office, review, "bo")
    decide(office, review, "bo", cy=Decided(keeps=False, reason=" "))
    with pytest.raises(RefusedError, match="is to be removed, and has no reason"):
        signed(office, review, "bo")
    decide(office, review, "bo", cy=REMOVE)
    shown = reviewing.digest_for(reviewing.find(office.store, review.id), "bo", office.team)
    decide(office, review, "bo", cy=KEEP)
    with pytest.raises(RefusedError, match="has changed since it was shown"):
        reviewing.sign(office.as_("bo"), review.id, shown, {})
    signed(office, review, "bo")
    with pytest.raises(RefusedError, match="nothing of it is for you"):
        signed(office, review, "bo")
    (entry,) = [each for each in office.store.ledger.entries() if each.kind == Kind.REVIEW_SIGNED]
    assert (entry.actor, entry.facts["rows"], entry.facts["removed"], entry.facts["amr"]) == ("bo", 4, 0, "mfa")


def test_it_is_done_when_all_have_signed_and_overdue_before(office):
    """Until then it waits for those who have not."""
    review = opened(office)
    assert [each.id for each in reviewing.awaited(office.as_("ana"), "cy")] == [review.id]
    assert reviewing.overdue(office.as_("ana")) == []
    office.later(15 * DAY)
    assert [each.id for each in reviewing.overdue(office.as_("ana"))] == [review.id]
    for reviewer in ("ana", "bo", "cy"):
        decide(office, review, reviewer)
        signed(office, review, reviewer)
    assert reviewing.overdue(office.as_("ana")) == []
    assert reviewing.awaited(office.as_("ana"), "cy") == []
    assert review_view(office.as_("ana"), reviewing.find(office.store, review.id)).state == "signed"


def test_who_may_review_no_more_is_followed_by_a_lead(office):
    """Whoever left, or is named no more: their rows go on to a lead."""
    review = opened(office)
    office.team = replace(TEAM, people={name: each for name, each in TEAM.people.items() if name != "bo"})
    found = reviewing.find(office.store, review.id)
    assert {row.person for row in found.to_sign("cy", office.team)} == {"ana"}
    assert found.to_sign("bo", office.team) == ()
    named = replace(TEAM.groups["developers"], reviewer=None)
    office.team = replace(TEAM, groups=dict(TEAM.groups) | {"developers": named}, leads=("cy", "ana"))
    assert found.to_sign("bo", office.team) == ()
    office.team = replace(office.team, leads=("cy",))
    assert {row.person for row in found.to_sign("cy", office.team)} == {"ana", "bo"}
    with pytest.raises(RefusedError, match="is not for `bo`"):
        reviewing.draft(office.as_("bo"), review.id, {found.frozen.rows[0].number: KEEP})


def test_a_removal_is_a_diff_where_all_of_a_group_goes(office):
    """And words where it cannot be written; comments stay, and the file is still one."""
    review = finished(office, cy=REMOVE)
    made = reviewing.proposal(review, office.team)
    assert "-    members: [ana, bo, cy]" in made.diff
    assert "+    members: [ana, bo]" in made.diff
    assert made.losses == ("cy loses read in production, for good", "cy loses write in production, for good")
    assert [each.partition(":")[0] for each in made.by_hand] == ["cy"]
    assert "another group that it includes" in made.by_hand[0]


def test_a_part_of_a_group_is_a_persons_to_do():
    """Taking somebody out would take more than what was decided."""
    rows = rows_of(TEAM, MONDAY)
    one = [row for row in rows if (row.person, row.permission_set, row.through) == ("cy", "write", "group developers")]
    made = proposed(TEAM, one, rows)
    assert (made.diff, made.losses) == ("", ())
    assert made.by_hand == (
        "cy: write in production, through group developers (watchbill.yaml:18): the group gives them more, which stays",
    )


def test_an_export_is_what_the_ledger_has_and_a_changed_one_is_not(office):
    """Whatever is changed in it shows: a row, a decision, a reason, a time, a signature that is left out."""
    work = office.as_("ana")
    view = review_view(work, finished(office, cy=REMOVE))
    read = msgspec.json.decode(msgspec.json.encode(view), type=ReviewView)
    entries = list(office.store.ledger.entries())
    found = check(read, entries)
    assert (found.wrong, found.holds, found.unsigned, found.signatures) == ([], True, 0, 3)
    first = read.rows[0]
    spoilt = {
        "a row": replace(read, rows=[replace(first, row=replace(first.row, permission_set="admin")), *read.rows[1:]]),
        "a row that is gone": replace(read, rows=read.rows[1:]),
        "a decision": replace(read, rows=[replace(first, decision="remove", reason="r"), *read.rows[1:]]),
        "a reason": replace(read, rows=[replace(each, reason="another") for each in read.rows]),
        "no signature": replace(read, signatures=read.signatures[1:]),
        "another signer": replace(read, signatures=[replace(read.signatures[0], reviewer="eve"), *read.signatures[1:]]),
        "another time": replace(
            read, signatures=[replace(read.signatures[0], at="2020-01-01T00:00:00Z"), *read.signatures[1:]]
        ),
        "another entry": replace(read, signatures=[replace(read.signatures[0], entry=1), *read.signatures[1:]]),
        "not signed": replace(read, rows=[replace(first, signed=False), *read.rows[1:]]),
        "another review": replace(read, id="AR-other"),
        "a removal in other words": replace(
            read, rows=[replace(each, decision="kept" if each.decision == "remove" else "keep") for each in read.rows]
        ),
        "another state": replace(read, state="overdue"),
        "another opener": replace(read, opened_by="cy"),
        "another beginning": replace(read, at="2020-01-01T00:00:00Z"),
        "another end": replace(read, due_at="2030-01-01T00:00:00Z"),
    }
    assert {what: check(each, entries).holds for what, each in spoilt.items()} == dict.fromkeys(spoilt, False)
    cut = [replace(each, facts=dict(each.facts) | {"removed": 0}) for each in entries]
    assert not check(read, cut).holds


def test_a_reviewer_is_somebody_of_the_file():
    """A name that is nobody's is a mistake of the file, with its place."""
    with pytest.raises(Exception, match="unknown person `bob`"):
        parse(TEXT.replace("reviewer: bo", "reviewer: bob").encode(), "watchbill.yaml")
    assert HERE.path == TEAM.groups["all"].where.path
