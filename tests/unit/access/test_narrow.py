"""A narrower permission set: what is left of it says what it said, and what was to go is gone."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import permission_set

from watchbill.access.narrow import allowed_actions, narrowed
from watchbill.access.permissions import known_documents
from watchbill.policy.actions import access_level, actions_matching
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy


UNIVERSE = (
    *actions_matching("sqs:*"),
    *actions_matching("codestar-connections:*"),
    "sqs:NewerThanTheList",
    "sqs:ListNewer",
    "sqs:GetNewer",
)
PATTERNS = (
    "sqs:*",
    "sqs:List*",
    "sqs:ListQueue*",
    "sqs:*Message*",
    "sqs:*Queue*",
    "sqs:SendMessage",
    "sqs:S?ndMessage",
    "*",
    "codestar-connections:*",
    "SQS:get*",
    "sqs:ListQ*",
)
RESOURCES = ("arn:aws:sqs:eu-west-1:111111111111:orders", "arn:aws:sqs:eu-west-1:111111111111:other", "*")
CONTEXTS: tuple[dict[str, str], ...] = ({}, {"aws:MultiFactorAuthPresent": "true"})
CONDITIONS: tuple[dict[str, object], ...] = ({}, {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}})


def evaluator(permissions):
    """Give what decides by a set."""
    documents, _ = known_documents(permissions, None)
    return Evaluator(Layers(identity=tuple(parse_policy(each, permissions.name) for each in documents)))


def statements():
    """Draw a statement of a whole policy."""
    return st.builds(
        lambda effect, actions, resource, condition, negated: {
            "Effect": effect,
            ("NotAction" if negated else "Action"): actions,
            "Resource": resource,
            **condition,
        },
        st.sampled_from(("Allow", "Allow", "Deny")),
        st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True),
        st.sampled_from(RESOURCES),
        st.sampled_from(CONDITIONS),
        st.sampled_from((False, False, False, True)),
    )


def sets():
    """Draw a permission set of any form."""
    patterns = st.lists(st.sampled_from(PATTERNS), max_size=3, unique=True).map(tuple)
    levels = st.lists(st.sampled_from(("read", "write", "list")), min_size=1, max_size=2, unique=True).map(tuple)
    plain = st.builds(
        lambda allow, deny, capabilities: replace(
            permission_set("x", allow=allow, deny=deny), capabilities=capabilities
        ),
        patterns,
        patterns.map(lambda found: found[:1]),
        st.dictionaries(st.sampled_from(("sqs", "codestar-connections")), levels, max_size=2),
    )
    whole = st.lists(statements(), min_size=1, max_size=3).map(
        lambda found: replace(permission_set("x"), policy={"Version": "2012-10-17", "Statement": found})
    )
    return plain | whole


@settings(max_examples=60)
@given(sets(), st.sets(st.sampled_from(UNIVERSE[:-3])), st.sets(st.sampled_from(UNIVERSE)))
def test_what_is_left_says_what_it_said(permissions, unseen, used):
    """Of whatever is not to go, on every resource, under every condition, listed or not; and it never says more."""
    unused = unseen - used
    made = narrowed(permissions, unused, sorted(used))
    if made is None:
        return
    before, after = evaluator(permissions), evaluator(made.permissions)
    kept = set(allowed_actions(permissions)) - unused | used
    for action in UNIVERSE:
        for resource in RESOURCES:
            for context in CONTEXTS:
                request = Request(action, resource, context, complete=True)
                was, now = before.decide(request).effect, after.decide(request).effect
                if action in kept:
                    assert was is now, action
                assert now is not Effect.ALLOWED or was is Effect.ALLOWED, action


@settings(max_examples=60)
@given(sets(), st.sets(st.sampled_from(UNIVERSE[:-3]), min_size=1))
def test_what_goes_is_gone(permissions, unused):
    """But for what is for a person to take out, what stands in a capability beside what is used, and `NotAction`."""
    made = narrowed(permissions, unused)
    if made is None or made.by_hand or made.permissions.capabilities or "NotAction" in str(permissions.policy):
        return
    assert not set(allowed_actions(made.permissions)) & unused


def test_a_pattern_stays_as_it_is_written_where_nothing_of_it_goes():
    """What AWS adds to it later is still in it."""
    permissions = permission_set("x", allow=("sqs:List*", "sqs:SendMessage"))
    made = narrowed(permissions, ["sqs:SendMessage"])
    assert made is not None
    assert made.permissions.allow == ("sqs:List*",)


def test_a_pattern_is_written_out_by_what_is_left_of_it():
    """As shortly as it goes, and within what it was."""
    permissions = permission_set("x", allow=("ec2:*Instances",))
    left = ("ec2:StartInstances", "ec2:StopInstances")
    unused = [each for each in actions_matching("ec2:*Instances") if each not in left]
    made = narrowed(permissions, unused)
    assert made is not None
    assert made.permissions.allow == left
    made = narrowed(permission_set("x", allow=("sqs:*",)), [a for a in actions_matching("sqs:*") if ":List" not in a])
    assert made is not None
    assert made.permissions.allow == ("sqs:List*",)


def test_nothing_is_wider_than_it_was():
    """`sqs:Get*` would be shorter, and allow what AWS may add and the set never gave."""
    made = narrowed(permission_set("x", allow=("sqs:*Queue*",)), ["sqs:CreateQueue"])
    assert made is not None
    assert {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"} <= set(made.permissions.allow)
    assert not any("*" in pattern for pattern in made.permissions.allow)


def test_an_action_newer_than_the_list_stays_where_it_was_used():
    """Nothing is lost for want of a name in a reference."""
    unused = [each for each in actions_matching("sqs:*") if each != "sqs:SendMessage"]
    made = narrowed(permission_set("x", allow=("sqs:*",)), unused, ["sqs:SendMessage", "sqs:BrandNew"])
    assert made is not None
    assert made.permissions.allow == ("sqs:SendMessage", "sqs:BrandNew")


def test_levels_and_managed_policies_go_as_a_whole():
    """A level of which one action was used stays; so does a managed policy."""
    permissions = replace(
        permission_set("x", allow=("sqs:SendMessage",)),
        capabilities={"sqs": ("read", "write")},
        managed=("AmazonSQSReadOnlyAccess",),
    )
    reads = [each for each in actions_matching("sqs:*") if access_level(each) == "Read"]
    made = narrowed(permissions, [*(each for each in reads if each != "sqs:GetQueueUrl"), "sqs:DeleteQueue"])
    assert made is None
    made = narrowed(permissions, reads)
    assert made is not None
    assert dict(made.permissions.capabilities) == {"sqs": ("write",)}
    assert made.permissions.managed == ()


def test_a_set_of_which_nothing_is_left_is_not_emptied():
    """It is to be taken from people; so is a statement of a whole policy, by a person."""
    assert narrowed(permission_set("x", allow=("sqs:SendMessage",)), ["sqs:SendMessage"]) is None
    statements = [
        {"Sid": "Old", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
        {"Effect": "Allow", "Action": ["sqs:ListQueues", "sqs:DeleteQueue"], "Resource": "*"},
    ]
    whole = replace(permission_set("x"), policy={"Version": "2012-10-17", "Statement": statements})
    made = narrowed(whole, ["sqs:SendMessage", "sqs:DeleteQueue"])
    assert made is not None
    assert made.by_hand == ("statement Old gives nothing that was used",)
    assert made.actions == {1: ("sqs:ListQueues",)}
    assert narrowed(whole, ["sqs:SendMessage", "sqs:DeleteQueue", "sqs:ListQueues"]) is None
