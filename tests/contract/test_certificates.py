"""What certificates of SSH open on a host, over a real sshd: what is revoked, and what is left to a person."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.contract.test_hosts import broken, carry_out, read
from tests.sshd import OPERATOR, PERSON, kept_of, run
from tests.teams import team

from watchbill.aws.accounts import Accounts
from watchbill.aws.identity_center import Center
from watchbill.errors import ProviderError
from watchbill.outside import Outside
from watchbill.respond.hosts import by_hand_on_hosts, drift_on_hosts, freeze_on_hosts, restore_on_hosts


@dataclass
class Authority:
    """An authority that the host trusts, and a certificate of James's key that names him."""

    folder: Path

    @property
    def certificate(self):
        """Give the option by which the client shows it."""
        return f"CertificateFile={self.folder / 'james-cert.pub'}"

    @property
    def revoked(self):
        """Give the file of what is revoked."""
        return self.folder / "revoked"

    @property
    def names(self):
        """Give the file of the names by which a certificate opens the operator's user."""
        return self.folder / "names" / OPERATOR

    def lines(self, *more):
        """Give what sshd is told of it."""
        return (
            f"TrustedUserCAKeys {self.folder / 'ca.pub'}",
            f"AuthorizedPrincipalsFile {self.folder}/names/%u",
            *more,
        )


@pytest.fixture
def authority(sshd, james, tmp_path):
    """Make one; the names of the operator's user and of James's own have James on them."""
    assert james.exists()
    folder = Path("/etc/ssh") / f"wbtest-{os.getpid()}"
    (folder / "names").mkdir(parents=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "ca"))
    shutil.copy(sshd.folder / "james.pub", folder)
    run("ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "james", "-n", PERSON, str(folder / "james.pub"))
    for name in (OPERATOR, PERSON):
        (folder / "names" / name).write_text(f"# who\nsomebody\nno-pty {PERSON} # as a lead\n")
    yield Authority(folder)
    shutil.rmtree(kept_of(folder / "revoked"), ignore_errors=True)
    shutil.rmtree(folder)


def fingerprint(path):
    """Give the fingerprint of a key."""
    return run("ssh-keygen", "-lf", str(path)).split()[1]


def is_revoked(authority, key):
    """Tell whether sshd takes a key for revoked."""
    return "REVOKED" in run("ssh-keygen", "-Q", "-f", str(authority.revoked), str(key), check=False)


def test_what_a_certificate_opens_is_left_to_a_person_where_nothing_can_be_revoked(sshd, authority):
    """The user of a frozen person is shut to it, and another one is not: that is a step of the plan, and so is the CA."""
    with sshd.going_by(*authority.lines()):
        assert sshd.lets_in(authority.certificate, user=OPERATOR)
        was = read(sshd)
        assert (was.authorities, was.opens) == (
            (str(authority.folder / "ca.pub"),),
            ((OPERATOR, str(authority.names)),),
        )
        assert (was.revocations, was.at_large) == ("", ())
        words = [change.why for change in by_hand_on_hosts([was])]
        assert words == [
            f"take {PERSON} out of {authority.names}: by it a certificate of theirs opens {OPERATOR} on bastion",
            f"revoke what certificates {PERSON} has of the authority in {authority.folder / 'ca.pub'}, and have it give "
            "out none: one that names another user opens that one on bastion; sshd there has no RevokedKeys",
        ]
        carry_out(sshd, list(freeze_on_hosts([was])))
        assert broken(was, read(sshd)) == []
        assert not sshd.lets_in(authority.certificate)
        assert sshd.lets_in(authority.certificate, user=OPERATOR)
        authority.names.write_text("somebody\n")
        assert read(sshd).opens == ()
        assert not sshd.lets_in(authority.certificate, user=OPERATOR)
        carry_out(sshd, restore_on_hosts([was], [read(sshd)])[0])


@pytest.mark.parametrize("form", ["a list", "a KRL"])
def test_a_key_that_is_revoked_opens_nothing_by_certificate_either(sshd, authority, form):
    """Wherever it would have; after a restore the file is the same to the byte, and both open again."""
    other = authority.folder / "other"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other))
    authority.revoked.write_text(f"# gone\n{other.with_suffix('.pub').read_text()}")
    if form == "a KRL":
        made = authority.folder / "made"
        run("ssh-keygen", "-q", "-k", "-f", str(made), str(authority.revoked))
        made.replace(authority.revoked)
    authority.revoked.chmod(0o644)
    before = authority.revoked.read_bytes(), authority.revoked.stat().st_mode
    with sshd.going_by(*authority.lines(f"RevokedKeys {authority.revoked}")):
        assert sshd.lets_in(authority.certificate, user=OPERATOR)
        was = read(sshd)
        assert (was.revocations, was.at_large) == (
            str(authority.revoked),
            (fingerprint(authority.folder / "james.pub"),),
        )
        assert "the keys that we know are revoked there" in [each.why for each in by_hand_on_hosts([was])][1]
        carry_out(sshd, list(freeze_on_hosts([was])))
        now = read(sshd)
        assert (broken(was, now), list(freeze_on_hosts([now]))) == ([], [])
        assert not sshd.lets_in(authority.certificate, user=OPERATOR)
        assert is_revoked(authority, other)
        carry_out(sshd, restore_on_hosts([was], [now])[0])
        assert (authority.revoked.read_bytes(), authority.revoked.stat().st_mode) == before
        assert sshd.lets_in(authority.certificate)
        assert sshd.lets_in(authority.certificate, user=OPERATOR)
    assert not kept_of(authority.revoked).exists()


