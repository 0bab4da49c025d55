"""The authority that signs certificates for log-ins: a key of the operator's, in a file or in an agent, and ssh-keygen.

`WATCHBILL_SSH_AUTHORITY` names the file of its private key, which has no passphrase; or that of its public key, and the
private one is in ssh-agent. What was signed is read back by other code than signed: all of it is known beforehand, but
for the nonce and the signature.
"""

import base64
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from watchbill.access.certificates import Certificate
from watchbill.errors import ProviderError, RefusedError
from watchbill.team.ssh_keys import bare, fingerprint_of


AUTHORITY = "WATCHBILL_SSH_AUTHORITY"
"""The environment variable with the file of the key."""
ALLOWS = ("permit-pty", "permit-port-forwarding")
"""What a certificate lets its holder do beside signing in, as far as sshd lets anybody: a terminal, and to jump on."""

_TOOK_TOO_LONG = 30
_INSTANT = "%Y%m%d%H%M%S"
_OF_A_USER = 1
"""The type of a certificate, as against one of a host."""
_OPENSSH = "@openssh.com"
_BY_RSA = {b"rsa-sha2-256": SHA256(), b"rsa-sha2-512": SHA512()}
_BY_CURVE = {"secp256r1": SHA256(), "secp384r1": SHA384(), "secp521r1": SHA512()}


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
    """Hold what was signed against what was wanted, to the bit; anything else is given to nobody.

    Source: OpenSSH, PROTOCOL.certkeys; PROTOCOL.u2f has the same of keys of hardware.
    """
    kind, _, rest = made.partition(" ")
    blob = base64.b64decode(rest.split(" ", 1)[0])
    _, nonce = _strings(blob)[:2]
    start, end = (int(each.timestamp()) for each in (wanted.interval.start, wanted.interval.end))
    body = b"".join(
        (
            _string(kind.encode()),
            _string(nonce),
            _blob(wanted.key)[len(_string(wanted.key.partition(" ")[0].encode())) :],
            serial.to_bytes(8),
            _OF_A_USER.to_bytes(4),
            _string(wanted.name.encode()),
            _string(b"".join(_string(each.encode()) for each in wanted.principals)),
            start.to_bytes(8),
            end.to_bytes(8),
            _string(b""),
            _string(b"".join(_string(each.encode()) + _string(b"") for each in sorted(ALLOWS))),
            _string(b""),
            _string(_blob(public)),
        )
    )
    if kind != f"{wanted.key.partition(' ')[0].removesuffix(_OPENSSH)}-cert-v01{_OPENSSH}" or not blob.startswith(body):
        raise ProviderError("ssh-keygen signed something else than was wanted")
    if not _is_signed(body, blob[len(body) :], public):
        raise ProviderError("ssh-keygen made what nobody signed")


def _is_signed(body: bytes, signature: bytes, public: str) -> bool:
    """Tell whether a signature, written as a string, is of an authority's key; one of an unknown kind is of none."""
    try:
        key = load_ssh_public_key(public.encode())
        (whole,) = _strings(signature)
        kind, made = _strings(whole)
        if isinstance(key, Ed25519PublicKey):
            key.verify(made, body)
        elif isinstance(key, RSAPublicKey):
            key.verify(made, body, PKCS1v15(), _BY_RSA[kind])
        elif isinstance(key, EllipticCurvePublicKey):
            r, s = (int.from_bytes(each) for each in _strings(made))
            key.verify(encode_dss_signature(r, s), body, ECDSA(_BY_CURVE[key.curve.name]))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, KeyError, ValueError):
        return False
    return True


def _blob(key: str) -> bytes:
    return base64.b64decode(key.split()[1])


def _string(value: bytes) -> bytes:
    """Write a string as SSH does: its length, and itself (RFC 4251, section 5)."""
    return len(value).to_bytes(4) + value


def _strings(blob: bytes) -> list[bytes]:
    """Read strings from the beginning of something, as far as there are any."""
    found = []
    while len(blob) >= 4:  # noqa: PLR2004 - bytes of a length
        end = 4 + int.from_bytes(blob[:4])
        found.append(blob[4:end])
        blob = blob[end:]
    return found
