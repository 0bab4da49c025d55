"""Which documents AWS's IAM API takes as identity policies, and the words it refuses the others with."""

import json
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy import grammar
from watchbill.policy.grammar import grammar_error
from watchbill.policy.statements import PolicyError, parse_policy


GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
VERSION = "2012-10-17"
PATHS = (
    'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, '
    "server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
)


def document(*statements, **more):
    """Give a document of the current version."""
    return {"Version": VERSION, "Statement": list(statements), **more}


def with_(**more):
    """Give a document of one good statement with other elements; None takes an element away."""
    return document({name: value for name, value in {**GOOD, **more}.items() if value is not None})


def compared(operator, *values):
    """Give a document whose condition compares a key with each of some values."""
    return with_(Condition={operator: {f"aws:Key{index}": value for index, value in enumerate(values)}})


def test_every_public_case_agrees_in_aws_words(data_dir):
    """What another project recorded of AWS is what we say, to the letter."""
    file = data_dir / "iam_conformance" / "grammar_moto.jsonl"
    cases = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(cases) == 132
    assert [case["id"] for case in cases if grammar_error(case["document"]) != case["expected"]["error"]] == []
    decoded = [case for case in cases if not isinstance(case["document"], str)]
    as_text = [
        case["id"] for case in decoded if grammar_error(json.dumps(case["document"])) != case["expected"]["error"]
    ]
    assert as_text == []


def test_every_policy_that_aws_manages_is_taken():
    """AWS took these documents itself: refusing one is our mistake."""
    managed = pytest.importorskip("moto.iam.aws_managed_policies")
    policies = json.loads(managed.aws_managed_policies_data)
    assert len(policies) > 1000
    refused = {name: error for name, each in policies.items() if (error := grammar_error(each["Document"])) is not None}
    assert refused == {}


@pytest.mark.parametrize(
    "taken",
    [
        document(GOOD),
        {"Version": VERSION, "Statement": GOOD},
        document(GOOD, Id="any text"),
        with_(Action=["s3:Get*", None, "ec2:?"]),
        with_(Action=None, NotAction="*"),
        with_(Action="*:*"),
        with_(Action="a4b-x.y:"),
        with_(Resource=None, NotResource=["*"]),
        with_(Resource=["arn:aws:s3:::orders/*", None]),
        with_(Resource=["arn:*:sqs:*:*:orders", "arn:aws-us-gov:sqs:::orders", "arn:aws-eusc:sqs:::orders"]),
        with_(Resource="arn:aws:sqs"),
        with_(Resource="arn:aws:sqs:eu-west-1"),
        with_(Resource="arn:aws:sqs:eu-west-1:111122223333"),
        with_(Resource="arn:aws:iam::111122223333:user/ann"),
        with_(Resource="arn:aws:iam::111122223333:*"),
        with_(Resource="arn:aws:iam::111122223333:root"),
        with_(Resource="arn:aws:iam::aws:role-template/x:1"),
        with_(Resource="arn:aws:s3:eu-west-1:111122223333:accesspoint/a"),
        with_(Resource="arn:aws:s3:*:*:access-grants/default"),
        with_(Resource="arn:aws:s3:us-west-2:111122223333:async-request/mrap/x/y"),
        with_(Resource="arn:aws:s3:eu-west-1:111122223333:job/*"),
        with_(Resource="arn:aws:s3:eu-west-1:111122223333:storage-lens/x"),
        with_(Resource="arn:aws:s3:eu-west-1:111122223333:storage-lens-group/x"),
        document({**GOOD, "Sid": "A1"}, {**GOOD, "Sid": "a1"}),
        document({**GOOD, "Sid": ""}, {**GOOD, "Sid": ""}, GOOD),
        with_(Sid="As_public_cases_have_it"),
        with_(Condition={}),
        with_(Condition={"NoOperator": {}}),
        compared("StringEquals", "x", ["x", "y"], []),
        with_(Condition={"Bool": {"aws:SecureTransport": True}, "Null": {"aws:Key": [False, "true"]}}),
        compared("NumericLessThan", 1, 1.5, -(10**30), [2, "3"]),
        compared("ForAllValues:StringEqualsIgnoreCase", "x"),
        compared("ForAnyValue:ArnNotLikeIfExists", "x"),
        compared("NotIpAddressIfExists", "10.0.0.0/8"),
        compared("BinaryEquals", "QQ=="),
        compared("Null", "true"),
        compared("DateEquals", 0, "9223372036854775807", 9_223_372_036_854_775_807),
        compared("DateEquals", "2026-01", "2026-12-31", "2026t", "2026-11-25T21", "2026-11-25T21:05", "-292275054"),
        compared("DateEquals", "292278993-1-1", "2026-11-25T23:59:59.999999999Z", "2026-11-25T1:2:3+23:59"),
        compared("DateEquals", "2026-11-25T21:05:00-05:00", "2026-11-25T21:05z", "2026-11-25T21:05:00+02"),
        compared("ForAnyValue:DateLessThanIfExists", ["2026-11-25T21:05:00Z"]),
        compared("StringEquals", "2026-13-13T99"),
    ],
)
def test_what_the_grammar_has_is_taken(taken):
    """Each form that AWS's pages have, or that AWS took, passes decoded and as text."""
    assert grammar_error(taken) is None
    assert grammar_error(json.dumps(taken)) is None
    assert grammar_error(json.dumps(taken, indent=1).encode()) is None


