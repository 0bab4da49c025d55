"""The pages, by the team file: where they are, and who may see what."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from watchbill.errors import FileError, Location
from watchbill.team.files import parse
from watchbill.team.model import SignIn, Web
from watchbill.team.schema import team_schema


PAGES = """\
team: small
web:
  base: https://Watchbill.example.com
  sign_in:
    issuer: https://acme.okta.com/oauth2/default
    client: 0oa1
    secret: WATCHBILL_SIGN_IN
    scopes: [groups]
    roles: {lead: [oncall-leads], viewer: [engineering, support]}
"""


def test_all_of_it_is_read():
    """Hosts have no case; the claim of groups is `groups` unless it is said."""
    roles = {"lead": ("oncall-leads",), "viewer": ("engineering", "support")}
    issuer = "https://acme.okta.com/oauth2/default"
    sign_in = SignIn(issuer, "0oa1", "WATCHBILL_SIGN_IN", ("groups",), "groups", roles)
    assert parse(PAGES, "w.yaml").web == Web("https://watchbill.example.com", sign_in, Location("w.yaml", 2, 1))
    here = "team: small\nweb: {base: http://127.0.0.1:8470}\n"
    assert parse(here, "w.yaml").web == Web("http://127.0.0.1:8470", None, Location("w.yaml", 2, 1))
    assert parse("team: small\n", "w.yaml").web is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://Watch", "http://Watch", "`http://Watchbill.example.com` is not encrypted: write https"),
        ("https://acme", "http://acme", "`http://acme.okta.com/oauth2/default` is not encrypted: write https"),
        (".example.com", ".example.com/x", "is no valid web address"),
        ("lead:", "boss:", "boss"),
        ("secret: WATCHBILL_SIGN_IN", "secret: hunter2", "`hunter2` is no valid secret"),
        ("[groups]", '["a b"]', "`a b` is no valid scopes"),
        ("default", "default?x", "is no valid issuer"),
        ("  sign_in:\n", "  sign_on:\n", "without `sign_in` the pages are for this machine alone"),
    ],
)
def test_what_is_wrong_is_told(old, new, said):
    """In words, with its place."""
    assert PAGES.count(old) == 1
    with pytest.raises(FileError) as caught:
        parse(PAGES.replace(old, new), "w.yaml")
    assert said in "\n".join(str(problem) for problem in caught.value.problems)


def test_the_schema_says_the_same():
    """Editors check what watchbill reads."""
    jsonschema.validate(YAML(typ="safe").load(PAGES), json.loads(json.dumps(team_schema())))
