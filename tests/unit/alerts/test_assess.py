"""How stories are weighed: the rules of the weights, when none may lead, what is asked next, and who may see what."""

import itertools
from dataclasses import replace
from importlib import resources
from math import isclose, log2, log10

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watchbill.alerts.assess import assess, for_reader, may_freeze
from watchbill.alerts.stories import Further, Story
from watchbill.alerts.weights import FACTS, KINDS, facts_of, further, read_weights, shipped
from watchbill.errors import FileError


WEIGHTS = shipped()
OWN = {Story.FORGOTTEN_PASSWORD, Story.MISTAKE, Story.APPROVED, Story.CONTROL_GAP}
APART = "on a channel the account does not reach"

kinds = st.sampled_from(KINDS)
facts_given = st.fixed_dictionaries(
    {}, optional={family: st.sampled_from([*facts, "unknown"]) for family, facts in FACTS.items()}
)
decibans = st.integers(-25, 25)
rules = st.lists(
    st.builds(
        Further,
        st.sampled_from(["place", "action", "time"]),
        st.sampled_from(["rule a", "rule b"]),
        st.dictionaries(st.sampled_from([Story.HIJACK, Story.MISTAKE, Story.BRUTE_FORCE, Story.UNKNOWN]), decibans),
    ),
    max_size=3,
)


def weight(family, fact, story):
    """Give one figure of the file."""
    return WEIGHTS.families[family].decibans[fact].get(story, 0)


# --- the rules of the weights --------------------------------------------------------------------


@given(kinds, facts_given, rules)
def test_weights_keep_their_rules(kind, facts, more):
    """Every total is its prior and its addends, one a family; the probabilities are a whole, the likeliest first."""
    found = assess(kind, facts, "james", more).hypotheses
    assert {each.story for each in found} == set(WEIGHTS.priors[kind])
    assert isclose(sum(each.probability for each in found), 1)
    assert [each.decibans for each in found] == sorted((each.decibans for each in found), reverse=True)
    for each in found:
        families = [addend.family for addend in each.addends]
        assert len(families) == len(set(families))
        assert 0 not in [addend.decibans for addend in each.addends]
        assert each.decibans == WEIGHTS.priors[kind][each.story] + sum(a.decibans for a in each.addends)
        apart = 10 * log10(found[0].probability / each.probability)
        assert isclose(apart, found[0].decibans - each.decibans, abs_tol=1e-6)


@given(kinds, facts_given)
def test_the_addends_are_those_of_the_file(kind, facts):
    """What is shown is what was added, and all of it."""
    for each in assess(kind, facts, "james").hypotheses:
        shown = {addend.family: (addend.fact, addend.decibans) for addend in each.addends}
        known = {family: fact for family, fact in facts.items() if fact in facts_of(family, kind)}
        expected = {family: (fact, weight(family, fact, each.story)) for family, fact in known.items()}
        assert shown == {family: said for family, said in expected.items() if said[1]}


def test_every_assessment_names_the_version_of_its_weights():
    """Else nobody could tell later why it was said."""
    assert assess("action", {}, None).weights_version == WEIGHTS.version == 2
    assert assess("gap", {}, None).weights_version == 0


def test_off_shift_alone_adds_little():
    """The shift may tip no story by itself, and off shift speaks for harm with six decibans at most, all told."""
    assert max(abs(value) for row in WEIGHTS.families["time"].decibans.values() for value in row.values()) <= 6
    for time, harm, own in itertools.product(("ended", "off", "no shift"), (Story.HIJACK, Story.INSIDER), OWN):
        assert weight("time", time, harm) - weight("time", time, own) <= 6
    for kind, time in itertools.product(KINDS, FACTS["time"]):
        assert assess(kind, {"time": time}, "james").leading is None


def test_an_answer_has_its_bounds():
    """Chat is easily lost: fifteen decibans between any two stories, silence two; a second factor says more."""
    rows = {fact: {s: weight("answer", fact, s) for s in Story} for fact in FACTS["answer"]}
    spread = {fact: max(row.values()) - min(row.values()) for fact, row in rows.items()}
    assert spread["yes"] <= 15
    assert max(abs(value) for row in rows.values() for value in row.values()) <= 15
    assert max(abs(value) for value in rows["silence"].values()) <= 2
    for own, other in itertools.product(OWN, (Story.HIJACK, Story.BRUTE_FORCE)):
        with_it = rows["yes with second factor"][own] - rows["yes with second factor"][other]
        assert with_it >= rows["yes"][own] - rows["yes"][other]
    for own in OWN:
        assert rows["no"][own] < 0 < rows["no"][Story.HIJACK]


