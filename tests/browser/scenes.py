"""A site on which something of everything goes on, and an address of each of its pages."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
from tests.cloud import by
from tests.lakes import delivery, log, taken_in
from tests.pages import certified, pages
from tests.teams import MONDAY, PRODUCTION, team
from tests.trails import after, record, user
from tests.unit.alerts.records import pack
from tests.unit.service.desk import CASES, NOW

from watchbill.access.apply import apply
from watchbill.access.model import Drift, DriftKind, Outcome, State
from watchbill.access.plan import make_plan
from watchbill.access.recertification import Decided
from watchbill.alerts.gaps import gap_cases
from watchbill.alerts.plain import view
from watchbill.alerts.view import CaseView
from watchbill.intervals import Interval
from watchbill.ledger.model import Kind
from watchbill.respond.model import Verdict
from watchbill.service import asking, containment, proposals, requests
from watchbill.service import recertification as reviewing
from watchbill.service.board import Standing
from watchbill.service.drift_seen import keep_drift
from watchbill.service.plans import Plans
from watchbill.service.reconcile import Reconciled, bring_in_step
from watchbill.service.rules_view import Rulebook
from watchbill.service.seen import Trail
from watchbill.store.rows import CaseRow
from watchbill.trail.coverage import Gap, GapKind
from watchbill.web.pace import Pace


HOUR = timedelta(hours=1)
ACTIONS = ("ec2:DescribeInstances", "rds:RebootDBInstance", "iam:CreateUser", "sts:GetCallerIdentity")

ARABIC = "محمد عبد الرحمن الخطيب"
LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessen"
"""A name of more than eighty letters without a space."""

NOBODY = None
"""Who is not signed in."""

SECRET = "s" * 43

ADDRESSES: dict[str, tuple[tuple[str | None, str], ...]] = {
    "/": ((NOBODY, "/"), ("james", "/"), ("ada", "/"), ("lee", "/?zone=Asia/Kolkata")),
    "/sign-in": ((NOBODY, "/sign-in"), ("lee", "/sign-in?to=/confirm/C-late")),
    "/sign-in/back": ((NOBODY, "/sign-in/back"),),
    "/sign-in/once/{secret}": ((NOBODY, f"/sign-in/once/{SECRET}"),),
    "/answer/{secret}": ((NOBODY, "/answer/ANSWER"), (NOBODY, f"/answer/{SECRET}")),
    "/confirm/{case}": (("james", "/confirm/C-late"),),
    "/cases": (("lee", "/cases?status=any"), ("lee", "/cases?person=nobody")),
    "/open/{case}": (("lee", "/open/C-late"), ("sofia", "/open/C-away"), ("sofia", "/open/C-forgot")),
    "/open/{case}/freeze": (("sofia", "/open/C-away/freeze"),),
    "/open/{case}/restore": (("sofia", "/open/C-taken/restore"),),
    "/open/{case}/evict": (("sofia", "/open/C-taken/evict"),),
    "/access": (("lee", "/access"), ("lee", "/access?action=rds:RebootDBInstance"), ("ada", "/access")),
    "/access/compare": (("lee", "/access/compare?from=2026-01-12T12:00&to=2026-01-13T04:00"),),
    "/access/explain": (("lee", "/access/explain?person=james&account=production&set=prod-oncall"),),
    "/watch": (("ada", "/watch?from=2026-01-12&days=7&zone=America/Los_Angeles"), ("lee", "/watch?days=92")),
    "/watch/swap": (
        ("ada", "/watch/swap?other=james&from=2026-01-15T18:00&to=2026-01-16T02:00&reason=a+dentist&zone=UTC"),
    ),
    "/people": (("lee", "/people"),),
    "/people/{person}": (
        ("lee", "/people/james?from=2026-01-12&to=2026-01-15"),
        ("james", "/people/james"),
        ("lee", "/people/lee"),
    ),
    "/coverage": (("lee", "/coverage"),),
    "/rules": (("lee", "/rules"), ("sofia", "/rules")),
    "/plan": (("lee", "/plan"),),
    "/plan/{plan}": (("lee", "/plan/WAITS"),),
    "/plan/{plan}/approve": (("sofia", "/plan/WAITS/approve"),),
    "/ledger": (("lee", "/ledger"), ("lee", "/ledger?actor=nobody")),
    "/ledger/verify": (("lee", "/ledger/verify"),),
    "/reviews": (("lee", "/reviews"), ("sofia", "/reviews")),
    "/reviews/{review}": (("ada", "/reviews/REVIEW"), ("lee", "/reviews/REVIEW")),
    "/reviews/{review}/sign": (("ada", "/reviews/REVIEW/sign"),),
}
"""By the path of each page whoever looks at it, and where: enough to see every part of it."""

REFUSED = ("/sign-in/back", f"/answer/{SECRET}")
"""Those that say why they show nothing."""

DRIFT = (
    Drift(
        "production",
        f"arn:aws:iam::{PRODUCTION}:user/watchbill/ada",
        "user ada was put into job-security",
        "job-security",
        DriftKind.JOINED,
        healed=True,
    ),
    Drift(
        "production",
        f"arn:aws:iam::{PRODUCTION}:role/watchbill/oncall-platform",
        "role oncall-platform trusts others",
        None,
        DriftKind.TRUST,
    ),
)
"""What others did in AWS: one that gives a permission set, and one of which nobody can tell what it gives."""

FILES = {
    "/style.css": "text/css",
    "/icon.svg": "image/svg+xml",
    "/scripts/{file}": "text/javascript",
    "/live": "text/event-stream",
    "/watch.ics": "text/calendar",
    "/people/{person}/certificates/{serial}": "text/plain",
    "/access.csv": "text/csv",
    "/access.json": "application/json",
    "/coverage.json": "application/json",
    "/plan.json": "application/json",
    "/ledger.json": "application/x-ndjson",
    "/reviews/{review}/export.json": "application/json",
    "/reviews/{review}/export.csv": "text/csv",
}
"""What is served and is no page."""


def trail():
    """Give what James and somebody unknown did in two days, a third of it at times that were not his."""
    james = [record(ACTIONS[n % 4], user("james"), after(n * 0.7), event_id=str(UUID(int=n))) for n in range(44)]
    strange = [record(ACTIONS[0], user("stranger"), after(n), event_id=str(UUID(int=n + 100))) for n in range(9)]
    return [log(james), log(strange), b"\x1f\x8bno"]


@contextmanager
def busy(folder, *, odd_names=True):
    """Serve a site with cases, a freeze, a request, a plan, rules, a trail with gaps, and people of odd names."""
    files = [delivery(f"{n}.json.gz", data) for n, data in enumerate(trail())]
    taken_in(folder / "lake", files, team(), at=NOW)
    jobs = {"pass": Standing(NOW, None, ("aws",)), "outbox": Standing(NOW), "due": Standing()}
    more = {"trail": Trail(folder / "lake"), "jobs": lambda: jobs, "rules": Rulebook(pack()), "plans": Plans()}
    # Here time stands still, and so would the minute in which so many sign-ins of one address are too many.
    more |= {"pace": Pace(most=1_000_000)}
    with pages(folder, **more) as served:
        if odd_names:
            named(served.office)
        fill(served)
        if odd_names:
            certified(served.office, "james")
        yield served


def fill(site):
    """Let things happen on a site."""
    office, store = site.office, site.office.store
    bring_in_step(office.as_("watchbill"), Reconciled())
    (waits,) = proposals.waiting(store)
    site.waits = waits.id
    made = make_plan(office.team, office.app.observe(office.team), office.clock.now())
    assert list(apply(made.changes, by(office.team, office.app.cloud)))
    site.site.plans.keep(made, tuple(Outcome(n, each, State.DONE, None) for n, each in enumerate(made.changes)))
    office.as_("sofia").record(Kind.PLAN_APPLIED, "P-1", {"team": "d", "changes": len(made.changes), "failed": 0})
    site.answer = site.link().removeprefix(site.base)
    keep(store, of_rick())
    containment.freeze(office.as_("sofia"), containment.plan(office.as_("sofia"), "C-taken"))
    asking.decide(office.as_("sofia"), "C-taken", Verdict.HIJACK, "it was not him")
    gap = Gap(GapKind.ACCOUNT, PRODUCTION, None, None, Interval(MONDAY, MONDAY + 4 * HOUR), "no file at all")
    for missing in map(view, gap_cases([gap])):
        keep(store, missing)
    site.review = review(office)
    requests.ask_access(office.as_("ada"), "prod-oncall", HOUR, (), "a look", "k")
    keep_drift(office.as_("watchbill"), DRIFT)


def review(office):
    """Open a review of which Ada has decided her rows, and one of them against somebody; give its id."""
    groups = {name: replace(group, reviewer="ada") for name, group in office.team.groups.items()}
    office.team = replace(office.team, groups=groups)
    made = reviewing.open_review(office.as_("sofia"), NOW + timedelta(days=14), ())
    rows = made.rows_for("ada", office.team)
    reviewing.draft(office.as_("ada"), made.id, {row.number: Decided(n > 0, "as it was") for n, row in enumerate(rows)})
    return made.id


def there(site, address):
    """Fill in what of an address is another each time."""
    return address.replace("/answer/ANSWER", site.answer).replace("REVIEW", site.review).replace("WAITS", site.waits)


def keep(store, case):
    """Keep a case."""
    payload = msgspec.json.encode(case).decode()
    store.cases.put(CaseRow(case.id, NOW, NOW, "open", case.severity, case.person, "", payload))


def of_rick():
    """Give a case like that of James whose sign-in was taken over, about Rick."""
    told = msgspec.json.encode(CASES["hijack"]).decode().replace("james", "rick").replace("C-away", "C-taken")
    return msgspec.json.decode(told, type=CaseView)


def named(office):
    """Give some of the team names that are hard to lay out."""
    names = {"ada": LONG, "lee": ARABIC}
    known = {
        name: replace(person, full_name=names.get(name, person.full_name))
        for name, person in office.team.people.items()
    }
    office.team = replace(office.team, people=known)