def test_what_is_revoked_for_another_stays_so_whoever_comes_back_first(sshd, authority):
    """Two are frozen, and the first is restored; a file that others changed meanwhile is theirs to mend."""
    authority.revoked.write_text("")
    with sshd.going_by(*authority.lines(f"RevokedKeys {authority.revoked}")):
        was = read(sshd)
        (james,) = was.fingerprints
        revoke = next(each.call for each in freeze_on_hosts([was]) if each.call.operation == "RevokeKeys")
        sshd.hosts.perform(sshd.host, revoke)
        (kept_of(authority.revoked) / "of.another").write_text(f"hash: {fingerprint(authority.folder / 'ca.pub')}\n")
        sshd.hosts.perform(sshd.host, revoke)
        back = next(e.call for e in restore_on_hosts([was], [read(sshd)])[0] if e.call.operation == "GiveKeysBack")
        sshd.hosts.perform(sshd.host, back)
        assert is_revoked(authority, authority.folder / "ca.pub")
        assert not is_revoked(authority, authority.folder / "james.pub")
        sshd.hosts.perform(sshd.host, revoke)
        shutil.copy(authority.folder / "james.pub", authority.revoked)
        assert read(sshd).revoked == (james,)
        with pytest.raises(
            ProviderError, match=f"was changed since the freeze: take {james} out of it".replace("+", r"\+")
        ):
            sshd.hosts.perform(sshd.host, back)
        authority.revoked.write_text("")
        sshd.hosts.perform(sshd.host, back)
        assert read(sshd).revoked == ()


def test_a_key_that_is_marked_stolen_is_not_given_back(sshd, james, authority):
    """The others are, options and comments and all; it stays revoked, and a restore cut short is carried on with."""
    keys = james / ".ssh/authorized_keys"
    stolen_file = authority.folder / "stolen"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stolen_file))
    mine = keys.read_text()
    theirs = f'# from a stranger\nfrom="10.0.0.0/8",no-pty {stolen_file.with_suffix(".pub").read_text()}'
    keys.write_text(f"# mine\n{mine}\n{theirs}")
    authority.revoked.write_text("")
    with sshd.going_by(f"RevokedKeys {authority.revoked}"):
        was = read(sshd)
        stolen = [fingerprint(stolen_file), "AKIAOTHER"]
        carry_out(sshd, list(freeze_on_hosts([was])))
        changes, left_out = restore_on_hosts([was], [read(sshd)], stolen)
        assert left_out == (f"key {stolen[0]} of {PERSON} on bastion: marked stolen, it stays off",)
        assert "PutBackWithout" in [each.call.operation for each in changes]
        for _ in range(2):
            for change in changes:
                sshd.hosts.perform(sshd.host, change.call)
        now = read(sshd)
        assert keys.read_text() == f"# mine\n{mine}\n# from a stranger\n"
        assert (keys.owner(), keys.stat().st_mode & 0o777) == (PERSON, 0o600)
        assert list(drift_on_hosts([was], [now], stolen)) == []
        assert [each.what for each in drift_on_hosts([was], [now])] == [f"{keys} was made since the freeze"]
        assert (now.revoked, sshd.lets_in()) == ((stolen[0],), True)
        assert is_revoked(authority, stolen_file)


def test_keys_that_the_team_file_declares_are_revoked_too(sshd, authority):
    """Though they get in by a certificate alone; a host that revokes nothing is not asked to."""
    declared = "SHA256:" + "A" * 43
    james = replace(team().people["james"], host_users=(PERSON,), ssh_keys=(declared,))
    made = replace(team(), people={**team().people, "james": james}, reached={"bastion": sshd.host})
    outside = Outside(Center(Accounts("http://127.0.0.1:9", ("any", "any"))), hosts=sshd.hosts)
    assert declared not in outside.read(made, "james").hosts[0].fingerprints
    authority.revoked.write_text("")
    with sshd.going_by(f"RevokedKeys {authority.revoked}"):
        (was,) = outside.read(made, "james").hosts
        assert declared in was.at_large
        carry_out(sshd, list(freeze_on_hosts([was])))
        (now,) = outside.read(made, "james").hosts
        assert (declared in now.revoked, broken(was, now)) == (True, [])
        carry_out(sshd, restore_on_hosts([was], [now])[0])
