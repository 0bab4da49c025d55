"""SSH by shift over a real sshd: certificates that ssh-keygen signed, and when and to whom they open a host."""

import base64
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.ssh_token import Token, agent_of
from tests.sshd import OPERATOR, PERSON, Sshd, kept_of, run
from tests.teams import HERE, rota
from tests.unit.service.world import World, hijack

from watchbill.access.certificates import Certificate
from watchbill.access.logins import FILE, SSHD, TAKES, Login, read, write
from watchbill.access.model import Call
from watchbill.access.sudo import SERVICE
from watchbill.aws.identity_center import Center
from watchbill.clock import SystemClock
from watchbill.errors import ProviderError
from watchbill.hosts.authority import Authority
from watchbill.intervals import Interval, iso
from watchbill.outside import Outside
from watchbill.service import certificates, containment, host_access
from watchbill.service.casework import view_of
from watchbill.service.reconcile import reconcile
from watchbill.sim.clock import SimClock
from watchbill.store.database import open_store
from watchbill.team.model import Kind, Override
from watchbill.team.ssh_keys import bare, fingerprint_of


OURS = Path(FILE)
HOUR = timedelta(hours=1)


@dataclass
class Gate:
    """A host whose sshd goes by certificates of ours, and James's key, which opens it by no other way."""

    sshd: Sshd
    folder: Path
    home: Path

    @property
    def authority(self) -> Authority:
        """Give who signs."""
        return Authority(str(self.folder / "ca"))

    @property
    def key(self) -> str:
        """Give James's public key."""
        return bare((self.sshd.folder / "james.pub").read_text())

    def login(self, begins, ends, user=PERSON, key=""):
        """Give a log-in around now."""
        at = SystemClock().now().replace(microsecond=0)
        return Login(user, Interval(at + begins, at + ends), str(fingerprint_of(key or self.key)))

    def sign(self, *logins, by=None, key=""):
        """Sign one certificate of some log-ins, whose window is that of the first."""
        names = tuple(sorted(each.principal for each in logins))
        signs = by or self.authority
        return signs.sign(Certificate("james", logins[0].interval, key or self.key, names), signs.public())

    def opens(self, certificate: str, user: str = PERSON) -> bool:
        """Tell whether James's key gets in by a certificate."""
        path = self.folder / "shown-cert.pub"
        path.write_text(f"{certificate}\n")
        return self.sshd.lets_in(f"CertificateFile={path}", user=user)

    def config(self):
        """Give what its sshd is told, as the docs have it, but for where its files lie."""
        (_, trusts), _, _, (_, revoked) = SSHD
        files = {trusts.split()[1]: self.folder / "ca.pub", revoked.split()[1]: self.folder / "revoked"}
        lines = [line for _, line in SSHD]
        for was, there in files.items():
            lines = [line.replace(was, str(there)) for line in lines]
        return lines


