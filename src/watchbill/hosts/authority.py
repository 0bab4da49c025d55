"""The authority that signs certificates for log-ins: a key of the operator's, in a file or in an agent, and ssh-keygen.

`WATCHBILL_SSH_AUTHORITY` names the file of its private key, which has no passphrase; or that of its public key, and the
private one is in ssh-agent, where a key of hardware may be too. What was signed is read back by other code than signed.
"""

import base64
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from watchbill.access.certificates import Certificate
from watchbill.errors import ProviderError, RefusedError
from watchbill.team.ssh_keys import bare, fingerprint_of


AUTHORITY = "WATCHBILL_SSH_AUTHORITY"
"""The environment variable with the file of the key."""
ALLOWS = ("permit-pty", "permit-port-forwarding")
"""What a certificate lets its holder do beside signing in, as far as sshd lets anybody: a terminal, and to jump on."""

_TOOK_TOO_LONG = 30
_INSTANT = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates. Every failure is a ProviderError; of a key that none can be made of it is a RefusedError."""

    path: str

    def public(self) -> str:
        """Give its public key: type and base64."""
        text = Path(self.path).read_text("utf-8") if self._in_agent() else _keygen("-y", "-P", "", "-f", self.path)
        key = bare(text)
        if fingerprint_of(key) is None:
            raise ProviderError(
                f"the file of {AUTHORITY} is no key of SSH", "make one by: ssh-keygen -t ed25519 -f FILE"
            )
        return key

    def sign(self, wanted: Certificate, public: str) -> str:
        """Sign a certificate, read it back, and give it as the line of a file; `public` is the authority's, as read."""
        start, end = (f"{each:{_INSTANT}}" for each in (wanted.interval.start, wanted.interval.end))
        allowed = [word for option in ("clear", *ALLOWS) for word in ("-O", option)]
        named = ("-I", wanted.name, "-n", ",".join(wanted.principals), "-V", f"{start}:{end}")
        serial = wanted.serial(str(fingerprint_of(public)))
        with tempfile.TemporaryDirectory(prefix="watchbill-sign-") as folder:
            key = Path(folder, "key.pub")
            key.write_text(f"{wanted.key}\n", "utf-8")
            agent = ["-U"] if self._in_agent() else ["-P", ""]
            try:
                _keygen("-q", "-s", self.path, *agent, *named, "-z", str(serial), *allowed, str(key))
            except ProviderError:
                _must_be_key(wanted, key)
                raise
            made = Path(folder, "key-cert.pub").read_text("utf-8").strip()
        _check(made, wanted, public, serial)
        return made

    def _in_agent(self) -> bool:
        try:
            return not Path(self.path).read_text("utf-8").startswith("-----BEGIN")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ProviderError(f"could not read the file of {AUTHORITY}: {why}") from None


def _keygen(*words: str) -> str:
    """Run ssh-keygen where nobody can be asked anything, by the time of UTC."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell; names are of shapes that the team file was held to
            ["env", "TZ=UTC", "LC_ALL=C", "SSH_ASKPASS_REQUIRE=never", "ssh-keygen", *words],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TOOK_TOO_LONG,
            check=False,
            start_new_session=True,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise ProviderError(f"could not run ssh-keygen: {error}", "install the OpenSSH client") from None
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:] or f"exit {done.returncode}"
        hint = f"{AUTHORITY} names a private key without a passphrase, mode 0600, or a public one that ssh-agent has"
        raise ProviderError(f"ssh-keygen: {said}", hint)
    return done.stdout


def _must_be_key(wanted: Certificate, path: Path) -> None:
    """Refuse a key that ssh-keygen does not read: who signs is not to blame."""
    try:
        _keygen("-l", "-f", str(path))
    except ProviderError:
        raise _refused(wanted, "ssh-keygen reads no key in it") from None


def _refused(wanted: Certificate, why: str) -> RefusedError:
    return RefusedError(f"no certificate of key {fingerprint_of(wanted.key)} of `{wanted.person}`: {why}")


def _check(made: str, wanted: Certificate, public: str, serial: int) -> None:
    """Hold what was signed against what was wanted, to the bit of the key; anything else is given to nobody."""
    try:
        found = load_ssh_public_identity(made.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _refused(wanted, f"one of type {made.split(maxsplit=1)[0]} cannot be read back") from None
    if not isinstance(found, SSHCertificate) or not _is_signed(found):
        raise ProviderError("ssh-keygen made what nobody signed")
    signer = found.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    got = (
        found.type,
        found.serial,
        found.valid_principals,
        (found.valid_after, found.valid_before),
        found.critical_options,
        sorted(found.extensions),
        signer,
        _is_of(made, wanted.key),
    )
    span = (int(wanted.interval.start.timestamp()), int(wanted.interval.end.timestamp()))
    names = [each.encode() for each in wanted.principals]
    allowed = sorted(each.encode() for each in ALLOWS)
    if got != (SSHCertificateType.USER, serial, names, span, {}, allowed, public, True):
        raise ProviderError("ssh-keygen signed something else than was wanted")


def _is_signed(found: SSHCertificate) -> bool:
    try:
        found.verify_cert_signature()
    except InvalidSignature:
        return False
    return True


def _is_of(made: str, key: str) -> bool:
    """Tell whether a certificate is of a key: after its type and a nonce, it has what a key has after its type."""
    blob, plain = (base64.b64decode(text.split()[1]) for text in (made, key))
    return _after(blob, 2).startswith(_after(plain, 1))


def _after(blob: bytes, strings: int) -> bytes:
    for _ in range(strings):
        blob = blob[4 + int.from_bytes(blob[:4]) :]
    return blob