@given(kinds, facts_given, rules)
def test_nothing_moves_the_unknown(kind, facts, more):
    """It is flat, so that what hurts every story makes none of them win."""
    (unknown,) = [each for each in assess(kind, facts, None, more).hypotheses if each.story is Story.UNKNOWN]
    assert (unknown.decibans, unknown.addends) == (WEIGHTS.priors[kind][Story.UNKNOWN], ())


def test_strange_evidence_wins_nothing():
    """Where every story is unlikely, the least unlikely is not crowned."""
    strange = {
        "time": "shift start",
        "device": "new",
        "continuity": "fresh sign-in without mfa",
        "control": "nothing found",
    }
    found = assess("action", {**strange, "place": "usual", "action": "denied-burst", "habit": "usual"}, "james")
    assert found.leading is None
    assert found.hypotheses[0].story is Story.UNKNOWN
    assert found.why.startswith("undecided: no story explains it; the likeliest is ")


def test_what_nobody_has_known_long_enough_adds_nothing():
    """`unknown` is as good as absent: nothing is new to whom nobody knows."""
    known = {"time": "ended", "action": "persistence"}
    blank = dict.fromkeys(("place", "device", "habit", "weather"), "unknown")
    assert assess("action", {**known, **blank}, "james").hypotheses == assess("action", known, "james").hypotheses


# --- what rules add ------------------------------------------------------------------------------


def addend(found, story, family):
    """Give the addends of a family to a story."""
    (hypothesis,) = [each for each in found.hypotheses if each.story is story]
    return [(each.fact, each.decibans) for each in hypothesis.addends if each.family == family]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({Story.HIJACK: 9}, ("rule", 9)),
        ({Story.HIJACK: 3}, ("persistence", 4)),
        ({Story.HIJACK: -4}, ("persistence", 4)),
        ({Story.HIJACK: -9}, ("rule", -9)),
        ({Story.HIJACK: 99}, ("rule", 20)),
        ({Story.MISTAKE: 9}, ("persistence", 4)),
    ],
)
def test_of_one_family_the_larger_counts(said, expected):
    """A fact and a rule about the same thing are one piece of evidence; what a rule may say is bounded."""
    found = assess("action", {"action": "persistence"}, "james", [Further("action", "rule", said)])
    assert addend(found, Story.HIJACK, "action") == [expected]


def test_two_rules_of_one_family_count_once():
    """Whatever their order."""
    two = [Further("habit", "one", {Story.HIJACK: 5}), Further("habit", "two", {Story.HIJACK: 7})]
    for more in (two, two[::-1]):
        assert addend(assess("action", {}, "james", more), Story.HIJACK, "habit") == [("two", 7)]


def test_a_rule_about_the_hour_is_bound_like_the_hour():
    """Off shift does not become strong evidence by being said in a rule."""
    found = assess("action", {}, "james", [Further("time", "night owl", {Story.HIJACK: 20})])
    assert addend(found, Story.HIJACK, "time") == [("night owl", 6)]


def test_a_rule_speaks_as_a_family_of_evidence():
    """It counts for the three, unless its family has spoken before."""
    facts = {"place": "new", "device": "new"}
    said = {Story.HIJACK: 12}
    assert "only 2" in assess("action", facts, "james").why
    assert assess("action", facts, "james", [Further("action", "rule", said)]).leading is Story.HIJACK
    assert "only 2" in assess("action", facts, "james", [Further("device", "rule", said)]).why


def test_a_rules_block_becomes_what_it_adds():
    """Names are those of the stories; a family or a story that nobody knows is a mistake of the loader's."""
    block = {"action": {"hijack": 8, "mistake or shift overrun": -8}}
    assert further("t", block) == (Further("action", "t", {Story.HIJACK: 8, Story.MISTAKE: -8}),)
    for wrong in ({"weather": {"hijack": 1}}, {"action": {"burglar": 1}}):
        with pytest.raises(ValueError, match=r"weather|burglar"):
            further("t", wrong)


