"""Sign-ins as CloudTrail writes them, and whole trails audited, for tests of what detects, gathers and answers."""

from functools import cache
from importlib import resources

from tests.teams import DAY, PRODUCTION, team
from tests.trails import reading, record, sign_in, user

from watchbill.alerts.audit import audit
from watchbill.detect.sigma import load_all
from watchbill.trail.attribute import attribute
from watchbill.trail.model import HIDDEN


OFFICE = "192.0.2.10"
"""In the team's network."""
HOME = "198.51.100.7"
"""In James's and Rick's network."""
AWAY = "203.0.113.9"
"""In nobody's."""
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def failed(name, at, ip=HOME, *, agent=FIREFOX, account=PRODUCTION, **fields):
    """Make the record of a wrong password; AWS writes neither an ARN nor a key then."""
    who = {"type": "IAMUser", "principalId": "AIDA", "accountId": account, "accessKeyId": "", "userName": name}
    said = {"sourceIPAddress": ip, "userAgent": agent, "account": account} | fields
    return sign_in(who, at, mfa="No", success=False, **said)


def hidden(at, ip=HOME, **fields):
    """Make the record of a name that no user has."""
    return failed(HIDDEN, at, ip, errorMessage="No username found in supplied account", **fields)


def signed_in(name, at, ip=HOME, *, mfa="Yes", agent=FIREFOX, **fields):
    """Make the record of a sign-in to the console, which no key stands behind."""
    return sign_in({**user(name), "accessKeyId": ""}, at, mfa=mfa, sourceIPAddress=ip, userAgent=agent, **fields)


def usual(name, at, ip=HOME, agent=FIREFOX, days=3):
    """Make the records of the days before an instant on which somebody worked as ever."""
    who = user(name)
    return [record(who=who, at=at - n * DAY, sourceIPAddress=ip, userAgent=agent) for n in range(1, days + 1)]


def made_key(name, at, ip=HOME, *, agent=FIREFOX, key="AKIASTOLENXXXXXXXXXX", **fields):
    """Make the record of a user who made themselves an access key."""
    said = {"requestParameters": {"userName": name}, "responseElements": {"accessKey": {"accessKeyId": key}}}
    called = {"sourceIPAddress": ip, "userAgent": agent}
    return record("iam:CreateAccessKey", user(name, key="ASIACONSOLEXXXXXXXXX"), at, **said | called | fields)


def seen(records, of=None):
    """Read records and name who acted, in order of time."""
    return attribute(reading(*records).events, team() if of is None else of)


@cache
def pack():
    """Load the rules that the product comes with."""
    folder = resources.files("watchbill.rules")
    return load_all(
        sorted((each.read_text("utf-8"), each.name) for each in folder.iterdir() if each.name[-4:] == ".yml")
    )


def audited(*records, of=None, rules=None, **more):
    """Audit records by the team file, or another one, and by the rules that the product comes with."""
    return audit(reading(*records), team() if of is None else of, pack() if rules is None else rules, **more)


def the_case(*records, **more):
    """Audit records of which one case comes."""
    (found,) = audited(*records, **more).cases
    return found