@pytest.fixture
def gate(without_sudo, james):
    """Make one; James has no key on the host itself."""
    folder = Path("/etc/ssh") / f"wbtest-shift-{os.getpid()}"
    folder.mkdir()
    for name in ("ca", "other"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    (folder / "revoked").touch()
    (james / ".ssh/authorized_keys").unlink()
    made = Gate(without_sudo, folder, james)
    with without_sudo.going_by(*made.config()):
        yield made
    shutil.rmtree(kept_of(folder / "revoked"), ignore_errors=True)
    shutil.rmtree(folder)


def put(gate, *logins):
    """Write the file of the host."""
    text = write(logins)
    run("install", "-m", "644", "/dev/stdin", str(OURS), input=text)


def test_sshd_begins_and_ends_it_by_its_own_clock(gate):
    """What ended a second ago and what starts in an hour is refused, what runs is not; though the host names all."""
    over, runs, later = gate.login(-HOUR, timedelta()), gate.login(-HOUR, HOUR), gate.login(HOUR, 2 * HOUR)
    put(gate, over, runs, later)
    assert [gate.opens(gate.sign(each)) for each in (over, runs, later)] == [False, True, False]
    assert [user for user in (OPERATOR, "root") if gate.opens(gate.sign(runs), user)] == []


def test_only_what_the_host_names_opens_it(gate, tmp_path):
    """Another window, another key, another authority, another user, the bare name: none of them does."""
    runs = gate.login(-HOUR, HOUR)
    put(gate, runs, gate.login(-HOUR, HOUR, user=f"x{PERSON}"), gate.login(-HOUR, HOUR, user="ops"))
    assert gate.opens(gate.sign(runs))
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "new"))
    other = bare((tmp_path / "new.pub").read_text())
    stranger = Authority(str(gate.folder / "other"))
    refused = {
        "another window": gate.sign(gate.login(-HOUR, 2 * HOUR)),
        "another key's name": gate.sign(gate.login(-HOUR, HOUR, key=other)),
        "another authority": gate.sign(runs, by=stranger),
        "another user whose name ends alike": gate.sign(gate.login(-HOUR, HOUR, user=f"x{PERSON}")),
        "another user": gate.sign(gate.login(-HOUR, HOUR, user="ops")),
    }
    assert [why for why, certificate in refused.items() if gate.opens(certificate)] == []
    assert not gate.sshd.lets_in()
    by_hand = ["-s", str(gate.folder / "ca"), "-I", "x", "-n", f"{PERSON},:{PERSON}@,#,:{PERSON}@*"]
    shutil.copy(gate.sshd.folder / "james.pub", tmp_path / "james.pub")
    run("ssh-keygen", "-q", *by_hand, str(tmp_path / "james.pub"))
    assert not gate.opens((tmp_path / "james-cert.pub").read_text().strip())
    OURS.unlink()
    assert not gate.opens(gate.sign(runs))


def test_another_authority_that_sshd_trusts_may_sign_what_the_host_names_and_is_said(gate, world):
    """What the host names is no secret: whose signature stands under it is for sshd to say."""
    trusted = gate.folder / "ca.pub"
    trusted.write_text(trusted.read_text() + (gate.folder / "other.pub").read_text())
    runs, stranger = gate.login(-HOUR, HOUR), Authority(str(gate.folder / "other"))
    put(gate, runs)
    assert gate.opens(gate.sign(runs, by=stranger))
    (said,) = [line for line in host_access.plan(world.as_("ada")).warnings if "authority" in line]
    assert str(fingerprint_of(stranger.public())) in said


def test_a_user_whose_name_is_a_pattern_is_nobody_elses(tmp_path):
    """What sshd runs finds the lines of that very user: a dot is a dot, and the end of a name is no name."""
    span, key = Interval(SystemClock().now(), SystemClock().now() + HOUR), f"SHA256:{'A' * 43}"
    users = ("a.b", "axb", "b", "a.b-c", "xa.b")
    (tmp_path / "oncall").write_text(write(Login(user, span, key) for user in users))
    words = TAKES.replace(FILE, str(tmp_path / "oncall"))
    for user in users:
        (line,) = run(*words.replace("%u", user).split()).splitlines()
        assert line.startswith(f":{user}@")


def test_an_agent_signs_as_a_file_does(gate, monkeypatch):
    """Whoever would keep the key elsewhere names its public one; a key with a passphrase asks nobody, and fails."""
    runs = gate.login(-HOUR, HOUR)
    put(gate, runs)
    said = dict(line.split(";")[0].split("=") for line in run("ssh-agent", "-s").splitlines()[:2])
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", said["SSH_AUTH_SOCK"])
        agent = Authority(str(gate.folder / "ca.pub"))
        with pytest.raises(ProviderError, match="agent"):
            gate.sign(runs, by=agent)
        run("ssh-add", "-q", str(gate.folder / "ca"))
        assert gate.opens(gate.sign(runs, by=agent))
    finally:
        run("kill", said["SSH_AGENT_PID"])
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(gate.folder / "ca"))
    with pytest.raises(ProviderError, match="passphrase"):
        gate.sign(runs)
    with pytest.raises(ProviderError, match="could not read"):
        gate.sign(runs, by=Authority(str(gate.folder / "none")))


