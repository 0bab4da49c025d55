"""A real sshd on the loopback for the tests, with users of this machine who are made for them and removed after.

Only root can make users and expire them: elsewhere the tests fail, and say so. `make system` installs what it takes.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from watchbill.access.logins import FILE as LOGINS
from watchbill.access.sudo import FILE
from watchbill.errors import Location
from watchbill.hosts.ssh import Hosts
from watchbill.team.model import Host


OPERATOR, PERSON = f"wbtest-ops-{os.getpid()}", f"wbtest-james-{os.getpid()}"
"""Other ones in each process: tests may run side by side."""
KEPT = Path("/var/lib/watchbill/kept")
HASH = "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g."
"""Of a password, for /etc/shadow: nobody signs in with it here."""


def run(*words, check=True, **options):
    """Run a program and give what it printed."""
    return subprocess.run(words, check=check, capture_output=True, text=True, **options).stdout


@dataclass
class Sshd:
    """A server that runs, and the keys that get in."""

    folder: Path
    port: int
    process: int

    @property
    def host(self) -> Host:
        """Give it as the team file would name it."""
        return Host("bastion", "127.0.0.1", OPERATOR, self.port, Location("w.yaml", 1))

    @property
    def hosts(self) -> Hosts:
        """Give watchbill's edge, with the key that signs in and the host key that is trusted."""
        return Hosts(str(self.folder / "ops"), str(self.folder / "known_hosts"))

    def client(self, *command: str) -> list[str]:
        """Give the command line by which the person signs in with their key."""
        options = ["BatchMode=yes", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "IdentitiesOnly=yes"]
        given = [word for option in options for word in ("-o", option)]
        key = str(self.folder / "james")
        return ["ssh", "-T", *given, "-i", key, "-p", str(self.port), f"{PERSON}@127.0.0.1", *command]

    def lets_in(self, *options: str, user: str = PERSON) -> bool:
        """Tell whether the person gets in with their key, as somebody."""
        words = self.client("true")
        words[-2:] = [*(word for option in options for word in ("-o", option)), f"{user}@127.0.0.1", "true"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    @contextmanager
    def going_by(self, *more: str) -> Iterator[None]:
        """Have it go by more lines of configuration inside the block."""
        config = self.folder / "config"
        was = config.read_text()
        config.write_text(was + "".join(f"{line}\n" for line in more))
        self.read_anew()
        try:
            yield
        finally:
            config.write_text(was)
            self.read_anew()

    def read_anew(self) -> None:
        """Have it read its configuration again."""
        os.kill(self.process, signal.SIGHUP)
        time.sleep(0.3)
        await_port(self.port)


class Here(Hosts):
    """Runs the same words by this machine's own shell: where a step is made hundreds of times, and how is not asked."""

    def _client(self, host: Host) -> Iterator[str]:
        yield from ("sh", "-c")


@contextmanager
def alone() -> Iterator[None]:
    """Have the users, groups and files of this machine to ourselves: whoever tests beside us waits."""
    with Path(tempfile.gettempdir(), "watchbill-users.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """Run sshd while the tests run, with the user that watchbill signs in as."""
    assert os.geteuid() == 0, "these make users of this machine: run them as root, in a container that may be spoiled"
    for program in ("sshd", "sudo"):
        there = shutil.which(program) or Path("/usr/sbin", program).exists()
        assert there, f"no {program} on this machine: run `make system`"
    folder = Path(tempfile.mkdtemp(prefix="watchbill-sshd-"))
    for name in ("host", "ops", "james"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    said = f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM yes\n"
    (folder / "config").write_text(f"{said}PasswordAuthentication no\nAuthorizedKeysFile .ssh/authorized_keys\n")
    rules = Path(f"/etc/sudoers.d/{OPERATOR}")
    with alone():
        make_user(OPERATOR, folder / "ops.pub")
    rules.write_text(f"{OPERATOR} ALL=(root) NOPASSWD: /bin/sh -s -- *\n")
    rules.chmod(0o440)
    Path("/run/sshd").mkdir(exist_ok=True)
    log = (folder / "log").open("wb")
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")], stdout=log, stderr=log)
    try:
        await_port(port)
        yield Sshd(folder, port, server.pid)
    finally:
        server.terminate()
        server.wait(10)
        log.close()
        rules.unlink()
        with alone():
            remove_user(OPERATOR)
        shutil.rmtree(folder)


@pytest.fixture
def james(sshd: Sshd) -> Iterator[Path]:
    """Make the person: a key, a password, an expiry far off, sudo by a group and by a file of their own."""
    with alone():
        home = make_user(PERSON, sshd.folder / "james.pub")
        run("usermod", "-p", HASH, "--expiredate", "2099-12-31", PERSON)
        run("gpasswd", "-a", PERSON, "sudo")
        rules = Path(f"/etc/sudoers.d/{PERSON}")
        rules.write_text(f"# james\n{PERSON} ALL=(ALL) NOPASSWD: ALL\n")
        rules.chmod(0o440)
        yield home
        run("pkill", "-KILL", "-u", PERSON, check=False)
        time.sleep(0.2)
        rules.unlink(missing_ok=True)
        for path in KEPT.glob("*"):
            if path.owner() == PERSON or (path.is_file() and PERSON in path.read_text()):
                path.unlink()
        remove_user(PERSON)


@pytest.fixture
def without_sudo(sshd: Sshd, james: Path) -> Iterator[Sshd]:
    """Give the server with the person on it, who has no sudo of their own, and none by shift."""
    del james
    Path(f"/etc/sudoers.d/{PERSON}").unlink()
    run("gpasswd", "-d", PERSON, "sudo")
    ours, logins = Path(FILE), Path(LOGINS)
    for each in (ours, logins):
        each.unlink(missing_ok=True)
    yield sshd
    for each in (ours, logins):
        each.unlink(missing_ok=True)
        assert list(each.parent.glob(f"{each.name}.*")) == []


def kept_of(revoked: Path) -> Path:
    """Give the folder in which a host keeps a file of revoked keys as it was: other tests have theirs beside it."""
    name = sha256(f"{revoked.resolve()}\n".encode()).hexdigest()
    return KEPT / f"krl-{name[:24]}"


def make_user(name: str, key: Path) -> Path:
    """Make a user who gets in with a key; give their home."""
    run("userdel", "-r", name, check=False)
    run("useradd", "-m", "-s", "/bin/sh", name)
    home = Path("/home") / name
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh/authorized_keys").write_text(key.read_text())
    (home / ".ssh/authorized_keys").chmod(0o600)
    run("chown", "-R", f"{name}:{name}", str(home / ".ssh"))
    return home


def remove_user(name: str) -> None:
    """Remove a user with their home."""
    run("userdel", "-r", "-f", name, check=False)


def await_port(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd does not listen")