# --- when nothing may lead -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_too_little_evidence_abstains(kind):
    """Two families, whatever they say, decide nothing, and the reader is told that they are too few."""
    assert WEIGHTS.families_least == 3
    pairs = itertools.combinations([(family, fact) for family, facts in FACTS.items() for fact in facts], 2)
    for facts in [{}, *map(dict, pairs)]:
        found = assess(kind, facts, "james")
        assert found.leading is None
        assert found.why.startswith(("undecided: only ", "undecided: no evidence speaks"))


def test_who_it_is_and_how_well_it_is_recorded_is_no_evidence_of_what_happened():
    """They may weigh, and are none of the three that must have spoken."""
    facts = {"identity": "automation", "telemetry": "whole", "continuity": "long-term key", "rhythm": "machine"}
    assert assess("action", facts, "james").why == "undecided: only 2 kinds of evidence speak"
    assert assess("action", {**facts, "habit": "usual"}, "james").leading is Story.AUTOMATION


@pytest.mark.parametrize(
    ("kind", "more", "spoken"),
    [
        ("action", {"place": "unknown", "action": "root", "weather": "new"}, 2),
        ("action", {"breadth": "one name"}, 2),
        ("sign-in", {"action": "read", "continuity": "long-term key"}, 3),
        ("sign-in", {"breadth": "bulk"}, 2),
        ("action", {"time": "off"}, 3),
        ("sign-in", {"rhythm": "human"}, 3),
    ],
)
def test_what_says_nothing_of_these_stories_does_not_speak(kind, more, spoken):
    """Facts without weight, and those that belong to cases of the other kind, do not count as evidence."""
    found = assess(kind, {"device": "new", "answer": "no", **more}, "james")
    assert (f"only {spoken} kinds of evidence speak" in found.why) is (spoken < 3)


@pytest.mark.parametrize(
    ("facts", "said"),
    [({}, "no evidence speaks"), ({"device": "new"}, "only 1 kind of evidence speaks")],
)
def test_how_little_speaks_is_said_in_words(facts, said):
    """None, and one, are no kinds."""
    assert assess("action", facts, "james").why == f"undecided: {said}"


@given(kinds, facts_given, rules)
def test_what_leads_has_four_chances_in_five(kind, facts, more):
    """Nothing is decided below that, nor in a gap, nor against a denial; and nothing else is left open."""
    found = assess(kind, facts, "james", more)
    first = found.hypotheses[0]
    barred = (
        first.story is Story.UNKNOWN
        or facts.get("telemetry") == "gap"
        or (facts.get("answer") == "no" and first.story in OWN)
    )
    if found.leading is not None:
        assert found.leading is first.story
        assert first.probability >= WEIGHTS.decided_at == 0.8
        assert not barred
        assert found.why.startswith(f"{first.story} {first.probability:.2f} by ")
    else:
        assert found.why.startswith("undecided: ")
        assert first.probability < 0.8 or barred or "only" in found.why


HIJACK = {"place": "new", "device": "new", "continuity": "fresh sign-in without mfa", "action": "persistence"}


@pytest.mark.parametrize(("telemetry", "leading"), [("whole", Story.HIJACK), ("late", Story.HIJACK), ("gap", None)])
def test_a_gap_in_the_trail_decides_nothing(telemetry, leading):
    """What is missing might say otherwise, and the next thing is to find it."""
    found = assess("action", {**HIJACK, "telemetry": telemetry}, "james")
    assert found.leading is leading
    if leading is None:
        assert found.why.endswith("but the trail has a gap, and what speaks against it may lie there")
        assert found.question == "what was not recorded, and what else saw it?"
        assert {each.decides for each in found.questions} == {0}


def test_nobody_is_cleared_of_what_they_deny():
    """The person's no says that something is wrong, even where all else is theirs."""
    theirs = {
        "time": "ended",
        "continuity": "session of the shift",
        "place": "usual",
        "habit": "usual",
        "action": "change",
    }
    assert assess("action", theirs, "james").leading is Story.MISTAKE
    denied = assess("action", {**theirs, "answer": "no"}, "james")
    assert (denied.leading, denied.hypotheses[0].story) == (None, Story.MISTAKE)
    assert denied.why.endswith("but the person says no")