@pytest.mark.parametrize(
    "refused",
    [
        None,
        1,
        [],
        {},
        [document(GOOD)],
        document(GOOD, Extra=1),
        document(GOOD, Conditions={}),
        document(GOOD, Version="2012-10-18"),
        document(GOOD, Version=None),
        document(GOOD, Version=["2012-10-17"]),
        document(GOOD, Id=1),
        document(GOOD, Id=None),
        {"Version": VERSION},
        {"Version": VERSION, "Statement": None},
        {"Version": VERSION, "Statement": "text"},
        document(),
        document(GOOD, []),
        document(GOOD, None),
        with_(effect="Allow"),
        with_(NotAction="*"),
        with_(NotResource="*"),
        with_(Principal="*", NotPrincipal="*"),
        with_(Effect=None),
        with_(Effect=["Allow"]),
        with_(Effect="Permit"),
        with_(Sid=1),
        document({**GOOD, "Sid": None}),
        document({**GOOD, "Action": None}),
        document({**GOOD, "Resource": None}),
        document({**GOOD, "Condition": None}),
        with_(Action=1),
        with_(Action={}),
        with_(Action=["*", 1]),
        with_(Action=[["*"]]),
        with_(Action=None, NotAction=[True]),
        with_(Resource={}),
        with_(Resource=["*", {}]),
        with_(Resource=None, NotResource=0),
        with_(Condition=[]),
        with_(Condition="text"),
        with_(Condition={"StringEquals": "text"}),
        with_(Condition={"StringEquals": []}),
        with_(Condition={"NoOperator": None}),
        compared("StringEquals", None),
        compared("StringEquals", {}),
        compared("StringEquals", ["x", None]),
        compared("StringEquals", ["x", ["y"]]),
        compared("stringequals", "x"),
        compared("StringEqual", "x"),
        compared("StringEqualsifexists", "x"),
        compared("StringLessThan", "x"),
        compared("ForAnyValue::StringEquals", "x"),
        compared("ForAnyValue:ForAllValues:StringEquals", "x"),
        compared("StringEqualsIfExistsIfExists", "x"),
        compared("XStringEquals", "x"),
    ],
)
def test_what_the_grammar_does_not_have_is_a_syntax_error(refused):
    """Elements, types and operators are those of the page on grammar, their case too."""
    assert grammar_error(refused) == "Syntax errors in policy."
    assert grammar_error(json.dumps(refused)) == "Syntax errors in policy."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "no JSON",
        "\ufeff" + json.dumps(document(GOOD)),
        json.dumps(document(GOOD)) + "{}",
        json.dumps(document(GOOD)).encode("utf-16"),
        b"\xff\xfe",
        b"\xef\xbb\xbf" + json.dumps(document(GOOD)).encode(),
        json.dumps(json.dumps(document(GOOD))),
        json.dumps(compared("NumericEquals", math.nan)),
        json.dumps(compared("NumericEquals", [-math.inf])),
        json.dumps(with_(Principal={"AWS": math.nan})),
        json.dumps(compared("NumericEquals", 0)).replace(": 0", ": " + "9" * 5000),
        json.dumps(compared("NumericEquals", 0)).replace(": 0", ": 1e999"),
        '{"Version": "2012-10-17", ' + json.dumps(document(GOOD))[1:],
        json.dumps(document(GOOD)).replace('"Effect"', '"Effect": "Deny", "Effect"'),
        json.dumps(compared("Bool", "true")).replace('"aws:Key0"', '"aws:Key0": false, "aws:Key0"'),
        "[" * 100_000,
        '{"Statement":' * 100_000,
        '{"Version": "2012-10-17", "Statement": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
    ids=lambda text: f"{len(text)}-{text[-20:]!r}",
)
def test_a_text_that_is_no_json_of_unlike_keys_is_a_syntax_error(text):
    """A key given twice would leave open which one counts; what Python reads beyond JSON is not JSON."""
    assert grammar_error(text) == "Syntax errors in policy."


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        ({"Statement": [GOOD]}, "Policy document must be version 2012-10-17 or greater."),
        (document(GOOD, Version="2008-10-17"), "Policy document must be version 2012-10-17 or greater."),
        (with_(Sid="has space"), grammar.SID_FORM),
        (with_(Sid="has-hyphen"), grammar.SID_FORM),
        (with_(Sid="é"), grammar.SID_FORM),
        (with_(Sid="line\n"), grammar.SID_FORM),
        (
            document({**GOOD, "Sid": "A"}, GOOD, {**GOOD, "Sid": "A"}),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (with_(Action=None), "Policy statement must contain actions."),
        (with_(Action=[]), "Policy statement must contain actions."),
        (with_(Action=[None]), "Policy statement must contain actions."),
        (with_(Action=None, NotAction=[]), "Policy statement must contain actions."),
        (document(GOOD, {"Effect": "Deny", "Resource": "*"}), "Policy statement must contain actions."),
        (with_(Resource=None), "Policy statement must contain resources."),
        (with_(Resource=[]), "Policy statement must contain resources."),
        (with_(Resource=[None, None]), "Policy statement must contain resources."),
        (with_(Resource=None, NotResource=[]), "Policy statement must contain resources."),
        (document(GOOD, {"Effect": "Deny", "Action": "*"}), "Policy statement must contain resources."),
        (with_(Principal="*"), "Policy document should not specify a principal."),
        (with_(NotPrincipal={"AWS": "*"}), "Policy document should not specify a principal."),
        (document(GOOD, {**GOOD, "Principal": None}), "Policy document should not specify a principal."),
    ],
)
def test_each_rule_has_aws_words(refused, error):
    """What a reader finds in the documentation of AWS, or of others, is what is said here."""
    assert grammar_error(refused) == error
    assert grammar_error(json.dumps(refused)) == error


