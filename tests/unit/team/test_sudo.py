"""Sudo by shift in the team file: where, what, and what is wrong with it, each with its place."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from watchbill.errors import FileError
from watchbill.team.files import parse
from watchbill.team.schema import team_schema


TEXT = """\
team: small
accounts:
  root: {number: "111111111111", environment: production}
people:
  ada: {name: Ada, email: ada@example.com, host_users: [ada]}
permission_sets:
  all: {allow: ["ec2:*"]}
hosts:
  plain: i-0123456789abcdef0
  bastion: {address: bastion.example.com}
  db: {address: db.example.com}
rotas:
  platform:
    accounts: [root]
    entitlement: {primary: all}
    required: []
    hosts: [bastion, db]
    sudo: [/usr/bin/systemctl restart shop, "/usr/bin/tail -f /var/log/shop.log"]
"""


def test_commands_or_all_of_them():
    """As they are written; `all` is everything; a rota without hosts gives none."""
    rota = parse(TEXT, "w.yaml").rotas["platform"]
    assert rota.hosts == ("bastion", "db")
    assert rota.sudo == ("/usr/bin/systemctl restart shop", "/usr/bin/tail -f /var/log/shop.log")
    head, _, _ = TEXT.rpartition("    sudo:")
    assert parse(f"{head}    sudo: all\n", "w.yaml").rotas["platform"].sudo == ("ALL",)
    bare = parse(head.rpartition("    hosts:")[0], "w.yaml").rotas["platform"]
    assert (bare.hosts, bare.sudo) == ((), ())
    jsonschema.validate(YAML(typ="safe").load(TEXT), json.loads(json.dumps(team_schema())))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[bastion, db]", "[bastoin, db]", "w.yaml:17:13 unknown host `bastoin` (did you mean `bastion`?)"),
        ("[bastion, db]", "[plain]", "w.yaml:17:13 host `plain` has no address by which to reach it"),
        ("    hosts: [bastion, db]\n", "", "w.yaml:13:3 `sudo` without `hosts` gives nothing"),
        ("[bastion, db]", "[]", "`sudo` without `hosts` gives nothing"),
        ("    sudo: [/usr", "    #: [/usr", "`hosts` without `sudo` or `ssh` gives nothing"),
        ("/usr/bin/systemctl restart shop,", "systemctl,", "w.yaml:18:12"),
        ("/usr/bin/systemctl restart shop,", "ALL,", "w.yaml:18:12"),
        ("/usr/bin/systemctl restart shop,", '"/bin/a *",', "w.yaml:18:12"),
        ("/usr/bin/systemctl restart shop,", '"/bin/a\\nroot ALL=(ALL) ALL",', "w.yaml:18:12"),
        ("/usr/bin/systemctl restart shop,", '"/bin/a\\n",', "w.yaml:18:12"),
        ("/usr/bin/systemctl restart shop,", '"/bin/../a",', "w.yaml:18:12"),
    ],
)
def test_what_is_wrong_is_told(old, new, said):
    """In words, with its place; nothing is made of it."""
    assert TEXT.count(old) == 1
    with pytest.raises(FileError) as caught:
        parse(TEXT.replace(old, new), "w.yaml")
    assert said in "\n".join(str(problem) for problem in caught.value.problems)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH9cGGjEoLV0J3dydf+WGjI6VVD1XQH51UQOVI0lu8kz"


def test_a_key_is_told_whole_or_by_its_fingerprint_and_certificates_are_asked_for():
    """The line of a .pub file is the fingerprint that `ssh-keygen -l` prints of it, too."""
    both = "SHA256:uNiVztksCsDhcc0u9e8BrqwYIZ4Qe2lOu9LoPsCfsAo"
    text = TEXT.replace("host_users: [ada]", f'host_users: [ada], ssh_keys: ["{KEY} ada@laptop", "{both}"]')
    made = parse(f"{text}    ssh: true\n", "w.yaml")
    ada = made.people["ada"]
    assert ada.public_keys == (KEY,)
    assert ada.ssh_keys == ("SHA256:CMbOitLaweRVKYjNkXH/SAgeEEmDOY+hYfGZNpwsgNA", both)
    assert made.rotas["platform"].ssh
    head, _, _ = text.rpartition("    sudo:")
    assert parse(f"{head}    ssh: true\n", "w.yaml").rotas["platform"].sudo == ()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["ssh-rsa " + KEY.split()[1]], "this is no whole public key of the type that it says"),
        ([KEY[:-6]], "this is no whole public key of the type that it says"),
        ([KEY, f"{KEY} again"], "SSH key"),
        ([KEY, "SHA256:CMbOitLaweRVKYjNkXH/SAgeEEmDOY+hYfGZNpwsgNA"], "SSH key"),
        ([f"{KEY}\\nssh-ed25519 AAAA"], "ssh_keys"),
        ([f'command=\\"x\\" {KEY}'], "ssh_keys"),
        (["-----BEGIN OPENSSH PRIVATE KEY-----"], "ssh_keys"),
    ],
)
def test_what_is_no_key_is_told(keys, said):
    """With its place: a type that is another, one cut short, the same one twice, a second line, options."""
    listed = ", ".join(f'"{key}"' for key in keys)
    with pytest.raises(FileError) as caught:
        parse(TEXT.replace("host_users: [ada]", f"host_users: [ada], ssh_keys: [{listed}]"), "w.yaml")
    assert said in "\n".join(str(problem) for problem in caught.value.problems)