def test_a_text_that_is_none_of_ours_is_never_sent(gate):
    """A principal of others, a line more, another file's text: refused before anything is sent."""
    text = write([gate.login(-HOUR, HOUR)])
    forged = (f"{text}{PERSON}\n", text.replace("@", "*@"), "anything\n", text.replace(PERSON, "root"))
    for each in (*forged, f"{PERSON} ALL=(ALL) ALL\n"):
        call = Call("WriteLogins", {"FileName": FILE, "Was": "", "Digest": "0" * 64, "Rules": each}, SERVICE)
        with pytest.raises(ValueError, match="are none"):
            gate.sshd.hosts.perform(gate.sshd.host, call)
    assert not OURS.exists()


@pytest.fixture
def world(tmp_path, gate):
    """Give a world in which James is on watch now, by a rota that lets him sign in to a real host."""
    with open_store(tmp_path) as store:
        made: Any = World(store)
        made.clock = SimClock(SystemClock().now())
        outside = Outside(Center(made.app.accounts), hosts=gate.sshd.hosts, signs=gate.authority)
        made.app = replace(made.app, clock=made.clock, outside=outside, performers=outside.performers(), lanes=8)
        james = replace(
            made.team.people["james"],
            host_users=(PERSON,),
            public_keys=(gate.key,),
            ssh_keys=(fingerprint_of(gate.key),),
        )
        made.span = Interval(*(made.clock.now().replace(microsecond=0) + n * HOUR for n in (-1, 1)))
        made.team = replace(
            made.team,
            leads=("sofia", "ada"),
            people={**made.team.people, "james": james},
            rotas={"platform": on_watch("james", made.span)},
            reached={"bastion": gate.sshd.host},
        )
        made.enforce()
        yield made


def on_watch(person, span):
    """Give the rota by which somebody alone is on watch, once."""
    override = Override("now", Kind.PRIMARY, span, person, None, "", "ada", HERE)
    return replace(rota(), layers=(), overrides=(override,), required=(), hosts=("bastion",), ssh=True)


def passed(world):
    """Make a pass of which nothing is wrong."""
    done = reconcile(world.as_("watchbill"), None)
    assert done.problems == []
    return done


def given(world):
    """Give James's certificates."""
    return certificates.given(world.as_("james"), "james")


def test_a_pass_writes_and_signs_once_what_opens_the_host_for_the_shift(gate, world):
    """The file, then the certificate, in the ledger whole; a second pass does nothing; a swap shuts it at once."""
    passed(world)
    (mine,) = given(world)
    assert (mine.interval, mine.hosts) == (world.span, ("bastion",))
    assert gate.opens(mine.text)
    (entry,) = [each for each in world.store.ledger.about(["james"]) if each.kind == "access:certificate:signed"]
    assert (entry.facts["certificate"], entry.facts["to"]) == (mine.text, iso(world.span.end))
    kinds = [each.kind for each in world.store.ledger.about(["bastion"])]
    assert kinds == ["access:logins:begun", "access:logins:written"]
    assert [login.user for login in read(OURS.read_text())[0]] == [PERSON]
    before = world.store.ledger.length()
    assert passed(world).outcomes == ()
    assert world.store.ledger.length() == before

    swapped = Interval(world.span.start, world.span.end + HOUR)
    world.team = replace(world.team, rotas={"platform": replace(on_watch("james", swapped), mode=None)})
    world.store.revisions.add(world.team.digest, world.clock.now(), world.team.text, "watchbill")
    passed(world)
    (longer,) = given(world)
    assert (gate.opens(mine.text), gate.opens(longer.text)) == (False, True)
    world.team = replace(world.team, rotas={"platform": on_watch("ada", world.span)})
    passed(world)
    assert (given(world), gate.opens(longer.text), OURS.exists()) == ([], False, False)


