"""`hosts plan` and `hosts apply` over a real sshd and sudo, beside a stand-in for AWS."""

from pathlib import Path

import pytest
from tests.cli.scenes import on_stage
from tests.sshd import PERSON, run

from watchbill.access.logins import FILE as LOGINS
from watchbill.access.sudo import FILE


HOSTS = """
hosts:
  bastion: {{address: 127.0.0.1, user: {user}, port: {port}}}
  down: {{address: 127.0.0.1, user: {user}, port: 1}}
"""


@pytest.fixture
def stage(aws, tmp_path, without_sudo, monkeypatch):
    """Put the sample team in place, whose rota gives sudo on a host on which James has a user."""
    made = on_stage(aws, tmp_path)
    host, file = without_sudo.host, tmp_path / "watchbill.yaml"
    text = file.read_text("utf-8").replace(
        "  platform:\n", "  platform:\n    hosts: [bastion]\n    sudo: [/bin/true]\n", 1
    )
    (line,) = [each for each in text.splitlines() if each.startswith("  james:")]
    text = text.replace(line, line.replace("{", f"{{host_users: [{PERSON}], ", 1))
    file.write_text(text + HOSTS.format(user=host.user, port=host.port), "utf-8")
    monkeypatch.setenv("WATCHBILL_SSH_IDENTITY", without_sudo.hosts.identity)
    monkeypatch.setenv("WATCHBILL_SSH_KNOWN_HOSTS", without_sudo.hosts.known_hosts)
    return made


def test_who_gains_is_shown_written_read_back_and_then_there_is_nothing_more(stage, watchbill, tmp_path):
    """To the user of the host, in sentences and as one object; one host that is down is said, and stops no other."""
    given = {"watchbill_at": "2026-01-12T00:00:00Z", "watchbill_actor": "ada"}
    shown = watchbill("hosts", "plan", "--detailed-exitcode", **given)
    assert shown.code == 2, shown.err
    assert f"+ james gains sudo on bastion as {PERSON}" in " ".join(shown.out.split())
    assert not Path(FILE).exists()
    done = watchbill("hosts", "apply", "--yes", "--json", **given).json["result"]
    assert [(each["state"], each["change"]["account"]) for each in done["outcomes"]] == [("done", "bastion")]
    assert PERSON in Path(FILE).read_text()
    again = watchbill("hosts", "plan", "--detailed-exitcode", "--json", **given)
    assert (again.code, again.json["result"]["changes"], again.json["result"]["effects"]) == (0, [], [])

    file = tmp_path / "watchbill.yaml"
    file.write_text(file.read_text("utf-8").replace("hosts: [bastion]", "hosts: [bastion, down]"), "utf-8")
    partly = watchbill("hosts", "apply", "--yes", "--json", **given)
    assert partly.code == 1
    assert [problem["code"] for problem in partly.json["problems"]] == ["unread-host"]
    assert PERSON in Path(FILE).read_text()


def test_certificates_are_signed_and_given_out_as_files(stage, watchbill, tmp_path, monkeypatch):
    """Said what sshd lacks, and who signs; then each in a file as ssh-keygen lists it, and as JSON."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ca"))
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    file = tmp_path / "watchbill.yaml"
    key = (tmp_path / "key.pub").read_text().strip()
    text = file.read_text("utf-8").replace("    sudo: [/bin/true]\n", "    ssh: true\n")
    file.write_text(
        text.replace(f"host_users: [{PERSON}], ", f'host_users: [{PERSON}], ssh_keys: ["{key}"], '), "utf-8"
    )
    given = {"watchbill_at": "2026-01-12T00:00:00Z", "watchbill_actor": "ada"}
    unsigned = watchbill("hosts", "apply", "--yes", "--json", **given)
    assert (unsigned.code, [each["code"] for each in unsigned.json["problems"]]) == (1, ["no-authority"])

    monkeypatch.setenv("WATCHBILL_SSH_AUTHORITY", str(tmp_path / "ca"))
    shown = " ".join(watchbill("hosts", "plan", **given).out.split())
    assert f"+ james gains ssh on bastion as {PERSON} 2026-01-12T18:00:00Z" in shown
    assert f"sshd on bastion is to have for {PERSON}: TrustedUserCAKeys /etc/ssh/watchbill-ca.pub" in shown
    done = watchbill("hosts", "apply", "--yes", **given)
    assert (done.code, "signed" in done.out) == (0, True), done.err
    assert Path(LOGINS).read_text().count(f":{PERSON}@") > 1
    found = watchbill("hosts", "certificates", "james", "--out", str(tmp_path), "--json", **given).json["result"]
    first = found[0]
    assert (first["hosts"], first["interval"]["start"]) == (["bastion"], "2026-01-12T18:00:00Z")
    said = run("env", "TZ=UTC", "ssh-keygen", "-Lf", first["file"])
    assert "Valid: from 2026-01-12T18:00:00 to 2026-01-13T02:00:00" in said
    assert f":{PERSON}@20260112180000Z-20260113020000Z/" in said
    assert watchbill("hosts", "certificates", "nobody", **given).code == 1
    assert "ada has none" in watchbill("hosts", "certificates", **given).out
    again = watchbill("hosts", "apply", "--yes", **given)
    assert (again.code, "signed" in again.out) == (0, False)


def test_a_team_file_without_hosts_is_told_so(watchbill, sample):
    """Not that hosts are as it says: none was looked at."""
    ran = watchbill("hosts", "plan", "--detailed-exitcode", watchbill_at="2026-01-12T00:00:00Z")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("nothing to do: no rota of the team file names `hosts`")