def test_the_words_on_a_sid_are_aws_own():
    """The tests above name the constant; here it is in full."""
    said = (
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )
    assert said == grammar.SID_FORM


@pytest.mark.parametrize(
    "refused",
    [
        with_(Effect="allow"),
        document(GOOD, {**GOOD, "Effect": "DENY"}),
        with_(Resource="arn:aws::orders"),
        with_(Resource=["arn:aws:sqs:::orders", "arn:aws::orders"]),
        with_(Resource="arn:aws:"),
        with_(Resource="arn:aws::::orders"),
        with_(Resource=None, NotResource="arn:aws:sqs::orders"),
        with_(Resource="arn:aws:s3::orders"),
        *(
            compared("DateEquals", value)
            for value in [
                "",
                "now",
                "T",
                "-",
                "+5",
                " 5",
                "1.5",
                1.5,
                -1,
                True,
                ["2026", False],
                ["2026", "x"],
                "9223372036854775808",
                10**5000,
                "9" * 5000,
                "9" * 5000 + "-1",
                "٣",
                "2026-0",
                "2026-13",
                "2026-1-0",
                "2026-1-32",
                "2026-1-1-1",
                "2026-",
                "292278994-1",
                "-292275055",
                "2026-1-1T24",
                "2026-1-1T23:60",
                "2026-1-1T23:59:60",
                "2026-1-1T23:59:59.1000000000",
                "2026-1-1T23:59:59.",
                "2026-1-1T23:59:59+1",
                "2026-1-1T23:59:59+24",
                "2026-1-1T23:59:59+23:60",
                "2026-1-1T23:59:59Zx",
                "2026-1-1T23Z",
                "2026-1-1 23:59",
                "${aws:CurrentTime}-",
            ]
        ),
        compared("ForAllValues:DateLessThanIfExists", "now"),
    ],
)
def test_what_only_the_older_parser_refuses_has_its_words(refused):
    """The case of an effect, dates, and ARNs without a service or with too few parts to fill in."""
    assert grammar_error(refused) == "The policy failed legacy parsing"


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        ("orders", 'Resource orders must be in ARN format or "*".'),
        ("", 'Resource  must be in ARN format or "*".'),
        ("ARN:aws:s3:::orders", 'Resource ARN:aws:s3:::orders must be in ARN format or "*".'),
        (":aws:s3:::orders", 'Resource :aws:s3:::orders must be in ARN format or "*".'),
        ("arn:", 'Partition "" is not valid for resource "arn::*:*:*:*".'),
        ("arn:x", 'Partition "x" is not valid for resource "arn:x:*:*:*:*".'),
        ("arn:x:", 'Partition "x" is not valid for resource "arn:x:*:*:*:*".'),
        ("arn:x::", 'Partition "x" is not valid for resource "arn:x:::*:*".'),
        ("arn:x:a", 'Partition "x" is not valid for resource "arn:x:a:*:*:*".'),
        ("arn:x:a:b:c:d:e", 'Partition "x" is not valid for resource "arn:x:a:b:c:d:e".'),
        ("arn:aws*:s3:::orders", 'Partition "aws*" is not valid for resource "arn:aws*:s3:::orders".'),
        ("aws:s3:::orders", 'Partition "s3" is not valid for resource "arn:s3:::orders:*".'),
        ("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes."),
        ("arn:*", "Resource vendor must be fully qualified and cannot contain regexes."),
        ("arn:aws:*:*:*:*", "Resource vendor must be fully qualified and cannot contain regexes."),
        ("arn:aws:s?:::orders", "Resource vendor must be fully qualified and cannot contain regexes."),
        (
            "arn:aws:iam:eu-west-1::user/ann",
            "IAM resource arn:aws:iam:eu-west-1::user/ann cannot contain region information.",
        ),
        ("arn:aws:iam", "IAM resource arn:aws:iam cannot contain region information."),
        ("arn:aws:iam:", "IAM resource arn:aws:iam: cannot contain region information."),
        ("arn:aws:iam:::orders", PATHS),
        ("arn:aws:iam:::*/*", PATHS),
        ("arn:aws:iam:::role", PATHS),
        ("arn:aws:iam:::x:role/", PATHS),
        ("arn:aws:s3:eu-west-1::orders", "Resource arn:aws:s3:eu-west-1::orders can not contain region information."),
        ("arn:aws:s3:*:*:*", "Resource arn:aws:s3:*:*:* can not contain region information."),
        ("arn:aws:s3", "Resource arn:aws:s3 can not contain region information."),
        ("arn:aws:s3:", "Resource arn:aws:s3: can not contain region information."),
    ],
)
def test_a_resource_is_refused_by_what_its_service_asks(resource, error):
    """The first thing wrong from left to right is said, alone or in a list, wanted or not wanted."""
    assert grammar_error(with_(Resource=resource)) == error
    assert grammar_error(with_(Resource=["*", resource, None])) == error
    assert grammar_error(with_(Resource=None, NotResource=[resource])) == error


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("GetObject", grammar.NO_VENDOR),
        ("", grammar.NO_VENDOR),
        ("Get*", grammar.NO_VENDOR),
        ("**", grammar.NO_VENDOR),
        ("s3:Get:Object", "Actions/Condition can contain only one colon."),
        ("*:*:*", "Actions/Condition can contain only one colon."),
        ("*:Untag*", "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."),
        ("s?:Get", "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."),
        ("s 3:Get", "Vendor s 3 is not valid"),
        ("s_3:Get", "Vendor s_3 is not valid"),
        ("s3\n:Get", "Vendor s3\n is not valid"),
        ("é:Get", "Vendor é is not valid"),
        (":Get", "Vendor  is not valid"),
    ],
)
def test_an_action_names_one_service(action, error):
    """An action is `*`, or a service and a name with one colon between them."""
    assert grammar_error(with_(Action=action)) == error
    assert grammar_error(with_(Action=["*", None, action])) == error
    assert grammar_error(with_(Action=None, NotAction=[action])) == error