def test_a_key_of_which_none_can_be_made_is_said_and_keeps_nobody_elses_back(gate, world):
    """One that is cut short: it is named, and others are signed."""
    rest = base64.b64encode(b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0\x04cut!").decode()
    bad = f"ecdsa-sha2-nistp256 {rest}"
    james = replace(world.team.people["james"], public_keys=(bad, gate.key))
    world.team = replace(world.team, people={**world.team.people, "james": james})
    (said,) = reconcile(world.as_("watchbill"), None).problems
    assert str(fingerprint_of(bad)) in said.message
    assert "james" in said.message
    (mine,) = given(world)
    assert gate.opens(mine.text)


@pytest.mark.parametrize("form", list(Token.FORMS))
def test_a_key_of_hardware_opens_the_host_by_a_certificate(gate, world, tmp_path, form):
    """As any other key does, where it was touched. The token is made of software: sshd is told the difference by nothing."""
    token = Token(form)
    james = replace(world.team.people["james"], public_keys=(token.public,))
    world.team = replace(world.team, people={**world.team.people, "james": james})
    assert reconcile(world.as_("watchbill"), None).problems == []
    (mine,) = given(world)
    assert mine.text.startswith(f"{form.removesuffix('@openssh.com')}-cert-v01@openssh.com ")
    key, shown = tmp_path / "token.pub", tmp_path / "token-cert.pub"
    key.write_text(f"{token.public}\n")
    shown.write_text(f"{mine.text}\n")

    def opens(*, touched):
        with agent_of(token, tmp_path / f"agent-{touched}", touched=touched) as agent:
            options = (f"IdentityAgent={agent}", f"IdentityFile={key}", f"CertificateFile={shown}")
            return gate.sshd.lets_in(*options)

    assert not gate.opens(mine.text)
    assert [opens(touched=touched) for touched in (True, False)] == [True, False]


FORGER = """
import base64, pathlib, subprocess, sys
words = sys.argv[1:]
signs = "-s" in words
done = subprocess.call([REAL, *words[:-1], *(ADDED if signs else []), words[-1]])
if signs and not ADDED:
    path = pathlib.Path(words[-1].replace(".pub", "-cert.pub"))
    kind, blob = path.read_text().split()[:2]
    raw = base64.b64decode(blob)
    path.write_text(f"{kind} {base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()}\\n")
sys.exit(done)
"""
"""Signs with more options than it was given, or spoils the signature where there are none."""


@pytest.mark.parametrize(
    ("added", "why"),
    [
        ("-O permit-agent-forwarding", "something else"),
        ("-z 7", "something else"),
        ("-I another", "something else"),
        ("-n root", "something else"),
        ("-V always:forever", "something else"),
        ("-O force-command=id", "something else"),
        ("", "nobody signed"),
    ],
)
def test_what_was_signed_otherwise_than_wanted_is_given_to_nobody(tmp_path, monkeypatch, added, why):
    """Whatever differs, also where it is the signature alone; of every kind of key and of authority nothing does."""
    at = SystemClock().now().replace(microsecond=0)
    kinds = (("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"))
    files = [tmp_path / f"{kind}-{size}" for kind, size in kinds]
    for (kind, size), file in zip(kinds, files, strict=True):
        run("ssh-keygen", "-q", "-t", kind, "-b", size, "-N", "", "-f", str(file))
    keys = [bare(Path(f"{file}.pub").read_text()) for file in files] + [Token(form).public for form in Token.FORMS]
    wanted = [Certificate("james", Interval(at, at + HOUR), key, ("a", "b")) for key in keys]
    for signs in map(Authority, map(str, files)):
        assert all(signs.sign(each, signs.public()) for each in wanted)
    fake = tmp_path / "bin" / "ssh-keygen"
    fake.parent.mkdir()
    fake.write_text(f"#!{sys.executable}\nREAL, ADDED = {shutil.which('ssh-keygen')!r}, {added.split()!r}\n{FORGER}")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    signs = Authority(str(files[0]))
    with pytest.raises(ProviderError, match=why):
        signs.sign(wanted[0], signs.public())


def test_who_is_frozen_is_out_at_once_and_comes_back_with_what_they_had(gate, world):
    """By the file, by the account and by the list of revoked keys, each read back; nobody has to be asked for the rest."""
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*hijack(minutes=-1))).raised
    (mine,) = given(world)
    assert gate.opens(mine.text)
    plan = containment.plan(world.as_("sofia"), case_id)
    assert "RevokeCertificates" not in str(plan.containment)
    frozen = containment.freeze(world.as_("sofia"), plan)
    assert [check.what for check in frozen.checks if not check.holds] == []
    assert not gate.opens(mine.text)
    assert "REVOKED" in run(
        "ssh-keygen", "-Qf", str(gate.folder / "revoked"), str(gate.sshd.folder / "james.pub"), check=False
    )
    passed(world)
    assert (given(world), OURS.exists()) == ([], False)
    containment.restore(world.as_("sofia"), case_id)
    passed(world)
    assert [each.text for each in given(world)] == [mine.text]
    assert gate.opens(mine.text)
    assert (gate.folder / "revoked").read_bytes() == b""


