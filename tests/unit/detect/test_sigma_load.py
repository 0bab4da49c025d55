"""Rule files: what loads, what does not and is said, and what rules are to each other."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sigma.modifiers import modifier_mapping

from watchbill.detect.sigma import Rule, load, load_all, together
from watchbill.detect.sigma.block import FAMILIES, FIELDS, KEYS, STORIES
from watchbill.detect.sigma.doctor import __doc__ as doctor_page
from watchbill.detect.sigma.load import _Documents
from watchbill.detect.sigma.model import Kind, Records
from watchbill.detect.sigma.trial import try_tests, untested
from watchbill.errors import NotFoundError
from watchbill.files.rules_folder import read_rules


def rule(title="T", *, source="{product: aws, service: cloudtrail}", detection="{s: {a: b}, condition: s}", more=""):
    """Write a rule."""
    return f"title: {title}\nlogsource: {source}\ndetection: {detection}\n{more}\n"


def codes(loaded):
    """Give the codes of what was said."""
    return [problem.code for problem in loaded.problems]


def test_one_bad_document_costs_only_itself():
    """Three rules in a file, of which the second is broken."""
    loaded = load(
        "---\n".join([rule("A"), rule("B", detection="{s: {a|nonsense: b}, condition: s}"), rule("C")]), "r.yml"
    )
    assert [each.title for each in loaded.rules] == ["A", "C"]
    (failed,) = loaded.failed
    assert (failed.title, failed.file) == ("B", "r.yml")
    assert "nonsense" in failed.error
    assert codes(loaded) == ["bad-rule"]


def test_old_aggregations_are_named():
    """`| count()` is Sigma before 2.0: it is said, with the rule."""
    loaded = load(rule("Many", detection="{s: {a: b}, condition: s | count() by a > 5}"), "r.yml")
    assert not loaded.rules
    assert [failed.title for failed in loaded.failed] == ["Many"]


def test_what_is_odd_loads_and_is_said():
    """A deprecated rule, a title and an id twice, a foreign log source, a key twice."""
    same = "id: 5c2f5d5e-4d36-4d2e-9d3c-0d6a6f1f0c11"
    loaded = load_all(
        [
            (rule(more=same), "a.yml"),
            (rule(more=f"{same}\nstatus: deprecated"), "b.yml"),
            (rule("Windows", source="{product: windows, category: process_creation}"), "c.yml"),
            (rule("Twice").replace("{s: {a: b}", "{s: {a: b, a: c}"), "d.yml"),
        ]
    )
    assert len(loaded.rules) == 4
    assert not loaded.failed
    assert sorted(codes(loaded)) == ["duplicate-rule", "duplicate-rule", "odd-rule", "other-source", "outdated-rule"]
    assert loaded.rules[2].records is Records.OTHER


def test_documents_of_an_action_depend_on_each_other():
    """What is global is in each that follows."""
    text = "action: global\nlogsource: {product: aws, service: cloudtrail}\n---\n" + "---\n".join(
        f"title: {title}\ndetection: {{s: {{a: {title}}}, condition: s}}\n" for title in ("x", "y")
    )
    loaded = load(text, "r.yml")
    assert [(each.title, each.matches({"a": "y"})) for each in loaded.rules] == [("x", False), ("y", True)]


def test_a_filter_is_applied_wherever_it_lies():
    """Sigma filters leave out what is known to be harmless."""
    text = """