def test_of_actions_the_first_fault_is_said():
    """From the first to the last, and what is not wanted comes after what is."""
    other = {"Effect": "Deny", "NotAction": "a:b:c", "Resource": "*"}
    assert grammar_error(document(other, {**GOOD, "Action": ["s3:Get", "x", "é:Get"]})) == grammar.NO_VENDOR
    assert grammar_error(document(GOOD, other)) == "Actions/Condition can contain only one colon."


def test_the_words_on_a_missing_service_are_aws_own():
    """The test above names the constant; here it is in full."""
    assert grammar_error(with_(Action="x")) == (
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    )


def test_of_many_errors_the_first_in_aws_order_is_said():
    """A document with every error loses one at a time, and the words follow the order."""
    faults: list[tuple[str, dict[str, object], dict[str, object]]] = [
        (grammar.SYNTAX, {"Extra": 1}, {}),
        (grammar.VERSION, {"Version": "2008-10-17"}, {}),
        (grammar.LEGACY, {}, {"Effect": "allow"}),
        (grammar.SID_FORM, {}, {"Sid": "a-b"}),
        (grammar.SID_TWICE, {}, {"Sid": "A"}),
        (grammar.NO_ACTIONS, {}, {"Action": []}),
        ('Resource x must be in ARN format or "*".', {}, {"Resource": "x"}),
        (grammar.NO_VENDOR, {}, {"Action": "x"}),
        (grammar.PRINCIPAL, {}, {"Principal": "*"}),
        (grammar.NO_RESOURCES, {}, {"Resource": []}),
    ]
    for first, (error, _, _) in enumerate(faults):
        left = faults[first:][::-1]
        top = {name: value for _, found, _ in left for name, value in found.items()}
        element = {name: value for _, _, found in left for name, value in found.items()}
        second = {**GOOD, **({"Sid": element["Sid"]} if "Sid" in element else {})}
        assert grammar_error(document({**GOOD, **element}, second, **top)) == error


