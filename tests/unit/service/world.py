"""A team whose access is applied to a cloud in memory, with a store on disk and a hijack in its trail."""

import json
from datetime import timedelta

from tests.cloud import MemoryCloud
from tests.teams import MONDAY, PRODUCTION, team

from watchbill.access.apply import apply
from watchbill.access.model import AccessKey
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.service.casework import Casework
from watchbill.sim.clock import SimClock
from watchbill.trail.read import combine, read_file


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


def reading(*records):
    """Read records as a file would give them."""
    return combine([read_file("trail.json", json.dumps({"Records": list(records)}).encode())])


class World:
    """The team at work; `as_` gives somebody's casework at the time of the clock."""

    def __init__(self, store):
        self.store, self.team, self.cloud = store, team(), MemoryCloud()
        self.clock = SimClock(NOON)
        self.app = App(self.clock, Accounts("http://127.0.0.1:9", ("any", "any")), self.cloud)
        list(apply(make_plan(self.team, self.app.observe(self.team), NOON).changes, self.team, self.cloud))
        self.cloud.keys["production", "james"] = [AccessKey(OWN, active=True), AccessKey(STOLEN, active=True)]

    def as_(self, actor):
        """Work as somebody."""
        return Casework(self.app, self.store, self.team, self.clock.now(), actor)
