"""`hosts plan` and `hosts apply` over a real sshd and sudo, beside a stand-in for AWS."""

from pathlib import Path

import pytest
from tests.cli.scenes import on_stage
from tests.sshd import PERSON

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