title: Not ours
logsource: {product: aws, service: cloudtrail}
filter: {rules: [it], ours: {b: c}, condition: not ours}
"""
    loaded = load_all([(text, "f.yml"), (rule(more="name: it"), "r.yml"), (rule("Other"), "s.yml")])
    it, other = loaded.rules
    assert (it.matches({"a": "b"}), it.matches({"a": "b", "b": "c"})) == (True, False)
    assert other.matches({"a": "b", "b": "c"})


FILTER = (
    "title: F\nlogsource: {{product: aws, service: cloudtrail}}\nfilter: {{rules: {}, s: {{b: c}}, condition: not s}}\n"
)


@pytest.mark.parametrize(
    ("named", "left_out", "said"),
    [
        ("[T]", [True, False], "by its title"),
        ("[old-7]", [True, False], None),
        ("any", [True, True], None),
        ("[nobody]", [False, False], "for no rule"),
    ],
)
def test_a_filter_is_never_lost(named, left_out, said):
    """By title, by an id that is no UUID, for all; one that no rule is for is said."""
    loaded = load_all(
        [(rule("T", more="id: old-7"), "r.yml"), (rule("Other"), "s.yml"), (FILTER.format(named), "f.yml")]
    )
    assert [not each.matches({"a": "b", "b": "c"}) for each in loaded.rules] == left_out
    assert all(each.matches({"a": "b"}) for each in loaded.rules)
    about = [problem.message for problem in loaded.problems if problem.file == "f.yml"]
    assert said in about[0] if said else not about, about


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("status: brand-new", "status"),
        ("level: extreme", "level"),
        ("date: 2026/99/99", "date"),
        ("modified: soon", "modified"),
        ("tags: attack.t1078", "tags"),
        ("tags: [plain]", "tags"),
        ("author: [one, other]", "author"),
        ("references: https://example.com", "references"),
        ("falsepositives: none", "falsepositives"),
        ("fields: eventName", "fields"),
        ("description: [a]", "description"),
        ("related: [{id: x, type: similar}]", "related"),
        ("id: rule-7", "id"),
        ("id: 12", "id"),
    ],
)
def test_what_decides_nothing_keeps_no_rule_out(more, key):
    """It is passed over, and said."""
    loaded = load(rule(more=more), "r.yml")
    (found,) = loaded.rules
    assert (found.matches({"a": "b"}), found.matches({"a": "c"})) == (True, False)
    (problem,) = loaded.problems
    assert problem.code == "odd-rule"
    assert f"`T`: `{key}` is passed over" in problem.message
    assert not loaded.failed
    if key == "id":
        assert found.id == more.removeprefix("id: ")


def test_two_flaws_of_which_one_matters():
    """A rule with a bad status does not run without its bad test."""
    loaded = load(rule(detection="{s: {a|nonsense: b}, condition: s}", more="status: brand-new"), "r.yml")
    assert not loaded.rules
    assert "nonsense" in loaded.failed[0].error


@pytest.mark.parametrize(("title", "expected"), [("", "r.yml"), ("title: 5", "5"), (f"title: {'x' * 300}", "x" * 256)])
def test_a_rule_without_a_title_has_its_files_name(title, expected):
    """Else nobody could tell which it was."""
    loaded = load(rule().replace("title: T", title), "r.yml")
    assert [(each.title, each.matches({"a": "b"})) for each in loaded.rules] == [(expected, True)]


def test_a_correlation_finds_an_id_that_is_no_uuid():
    """As rules that were written by hand have them."""
    loaded = load_all([(COUNT.format(rule="base-7"), "c.yml"), (rule(more="id: base-7"), "r.yml")])
    assert loaded.correlations[0].members[0] is loaded.rules[0]
    assert not any("its title" in problem.message for problem in loaded.problems)


@pytest.mark.parametrize(
    ("detection", "record", "expected"),
    [
        ("{s: {a: b}, t: {c: d}, condition: s AND NOT t}", {"a": "b"}, True),
        ("{s: {a: b}, t: {c: d}, condition: s AND NOT t}", {"a": "b", "c": "d"}, False),
        ("{s: {a: b}, t: {c: d}, condition: s OR t}", {"c": "d"}, True),
        ("{s: {a: b}, t: {c: d}, condition: ALL OF THEM}", {"a": "b"}, False),
        ("{AND: {a: b}, OR: {c: d}, condition: AND or OR}", {"c": "d"}, True),
        ("{s: {a: b}, t: {c: d}, condition: [s, NOT t]}", {}, True),
        ("{s: {a|contains: 22}, condition: s}", {"a": "x 22 y"}, True),
        ("{s: {a|startswith: [1, 22]}, condition: s}", {"a": "224"}, True),
        ("{s: [{a|endswith: 22}], condition: s}", {"a": 1022}, True),
        ("{s: {a: 22}, condition: s}", {"a": "022"}, True),
        ("{s: {a|exists: 'true'}, condition: s}", {"a": 1}, True),
        ("{s: {a|exists: 'False'}, condition: s}", {"a": 1}, False),
        ("{s: {a: No}, condition: s}", {"a": "No"}, True),
        ("{s: {a: No}, condition: s}", {"a": False}, True),
        ("{s: {a: Yes}, condition: s}", {"a": "no"}, False),
        ("{s: {a: 'No'}, condition: s}", {"a": False}, False),
        ("{s: {a: 2026-01-12}, condition: s}", {"a": "2026-01-12"}, True),
        ("{s: {a|startswith: 2026-01-12T10:00:00Z}, condition: s}", {"a": "2026-01-12T10:00:00Z"}, True),
    ],
)
def test_what_is_written_loosely_is_what_was_meant(detection, record, expected):
    """Words in capitals, numbers as digits, days as texts."""
    loaded = load(rule(detection=detection), "r.yml")
    assert not loaded.problems
    assert loaded.rules[0].matches(record) is expected


def test_yaml_is_read_as_it_is_elsewhere():
    """Anchors, merges, tags and every kind of scalar give what the reader of YAML gives, but for days and instants."""
    text = """
