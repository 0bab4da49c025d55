"""The pretend world of the demo: a stand-in for AWS, its time, a week of its trail, and people who answer.

What happens is made by `sim` and done for real on the stand-in at its time: a policy attached by hand, an access key
made by a stranger, files delivered to the bucket. What watchbill sees of it, it reads back by its own ways.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from watchbill.access.effective import PathAnswer, answers
from watchbill.aws.accounts import translated
from watchbill.aws.bucket import make_bucket, write_object
from watchbill.bootstrap import App, make_app
from watchbill.intervals import Interval, iso
from watchbill.policy.requests import requests_of
from watchbill.schedule.oncall import shifts
from watchbill.sim.clock import SimClock
from watchbill.sim.model import HandMade, Story, Truth, Week
from watchbill.sim.people import FOUNDER
from watchbill.sim.week import LENGTH, make_week
from watchbill.team.model import Team


START = datetime(2026, 1, 12, tzinfo=UTC)
"""The Monday on which the week begins."""

BUCKET = "orders-trail"
_ANY_KEYS = ("demo", "demo")
_DELIVERED = timedelta(minutes=15)
"""By then everything of a story has arrived in the bucket."""


@dataclass(frozen=True, slots=True)
class NextCall:
    """Whether a stranger's next call would be allowed, over the policies read back."""

    at: str
    call: str
    decision: str
    because: list[str]
    key: str
    """The stranger's access key."""
    key_active: bool


class Stage:
    """The world at the time of its clock; `go_to` moves it on."""

    def __init__(self, endpoint: str, team: Team, seed: int) -> None:
        self.clock = SimClock(START)
        # One after another: the stand-in makes up ids by the order of calls, and each telling is to be the same.
        self.app: App = replace(make_app(self.clock, endpoint, _ANY_KEYS), lanes=1)
        self.team = team
        self._seed = seed
        self._keys: dict[tuple[str, str], tuple[str, ...]] = {}
        self.week: Week = self._made()

    @property
    def source(self) -> str:
        """Where the trail is read from."""
        return f"s3://{BUCKET}/AWSLogs/"

    def begin(self) -> None:
        """Make what was there before watchbill: the bucket, and an administrator from the old days."""
        make_bucket(self.app.accounts, BUCKET)
        for account in self.team.accounts:
            self._iam(account, "create_user", UserName=FOUNDER)

    def give_keys(self) -> None:
        """Make everyone's everyday access key, where they have a user, and the week in which they use them."""
        for name, account in self.team.accounts.items():
            for user in sorted(self.app.cloud.observe(account).users):
                self._keys[name, user] = (self._new_key(name, user),)
        self.week = self._made()

    def moments(self) -> Iterator[datetime]:
        """Give the instants at which each story has been delivered, and the end of the week."""
        found = {event_id: file.delivered for file in self.week.files for event_id in file.event_ids}
        for truth in self.week.truths:
            yield max(found[event_id] for event_id in truth.event_ids) + timedelta(minutes=1)
        yield START + LENGTH + _DELIVERED

    def go_to(self, at: datetime) -> None:
        """Move on to an instant, doing what happens on the way: hand-made changes, a stolen key, deliveries."""
        now = self.clock.now()
        for made in self.week.hand_made:
            if now < made.at <= at:
                self._by_hand(made)
        hijack = self.truth(Story.HIJACK)
        if hijack is not None and now < hijack.at <= at:
            self._steal(hijack)
        for file in self.week.files:
            if now < file.delivered <= at:
                write_object(self.app.accounts, BUCKET, file.key, file.body)
        self.clock.set(at)

    def truth(self, story: Story) -> Truth | None:
        """Give what really happened in a story, None where the week does not tell it."""
        return next((truth for truth in self.week.truths if truth.story is story), None)

    def answer(self, person: str) -> str:
        """Give what somebody answers when asked: people here are honest."""
        theirs = (Story.OFF_SHIFT_CHANGE, Story.FORGOTTEN_PASSWORD)
        own = any(truth.person == person and truth.story in theirs for truth in self.week.truths)
        return "yes" if own else "no"

    def next_call(self, hijack: Truth) -> NextCall:
        """Ask what would become of the stranger's next call, over the policies and keys read back."""
        assert hijack.next_call is not None, "every hijack has a next call"
        assert hijack.person is not None, "every hijack has a victim"
        account, user = self.team.accounts[hijack.account], self.team.people[hijack.person].iam_user
        (request,) = requests_of(
            source=hijack.next_call.source,
            name=hijack.next_call.name,
            account=account.number,
            region="eu-west-1",
            principal_arn=None,
            request_parameters=hijack.next_call.parameters,
            resources=None,
            context={},
        ).requests
        at, key = self.clock.now(), hijack.keys[0]
        paths = answers(self.app.cloud.observe(account), user, request.action, request.resource, at, {})
        by_user: PathAnswer = paths[0]
        active = {found.id: found.active for found in self.app.cloud.access_keys(account, user)}
        because = [str(origin) for origin in by_user.decision.deciding]
        return NextCall(iso(at), request.action, str(by_user.effect), because, key, active.get(key, False))

    def _made(self) -> Week:
        span = Interval(START - timedelta(days=1), START + LENGTH + timedelta(days=1))
        found = [shift for rota in self.team.rotas.values() for shift in shifts(rota, span)]
        return make_week(self.team, found, START, self._seed, keys=self._keys)

    def _by_hand(self, made: HandMade) -> None:
        method = {"CreatePolicy": "create_policy", "AttachUserPolicy": "attach_user_policy"}[made.operation]
        self._iam(made.account, method, **made.parameters)

    def _steal(self, hijack: Truth) -> None:
        """Make the stranger's key for real, and tell the rest of the week with its id."""
        user = self.team.people[hijack.person or ""].iam_user
        self._keys[hijack.account, user] = (*self._keys[hijack.account, user], self._new_key(hijack.account, user))
        self.week = self._made()

    def _new_key(self, account: str, user: str) -> str:
        return str(self._iam(account, "create_access_key", UserName=user)["AccessKey"]["AccessKeyId"])

    def _iam(self, account: str, method: str, **parameters: object) -> dict[str, dict[str, str]]:
        client = self.app.accounts.client(self.team.accounts[account], "iam")
        answer: dict[str, dict[str, str]] = translated(getattr(client, method), **parameters)
        return answer
