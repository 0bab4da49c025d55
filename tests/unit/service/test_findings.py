"""What AWS's own detectors found, in passes: each raised once, and again where it was updated."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import PRODUCTION
from tests.unit.service.world import NOON, OWN, STOLEN, World, hijack, record

from watchbill.alerts.audit import Asked
from watchbill.alerts.plain import view
from watchbill.detect.aws_findings import gather
from watchbill.errors import NotFoundError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.service import reconcile as module
from watchbill.service.audit import audit_lake
from watchbill.service.casework import view_of
from watchbill.service.findings import keep_findings
from watchbill.service.history import history_of
from watchbill.service.reconcile import library_of, reconcile
from watchbill.store.database import open_store


@pytest.fixture
def world(tmp_path):
    """Give a world."""
    with open_store(tmp_path) as store:
        yield World(store)


def found(name="f1", minutes=2, key=STOLEN, updated=0, **more):
    """Make a finding of GuardDuty's about a key, some minutes after noon, updated so many later."""
    at = NOON + timedelta(minutes=minutes)
    return {
        "schemaVersion": "2.0",
        "accountId": PRODUCTION,
        "region": "us-east-1",
        "id": name,
        "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller",
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"accessKeyId": key, "userType": "IAMUser"}},
        "service": {"archived": False, "eventFirstSeen": iso(at), "eventLastSeen": iso(at), "additionalInfo": {}},
        "severity": 5,
        "title": f"A key was used from a bad address ({name})",
        "createdAt": iso(at),
        "updatedAt": iso(at + timedelta(minutes=updated)),
        **more,
    }


def run(world, records=(), told=(), rules=None):
    """Make a pass in which some records came, and some findings stand in a file."""

    def tell():
        read = gather("findings.json", json.dumps(list(told)).encode())
        keep_findings(world.store, read)
        return read.problems

    watched = replace(world.watched(*records, rules=rules), tell=tell)
    return reconcile(world.as_("watchbill"), watched)


def cases(world):
    """Give whom each case that is open is about, and what was found in it."""
    views = [view_of(row) for row in world.store.cases.all() if row.status != "closed"]
    return sorted((case.subject, case.findings, sorted(case.counted)) for case in views)


def titles(world, subject):
    """Give what AWS found on the open cases of a subject."""
    return [[t for t in titles if t.startswith("GuardDuty")] for name, titles, _ in cases(world) if name == subject]


def test_a_finding_is_on_the_persons_case_and_raised_once(world):
    """With the events of the same time, and not again when the file is read again."""
    first = run(world, hijack(), [found()])
    assert len(first.raised) == 1
    assert titles(world, "james") == [["GuardDuty: A key was used from a bad address (f1)"]]
    for told in ([found()], [], [found()]):
        done = run(world, hijack(), told)
        assert (done.raised, done.amended, done.audits) == ((), (), ())


def test_a_finding_that_comes_later_amends_the_case(world):
    """The person's case was raised by the events; what AWS found of the same time lands on it."""
    (case_id,) = run(world, hijack()).raised
    done = run(world, hijack(), [found()])
    assert (done.raised, done.amended) == ((), (case_id,))
    assert titles(world, "james") == [["GuardDuty: A key was used from a bad address (f1)"]]


def test_a_finding_stays_on_its_case_though_its_file_is_gone(world):
    """The case grows: what is audited again has what was found."""
    (case_id,) = run(world, hijack(), [found()]).raised
    done = run(world, [record("h3", 10, "james", "CreateUser")])
    assert (done.raised, done.amended) == ((), (case_id,))
    assert titles(world, "james") == [["GuardDuty: A key was used from a bad address (f1)"]]


def test_one_that_was_updated_amends_its_case(world):
    """Also where it moved so far that the case has another beginning; an older state of it says nothing."""
    key = {"key": "AKIANOBODYS00000"}
    (case_id,) = run(world, told=[found(**key)]).raised
    later = found(minutes=500, updated=10, title="It goes on", **key)
    done = run(world, told=[later])
    assert (done.raised, done.amended) == ((), (case_id,))
    done = run(world, told=[found(updated=5, **key), later])
    assert (done.raised, done.amended, done.audits) == ((), (), ())
    assert [each[1] for each in cases(world)] == [["GuardDuty: It goes on"]]