list: &list [a, 1, 1.5, yes, ~, 0x10, 1e3, "1", 'no', "<<"]
base: &base {one: *list, 2: two, null: 3, true: 4}
more: {<<: *base, one: other}
both: {<<: [*base, {deep: {er: 1}}], x: *list}
tagged: !!str 5
set: !!set {a, b}
pairs: !!omap [a: 1]
text: |
  of two
  lines
"""
    assert _Documents(text).read() == list(yaml.safe_load_all(text))
    assert _Documents("a: 1\n---\n---\n- b\n").read() == [{"a": 1}, ["b"]]
    assert _Documents("a: 2026-01-12\nb: 2026-01-12 10:00:00").read() == [
        {"a": "2026-01-12", "b": "2026-01-12 10:00:00"}
    ]


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]", "&a {b: *a}", "? [a]\n: b", "? {a: b}\n: b", "a: *no", "!!python/name:os.system ''", "!!int x"],
)
def test_odd_yaml_is_refused(text):
    """What is in itself, keys that are no texts, tags of programs."""
    loaded = load(f"{text}\n", "r.yml")
    assert not loaded.rules
    assert loaded.failed


def test_a_value_that_is_in_itself_is_refused():
    """Though the rest of the rule is sound."""
    loaded = load(rule(more="x: &x [*x]"), "r.yml")
    assert not loaded.rules
    assert "what it is in" in loaded.failed[0].error


COUNT = "title: C\ncorrelation: {{type: event_count, rules: [{rule}], timespan: 5m, condition: {{gte: 2}}}}\n"


@pytest.mark.parametrize(
    ("named", "warned"), [("it", False), ("5c2f5d5e-4d36-4d2e-9d3c-0d6a6f1f0c11", False), ("T 1", True)]
)
def test_a_correlation_names_its_rules_by_id_name_or_title(named, warned):
    """By title as Suzaku's do, which Sigma does not know: taken, with a warning; from another file of the folder."""
    base = rule("T 1", more="id: 5c2f5d5e-4d36-4d2e-9d3c-0d6a6f1f0c11\nname: it")
    loaded = load_all([(COUNT.format(rule=named), "c.yml"), (base, "sub/r.yml")])
    (correlation,) = loaded.correlations
    assert correlation.members[0] is loaded.rules[0]
    assert (correlation.kind, correlation.span_ms, correlation.bounds) == (Kind.EVENT_COUNT, 300_000, (("gte", 2.0),))
    assert ("by its title" in str(loaded.problems)) is warned


