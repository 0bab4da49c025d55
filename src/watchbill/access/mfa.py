"""What a user with a password has from the first sign-in on: nothing until they have MFA, but to enrol it.

Whoever signs in the first time has no device yet, and must choose another password: both work without MFA, and nothing
else does, by key or by console. What is the user's own is named by their ARN under watchbill's path, so that nobody
enrols a device for somebody else. A device can be taken off only by whoever signed in with one.

Source: IAM User Guide, "Allows MFA-authenticated IAM users to manage their own MFA device on the My security
credentials page", and its note on whoever has to change their password.
"""

from typing import Final

from watchbill.access.documents import document
from watchbill.access.model import PATH, Document


MFA_POLICY: Final = "watchbill-mfa"
"""Name of the inline policy."""

_OWN = f"arn:aws:iam::*:user{PATH}${{aws:username}}"
_LOOK = ("iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices")
_ENROL = ("iam:ChangePassword", "iam:EnableMFADevice", "iam:GetUser", "iam:ListMFADevices", "iam:ResyncMFADevice")
_MAKE = ("iam:CreateVirtualMFADevice",)


def mfa_document() -> Document:
    """Give the policy: whoever has not signed in with MFA may enrol a device and change their password, and no more."""
    free = sorted((*_LOOK, *_ENROL, *_MAKE, "sts:GetSessionToken"))
    return document(
        [
            {"Sid": "Look", "Effect": "Allow", "Action": list(_LOOK), "Resource": "*"},
            {"Sid": "Make", "Effect": "Allow", "Action": list(_MAKE), "Resource": "arn:aws:iam::*:mfa/*"},
            {"Sid": "Own", "Effect": "Allow", "Action": [*_ENROL, "iam:DeactivateMFADevice"], "Resource": _OWN},
            {
                "Sid": "NothingElseWithoutMfa",
                "Effect": "Deny",
                "NotAction": free,
                "Resource": "*",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            },
        ]
    )
