"""A key of hardware that is made of software, and an agent that signs by it: sshd is told the difference by nothing.

Sources: OpenSSH, PROTOCOL.u2f and PROTOCOL.agent.
"""

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Thread

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


_APPLICATION = b"ssh:"
_IDENTITIES, _SIGN = 11, 13
_FAILURE, _THEY_ARE, _SIGNED = 5, 12, 14
_TOUCHED = 1


def string(value: bytes) -> bytes:
    """Write a string as SSH does."""
    return len(value).to_bytes(4) + value


class Token:
    """A token with one key."""

    FORMS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")

    def __init__(self, form: str) -> None:
        self._form = form
        self._key = (
            ed25519.Ed25519PrivateKey.generate() if form == self.FORMS[0] else ec.generate_private_key(ec.SECP256R1())
        )
        public = self._key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            said = string(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
        else:
            said = string(b"nistp256") + string(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        self.blob = string(form.encode()) + said + string(_APPLICATION)

    @property
    def public(self) -> str:
        """Give its public key: type and base64."""
        return f"{self._form} {base64.b64encode(self.blob).decode()}"

    def sign(self, data: bytes, *, touched: bool) -> bytes:
        """Sign something, with somebody's finger on it or not."""
        rest = bytes([_TOUCHED if touched else 0]) + (7).to_bytes(4)
        message = sha256(_APPLICATION).digest() + rest + sha256(data).digest()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            made = self._key.sign(message)
        else:
            numbers = decode_dss_signature(self._key.sign(message, ec.ECDSA(SHA256())))
            made = b"".join(string(each.to_bytes(each.bit_length() // 8 + 1)) for each in numbers)
        return string(self._form.encode()) + string(made) + rest


@contextmanager
def agent_of(token: Token, path: Path, *, touched: bool) -> Iterator[Path]:
    """Run an agent that has the key of a token."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        Thread(target=_serve, args=(server, token), kwargs={"touched": touched}, daemon=True).start()
        yield path


def _serve(server: socket.socket, token: Token, *, touched: bool) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client, client.makefile("rwb") as stream:
            while len(head := stream.read(4)) == 4:
                stream.write(string(_answer(stream.read(int.from_bytes(head)), token, touched=touched)))
                stream.flush()


def _answer(asked: bytes, token: Token, *, touched: bool) -> bytes:
    if asked[0] == _IDENTITIES:
        return bytes([_THEY_ARE]) + (1).to_bytes(4) + string(token.blob) + string(b"token")
    if asked[0] == _SIGN and asked[1:].startswith(string(token.blob)):
        rest = asked[1 + len(string(token.blob)) :]
        return bytes([_SIGNED]) + string(token.sign(rest[4 : 4 + int.from_bytes(rest[:4])], touched=touched))
    return bytes([_FAILURE])
