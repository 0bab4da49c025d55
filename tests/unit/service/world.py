"""A team whose access is applied to a cloud in memory, with a store on disk and a hijack in its trail."""

import hashlib
import json
import shutil
import weakref
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

from tests.cloud import MemoryCloud, by
from tests.lakes import delivery
from tests.teams import MONDAY, PRODUCTION, enforced, team
from tests.unit.alerts.records import pack

from watchbill.access.apply import apply
from watchbill.access.model import AccessKey
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.lake.place import Lake
from watchbill.service.casework import Casework
from watchbill.service.lake import take_in
from watchbill.service.reconcile import Watched
from watchbill.sim.clock import SimClock


NOON = MONDAY + timedelta(hours=12)
STRANGE = "45.12.13.14"
STOLEN, OWN = "AKIASTOLEN000000", "AKIAOWN000000000"


def record(event_id, minutes, user, name, **more):
    """Make a record, some minutes after `NOON`."""
    at = NOON + timedelta(minutes=minutes)
    return {
        "eventID": event_id,
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "recipientAccountId": PRODUCTION,
        "sourceIPAddress": STRANGE,
        "userAgent": "aws-cli/2",
        "readOnly": False,
        "userIdentity": {
            "type": "IAMUser",
            "userName": user,
            "accountId": PRODUCTION,
            "arn": f"arn:aws:iam::{PRODUCTION}:user/watchbill/{user}",
            "accessKeyId": STOLEN,
        },
        **more,
    }


def hijack(minutes=0, event_id="h"):
    """Give the records of a hijack of James: a sign-in without MFA from a new network, then a new key."""
    door = record(f"{event_id}1", minutes, "james", "ConsoleLogin", eventSource="signin.amazonaws.com")
    door |= {"additionalEventData": {"MFAUsed": "No"}, "responseElements": {"ConsoleLogin": "Success"}}
    made = {"accessKey": {"accessKeyId": STOLEN, "userName": "james"}}
    key = record(f"{event_id}2", minutes + 1, "james", "CreateAccessKey", responseElements=made)
    return [door, key]


def file(*records):
    """Write records as a file of the trail, named by what is in it."""
    data = json.dumps({"Records": list(records)}).encode()
    return delivery(f"{hashlib.sha256(data).hexdigest()[:8]}.json", data)


def _gone(lake, folder):
    lake.close()
    shutil.rmtree(folder)


class World:
    """The team at work; `as_` gives somebody's casework at the time of the clock. Its file was applied, or not recorded."""

    def __init__(self, store, *, recorded=True):
        self.store, self.team, self.cloud = store, team(), MemoryCloud()
        self.clock = SimClock(NOON)
        accounts = Accounts("http://127.0.0.1:9", ("any", "any"))
        self.app = App(self.clock, accounts, self.cloud, shells=self.cloud, sleep=self.wait, lanes=1)
        folder = mkdtemp(prefix="watchbill-test-")
        self.lake = Lake(Path(folder))
        weakref.finalize(self, _gone, self.lake, folder)
        list(apply(make_plan(self.team, self.app.observe(self.team), NOON).changes, by(self.team, self.cloud)))
        self.cloud.keys["production", "james"] = [AccessKey(OWN, active=True), AccessKey(STOLEN, active=True)]
        if recorded:
            self.store.revisions.add(self.team.digest, NOON, self.team.text, "watchbill")

    def enforce(self):
        """Let passes apply what they plan."""
        self.team = enforced(self.team)

    def watched(self, *records, rules=None):
        """Give the trail of a pass, in which some records have come."""

        def take_all(library):
            return take_in(self.lake, [file(*records)], library, self.clock.now())

        return Watched(self.lake, take_all, pack() if rules is None else rules)

    def wait(self, seconds):
        """Let time pass."""
        self.clock.advance(timedelta(seconds=seconds))

    def as_(self, actor):
        """Work as somebody."""
        return Casework(self.app, self.store, self.team, self.clock.now(), actor)