def test_a_title_is_looked_for_in_the_same_file_first():
    """Where two rules have it, and the warning says that there are two."""
    base, far = rule("T", detection="{s: {a: near}, condition: s}"), rule("T", detection="{s: {a: far}, condition: s}")
    loaded = load_all([(far, "a.yml"), (f"{base}---\n{COUNT.format(rule='T')}", "b.yml")])
    (correlation,) = loaded.correlations
    (member,) = correlation.members
    assert isinstance(member, Rule)
    assert member.matches({"a": "near"})
    assert "which 2 rules have" in str(loaded.problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COUNT.format(rule="nobody"), "there is no rule `nobody`"),
        (COUNT.format(rule="C"), "there is no rule `C`"),
        (COUNT.format(rule="T").replace("gte: 2", "gte: many"), "condition count"),
        (COUNT.format(rule="T").replace("gte: 2", "gte: 2, lt: x"), "is no number"),
        (COUNT.format(rule="T").replace("5m", "5x"), "Timespan"),
        (COUNT.format(rule="T").replace("event_count", "event_sum"), "correlation type"),
        (COUNT.format(rule="T").replace("timespan", "group-by: wb.persn, timespan"), "`wb.persn` is no derived field"),
        (COUNT.format(rule="T") + "watchbill: {absent: T}", "`absent` is for `temporal_ordered` of two rules"),
        (COUNT.format(rule="T") + "watchbill: {actor: person}", "asks nothing of single events"),
        (COUNT.format(rule="T").replace("timespan", "aliases: {x: {U: a}}, timespan"), "none of its rules"),
    ],
)
def test_a_correlation_that_cannot_run_says_so(text, said):
    """And the rule that it would have counted is there all the same."""
    loaded = load_all([(rule(), "r.yml"), (text, "c.yml")])
    assert len(loaded.rules) == 1
    assert not loaded.correlations
    (failed,) = loaded.failed
    assert said in failed.error
    assert failed.file == "c.yml"


def test_a_circle_of_correlations_is_not_run():
    """Neither counts what counts itself."""
    text = "---\n".join(
        f"title: {one}\nname: {one}\ncorrelation: {{type: temporal, rules: [{other}, T], timespan: 5m}}\n"
        for one, other in ("ab", "ba")
    )
    loaded = load_all([(rule(more="name: T"), "r.yml"), (text, "c.yml")])
    assert not loaded.correlations
    assert len(loaded.failed) == 2


def test_a_member_that_does_not_load_is_missed():
    """The correlation says which."""
    broken = rule("Broken", more="name: it\nwatchbill: {stage: loud}")
    loaded = load_all([(broken, "r.yml"), (COUNT.format(rule="it"), "c.yml")])
    assert [failed.title for failed in loaded.failed] == ["Broken", "C"]
    assert "`it`" in loaded.failed[1].error


BLOCK = """
watchbill:
  stage: live
  actor: [person, root]
  shift: off
  entitled: no
  new_for: [person.network, company.action]
  outcome: allowed
  ask: did you make this key?
  dedupe: {by: [wb.person, requestParameters.userName], within: 24h}
  weigh:
    - {family: action, fact: persistence}
    - {family: breadth, decibans: {hijack: 8, "mistake or shift overrun": -8}}
  tests:
    - name: it is
      hits: 1
      events:
        - a: b
          wb: &all
            actor: root
            shift: {state: never}
            entitled: no
            outcome: allowed
            first_seen: {network: true, company: {action: true}}
        - {a: c, wb: *all}
        - {a: b}
"""


def test_the_block_is_read():
    """Every key of it, with YAML's truth values taken for the words they were."""
    (found,) = load(rule(more=BLOCK), "r.yml").rules
    block = found.block
    assert block.live
    assert block.ask == "did you make this key?"
    assert block.dedupe is not None
    assert (block.dedupe.by, block.dedupe.within.total_seconds()) == (
        ("wb.person", "requestParameters.userName"),
        86400,
    )
    assert block.facts == {"action": "persistence"}
    assert block.decibans == {"breadth": {"hijack": 8, "mistake or shift overrun": -8}}
    wb = {
        "actor": "root",
        "shift": {"state": "ended"},
        "entitled": "no",
        "outcome": "allowed",
        "first_seen": {"network": True, "company": {"action": True}},
    }
    assert found.matches({"a": "b", "wb": wb})
    for key, other in [
        ("actor", "service"),
        ("shift", {"state": "on"}),
        ("entitled", "unknown"),
        ("outcome", "denied"),
        ("first_seen", {"network": True, "company": {"action": None}}),
    ]:
        assert not found.matches({"a": "b", "wb": {**wb, key: other}})
    assert not found.matches({"a": "b"})
    assert not found.matches({"a": "c", "wb": wb})