def test_the_last_fault_of_the_resources_is_said():
    """Of a list the first in the order of text; of statements the last; what is not wanted comes after what is."""
    assert grammar_error(with_(Resource=["b", "a", "c"])) == 'Resource a must be in ARN format or "*".'
    two = document({**GOOD, "Resource": "a"}, {**GOOD, "Resource": "b"})
    assert grammar_error(two) == 'Resource b must be in ARN format or "*".'
    other = {"Effect": "Deny", "Action": "*", "NotResource": "c"}
    assert grammar_error(document(other, *two["Statement"])) == 'Resource c must be in ARN format or "*".'


def test_the_older_parser_refuses_only_before_a_fault():
    """A statement that only the older parser refuses decides where no resource before it, or in it, was at fault."""
    old = {**GOOD, "Resource": "arn:aws::orders"}
    wrong = {**GOOD, "Resource": "orders"}
    assert grammar_error(document(old, wrong)) == grammar.LEGACY
    assert grammar_error(document(wrong, old)) == 'Resource orders must be in ARN format or "*".'
    both = with_(Resource=["arn:aws::orders", "orders"])
    assert grammar_error(both) == 'Resource orders must be in ARN format or "*".'


def test_a_deep_value_is_refused_not_raised():
    """A document nested deeper than Python's stack is an error of syntax wherever it is."""
    deep: object = "*"
    for _ in range(100_000):
        deep = [deep]
    documents = [deep, *(with_(**{name: deep}) for name in ("Action", "Resource", "Sid", "Effect", "Condition"))]
    documents += [document(GOOD, Version=deep), document(GOOD, Id=deep), document(deep), compared("Bool", deep)]
    assert {grammar_error(each) for each in documents} == {grammar.SYNTAX}
    assert grammar_error(with_(Principal=deep)) == grammar.PRINCIPAL