# --- what is asked next --------------------------------------------------------------------------

ROW_EIGHT = {"place": "new", "breadth": "one name", "outcome": "success without mfa"}


def test_the_next_question_is_the_one_most_is_had_by():
    """They are ranked by the bits they take away, of what is not yet known, and the first is asked."""
    found = assess("sign-in", ROW_EIGHT, "rick")
    assert [(each.family, round(each.gain, 2), round(each.decides, 2)) for each in found.questions][:2] == [
        ("answer", 0.13, 0.84),
        ("identity", 0.09, 0.17),
    ]
    assert found.question == (
        "was it rick? ask them, on a channel the account does not reach (expected gain 0.13 bits)"
    )


def test_a_gain_is_what_the_weights_say_it_is():
    """By hand, for the second factor's family of a case of two facts: entropy now, less what is left on the average."""
    found = assess("action", {"time": "ended", "place": "usual"}, "james")
    chances = {each.story: each.probability for each in found.hypotheses}

    def entropy(of):
        return -sum(p * log2(p) for p in of if p)

    left = 0.0
    for fact in FACTS["continuity"]:
        joint = [p * WEIGHTS.likelihoods("continuity", "action", story)[fact] for story, p in chances.items()]
        left += sum(joint) * entropy([each / sum(joint) for each in joint])
    (asked,) = [each for each in found.questions if each.family == "continuity"]
    assert asked.gain == pytest.approx(entropy(chances.values()) - left)


@given(kinds, facts_given, st.sampled_from(["james", None]))
def test_questions_are_worth_asking(kind, facts, person):
    """None of them is known already, none gains more than there is to know, and none is to a person nobody knows."""
    found = assess(kind, facts, person)
    whole = -sum(each.probability * log2(each.probability) for each in found.hypotheses)
    gains = [each.gain for each in found.questions]
    assert gains == sorted(gains, reverse=True)
    assert all(0 < gain <= whole + 1e-9 for gain in gains)
    assert all(0 <= each.decides <= 1 for each in found.questions)
    known = {family for family, fact in facts.items() if fact in facts_of(family, kind)}
    asked = [each.family for each in found.questions]
    assert len(asked) == len(set(asked))
    assert not known & set(asked)
    assert person is not None or ("answer" not in asked and "ask them" not in found.question)
    assert "{" not in "".join(each.text for each in found.questions)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FACTS)
def test_the_chances_of_facts_are_a_whole(kind, family):
    """For each story; and where a family says nothing of it they are the base rates."""
    for story in WEIGHTS.priors[kind]:
        chances = WEIGHTS.likelihoods(family, kind, story)
        assert isclose(sum(chances.values()), 1)
        if story is Story.UNKNOWN and family != "telemetry":
            assert all(isclose(chances[f], WEIGHTS.families[family].base[f]) for f in facts_of(family, kind))


@given(kinds, facts_given, rules)
def test_nobody_is_asked_where_a_hijacker_reads(kind, facts, more):
    """Where a hijack is likely, the person is asked elsewhere; and a likely insider is not asked, so as not to be warned."""
    found = assess(kind, facts, "james", more)
    asks = [found.question, *(each.text for each in found.questions)]
    asks = [text for text in asks if "ask them" in text]
    if found.probability(Story.HIJACK) >= WEIGHTS.likely:
        assert all(APART in text for text in asks)
    if found.probability(Story.INSIDER) >= WEIGHTS.likely:
        assert asks == []


