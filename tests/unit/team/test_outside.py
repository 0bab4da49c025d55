"""What a freeze reaches outside of IAM, by the team file: hosts, identity providers, Identity Center."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from watchbill.errors import FileError, Location
from watchbill.team.files import parse
from watchbill.team.model import Directory, Host, IdentityCenter
from watchbill.team.schema import team_schema


INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
OUTSIDE = f"""\
team: small
accounts:
  root: {{number: "111111111111", environment: production}}
hosts:
  plain: i-0123456789abcdef0
  bastion: {{address: bastion.example.com, port: 2222, instance: i-0123456789abcdef1}}
  web: {{instance: i-0123456789abcdef2}}
directories:
  corp: {{kind: okta, url: "https://acme.okta.com", secret: OKTA_TOKEN}}
  office: {{kind: entra, tenant: t, client: c, secret: ENTRA_SECRET}}
  mail: {{kind: google, admin: boss@example.com, secret: GOOGLE_ACCOUNT}}
identity_center: {{account: root, region: eu-west-1, store: d-1234567890, instance: "{INSTANCE}",
                  policy: p-frozen1234, fed_by: corp}}
"""


def test_all_of_it_is_read():
    """Hosts that have an address are reached; instance ids are known of all of them."""
    team = parse(OUTSIDE, "w.yaml")
    assert team.hosts == {
        "plain": "i-0123456789abcdef0",
        "bastion": "i-0123456789abcdef1",
        "web": "i-0123456789abcdef2",
    }
    bastion = Host("bastion", "bastion.example.com", "watchbill", 2222, Location("w.yaml", 6, 3))
    assert team.reached == {"bastion": bastion}
    assert list(team.directories) == ["corp", "office", "mail"]
    okta = Directory("corp", "okta", "OKTA_TOKEN", "https://acme.okta.com", None, None, None, Location("w.yaml", 9, 3))
    assert team.directories["corp"] == okta
    where = Location("w.yaml", 12, 1)
    found = IdentityCenter("root", "eu-west-1", "d-1234567890", INSTANCE, "p-frozen1234", "corp", where)
    assert team.identity_center == found
    assert parse("team: small\n", "w.yaml").identity_center is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port: 2222", 'user: "-x"', "`-x` is no valid local user"),
        ("port: 2222", 'user: "a;b"', "`a;b` is no valid local user"),
        ("plain: i-0123456789abcdef0", "plain: i-1", "`i-1` is no valid instance"),
        ("bastion.example.com", "-oProxyCommand=x", "`-oProxyCommand=x` is no valid address"),
        ("abcdef2}", "abcdef1}", "instance `i-0123456789abcdef1` is given twice, first in line 6"),
        ('url: "https://acme.okta.com", ', "", "`corp` lacks `url`, which `okta` takes"),
        ("tenant: t", "admin: a@example.com, tenant: t", "`entra` has no `admin`"),
        ("https://acme.okta.com", "https://acme.okta.com/x", "is no valid web address"),
        ("fed_by: corp", "fed_by: crop", "unknown directory `crop` (did you mean `corp`?)"),
        ("account: root, region", "account: rot, region", "unknown account `rot` (did you mean `root`?)"),
        ("p-frozen1234", "p-1", "`p-1` is no valid policy"),
    ],
)
def test_what_is_wrong_is_told(old, new, said):
    """In words, with its place."""
    assert OUTSIDE.count(old) == 1
    with pytest.raises(FileError) as caught:
        parse(OUTSIDE.replace(old, new), "w.yaml")
    assert said in "\n".join(str(problem) for problem in caught.value.problems)


def test_the_schema_says_the_same():
    """Editors check what watchbill reads."""
    jsonschema.validate(YAML(typ="safe").load(OUTSIDE), json.loads(json.dumps(team_schema())))
