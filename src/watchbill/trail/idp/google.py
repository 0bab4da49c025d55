"""Google Workspace's login audit: activities of the Admin SDK's Reports API, application `login`.

An activity holds one event or more, and each is an event here. The admin console's CSV is not read: its columns are
whichever were on the page, its times are in the zone of a browser, and it has no ids.

Source: Admin SDK, "Reports API: Activities" and "Login Audit Activity Events".
"""

from collections.abc import Mapping
from typing import Any

from watchbill.trail.idp.model import Name, Provider, Said, items, mapping, text
from watchbill.trail.model import Outcome
from watchbill.trail.read import instant


_NAMES = {
    "login_success": Name.SIGNED_IN,
    "login_failure": Name.SIGN_IN_FAILED,
    "logout": Name.SIGNED_OUT,
    "password_edit": Name.PASSWORD_CHANGED,
    "2sv_enroll": Name.MFA_ADDED,
    "2sv_disable": Name.MFA_REMOVED,
    "suspicious_login": Name.SUSPICIOUS_SIGN_IN,
    "suspicious_login_less_secure_app": Name.SUSPICIOUS_SIGN_IN,
    "suspicious_programmatic_login": Name.SUSPICIOUS_SIGN_IN,
    "account_disabled_generic": Name.ACCOUNT_DISABLED,
    "account_disabled_hijacked": Name.ACCOUNT_DISABLED,
    "account_disabled_password_leak": Name.ACCOUNT_DISABLED,
    "account_disabled_spamming": Name.ACCOUNT_DISABLED,
    "account_disabled_spamming_through_relay": Name.ACCOUNT_DISABLED,
}

_CHALLENGES = frozenset({"login_challenge", "login_verification"})
"""Events that tell of a further question on the way in, a second factor where `is_second_factor` says so."""

_SECOND_FACTORS = frozenset(
    {
        "backup_code",
        "google_authenticator",
        "google_prompt",
        "idv_preregistered_phone",
        "internal_two_factor",
        "offline_otp",
        "security_key",
        "security_key_otp",
    }
)
"""Values of `login_challenge_method` that are a second factor. A phone of any number (`idv_any_phone`) is none."""


def is_google(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is an activity of the Reports API."""
    return record.get("kind") == "admin#reports#activity" or "uniqueQualifier" in mapping(record.get("id"))


def read_google(record: Mapping[str, Any]) -> list[Said | str]:
    """Read one activity: each of its events, or what it lacks; an activity without an event is a lack, too."""
    which, actor = mapping(record.get("id")), mapping(record.get("actor"))
    qualifier, written, at = text(which.get("uniqueQualifier")), text(which.get("time")), instant(which.get("time"))
    application = text(which.get("applicationName"))
    if qualifier is None:
        return ["it has no uniqueQualifier"]
    if at is None:
        return ["the time of its id is no instant"]
    if application != "login":
        return [f"it is of the application `{str(application)[:60]}`, not `login`"]
    events = items(record.get("events"))
    if not events:
        return ["it has no events"]
    named = f"{which.get('customerId', '')}/{written}/{qualifier}"
    found: list[Said | str] = []
    for number, event in enumerate(events):
        name = text(mapping(event).get("name"))
        if name is None:
            found.append(f"its event {number} has no name")
            continue
        given = {str(each.get("name")): each for each in items(event.get("parameters")) if isinstance(each, dict)}
        about = text(mapping(given.get("affected_email_address")).get("value"))
        failed = _outcome(name, given) is Outcome.FAILED
        found.append(
            Said(
                Provider.GOOGLE,
                named if not number else f"{named}/{number}",
                at,
                _name(name, given),
                # A warning of Google's has nobody who acted, and tells of an account.
                text(actor.get("email")) or about,
                text(actor.get("profileId")),
                text(record.get("ipAddress")),
                None,
                _outcome(name, given),
                (_word(given, "login_failure_type") or _word(given, "login_challenge_status") or name)
                if failed
                else None,
                None,
                _mfa(name, given),
                {**record, "events": [event]},
                is_service=actor.get("callerType") == "KEY",
            )
        )
    return found


def _word(given: Mapping[str, Any], name: str) -> str | None:
    return text(mapping(given.get(name)).get("value"))


def _name(name: str, given: Mapping[str, Any]) -> str:
    if name in _CHALLENGES and _truth(given, "is_second_factor"):
        status = (_word(given, "login_challenge_status") or "").lower()
        if "passed" in status:
            return Name.MFA_PASSED
        if "failed" in status:
            return Name.MFA_FAILED
    return _NAMES.get(name, name)


def _outcome(name: str, given: Mapping[str, Any]) -> Outcome:
    if name.startswith("suspicious_"):
        return Outcome.DENIED
    status = (_word(given, "login_challenge_status") or "").lower()
    failed = name == "login_failure" or (name in _CHALLENGES and "failed" in status)
    return Outcome.FAILED if failed else Outcome.ALLOWED


def _truth(given: Mapping[str, Any], name: str) -> bool | None:
    """Read a parameter that is true or false; where it is false it may be left out of what Google gives."""
    said = mapping(given.get(name)).get("boolValue")
    return said if isinstance(said, bool) else None


def _mfa(name: str, given: Mapping[str, Any]) -> bool | None:
    """Tell whether a second factor was given: the ways that a sign-in took are listed where Google tells them."""
    if name not in ("login_success", *_CHALLENGES) or _outcome(name, given) is Outcome.FAILED:
        return None
    methods = mapping(given.get("login_challenge_method"))
    taken = {*items(methods.get("multiValue")), methods.get("value")} if _plain(methods) else set()
    return True if taken & _SECOND_FACTORS else None


def _plain(methods: Mapping[str, Any]) -> bool:
    return all(isinstance(each, str) for each in items(methods.get("multiValue")))