def test_a_key_that_is_marked_stolen_comes_back_by_no_certificate(gate, world):
    """Also where sshd has no list of revoked keys: the restore leaves it off, and no pass after it writes it again."""
    config = gate.sshd.folder / "config"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if "RevokedKeys" not in line))
    gate.sshd.read_anew()
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*hijack(minutes=-1))).raised
    (mine,) = given(world)
    row = world.store.cases.get(case_id)
    stolen = msgspec.json.encode(replace(view_of(row), stolen_keys=[str(fingerprint_of(gate.key))])).decode()
    world.store.cases.put(replace(row, payload=stolen))
    containment.freeze(world.as_("sofia"), containment.plan(world.as_("sofia"), case_id))
    containment.restore(world.as_("sofia"), case_id)
    passed(world)
    assert (given(world), OURS.exists(), gate.opens(mine.text)) == ([], False, False)


def test_what_opens_it_beside_and_what_sshd_lacks_is_said(gate, world):
    """A key of theirs on the host opens it off shift too; lines that sshd is to have are said, and never written."""
    (gate.home / ".ssh/authorized_keys").write_text(f"{gate.key} james\n")
    made = host_access.plan(world.as_("ada"))
    assert (
        f"james may sign in as {PERSON} on bastion by a key in {gate.home}/.ssh/authorized_keys, on shift or off"
        in made.drift
    )
    assert [line for line in made.warnings if "sshd" in line] == []
    config = gate.sshd.folder / "config"
    was = config.read_text()
    config.write_text("".join(line for line in was.splitlines(keepends=True) if "grep" not in line))
    (said,) = [line for line in host_access.plan(world.as_("ada")).warnings if "sshd" in line]
    assert said == f"sshd on bastion is to have for {PERSON}: AuthorizedPrincipalsCommand {TAKES}"
    config.write_text(was.replace(str(gate.folder / "ca.pub"), str(gate.folder / "other.pub")))
    also, said = [line for line in host_access.plan(world.as_("ada")).warnings if "sshd" in line]
    assert f"trusts authority {fingerprint_of((gate.folder / 'other.pub').read_text())} too" in also
    assert said.endswith(f"TrustedUserCAKeys {gate.folder}/other.pub, and in that file: {gate.authority.public()}")
    config.write_text(was)


def test_without_an_authority_nothing_is_written_and_it_is_said(gate, world, monkeypatch):
    """A rota that asks for certificates is not left without anybody hearing of it."""
    monkeypatch.setattr("watchbill.outside.Outside.authority", lambda self: None)
    done = reconcile(world.as_("watchbill"), None)
    assert ([each.code for each in done.problems], OURS.exists()) == (["no-authority"], False)
    assert subprocess.run(["sshd", "-t", "-f", str(gate.sshd.folder / "config")], check=False).returncode == 0