def test_a_rule_without_a_block_is_staged():
    """A foreign rule is a signal until somebody says that it is an alert."""
    (found,) = load(rule(), "r.yml").rules
    assert not found.block.live


@pytest.mark.parametrize(
    ("shift", "state", "minutes", "expected"),
    [
        ("on", "on", None, True),
        ("off", "on", None, False),
        ("off", "not yet", None, True),
        ("any", "on", None, True),
        ("ended<2h", "ended", 119.5, True),
        ("ended<2h", "ended", 120, False),
        ("ended<30m", "never", None, False),
        ("'off'", None, None, False),
    ],
)
def test_shifts(shift, state, minutes, expected):
    """Which hours a rule is about; where nobody's shift is known it does not match."""
    (found,) = load(rule(more=f"watchbill: {{shift: {shift}}}"), "r.yml").rules
    assert found.matches({"a": "b", "wb": {"shift": {"state": state, "minutes_after_end": minutes}}}) is expected


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("stag: live", "no key `stag`"),
        ("stage: loud", "`stage` is `loud`"),
        ("actor: robot", "`actor` is `robot`"),
        ("actor: []", "`actor` is an empty list"),
        ("shift: late", "ended<2h"),
        ("shift: ended<2", "`shift` is `ended<2`"),
        ("entitled: maybe", "`entitled` is `maybe`"),
        ("new_for: person.asn", "`new_for` is `person.asn`"),
        ("outcome: [allowed, refused]", "`outcome` is `refused`"),
        ("ask: 5", "`ask` takes a text"),
        ("dedupe: {by: wb.person}", "`by` and `within`"),
        ("dedupe: {by: wb.persn, within: 1h}", "`wb.persn`"),
        ("dedupe: {by: a, within: 0h}", "`dedupe.within` is `0h`"),
        ("weigh: {family: actions, fact: x}", "`weigh.family` is `actions`"),
        ("weigh: {family: action}", "`weigh` takes"),
        ("weigh: {family: action, decibans: {hijak: 1}}", "`hijak`"),
        ("weigh: {family: action, decibans: {hijack: 1000}}", "`1000`"),
        ("weigh: [{family: action, fact: x}, {family: action, fact: y}]", "`action` twice"),
        ("tests: [{name: x, events: [1], hits: 1}]", "`tests[0].events`"),
        ("tests: [{name: x, events: [], hits: -1}]", "`tests[0].hits`"),
        ("tests: [{name: x, hit: 1}]", "`tests[0]` takes"),
        ("absent: x", "`absent` is for correlations"),
    ],
)
def test_a_slip_in_the_block_keeps_the_rule_out(block, said):
    """The message names the key: a rule must not become milder or louder by a slip."""
    loaded = load(rule(more=f"watchbill: {{{block}}}"), "r.yml")
    assert not loaded.rules
    assert said in loaded.failed[0].error
    assert [problem.file for problem in loaded.problems] == ["r.yml"]


def test_words_of_the_block():
    """Each family and story is there once, and derived fields all begin alike."""
    assert len(set(FAMILIES)) == len(FAMILIES) == 15
    assert len(set(STORIES)) == len(STORIES) == 9
    assert all(name.startswith("wb.") for name in FIELDS)


def test_tests_beside_a_rule_are_tried():
    """The events are records, derived fields in them; how many match is what counts."""
    loaded = load(rule(more=BLOCK), "r.yml")
    (trial,) = try_tests(loaded)
    assert (trial.passed, trial.found, trial.expected, trial.name) == (True, 1, 1, "it is")
    (wrong,) = try_tests(load(rule(more=BLOCK.replace("hits: 1", "hits: 2")), "r.yml"))
    assert not wrong.passed
    assert [each.title for each in untested(load(rule(), "r.yml"))] == ["T"]