def test_one_that_moved_leaves_what_it_was_with(world):
    """Updated days later: what else was on its case is still on one."""
    key = {"key": "AKIANOBODYS00000"}
    run(world, told=[found("f1", **key), found("f2", minutes=10, **key)])
    run(world, told=[found("f1", minutes=5000, updated=10, **key)])
    words = [f"GuardDuty: A key was used from a bad address ({name})" for name in ("f1", "f2")]
    assert sorted(each[1] for each in cases(world)) == [[each] for each in words]


def test_one_whose_owner_is_found_later_moves_to_their_case(world):
    """It came before the trail that tells whose the key is: the case that was nobody's is one with the person's."""
    (nobodys,) = run(world, told=[found(minutes=5)]).raised
    done = run(world, hijack(), [found(minutes=5)])
    (persons,) = done.raised
    assert titles(world, "james") == [["GuardDuty: A key was used from a bad address (f1)"]]
    assert [(row.id, row.status) for row in world.store.cases.all() if row.id == nobodys] == [(nobodys, "closed")]
    assert len(cases(world)) == 1
    assert persons != nobodys


def test_one_whose_owner_is_seen_long_after_moves_too(world):
    """The key is used days later: only then it is known whose it is."""
    run(world, told=[found(minutes=5)])
    late = record("x1", 3 * 24 * 60, "james", "CreateUser")
    run(world, [late])
    assert titles(world, "james")[0] == ["GuardDuty: A key was used from a bad address (f1)"]


def test_a_pass_that_is_killed_raises_what_it_was_told_of(world, monkeypatch):
    """What was kept and not audited is audited in the next pass, though the file is gone."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_take", killed)
        with pytest.raises(KeyboardInterrupt):
            run(world, told=[found()])
    assert cases(world) == []
    assert len(run(world).raised) == 1
    assert run(world).raised == ()


def test_findings_that_cannot_be_read_leave_the_rest(world):
    """It is said, and the trail is audited."""

    def tell():
        raise NotFoundError("no file of findings in there")

    done = reconcile(world.as_("watchbill"), replace(world.watched(*hijack()), tell=tell))
    assert [problem.message for problem in done.problems][-1:] == ["no file of findings in there"]
    assert len(done.raised) == 1
    done = run(world, told=[found(), {"no": "finding"}])
    assert "bad-finding" in {problem.code for problem in done.problems}
    assert kinds(world).count(Kind.CASE_RAISED) == 1


def kinds(world):
    """Give what the ledger says was done."""
    return [entry.kind for entry in world.store.ledger.entries()]


def test_a_case_that_a_finding_began_counts_what_comes_hours_after(world):
    """What AWS found put another beginning before it, so that it is kept under another id than it would have now."""
    at = {name: found(name, minutes) for name, minutes in (("f0", 300), ("f1", 0), ("f2", 0), ("f3", 0))}
    came = [at["f0"], at["f2"], hijack(25, "h25-"), at["f1"], at["f3"], hijack(0, "h0-"), hijack(300, "h300-")]
    for each in came:
        run(world, each if isinstance(each, list) else (), [] if isinstance(each, list) else [each])
    (said,) = [words for _, findings, _ in cases(world) for words in findings if "CreateAccessKey" in words]
    assert said.endswith(", and 2 more like it")


_MINUTES = st.integers(0, 12).map(lambda n: n * 25)


@given(
    st.lists(st.tuples(_MINUTES, st.sampled_from([STOLEN, OWN, "AKIANOBODYS00000"])), max_size=4),
    st.lists(_MINUTES, max_size=3, unique=True),
    st.data(),
)
@examples(5, 25)
def test_passes_come_to_the_same_as_an_audit_with_the_same_findings(tmp_path_factory, told, hijacks, data):
    """Whatever came first, the events or what AWS found in them."""
    folder = tmp_path_factory.mktemp("told")
    findings = [found(f"f{n}", minutes, key) for n, (minutes, key) in enumerate(told)]
    news = [*(("told", each) for each in findings), *(("trail", hijack(at, f"h{at}-")) for at in hijacks)]
    with open_store(folder) as store:
        world = World(store)
        for kind, each in data.draw(st.permutations(news)):
            run(world, each if kind == "trail" else (), [each] if kind == "told" else ())
        assert world.store.findings.unaudited() == []
        (folder / "all.json").write_text(json.dumps(findings))
        work = world.as_("watchbill")
        where = world.lake, library_of(work), work.team, partial(history_of, work), Asked(world.watched().rules)
        whole = [view(case) for case in audit_lake(*where, folder / "all.json").cases] if hijacks else []
        if hijacks:
            assert cases(world) == sorted((case.subject, case.findings, sorted(case.counted)) for case in whole)