def test_a_text_of_ten_megabytes_is_answered():
    """Size is no rule of grammar; the answer comes all the same."""
    many = json.dumps(with_(Action=["s3:GetObject"] * 500_000, Resource=["arn:aws:s3:::orders"] * 100_000))
    assert len(many) > 10_000_000
    assert grammar_error(many) is None
    long = "9" * 10_000_000
    assert grammar_error(with_(Action=f"{long}:x", Resource=f"arn:aws:{long}:", Sid=long)) is None
    assert grammar_error(compared("DateEquals", f"{long}-{long}t")) == grammar.LEGACY
    assert grammar_error(json.dumps(compared("NumericEquals", 0)).replace(": 0", f": 0.{long}")) is None
    assert (
        grammar_error(with_(Resource=":" * 10_000_000))
        == f'Partition "" is not valid for resource "arn::{":" * 9_999_998}".'
    )


def test_a_lone_surrogate_is_quoted_as_it_is():
    """JSON may hold half a character; it is refused in AWS's words or taken, never raised."""
    assert grammar_error('{"Version": "2012-10-17", "Statement": []}\ud800') == grammar.SYNTAX
    assert grammar_error(json.dumps(with_(Action="\ud800:x"))) == "Vendor \ud800 is not valid"
    assert grammar_error(with_(Resource="\ud800")) == 'Resource \ud800 must be in ARN format or "*".'
    assert grammar_error(with_(Resource="arn:aws:s3:::\ud800")) is None
    assert grammar_error(b'"\xed\xa0\x80"') == grammar.SYNTAX


def test_keys_that_json_cannot_have_are_a_syntax_error():
    """A document built by hand may have keys that are no texts, and numbers that are none."""
    wrong = [{1: 2}, document(GOOD) | {None: 1}, document({**GOOD, 1: 2}), with_(Condition={1: {}})]
    wrong += [compared("NumericEquals", value) for value in (math.nan, math.inf, [math.nan], b"x", {1})]
    assert {grammar_error(each) for each in wrong} == {grammar.SYNTAX}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