def test_a_test_of_a_correlation_needs_times():
    """One without is a failed test that says so."""
    events = "{name: x, hits: 0, events: [{a: b}]}"
    loaded = load_all([(rule(), "r.yml"), (COUNT.format(rule="T") + f"watchbill: {{tests: [{events}]}}", "c.yml")])
    (trial,) = try_tests(loaded)
    assert (trial.passed, trial.why) == (False, "event 1 of it has no `eventTime`")


def test_a_record_of_auditd_may_stand_by_itself_in_a_test():
    """As a line of the log says it."""
    more = "watchbill: {tests: [{name: x, hits: 1, events: [{type: EXECVE, a0: b}, {type: PATH, a0: b}]}]}"
    source, detection = "{product: linux, service: auditd}", "{s: {type: EXECVE, a0: b}, condition: s}"
    (trial,) = try_tests(load(rule(source=source, detection=detection, more=more), "r.yml"))
    assert trial.passed


def test_folders_put_together_keep_what_each_said():
    """Rules of several folders are run side by side."""
    one, other = load(rule("A"), "a.yml"), load("x", "b.yml")
    both = together([one, other])
    assert (both.rules, both.failed, both.problems) == (one.rules, other.failed, other.problems)


def test_a_folder_is_read_in_order_and_bad_files_are_named(tmp_path):
    """Bytes that are no text and an empty file are problems with their names; what a checkout hides is passed over."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b/rule.YML").write_text("\ufeff" + rule("B"), "utf-8")
    (tmp_path / "a.yaml").write_text(COUNT.format(rule="B"), "utf-8")
    (tmp_path / "bad.yml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.yml").write_text("")
    (tmp_path / "README.md").write_text("x")
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/check.yml").write_text("on: push")
    loaded = read_rules(tmp_path)
    assert [each.title for each in loaded.rules] == ["B"]
    assert [each.title for each in loaded.correlations] == ["C"]
    assert sorted(failed.file for failed in loaded.failed) == ["bad.yml", "empty.yml"]
    with pytest.raises(NotFoundError):
        read_rules(tmp_path / "none")


nested = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["s", "a|re", "", "*", "%x%", "1 of them", "("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["title", "logsource", "detection", "condition", "s", "correlation", "a|re", "watchbill", "tests"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["title", "id", "logsource", "detection", "correlation", "watchbill"]), nested))
def test_no_document_raises(document):
    """Each gives a rule, or a problem that names the file."""
    loaded = load(json.dumps(document), "r.yml")
    assert loaded.rules or loaded.correlations or loaded.failed
    assert all(problem.file == "r.yml" for problem in loaded.problems)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_no_text_raises(text):
    """Whatever is in a file."""
    loaded = load(text, "r.yml")
    assert loaded.failed
    assert loaded.problems


def test_a_bomb_of_aliases_is_refused():
    """It would become as large as memory."""
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    loaded = load(bomb + rule(), "r.yml")
    assert not loaded.rules
    assert loaded.failed


PAGE = (Path(__file__).parents[3] / "docs/rules.md").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_examples_of_the_page_load(text):
    """As they stand, and their tests pass."""
    loaded = load(text, "r.yml")
    assert not loaded.problems
    assert all(trial.passed for trial in try_tests(loaded))
    assert loaded.correlations or any(rule.block.live for rule in loaded.rules)


def test_the_page_names_every_key_and_field_and_flaw():
    """What can be written is written of."""
    assert all(f"| `{key}` |" in PAGE for key in KEYS)
    named = {name for name in FIELDS if name.count(".") < 3 and not name.startswith("wb.first_seen")}
    assert all(f"`{name}`" in PAGE for name in named)
    assert all(f"`{code}`" in PAGE for code in re.findall(r"^\* `([a-z-]+)`", doctor_page, re.MULTILINE))
    assert all(f"`{name}`" in PAGE for name in modifier_mapping if len(name) > 1 and name not in LONG)


LONG = {"ignorecase", "multiline", "dotall"}
"""Other names of `i`, `m` and `s`."""
