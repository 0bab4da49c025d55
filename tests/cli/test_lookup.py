"""A first look without any trail: what LookupEvents answers, in a folder that every other command reads."""

from tests.lookups import Trail
from tests.trails import after, record, user


RECORDS = [
    record("ec2:StopInstances", user("james" if n % 2 else "rick"), after(n / 10), event_id=f"e{n}") for n in range(60)
]


def test_a_first_look_is_a_trail(watchbill, monkeypatch):
    """The last day is in the folder, as a trail that is read, taken in, and asked like any other."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with Trail(RECORDS) as trail:
        monkeypatch.setenv("AWS_ENDPOINT_URL", trail.endpoint)
        ran = watchbill("trail", "lookup", "looked", "--json", watchbill_at=after(8).isoformat())
        assert (ran.code, ran.json["result"]["events"], ran.json["result"]["files"]) == (0, 60, 2)
        only = watchbill("trail", "lookup", "james", "--user", "james", "--from", "2026-01-12", "--json")
        assert only.json["result"]["events"] == 30
    assert watchbill("trail", "read", "looked", "--json").json["result"]["distinct"] == 60
    assert watchbill("trail", "ingest", "looked", "--json").json["result"]["events"] == 60


def test_what_aws_refuses_is_said(watchbill, monkeypatch):
    """Without the right there is no look, and the error says what AWS said."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    refused = {"__type": "AccessDeniedException", "message": "not authorized to perform: cloudtrail:LookupEvents"}
    with Trail([], refused) as trail:
        monkeypatch.setenv("AWS_ENDPOINT_URL", trail.endpoint)
        ran = watchbill("trail", "lookup", "looked")
    assert (ran.code, "cloudtrail:LookupEvents" in ran.err) == (1, True)
