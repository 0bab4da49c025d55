"""Onboard somebody: a lead gives them their first password, which is seen once and kept nowhere.

It is asked of AWS only where a deny without MFA stands before; where that could not be put, nothing is given. Where the
process died after the password was set, nobody has seen it: `assist` gives another.
"""

import hashlib
from dataclasses import dataclass

from watchbill.access.model import Credentials, Outcome, State, spelled
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.freeze import must_not_be_protected
from watchbill.respond.onboard import Onboarding, plan_onboarding
from watchbill.respond.telling import news
from watchbill.service import containment
from watchbill.service.casework import Casework
from watchbill.service.helping import give, password
from watchbill.service.outbox import put


@dataclass(frozen=True, slots=True)
class Onboarded:
    """What somebody who joins is given: shown once, and kept nowhere."""

    id: str
    onboarding: Onboarding
    outcomes: tuple[Outcome, ...]
    password: str

    def __repr__(self) -> str:
        """Say what it is without what is secret."""
        return f"Onboarded({self.onboarding.person})"


def plan(work: Casework, person: str, account: str) -> Onboarding:
    """Work out an onboarding without doing it."""
    team = work.team
    if person not in team.people:
        raise NotFoundError(f"no person `{person}` in {team.path}")
    if account not in team.accounts:
        raise NotFoundError(f"no account `{account}` in {team.path}")
    work.must_lead(person)
    must_not_be_protected(team, person)
    if any(each.iam_user.lower() == team.people[person].iam_user.lower() for each in team.break_glass):
        raise RefusedError(f"`{person}` has the name of a break-glass user: watchbill never changes one")
    if team.identity_center is not None and team.people[person].identity_center_user:
        raise RefusedError(
            f"`{person}` signs in by Identity Center: they need no password of IAM, and no MFA device there",
            _where_instead(work, person),
        )
    if containment.standing(work, person) is not None:
        raise RefusedError(f"{person} is frozen: a password would not let them in", "restore them first")
    observed = work.app.look(team)
    state = observed[account]
    held = work.app.credentials_of(team, person, observed)
    user = spelled(team.people[person].iam_user, state)
    return plan_onboarding(person, user, state, held.get(account, Credentials()))


def onboard(work: Casework, planned: Onboarding) -> Onboarded:
    """Carry an onboarding out; give the password, which whoever runs it hands over."""
    name = f"N-{hashlib.sha256(f'{planned.person}|{planned.account}|{iso(work.at)}'.encode()).hexdigest()[:6]}"
    facts = {"person": planned.person, "account": planned.account}
    with work.store.transaction():
        work.record(Kind.ONBOARDING_BEGUN, name, facts)
    secret = password()
    outcomes = give(work, name, planned.changes, secret)
    failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
    if failed:
        raise ProviderError(f"{len(failed)} of {len(outcomes)} steps failed: {failed[0].error}", "try again")
    with work.store.transaction():
        work.record(Kind.ONBOARDING_APPLIED, name, {**facts, "steps": len(outcomes)})
        title = f"{work.actor} gave {planned.person} a first password in {planned.account}"
        put(work, news(f"{name}:given", title, ("They choose another, and enrol MFA, at their first sign-in.",)))
    return Onboarded(name, planned, outcomes, secret)


def _where_instead(work: Casework, person: str) -> str:
    center = work.team.identity_center
    if center is not None and center.fed_by is not None:
        return f"give them a password and MFA at {center.fed_by}, which feeds it"
    return f"Identity Center sends {work.team.people[person].email} an invitation; have its settings demand MFA"