@pytest.mark.parametrize(
    ("kind", "facts", "person", "expected"),
    [
        ("action", {"time": "ended"}, None, "how did the session begin? look for its sign-in, and whether"),
        (
            "sign-in",
            {"place": "usual", "time": "shift start", "breadth": "one name", "outcome": "success with mfa"},
            "rick",
            "was it rick? ask them",
        ),
        ("action", HIJACK, "james", f"was it james? ask them, {APART}"),
        ("action", HIJACK | {"answer": "no"}, "james", "what else did whoever it was do as james?"),
        ("action", HIJACK, None, "who is behind it, and who else can act as it?"),
        (
            "sign-in",
            {"place": "new", "breadth": "many names", "rhythm": "machine", "outcome": "failures only"},
            None,
            "which names did it try, and did any of them sign in since?",
        ),
        (
            "action",
            {
                "place": "usual",
                "device": "usual",
                "time": "off",
                "action": "logging",
                "control": "opened by the person",
            },
            "james",
            "does a second lead agree, before anybody is asked?",
        ),
        (
            "action",
            {"time": "just outside", "place": "usual", "continuity": "session of the shift", "answer": "yes"},
            "james",
            "does a lead agree?",
        ),
    ],
)
def test_what_to_find_out_next(kind, facts, person, expected):
    """Each assessment says what would settle it."""
    assert assess(kind, facts, person).question.startswith(expected)


def test_a_name_with_braces_is_a_name():
    """What is put into a question is not read as one."""
    found = assess("action", {"time": "ended"}, "{person}{0}")
    assert any("{person}{0}" in each.text for each in found.questions)


# --- who may see the insider ---------------------------------------------------------------------

insiders = st.integers(-15, 15)


@st.composite
def otherwise_weighed(draw):
    """Give weights that differ from those shipped in what they say of the insider, and in that alone."""
    families = {}
    for name, family in WEIGHTS.families.items():
        rows = {f: {**row, Story.INSIDER: draw(insiders)} for f, row in family.decibans.items()}
        families[name] = replace(family, decibans=rows)
    priors = {kind: {**of, Story.INSIDER: draw(st.integers(-20, 0))} for kind, of in WEIGHTS.priors.items()}
    return replace(WEIGHTS, families=families, priors=priors)


@given(kinds, facts_given, st.sampled_from(["james", None]), rules, otherwise_weighed(), st.data())
def test_who_may_not_see_the_insider_cannot_tell(kind, facts, person, more, weights, data):
    """Whatever speaks for or against it, in the file or in rules, what they are given is the same to the last digit."""
    said = data.draw(
        st.lists(st.builds(Further, st.sampled_from(list(FACTS)), st.just("rule c"), st.just({Story.INSIDER: 9})))
    )
    hinted = [
        Further(each.family, each.said_by, {**each.decibans, Story.INSIDER: data.draw(decibans)}) for each in more
    ]
    one = assess(kind, facts, person, more)
    other = assess(kind, facts, person, [*said, *hinted], weights)
    shown = for_reader(one, may_see_insider=False)
    assert repr(shown) == repr(for_reader(other, may_see_insider=False, weights=weights))
    assert "insider" not in repr(shown)
    assert isclose(sum(each.probability for each in shown.hypotheses), 1)


@given(kinds, facts_given, rules)
def test_the_others_keep_their_odds(kind, facts, more):
    """What they are given is not made up: the stories that are left stand to each other as they stood."""
    whole = assess(kind, facts, "james", more)
    shown = for_reader(whole, may_see_insider=False)
    left = [each for each in whole.hypotheses if each.story is not Story.INSIDER]
    rest = 1 - whole.probability(Story.INSIDER)
    assume(rest > 1e-9)
    assert [(each.story, each.decibans, each.addends) for each in shown.hypotheses] == [
        (each.story, each.decibans, each.addends) for each in left
    ]
    for before, after in zip(left, shown.hypotheses, strict=True):
        assert isclose(after.probability, before.probability / rest, rel_tol=1e-6)


def test_what_was_hidden_stays_hidden():
    """Nothing of it is left inside to be shown by the next one; a lead is given all of it."""
    facts = {"place": "usual", "time": "off", "action": "logging", "control": "opened by the person"}
    whole = assess("action", facts, "james")
    assert whole.leading is Story.INSIDER
    assert for_reader(whole, may_see_insider=True) is whole
    shown = for_reader(whole, may_see_insider=False)
    assert (shown.basis, shown.leading) == (None, None)
    assert for_reader(shown, may_see_insider=True) is shown
    gap = assess("gap", {}, None)
    assert for_reader(gap, may_see_insider=False) is gap