WORDS = st.sampled_from(
    ("Allow", "deny", "*", "", "s3:Get", "*:x", "a:b:c", "x", "A", "A-", VERSION, "2008-10-17", "2026-13", "arn:aws")
) | st.sampled_from(
    ("arn:aws:s3:::b", "arn:aws::b", "arn:*:iam:::user/a", "a:aws:s3:::b", "arn:aws:iam", "arn:aws:*:::b", "arn:x:y")
)
KEYS = st.sampled_from(
    ("Version", "Id", "Statement", "Conditions", "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource")
) | st.sampled_from(("Principal", "NotPrincipal", "Condition", "StringEquals", "DateLessThan", "Bool", "aws:Key", ""))
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)
LISTED = WORDS | st.lists(WORDS | st.none(), max_size=3) | VALUES
CONDITIONS = st.dictionaries(
    st.sampled_from(["StringEquals", "DateLessThan", "Bool", "ForAnyValue:DateEqualsIfExists", "stringequals"]),
    st.dictionaries(st.sampled_from(["aws:a", "aws:b"]), LISTED, max_size=2) | VALUES,
    max_size=2,
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]) | VALUES},
    optional={
        "Sid": st.sampled_from(["A", "B", "a b"]) | VALUES,
        "Action": st.just("*") | LISTED,
        "NotAction": LISTED,
        "Resource": st.just("*") | LISTED,
        "NotResource": LISTED,
        "Principal": st.sampled_from(["*", {"AWS": "*"}]) | VALUES,
        "Condition": CONDITIONS | VALUES,
    },
)
NEARLY = st.fixed_dictionaries(
    {"Version": st.just(VERSION), "Statement": STATEMENTS | st.lists(STATEMENTS, max_size=3)},
    optional={"Id": st.text(max_size=2) | VALUES},
)


def one_of_or(right, wrong):
    """Draw nearly always what is right: one slip in a document is what no other slip hides."""
    return st.integers(0, 19).flatmap(lambda lot: wrong if lot == 0 else st.sampled_from(right))


ACTIONS = one_of_or(("*", "*:*", "s3:Get", ["s3:*", "ec2:?"], ["a-b.c:", None]), LISTED | st.text(":*?a_é", max_size=4))
RESOURCES = one_of_or(
    ("*", "arn:aws:s3:::b", ["arn:*:sqs:*:*:*", None], "arn:aws:sqs", ["arn:aws:iam::1:root", "*"]),
    LISTED
    | st.text(":*arnws", max_size=9)
    | st.lists(st.sampled_from(["arn", "aws", "*", "", "s3"]), max_size=7).map(":".join),
)
COMPARED = one_of_or(("2026-11-25", "1", ["2026", "2027T1"], []), LISTED)
SOUND = st.builds(
    lambda found, actions, resources: {**found, **actions, **resources},
    st.fixed_dictionaries(
        {"Effect": one_of_or(("Allow", "Deny"), VALUES | st.just("allow"))},
        optional={
            "Sid": one_of_or(("", "A", "B", "C", "D", "E"), LISTED),
            "Condition": st.dictionaries(
                st.sampled_from(["StringEquals", "DateLessThan", "ForAnyValue:DateEqualsIfExists"]),
                st.dictionaries(st.sampled_from(["aws:a", "aws:b"]), COMPARED, max_size=2),
                max_size=2,
            ),
        },
    ),
    st.dictionaries(st.sampled_from(["Action", "NotAction"]), ACTIONS, min_size=1, max_size=1),
    st.dictionaries(st.sampled_from(["Resource", "NotResource"]), RESOURCES, min_size=1, max_size=1),
)
SOUND_DOCUMENTS = st.fixed_dictionaries(
    {"Version": st.just(VERSION), "Statement": SOUND | st.lists(SOUND, min_size=1, max_size=2)},
    optional={"Id": one_of_or(("x",), VALUES)},
)
DOCUMENTS = NEARLY | SOUND_DOCUMENTS
ERRORS = (
    *(getattr(grammar, name) for name in ("SYNTAX", "VERSION", "LEGACY", "SID_FORM", "SID_TWICE", "NO_ACTIONS")),
    *(getattr(grammar, name) for name in ("NO_RESOURCES", "NO_VENDOR", "WILD_VENDOR", "COLONS", "NOT_QUALIFIED")),
    *(grammar.PRINCIPAL, PATHS, "Resource ", "IAM resource ", "Partition ", "Vendor "),
)


@given(VALUES | DOCUMENTS)
def test_no_value_raises(value):
    """Whatever JSON-like value comes, the answer is None or one of AWS's errors."""
    error = grammar_error(value)
    assert error is None or error.startswith(ERRORS)


