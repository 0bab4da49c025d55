"""Exports of identity providers: every form is read by itself, every record is an event or a problem with its place."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import MONDAY
from tests.unit.trail.idp.exports import entra, google, later, monitored, okta

from watchbill.trail.idp.model import CATEGORY, Name, Provider
from watchbill.trail.idp.read import listed_records, read_idp_file
from watchbill.trail.model import HIDDEN, Outcome, Place
from watchbill.trail.read import combine


def lines(*records):
    """Write records as JSON lines."""
    return b"\n".join(json.dumps(each).encode() for each in records)


def one(record):
    """Read one record."""
    found = read_idp_file("x.json", json.dumps([record]).encode())
    assert found.problems == ()
    (event,) = found.events
    return event


OKTA = [okta(uuid=f"u{n}", at=later(n)) for n in range(3)]
ENTRA = [entra(key=f"s{n}", at=later(n)) for n in range(3)]
GOOGLE = [google(qualifier=f"{n}", at=later(n)) for n in range(3)]


# --- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (json.dumps(OKTA).encode(), Provider.OKTA),
        (lines(*OKTA), Provider.OKTA),
        (gzip.compress(lines(*OKTA), mtime=0), Provider.OKTA),
        (b"".join(json.dumps(each, indent=2).encode() for each in OKTA), Provider.OKTA),
        (lines(*({"version": "0", "detail-type": "SystemLog", "detail": each} for each in OKTA)), Provider.OKTA),
        (json.dumps({"@odata.context": "x", "value": ENTRA, "@odata.nextLink": "y"}).encode(), Provider.ENTRA),
        (json.dumps({"value": ENTRA[:1]}).encode() + json.dumps({"value": ENTRA[1:]}).encode(), Provider.ENTRA),
        (json.dumps(ENTRA, indent=2).encode(), Provider.ENTRA),
        (lines(*map(monitored, ENTRA)), Provider.ENTRA),
        (json.dumps({"records": list(map(monitored, ENTRA))}).encode(), Provider.ENTRA),
        (json.dumps({"kind": "admin#reports#activities", "etag": "x", "items": GOOGLE}).encode(), Provider.GOOGLE),
        (lines(*GOOGLE), Provider.GOOGLE),
        (b"\xef\xbb\xbf" + json.dumps(GOOGLE).encode(), Provider.GOOGLE),
    ],
    ids=[
        *("okta", "okta lines", "okta gzip", "okta jq", "okta stream"),
        *("graph", "graph pages", "portal", "monitor", "event hub"),
        *("google", "google lines", "google array"),
    ],
)
def test_every_form_gives_the_same_events(data, source):
    """The form and the provider are told by what is in the file."""
    found = read_idp_file("x.json", data)
    assert [(event.source, event.at, event.name) for event in found.events] == [
        (source, later(n), Name.SIGNED_IN) for n in range(3)
    ]
    assert [event.place for event in found.events] == [Place("x.json", n) for n in range(3)]
    assert (found.records, found.problems, found.readable) == (3, (), True)


@pytest.mark.parametrize("record", [okta(), entra(), monitored(entra()), google()])
@pytest.mark.parametrize("indent", [None, 2])
def test_one_record_may_be_a_file(record, indent):
    """As a support case or a hook keeps it."""
    assert len(read_idp_file("x.json", json.dumps(record, indent=indent).encode()).events) == 1


@pytest.mark.parametrize("data", [b"[]", b'{"value": []}', b'{"items": []}'])
def test_a_quiet_export_is_read(data):
    """An hour in which nobody signed in is no problem."""
    assert read_idp_file("x.json", data).readable


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"Date,Event name,User\n", "no JSON"),
        (b'{"foo": 1}', "nothing in it"),
        (b'[{"eventID": "e", "eventTime": "2026-01-12T00:00:00Z"}]', "nothing in it"),
        (gzip.compress(lines(*OKTA), mtime=0)[:15], "cut short"),
    ],
)
def test_what_is_no_export_is_said(data, word):
    """A file that gives nothing is one problem that names it and says why."""
    found = read_idp_file("x.json", data)
    (problem,) = found.problems
    assert (problem.code, problem.file, found.readable) == ("unreadable-file", "x.json", False)
    assert word in problem.message


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (okta(uuid=""), "uuid"),
        (okta(published="yesterday"), "published"),
        (okta(published=None), "published"),
        (okta(kind=None), "eventType"),
        (entra(key=None), "id"),
        (entra(createdDateTime="2026-01-12"), "createdDateTime"),
        (entra(code="x"), "errorCode"),
        (entra(code=True), "errorCode"),
        (entra(status=None), "errorCode"),
        (google(id={"time": "2026-01-12T00:00:00Z", "applicationName": "login"}), "uniqueQualifier"),
        (google(id={"uniqueQualifier": "1", "time": 5}), "time"),
        (google(application="drive"), "drive"),
        (google(events=[]), "no events"),
        (google(events=[{"type": "login"}]), "no name"),
        ({"a": 1}, "no event of"),
        ("text", "no JSON object"),
        (None, "no JSON object"),
    ],
)
def test_a_bad_record_costs_only_itself(bad, word):
    """Its neighbours are events, whoever wrote them, and the problem names file, record or line."""
    for data, line in ((json.dumps([okta(), bad, entra()]).encode(), None), (lines(okta(), bad, entra()), 2)):
        found = read_idp_file("x.json", data)
        assert [event.source for event in found.events] == ["okta", "entra"]
        (problem,) = found.problems
        assert (problem.code, problem.file, problem.line) == ("unreadable-record", "x.json", line)
        assert word in problem.message
        assert found.records == 3


# --- what is in an event -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "provider", "key", "user"),
    [
        (okta(userAgent=None), Provider.OKTA, "u1", "00u1"),
        (entra(userAgent="Mozilla/5.0 (Macintosh)"), Provider.ENTRA, "s1", "26be570a-1111-5555-b4e2-a37c6808512d"),
        (google(), Provider.GOOGLE, "C03az79cb/2026-01-12T00:00:00.000Z/358068855354", "103"),
    ],
)
def test_an_event_has_what_the_record_says(record, provider, key, user):
    """In the shape of any other event, with the whole record and its category."""
    event = one(record)
    assert (event.id, event.at, event.source, event.type) == (key, MONDAY, provider, CATEGORY)
    assert (event.region, event.account, event.host, event.read_only) == ("", "", None, None)
    assert (event.ip, event.outcome, event.error_code, event.error_message) == (
        "198.51.100.7",
        Outcome.ALLOWED,
        None,
        None,
    )
    assert event.user_agent == (None if provider is Provider.GOOGLE else "Mozilla/5.0 (Macintosh)")
    assert (event.identity.type, event.identity.user_name) == ("IdentityProviderUser", "james@example.com")
    assert event.identity.principal_id == user
    assert {name: value for name, value in event.record.items() if name != "eventCategory"} == record
    assert event.record["eventCategory"] == CATEGORY
    hash(event.identity)


@pytest.mark.parametrize(
    ("kind", "result", "reason", "name", "outcome"),
    [
        ("user.session.start", "SUCCESS", None, Name.SIGNED_IN, Outcome.ALLOWED),
        ("user.session.start", "FAILURE", "INVALID_CREDENTIALS", Name.SIGN_IN_FAILED, Outcome.FAILED),
        ("user.session.start", "FAILURE", "LOCKED_OUT", Name.SIGN_IN_FAILED, Outcome.FAILED),
        (
            "policy.evaluate_sign_on",
            "DENY",
            "Sign-on policy evaluation resulted in DENY",
            Name.SIGN_IN_BLOCKED,
            Outcome.DENIED,
        ),
        ("policy.evaluate_sign_on", "CHALLENGE", None, Name.SIGN_IN_INTERRUPTED, Outcome.ALLOWED),
        ("policy.evaluate_sign_on", "ALLOW", None, "policy.evaluate_sign_on", Outcome.ALLOWED),
        ("user.authentication.auth_via_mfa", "SUCCESS", None, Name.MFA_PASSED, Outcome.ALLOWED),
        ("user.authentication.auth_via_mfa", "FAILURE", "INVALID_CREDENTIALS", Name.MFA_FAILED, Outcome.FAILED),
        ("user.mfa.okta_verify.deny_push", "SUCCESS", None, Name.MFA_DENIED, Outcome.FAILED),
        ("user.mfa.okta_verify.deny_push", "FAILURE", None, Name.MFA_DENIED, Outcome.FAILED),
        ("user.authentication.sso", "SUCCESS", None, Name.APPLICATION_OPENED, Outcome.ALLOWED),
        ("user.account.lock", "SUCCESS", None, Name.ACCOUNT_LOCKED, Outcome.ALLOWED),
        ("user.account.update_password", "SUCCESS", None, Name.PASSWORD_CHANGED, Outcome.ALLOWED),
        ("user.account.update_password", "FAILURE", "x", "user.account.update_password", Outcome.FAILED),
        ("user.session.end", "SUCCESS", None, Name.SIGNED_OUT, Outcome.ALLOWED),
        ("group.user_membership.add", "SUCCESS", None, "group.user_membership.add", Outcome.ALLOWED),
        ("user.session.start", "UNKNOWN", None, "user.session.start", Outcome.ALLOWED),
        ("user.session.start", "SKIPPED", None, "user.session.start", Outcome.ALLOWED),
    ],
)
def test_okta_names_what_happened(kind, result, reason, name, outcome):
    """What matters has our name, anything else Okta's own; a result that says nothing is no success by name."""
    event = one(okta(kind, outcome={"result": result, "reason": reason}))
    assert (event.name, event.outcome) == (name, outcome)
    assert event.error_code == (None if result in ("SUCCESS", "ALLOW") else reason or result)
    mfa = True if name is Name.MFA_PASSED else None
    assert event.identity.mfa is mfa


