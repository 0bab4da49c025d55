"""The team file: what is wrong with it is said at once, at its place, and nothing is built from it."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from watchbill.errors import FileError
from watchbill.team.files import parse
from watchbill.team.schema import team_schema


ROOT = Path(__file__).parents[3]
SAMPLE = (ROOT / "src/watchbill/demo/watchbill.yaml").read_text("utf-8")
SMALL = """\
team: small
accounts:
  production: {number: "111111111111", environment: production}
people:
  ana: {name: Ana, email: ana@example.com}
  bo: {name: Bo, email: bo@example.com}
permission_sets:
  look: {allow: ["ec2:Describe*"]}
groups:
  ops:
    members: [ana]
    access: [{permission_set: look, accounts: [production]}]
"""


def problems_of(text):
    """Parse and give what is wrong."""
    with pytest.raises(FileError) as caught:
        parse(text, "watchbill.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_sample_parses():
    """The sample of the demo is a team of eight with a rota around the clock."""
    team = parse(SAMPLE, "watchbill.yaml")
    assert len(team.people) == 8
    assert team.members("developers") == ("ada", "james", "lee", "rick")
    assert str(team.rotas["platform"].where).startswith("watchbill.yaml:")
    assert len(team.digest) == 64


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("members: [ana]", "members: [anna]", "watchbill.yaml:11:15 unknown person `anna` (did you mean `ana`?)"),
        ("set: look,", "set: lok,", "watchbill.yaml:12:31 unknown permission set `lok` (did you mean `look`?)"),
        ("[production]}", "[prod]}", "watchbill.yaml:12:48 unknown account `prod`"),
        ("groups:", "grups:", "watchbill.yaml:9:1 unknown key `grups` (did you mean `groups`?)"),
        ("    members", "    membrs", "watchbill.yaml:11:5 unknown key `membrs` (did you mean `members`?)"),
        ("team: small\n", "", "watchbill.yaml:1:1 `team` is missing"),
        (
            "111111111111",
            "11111111111",
            'watchbill.yaml:3:24 `11111111111` is no valid number; an account number has twelve digits: "111111111111"',
        ),
        ('"111111111111"', "111111111111", "watchbill.yaml:3:24 `111111111111` must be a text; put it in quotes"),
        (
            "bo@example.com",
            "ana@example.com",
            "watchbill.yaml:6:25 email `ana@example.com` is given twice, first in line 5",
        ),
        (
            "ec2:Describe*",
            "ec2Describe",
            "watchbill.yaml:8:18 `ec2Describe` is no valid allow; an action is a service and a name: ec2:Describe*",
        ),
        ("  bo:", "  ana:", "watchbill.yaml:6:3 key `ana` is given twice"),
        ("    members: [ana]", "    includes: [ops]", "watchbill.yaml:11:15 groups include each other: ops -> ops"),
        (
            "ana@example.com}",
            "ana@example.com, time_zone: Mars/Base}",
            "watchbill.yaml:5:55 unknown time zone `Mars/Base`",
        ),
        (
            "ana@example.com}",
            "ana@example.com, networks: [300.1.1.1/8]}",
            "watchbill.yaml:5:55 `300.1.1.1/8` is no CIDR block: '300.1.1.1/8' does not appear to be an IPv4 or IPv6 network",
        ),
    ],
)
def test_a_mistake_is_said_at_its_place(old, new, expected):
    """Line and column are those of the value, and close names are offered."""
    assert expected in [problem.replace("\n", " ") for problem in problems_of(SMALL.replace(old, new, 1))]


def test_every_mistake_is_reported_at_once():
    """Three mistakes are three problems, in the order of the file."""
    text = (
        SMALL.replace("[ana]", "[anna]")
        .replace("set: look", "set: lok")
        .replace("Bo, email", "Bo, networks: [x], email")
    )
    assert [problem.split()[0] for problem in problems_of(text)] == [
        "watchbill.yaml:6:29",
        "watchbill.yaml:11:15",
        "watchbill.yaml:12:31",
    ]


def test_mistakes_of_shape_and_of_names_are_reported_together():
    """A wrong type, a misspelt key and names that refer to nothing come in one report, in the order of the file."""
    text = SAMPLE
    for old, new in (
        ("leads: [sofia, ada]", "leads: [sofia, adaa, 7]"),
        ("omar: {name: Omar Haddad, email", "omar: {name: Omar Haddad, emial"),
        ("members: [rick, ada]", "members: [rik, 7, ada]"),
        ('handoff: {time: "11:00"}', "handoff: {time: 18}"),
        ("member: james}", "member: jams}"),
        ("members: [priya, lee]", "members: [priya, le]"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    lines = text.splitlines()
    said = [
        (lines[int(line) - 1][int(col) - 1 :].split(",")[0].rstrip("]}"), message)
        for line, col, message in (
            (*problem.removeprefix("watchbill.yaml:").split(" ", 1)[0].split(":"), problem.split(" ", 1)[1])
            for problem in problems_of(text)
        )
    ]
    assert said == [
        ("adaa", "unknown person `adaa` (did you mean `ada`?)"),
        ("7", "`7` must be a text; put it in quotes"),
        ("{name: Omar Haddad", "`email` is missing"),
        ("emial: omar@example.com", "unknown key `emial` (did you mean `email`?)"),
        ("rik", "unknown person `rik` (did you mean `rick`?)"),
        ("7", "`7` must be a text; put it in quotes"),
        ("18", "`18` must be a text; put it in quotes"),
        ("jams", "`jams` is no member of layer `emea` (did you mean `james`?)"),
        ("le", "unknown person `le` (did you mean `lee`?)"),
    ]


def test_a_misspelt_section_makes_no_name_wrong():
    """What a section declares cannot be known when its key is misspelt; the key alone is said."""
    assert problems_of(SMALL.replace("people:", "peple:")) == [
        "watchbill.yaml:4:1 unknown key `peple` (did you mean `people`?)"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    horizon: 14d", "    horizon: 5x"),
        ("date: 2026-01-12, member: rick", "date: 12 January, member: rick"),
        # Whose IAM user it is cannot be known, so it is nobody's twice.
        (
            "  rick: {name",
            "  mo: {iam_user: rick, name: Mo, email: mo@example.com}\n  rick: {iam_user: a b, name",
        ),
    ],
)
def test_a_text_in_the_wrong_form_is_one_mistake(old, new):
    """What has the wrong form is not read further."""
    assert len(problems_of(SAMPLE.replace(old, new, 1))) == 1


def _spoilt(document):
    """Give the document once for every value in it, that value in a shape no key takes."""
    paths = []

    def walk(value, path):
        if path:
            paths.append(path)
        for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            walk(value[step], (*path, step))

    walk(document, ())
    for path in paths:
        copy = json.loads(json.dumps(document))
        holder = copy
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = 7.5
        yield path, copy


def test_a_wrong_shape_makes_no_name_wrong():
    """Whatever single value of the sample has a wrong shape, that is the only kind of mistake said."""
    document = json.loads(json.dumps(YAML(typ="safe").load(SAMPLE), default=str))
    document["rotas"]["platform"]["overrides"] = [
        {
            "name": "s",
            "from": "2026-01-12T09:00:00Z",
            "to": "2026-01-13T09:00:00Z",
            "add": "lee",
            "reason": "r",
            "by": "ada",
        }
    ]
    document["rotas"]["platform"]["leave"] = [
        {"person": "ada", "from": "2026-01-12T09:00:00Z", "to": "2026-01-13T09:00:00Z"}
    ]
    spoilt = list(_spoilt(document))
    assert len(spoilt) > 200
    for path, text in ((path, json.dumps(copy)) for path, copy in spoilt):
        with pytest.raises(FileError) as caught:
            parse(text, "watchbill.yaml")
        assert {problem.code for problem in caught.value.problems} == {"bad-shape"}, path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "anchor: {date: 2026-01-12, member: rick}",
            "anchor: {date: 2026-01-12, member: lee}",
            "`lee` is no member of layer `emea-day`",
        ),
        ("date: 2026-01-12, member: rick", "date: 2026-02-30, member: rick", "`2026-02-30` is no date of the calendar"),
        ("    horizon: 14d", "    horizon: 1h", "a horizon is at least a day"),
        ("groups:\n", "groups:\n  oncall-platform: {members: []}\n", "is the name of rota `platform`'s own group"),
        (
            "    layers:",
            "    overrides: [{name: s, from: 2026-01-12T09:00:00, to: 2026-01-13T09:00:00Z, reason: r, by: ada}]\n    layers:",
            "names no time zone",
        ),
        (
            "    layers:",
            "    overrides: [{name: s, from: 2026-01-12T09:00:00Z, to: 2026-01-13T09:00:00Z, reason: r, by: ada}]\n    layers:",
            "has neither `add` nor `remove`",
        ),
        (
            "rotas:\n",
            "leave: [{person: ada, from: 2026-01-14T09:00:00Z, to: 2026-01-13T09:00:00Z}]\nrotas:\n",
            "`to` must be later than `from`",
        ),
        (
            "rotas:\n",
            "grants: [{name: g, person: ada, permission_set: support, accounts: [staging], from: 2026-01-14T09:00:00Z,"
            " to: 2026-01-15T09:00:00Z, reason: r, approver: ada}]\nrotas:\n",
            "`ada` cannot approve their own grant",
        ),
    ],
)
def test_what_makes_no_sense_is_said(old, new, expected):
    """Names may all be right and the file still not mean anything."""
    assert any(expected in problem for problem in problems_of(SAMPLE.replace(old, new, 1)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "a: &a [*a]",
        "team: [",
        "\x00",
        "team: x\nx: &x {y: *x}",
        b"\xff\xfe",
        "a: &a ["
        + "1," * 20
        + "]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 20)}]\n" for i in range(6)),
        "x: " + "[" * 5000,
    ],
)
def test_what_is_no_team_file_is_said(text):
    """Empty, another type, a cycle, a bomb, no UTF-8: each is a problem with a place, none is a crash."""
    assert all(problem.startswith("watchbill.yaml:") for problem in problems_of(text))


@given(st.text() | st.binary())
def test_any_text_parses_or_is_a_file_error(text):
    """Nothing but FileError ever comes out of arbitrary input."""
    try:
        parse(text, "watchbill.yaml")
    except FileError as error:
        assert error.problems  # noqa: PT017 - either way is fine, a crash is not


@given(st.integers(0, len(SAMPLE) - 1), st.sampled_from(list("\t:{}[]-&*!|>'\"%@`#, x0\n")))
def test_a_damaged_sample_parses_or_is_a_file_error(at, character):
    """One wrong character anywhere is read or reported, never a crash."""
    try:
        parse(SAMPLE[:at] + character + SAMPLE[at + 1 :], "watchbill.yaml")
    except FileError as error:
        assert all(problem.line for problem in error.problems)  # noqa: PT017 - either way is fine, a crash is not


def test_the_committed_schema_is_in_step():
    """What editors use is what the reader checks; `python tools/schemas.py` writes it anew."""
    assert json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8")) == team_schema()


def test_the_sample_is_valid_by_the_schema():
    """An independent validator takes the sample by the committed schema."""
    schema = json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8"))
    document = json.loads(json.dumps(YAML(typ="safe").load(SAMPLE), default=str))
    jsonschema.validate(document, schema)