@given(st.text(st.characters(exclude_categories=())) | st.binary() | st.text('{}[]",:\\u0123eEtrulNa-. '))
def test_no_text_raises(text):
    """Whatever text or bytes come, nothing is raised."""
    assert grammar_error(text) == grammar.SYNTAX


@given(DOCUMENTS)
def test_a_text_is_answered_as_what_it_says(value):
    """A document and its JSON text have one answer."""
    assert grammar_error(json.dumps(value)) == grammar_error(value)
    assert grammar_error(json.dumps(value).encode()) == grammar_error(value)


@given(VALUES | DOCUMENTS)
def test_what_the_parser_refuses_is_refused(value):
    """Nothing passes as grammar that `parse_policy` could not evaluate."""
    if grammar_error(value) is None:
        parse_policy(value, "p")


@given(
    st.sampled_from(["Action", "NotAction"]),
    st.text(":*?a_é ", max_size=4) | st.lists(st.text(":*a", max_size=3) | st.none(), max_size=2) | VALUES,
)
def test_actions_that_the_parser_refuses_are_refused(name, value):
    """One element at a time, so that nothing else in the document is wrong."""
    only = document({**{key: found for key, found in GOOD.items() if key != "Action"}, name: value})
    if grammar_error(only) is None:
        parse_policy(only, "p")


ARNS = st.lists(st.sampled_from(["arn", "aws", "*", "", "sqs", "a"]), max_size=7).map(":".join)


@given(
    st.sampled_from(["Resource", "NotResource"]),
    ARNS | ARNS.map("arn:".__add__) | st.lists(ARNS.map("arn:aws:".__add__) | st.none(), max_size=2) | VALUES,
)
def test_resources_that_the_parser_refuses_are_refused(name, value):
    """One element at a time, so that nothing else in the document is wrong."""
    only = document({**{key: found for key, found in GOOD.items() if key != "Resource"}, name: value})
    if grammar_error(only) is None:
        parse_policy(only, "p")


@given(VALUES, st.sampled_from(["Version", "Id", "Statement", "Sid", "Effect", "Condition", "StringEquals"]))
def test_elements_that_the_parser_refuses_are_refused(value, name):
    """One element at a time, so that nothing else in the document is wrong."""
    only = {
        "Sid": document({**GOOD, "Sid": value}),
        "Effect": document({**GOOD, "Effect": value}),
        "Condition": document({**GOOD, "Condition": value}),
        "StringEquals": compared("StringEquals", value),
    }.get(name, {**document(GOOD), name: value})
    if grammar_error(only) is None:
        parse_policy(only, "p")


def test_the_documents_drawn_are_taken_and_refused():
    """The test above says something only where many documents pass, and it has to know the ways in which others fail."""
    found: Counter[str | None] = Counter()

    @settings(max_examples=300, database=None)
    @given(SOUND_DOCUMENTS)
    def draw(value):
        found[grammar_error(value)] += 1

    draw()
    assert found[None] > 50
    assert len(found) > 3


@pytest.mark.parametrize(
    "refused",
    [
        document(GOOD, Conditions={}),
        with_(Action=[None]),
        with_(Action=":Get"),
        with_(Resource=[None]),
        with_(Resource=[""]),
        with_(Resource="a:aws:s3:::orders"),
        with_(Resource=["arn:aws::orders"]),
        compared("StringEquals", ["x", None]),
        compared("StringEquals", [{}]),
    ],
)
def test_what_both_refuse_though_another_project_takes_it(refused):
    """Where another project's check lets pass what cannot be evaluated, both of ours refuse."""
    assert grammar_error(refused) is not None
    with pytest.raises(PolicyError):
        parse_policy(refused, "p")


@given(DOCUMENTS)
def test_one_statement_alone_or_in_a_list_is_the_same(value):
    """A list of one statement may be written without its brackets."""
    found = value["Statement"]
    for each in found if isinstance(found, list) else [found]:
        assert grammar_error({**value, "Statement": [each]}) == grammar_error({**value, "Statement": each})
