"""What AWS itself said when it refused a call: which action, on what, and by which kind of policy.

Source: IAM User Guide, "Troubleshoot access denied error messages", and records of real trails. A message that says no
action is no denial here; what a message leaves out is None.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denial:
    """AWS's own reason."""

    action: str
    """As AWS spells it there, with the prefix in lower case."""
    resource: str | None
    """As the message names it: an ARN, `*`, or words such as `user james`."""
    principal: str | None
    """An ARN, or what stands for who asked."""
    layer: str | None
    """The kind of policy, one of `model.LAYERS`, or `trust`; None where the message does not say."""
    explicit: bool | None
    """Whether a statement denied it, or none allowed it; None where the message does not say."""
    policy: str | None = None
    """ARN of the policy that denied it, where the message names it."""

    @property
    def arn(self) -> str | None:
        """Give the resource as policies name it; None where the message does not tell.

        IAM's own messages name a kind and a name, in the account of who asked: the path is taken to be `/`.
        """
        found = self.resource or ""
        if found == "*" or found.startswith("arn:"):
            return found
        words = _WORDS.fullmatch(found)
        if words is None or not self.action.startswith("iam:"):
            return None
        if words["name"].startswith("arn:"):
            return words["name"]
        parts = (self.principal or "").split(":")
        if len(parts) < 6 or not parts[4]:  # noqa: PLR2004 - an ARN has six parts
            return None
        return f"arn:{parts[1]}:iam::{parts[4]}:{words['kind'].replace(' ', '-')}/{words['name'].lstrip('/')}"


LONGEST = 4096
"""How much of a message is looked at; CloudTrail cuts messages at 1 KB (CTG: CloudTrail record contents)."""

_WORDS = re.compile(r"(?P<kind>user|group|role|policy|instance profile) (?P<name>[^\s*]+)(?: version v\d+)?")

_LAYERS = (
    ("service control polic", "scp"),
    ("resource control polic", "rcp"),
    ("vpc endpoint polic", "endpoint"),
    ("permissions boundar", "boundary"),
    ("session polic", "session"),
    ("role trust polic", "trust"),
    ("trust polic", "trust"),
    ("identity-based polic", "identity"),
    ("resource-based polic", "resource"),
)
"""Words of AWS's messages and the layer they mean."""

_REFUSED = re.compile(
    r"(?:(?:user|role|principal):?\s+(?P<principal>\S+)\s+is\s+)?not\s+authorized\s+to\s+perform:?\s*"
    r"(?P<action>[\w\-]+:\w+)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)

_ON = re.compile(
    r"\A\s*on\s+(?:the\s+)?resources?:?\s+(?P<resource>.*?)"
    r"(?=\s+because\b|\s+with\s+an\s+explicit\s+deny\b|\.\s+Encoded\b|\s+\(Service:|\Z)",
    re.IGNORECASE | re.DOTALL,
)

_WHY = re.compile(
    r"\bbecause\s+no\s+(?P<none>[\w\s\-]{1,60}?)\s+allows?\b|\bexplicit\s+deny(?:\s+in\s+(?:an?|the)\s+(?P<some>[\w\s\-]{1,60}))?"
    r"(?::\s*(?P<policy>arn:\S+))?",
    re.IGNORECASE,
)

_PASS = re.compile(r"cross-account pass role is not allowed", re.IGNORECASE)


def denial_of(message: str) -> Denial | None:
    """Read the `errorMessage` of a record; None where it is no refusal that names an action."""
    message = message[:LONGEST]
    found = _REFUSED.search(message)
    if found is None:
        return Denial("iam:PassRole", None, None, None, None) if _PASS.search(message) else None
    prefix, _, name = found["action"].partition(":")
    on = _ON.match(found["rest"])
    why = _WHY.search(found["rest"])
    explicit = None if why is None else why["none"] is None
    words = ((why["none"] or why["some"] or "") if why else "").lower()
    layer = next((layer for start, layer in _LAYERS if start in words), None)
    return Denial(
        f"{prefix.lower()}:{name}",
        _clean(on["resource"]) if on else None,
        found["principal"],
        layer,
        explicit,
        why["policy"].rstrip(".,") if why and why["policy"] else None,
    )


def _clean(resource: str) -> str | None:
    """Take off a resource what is punctuation of the sentence; S3 puts it in quotes."""
    found = resource.strip()
    if len(found) > 1 and found[0] == found[-1] == '"':
        found = found[1:-1]
    return found or None
