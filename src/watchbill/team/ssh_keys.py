"""Public keys of SSH as a person pastes them, and their fingerprints: RFC 4253, section 6.6, and ssh-keygen(1)."""

import base64
import binascii
import hashlib


_LENGTH = 4


def bare(key: str) -> str:
    """Give a public key without its comment: its type and its base64."""
    return " ".join(key.split()[:2])


def fingerprint_of(key: str) -> str | None:
    """Give the fingerprint of a public key, or of what is one already; None where it is no key of the type it says."""
    if key.startswith("SHA256:"):
        return key
    kind, _, rest = key.partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ", 1)[0], validate=True)
    except (ValueError, binascii.Error):
        return None
    name = kind.encode()
    if blob[: _LENGTH + len(name)] != len(name).to_bytes(_LENGTH, "big") + name or len(blob) <= _LENGTH + len(name):
        return None
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"