def test_other_weights_are_not_taken_for_those_it_was_made_with():
    """Else two readers would be told different things of the others as well."""
    made = assess("action", HIJACK, "james")
    with pytest.raises(ValueError, match="weighed with version 2, and these are 3"):
        for_reader(made, may_see_insider=False, weights=replace(WEIGHTS, version=3))


# --- what it takes to freeze ---------------------------------------------------------------------

SURE = {**HIJACK, "time": "off", "answer": "no", "identity": "person"}


@pytest.mark.parametrize(
    ("facts", "may", "why"),
    [
        (SURE, True, "hijack 0.99, with something that succeeded, by a person named with certainty"),
        (SURE | {"identity": "shared"}, False, "only the credential or session: it is not certain that"),
        ({k: v for k, v in SURE.items() if k != "identity"}, False, "only the credential or session: it is not"),
        (SURE | {"action": "denied-burst"}, False, "nothing succeeded: failures alone freeze nobody"),
        (SURE | {"action": "denied-burst", "outcome": "failures only"}, False, "nothing succeeded: failures alone"),
        (SURE | {"action": "denied-burst", "outcome": "success without mfa"}, True, "hijack 0."),
        (SURE | {"telemetry": "gap"}, False, "only by a lead's word: undecided: hijack 0.99, but the trail has a gap"),
        (
            {"place": "new", "time": "ended", "action": "persistence", "identity": "person"},
            False,
            "only by a lead's word: hijack 0.84 is below 0.95",
        ),
        ({"time": "off", "identity": "person", "action": "change"}, False, "only by a lead's word: undecided: only"),
        (
            {"place": "usual", "continuity": "session of the shift", "time": "just outside", "identity": "person"}
            | {"action": "change"},
            False,
            "only by a lead's word: mistake or shift overrun 0.",
        ),
    ],
)
def test_what_a_freeze_takes(facts, may, why):
    """Nineteen chances in twenty of harm, something that succeeded, and certainty about who it was."""
    allowed, said = may_freeze(assess("action", facts, "james"), facts)
    assert (allowed, said[: len(why)]) == (may, why)


@given(kinds, facts_given, rules)
def test_no_freeze_without_harm_success_and_certainty(kind, facts, more):
    """Whatever the facts: failures alone freeze nobody, nor does a story that harms nobody."""
    found = assess(kind, facts, "james", more)
    allowed, why = may_freeze(found, facts)
    assert why
    if allowed:
        assert found.leading in (Story.HIJACK, Story.INSIDER)
        assert found.hypotheses[0].probability >= WEIGHTS.freeze_at == 0.95
        assert facts["identity"] == "person"
        succeeded = facts.get("outcome", "").startswith("success")
        assert succeeded or facts["action"] not in ("denied-burst", "unknown")


@given(facts_given)
def test_failed_sign_ins_freeze_nobody(facts):
    """Whoever knows a name could lock its owner out."""
    failed = {f: v for f, v in facts.items() if f != "action"} | {"outcome": "failures only", "identity": "person"}
    allowed, why = may_freeze(assess("sign-in", failed, "james"), failed)
    assert (allowed, why) == (False, "nothing succeeded: failures alone freeze nobody")


# --- the file of weights -------------------------------------------------------------------------