def test_what_was_typed_where_nobody_is_known_is_hidden():
    """People type passwords there. The record is as it is, but no name is made of it."""
    stranger = {"id": "unknown", "type": "User", "alternateId": "hunter2", "displayName": "unknown"}
    by_okta = one(okta("user.session.start", "FAILURE", actor=stranger))
    by_entra = one(entra(50034, who="hunter2", userId="00000000-0000-0000-0000-000000000000"))
    assert one(entra(50034, who="hunter2")).identity.user_name == HIDDEN
    assert {by_okta.identity.user_name, by_entra.identity.user_name} == {HIDDEN}
    assert by_entra.identity.principal_id is None
    assert by_okta.record["actor"] == stranger


def test_an_application_is_no_user():
    """Nor is the provider itself."""
    machine = {"id": "sys", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System"}
    service = {"servicePrincipalName": "ci", "servicePrincipalId": "sp1", "userPrincipalName": "", "userId": ""}
    found = [
        one(okta("user.account.lock", actor=machine)),
        one(monitored(entra(**service), "ServicePrincipalSignInLogs")),
        one(entra(**service, signInEventTypes=["servicePrincipal"])),
        one(google("logout", actor={"callerType": "KEY", "key": "SYSTEM"})),
    ]
    assert {event.identity.type for event in found} == {"IdentityProviderService"}
    assert [event.identity.user_name for event in found] == ["system@okta.com", "ci", "ci", None]


@pytest.mark.parametrize(
    ("record", "name", "outcome", "mfa"),
    [
        (entra(), Name.SIGNED_IN, Outcome.ALLOWED, None),
        (entra(authenticationRequirement="multiFactorAuthentication"), Name.SIGNED_IN, Outcome.ALLOWED, True),
        (entra(authenticationRequirement="singleFactorAuthentication"), Name.SIGNED_IN, Outcome.ALLOWED, False),
        (entra(more="MFA requirement satisfied by claim in the token"), Name.SIGNED_IN, Outcome.ALLOWED, True),
        (entra(signInEventTypes=["nonInteractiveUser"]), Name.SESSION_CONTINUED, Outcome.ALLOWED, None),
        (monitored(entra(), "NonInteractiveUserSignInLogs"), Name.SESSION_CONTINUED, Outcome.ALLOWED, None),
        (entra(50126), Name.SIGN_IN_FAILED, Outcome.FAILED, None),
        (entra(50053), Name.SIGN_IN_FAILED, Outcome.FAILED, None),
        (entra(50057), Name.SIGN_IN_FAILED, Outcome.FAILED, None),
        (
            entra(50126, authenticationRequirement="multiFactorAuthentication"),
            Name.SIGN_IN_FAILED,
            Outcome.FAILED,
            None,
        ),
        (entra(50076), Name.SIGN_IN_INTERRUPTED, Outcome.FAILED, None),
        (entra(50140), Name.SIGN_IN_INTERRUPTED, Outcome.FAILED, None),
        (entra(500121, more="MFA denied; user declined the authentication"), Name.MFA_DENIED, Outcome.FAILED, None),
        (entra(500121, more="MFA Denied; user declined the authentication"), Name.MFA_DENIED, Outcome.FAILED, None),
        (entra(50074, more="MFA denied; Phone App Reported Fraud"), Name.MFA_DENIED, Outcome.FAILED, None),
        (
            entra(500121, more="MFA denied; user did not respond to mobile app notification"),
            Name.MFA_FAILED,
            Outcome.FAILED,
            None,
        ),
        (entra(53003), Name.SIGN_IN_BLOCKED, Outcome.DENIED, None),
        (monitored(entra("53003")), Name.SIGN_IN_BLOCKED, Outcome.DENIED, None),
        (entra(999999), Name.SIGN_IN_FAILED, Outcome.FAILED, None),
    ],
)
def test_entra_names_what_happened(record, name, outcome, mfa):
    """By its code, which is kept; an interrupted sign-in is no wrong password."""
    event = one(record)
    assert (event.name, event.outcome, event.identity.mfa) == (name, outcome, mfa)
    code = record.get("properties", record)["status"]["errorCode"]
    assert event.error_code == (str(code) if int(code) else None)


def test_entra_says_why():
    """Its own reason, and what it adds to it."""
    event = one(entra(50126, reason="Invalid username or password.", more="3 left"))
    assert (event.error_code, event.error_message) == ("50126", "Invalid username or password. (3 left)")
    bare = one(monitored(entra(50126, status={"errorCode": 50126})) | {"resultDescription": "wrong"})
    assert bare.error_message == "wrong"


@pytest.mark.parametrize(
    ("event", "name", "outcome", "code", "mfa"),
    [
        ("login_success", Name.SIGNED_IN, Outcome.ALLOWED, None, None),
        (
            ("login_success", {"login_challenge_method": ["password", "google_prompt"]}),
            Name.SIGNED_IN,
            Outcome.ALLOWED,
            None,
            True,
        ),
        (("login_success", {"login_challenge_method": ["password"]}), Name.SIGNED_IN, Outcome.ALLOWED, None, None),
        (
            ("login_success", {"login_challenge_method": ["password", "idv_any_phone"]}),
            Name.SIGNED_IN,
            Outcome.ALLOWED,
            None,
            None,
        ),
        (
            ("login_failure", {"login_failure_type": "login_failure_invalid_password"}),
            Name.SIGN_IN_FAILED,
            Outcome.FAILED,
            "login_failure_invalid_password",
            None,
        ),
        ("login_failure", Name.SIGN_IN_FAILED, Outcome.FAILED, "login_failure", None),
        (
            ("login_challenge", {"is_second_factor": True, "login_challenge_status": "Challenge Passed."}),
            Name.MFA_PASSED,
            Outcome.ALLOWED,
            None,
            None,
        ),
        (
            (
                "login_verification",
                {
                    "is_second_factor": True,
                    "login_challenge_status": "Challenge Failed.",
                    "login_challenge_method": ["security_key"],
                },
            ),
            Name.MFA_FAILED,
            Outcome.FAILED,
            "Challenge Failed.",
            None,
        ),
        (
            ("login_challenge", {"is_second_factor": False, "login_challenge_status": "Challenge Failed."}),
            "login_challenge",
            Outcome.FAILED,
            "Challenge Failed.",
            None,
        ),
        ("logout", Name.SIGNED_OUT, Outcome.ALLOWED, None, None),
        ("password_edit", Name.PASSWORD_CHANGED, Outcome.ALLOWED, None, None),
        ("2sv_disable", Name.MFA_REMOVED, Outcome.ALLOWED, None, None),
        ("suspicious_login", Name.SUSPICIOUS_SIGN_IN, Outcome.DENIED, None, None),
        ("account_disabled_password_leak", Name.ACCOUNT_DISABLED, Outcome.ALLOWED, None, None),
        ("gov_attack_warning", "gov_attack_warning", Outcome.ALLOWED, None, None),
    ],
)
def test_google_names_what_happened(event, name, outcome, code, mfa):
    """With the reason that Google gives, and the second factor where it lists one."""
    found = one(google(event))
    assert (found.name, found.outcome, found.error_code, found.identity.mfa) == (name, outcome, code, mfa)


def test_a_warning_of_googles_is_about_an_account():
    """Nobody acted: the account that is warned of is who it is about."""
    warning = ("suspicious_login", {"affected_email_address": "ada@example.com"})
    assert one(google(warning, actor={})).identity.user_name == "ada@example.com"


def test_each_event_of_an_activity_is_one():
    """With an id of its own, a record that holds it alone, and the place of its activity, where its bytes are."""
    activity = google("login_success", ("login_challenge", {"is_second_factor": True}), "logout")
    found = read_idp_file("x.json", lines(activity, google(qualifier="2")))
    assert [event.record["events"] for event in found.events[:3]] == [[each] for each in activity["events"]]
    assert len({event.id for event in found.events}) == 4
    assert [event.place.index for event in found.events] == [0, 0, 0, 1]
    assert found.records == 4


@pytest.mark.parametrize(
    "document",
    [{"value": ENTRA, "@odata.nextLink": "x"}, {"kind": "k", "items": GOOGLE}, {"records": [*map(monitored, ENTRA)]}],
)
def test_the_bytes_of_a_record_are_found_by_its_place(document):
    """They are what the provider wrote, to the byte."""
    data = json.dumps(document, indent=1).encode()
    found = read_idp_file("x.json", data)
    raws = listed_records(data)
    assert raws is not None
    assert all(raw in data for raw in raws)
    assert [json.loads(raws[event.place.index]) | {"eventCategory": CATEGORY} for event in found.events] == [
        event.record for event in found.events
    ]
    for other in (lines(*OKTA), json.dumps(ENTRA).encode(), b"{", b'{"Records": []}'):
        assert listed_records(other) is None


# --- whatever the input --------------------------------------------------------------------------


@given(st.permutations([*OKTA, *ENTRA, *GOOGLE, *OKTA[:2]]), st.integers(0, 11))
def test_any_delivery_gives_the_same_events(order, cut):
    """Exports overlap, and come in any order: what happened is the same."""
    files = [read_idp_file(f"{n}.json", lines(*part)) for n, part in enumerate((order[:cut], order[cut:])) if part]
    found = combine(files)
    assert len(found.events) == 9
    assert (found.tally.duplicates, found.tally.unreadable_records) == (2, 0)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=5) | st.just("2026-01-12T00:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)

RECORDS = st.sampled_from([okta(), entra(), monitored(entra(code=1)), google(("login_success", {"a": ["b"]}))]).flatmap(
    lambda whole: st.dictionaries(st.sampled_from(list(whole)), VALUES, max_size=3).map(lambda odd: whole | odd)
)


def deeper(record):
    """Draw other values for some fields that lie deeper."""
    inner = [name for name, value in record.items() if isinstance(value, dict) and value]
    if not inner:
        return st.just(record)
    return st.sampled_from(inner).flatmap(
        lambda name: st.dictionaries(st.sampled_from(list(record[name])), VALUES, max_size=2).map(
            lambda odd: record | {name: record[name] | odd}
        )
    )


@given(st.lists(RECORDS.flatmap(deeper) | VALUES, max_size=5))
def test_no_value_raises_and_nothing_is_lost(records):
    """Every field may hold anything: each record is an event, or a problem that names it."""
    found = read_idp_file("x.json", json.dumps(records).encode())
    assert found.records == len(found.events) + len(found.problems) or not found.readable
    assert found.records >= len(records) or not found.readable
    for event in found.events:
        assert event.id
        hash(event.identity)


@given(st.binary() | st.binary().map(lambda data: b"\x1f\x8b\x08" + data) | st.text().map(str.encode))
def test_no_bytes_raise(data):
    """A file that crashes the reader would hide all the others."""
    found = read_idp_file("x.json", data)
    assert found.readable or len(found.problems) == 1
