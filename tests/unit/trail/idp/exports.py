"""Records of identity providers made by hand after their documented schemas, for tests of what reads them."""

from datetime import datetime, timedelta

from tests.teams import MONDAY


def written(at: datetime) -> str:
    """Write an instant as all three do."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def okta(kind="user.session.start", result="SUCCESS", *, uuid="u1", at=MONDAY, who="james@example.com", **fields):
    """Write a LogEvent of Okta (System Log API)."""
    made = {
        "actor": {"id": "00u1", "type": "User", "alternateId": who, "displayName": "James", "detailEntry": None},
        "client": {
            "userAgent": {"rawUserAgent": "Mozilla/5.0 (Macintosh)", "os": "Mac OS X", "browser": "CHROME"},
            "zone": "null",
            "device": "Computer",
            "ipAddress": "198.51.100.7",
        },
        "authenticationContext": {"authenticationStep": 0, "externalSessionId": "trs1"},
        "displayMessage": "User login to Okta",
        "eventType": kind,
        "outcome": {"result": result, "reason": None},
        "published": written(at),
        "severity": "INFO",
        "debugContext": {"debugData": {"requestUri": "/api/v1/authn"}},
        "legacyEventType": "core.user_auth.login_success",
        "transaction": {"type": "WEB", "id": "t1", "detail": {}},
        "uuid": uuid,
        "version": "0",
        "target": None,
    }
    return made | fields


def entra(code=0, *, key="s1", at=MONDAY, who="james@example.com", more=None, reason="Other.", **fields):
    """Write a signIn of Microsoft Graph."""
    made = {
        "id": key,
        "createdDateTime": written(at),
        "userDisplayName": "James",
        "userPrincipalName": who,
        "userId": "26be570a-1111-5555-b4e2-a37c6808512d",
        "appId": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
        "appDisplayName": "Amazon Web Services",
        "ipAddress": "198.51.100.7",
        "clientAppUsed": "Browser",
        "correlationId": "5d295068-919b-4017-85d8-44be2f5f5483",
        "conditionalAccessStatus": "notApplied",
        "isInteractive": True,
        "status": {"errorCode": code, "failureReason": reason, "additionalDetails": more},
        "deviceDetail": {"deviceId": "", "operatingSystem": "Windows 10", "browser": "Edge 80.0.361"},
        "location": {"city": "London", "countryOrRegion": "GB"},
    }
    return made | fields


def monitored(sign_in, category="SignInLogs"):
    """Put a sign-in into a line of Azure Monitor."""
    return {
        "time": sign_in["createdDateTime"],
        "resourceId": "/tenants/t/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": category,
        "tenantId": "t",
        "resultType": str(sign_in["status"]["errorCode"]),
        "resultSignature": "None",
        "callerIpAddress": sign_in["ipAddress"],
        "Level": 4,
        "properties": sign_in,
    }


def google(*events, qualifier="358068855354", at=MONDAY, who="james@example.com", application="login", **fields):
    """Write an activity of the Reports API; each event is a name, or a name and its parameters."""
    named = [each if isinstance(each, tuple) else (each, {}) for each in events or ("login_success",)]
    made = {
        "kind": "admin#reports#activity",
        "id": {
            "time": written(at),
            "uniqueQualifier": qualifier,
            "applicationName": application,
            "customerId": "C03az79cb",
        },
        "etag": '"x"',
        "actor": {"callerType": "USER", "email": who, "profileId": "103"},
        "ipAddress": "198.51.100.7",
        "events": [
            {"type": "login", "name": name, "parameters": list(map(parameter, given.items()))} for name, given in named
        ],
    }
    return made | fields


def parameter(pair):
    """Write a parameter as its type is written."""
    name, value = pair
    kind = "boolValue" if isinstance(value, bool) else "multiValue" if isinstance(value, list) else "value"
    return {"name": name, kind: value}


def later(minutes: float) -> datetime:
    """Give the instant some minutes after `MONDAY`."""
    return MONDAY + timedelta(minutes=minutes)