TEXT = resources.files("watchbill.alerts").joinpath("weights.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 2", "version = 0", "`version` is to be a whole number from 1 to 1000000, not `0`"),
        ("version = 2", "", "`version` is missing"),
        ("version = 2", "version = 2\nauthor = 'me'", "`author` is known to nobody"),
        ("[family.place]", "[family.plaice]", "`family.plaice` is known to nobody (did you mean `place`?)"),
        ("[family.place]", "[family.plaice]", "`family.place.base` is missing"),
        ("base = { human = 60, machine = 40 }", "base = { human = 60 }", "`family.rhythm.base.machine` is missing"),
        (
            "base = { human = 60, machine = 40 }",
            "base = { human = 90, machine = 40 }",
            "`family.rhythm.base` is more than 100 per cent together for `sign-in`",
        ),
        (
            "base = { human = 60, machine = 40 }",
            "base = { human = 60, machine = 40, cat = 1 }",
            "`family.rhythm.base.cat` is known to nobody",
        ),
        (
            "base = { human = 60, machine = 40 }",
            "base = { human = true, machine = 40 }",
            "`family.rhythm.base.human` is to be a whole number from 1 to 100, not `True`",
        ),
        (
            "hijack                     = { human = -1, machine = +1 }",
            "hijack                     = { human = +9, machine = +9 }",
            "`family.rhythm.decibans.hijack` makes 794 per cent of 100 with the base rates, for `sign-in`",
        ),
        (
            "hijack                     = { human = -1, machine = +1 }",
            "highjack                   = { human = -1, machine = +1 }",
            "`family.rhythm.decibans.highjack` is known to nobody (did you mean `hijack`?)",
        ),
        (
            "hijack                     = { human = -1, machine = +1 }",
            "unknown                    = { human = -1, machine = +1 }",
            "`family.rhythm.decibans.unknown` is known to nobody",
        ),
        (
            "hijack                     = { human = -1, machine = +1 }",
            "hijack                     = { human = -1.5, machine = +1 }",
            "`family.rhythm.decibans.hijack.human` is to be a whole number from -20 to 20, not `-1.5`",
        ),
        (
            '"shift start" = +6',
            '"shift start" = +7',
            "`family.time.decibans.forgotten password.shift start` is to be a whole number from -6 to 6, not `7`",
        ),
        (
            "silence = -2 }",
            "silence = -3 }",
            "`family.answer.decibans.forgotten password.silence` is to be a whole number from -2 to 2, not `-3`",
        ),
        ("counts = false", "counts = 0", "`family.telemetry.counts` is to be true or false"),
        ("at = 0.8 ", "at = 0.3 ", "`decide.at` is to be a number from 0.5 up to 1, not `0.3`"),
        ("freeze = 0.95", "freeze = 0.5", "`decide.freeze` is to be a number from 0.9 up to 1, not `0.5`"),
        ("[prior.sign-in]", "[prior.signin]", "`prior.signin` is known to nobody (did you mean `sign-in`?)"),
        ("unknown                    = -10", "", "`prior.sign-in.unknown` is missing"),
        ('family = "approval"', 'family = "gut"', "`question[1].family` is to be a family of evidence, not `gut`"),
        ('kinds = ["action"]', 'kinds = ["gap"]', "`question[1].kinds` is to be a list of sign-in and action"),
        ("person = true", "person = 1", "`question[0].person` is to be true or false"),
        ("\napart = ", "\ntext2 = ", "`question[0].text2` is known to nobody (did you mean `text`?)"),
        ("\napart = ", "\ntext2 = ", "`question[0]` needs `apart`: whoever has the account reads what is sent to it"),
        ("[decide]", "[decide", "this is no TOML: "),
    ],
)
def test_a_file_of_weights_that_is_wrong_is_not_taken(old, new, message):
    """Each mistake is told with its key: a weight that is left out in silence would weigh nothing."""
    assert old in TEXT
    with pytest.raises(FileError) as caught:
        read_weights(TEXT.replace(old, new, 1), "mine.toml")
    told = [problem.message for problem in caught.value.problems]
    assert any(each.startswith(message) for each in told), told
    assert {problem.file for problem in caught.value.problems} == {"mine.toml"}


@pytest.mark.parametrize("text", ["", "version = 2", "decide = 1\nprior = 2\nfamily = 3\nquestion = 4\nversion = true"])
def test_what_is_no_file_of_weights_at_all_says_what_is_missing(text):
    """And does not fail over it."""
    with pytest.raises(FileError) as caught:
        read_weights(text, "mine.toml")
    assert len(caught.value.problems) >= 4


def test_every_family_can_speak_and_every_story_is_spoken_of():
    """A story without evidence for it, or a family without weight, would be there for show."""
    for name, family in WEIGHTS.families.items():
        assert any(row for row in family.decibans.values()) is (name != "telemetry")
    for kind, priors in WEIGHTS.priors.items():
        for story in priors:
            speaks = any(weight(f, fact, story) > 0 for f in FACTS for fact in facts_of(f, kind))
            assert speaks is (story is not Story.UNKNOWN)
    assert {story for kind in KINDS for story in WEIGHTS.priors[kind]} == set(Story)
