"""What a call was by its names alone: the same as by its record, unless the words stand in its parameters."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.policy.actions import actions_matching
from watchbill.policy.requests import SPECIAL, VERSIONED, requests_of_record
from watchbill.policy.shapes import ALWAYS, shape_of


ROLE = "arn:aws:iam::111111111111:role/deploy"

PARAMETERS = st.recursive(
    st.sampled_from(["x", ROLE, "t", 7, None, True, "SELECT * FROM t", "v1"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "role",
                        "Role-Arn",
                        "ro_leName",
                        "credentials",
                        "tags",
                        "Tag_Set",
                        "tagSpecificationSet",
                        "items",
                    ),
                    *("resourceType", "key", "value", "iamInstanceProfile", "versionId", "x-amz-acl", "X-Amz-Tagging"),
                    *("sourceIdentity", "serviceRole", "bucketName", "statement", "CreateThingRequest", "functionName"),
                    "\u212aey",
                ]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)

CALLS = [
    *[("ec2", "RunInstances"), ("ec2", "CreateVolume"), ("ec2", "DescribeInstances"), ("ec2", "CreateTags")],
    *[("s3", "PutObject"), ("s3", "GetObject"), ("s3", "DeleteObject"), ("s3", "CopyObject")],
    *[("lambda", "CreateFunction20150331"), ("lambda", "UpdateFunctionCode20150331v2")],
    *[("sts", "AssumeRole"), ("iam", "CreateUser"), ("iam", "AddRoleToInstanceProfile"), ("iam", "ListUsers")],
    *[("elasticmapreduce", "RunJobFlow"), ("rds", "CreateDBInstance"), ("sns", "CreateTopic")],
    *[("dynamodb", "ExecuteStatement"), ("dynamodb", "PutItem"), ("nothing-known", "DoThings")],
    *[("signin", "ConsoleLogin"), ("ec2", "AssociateIamInstanceProfile")],
]


def found(source, name, parameters):
    """Give the actions of a call by its record, each once."""
    record = {"eventSource": f"{source}.amazonaws.com", "eventName": name, "requestParameters": parameters}
    return tuple(dict.fromkeys(each.action for each in requests_of_record(record).requests))


@pytest.mark.parametrize(("source", "name"), CALLS)
@given(
    st.one_of(st.none(), st.dictionaries(st.sampled_from(["tags", "role", "a", "versionId"]), PARAMETERS), PARAMETERS)
)
def test_without_its_words_a_call_is_what_its_names_say(source, name, parameters):
    """Whatever the parameters are; with them nothing is said."""
    shape = shape_of(f"{source}.amazonaws.com", name, None)
    text = None if parameters is None else json.dumps(parameters, ensure_ascii=False)
    if shape.words == ALWAYS:
        return
    if shape.words is None or text is None or not re.search(shape.words, text, re.IGNORECASE):
        assert found(source, name, parameters) == shape.actions


@pytest.mark.parametrize(
    ("source", "name", "parameters"),
    [
        ("lambda", "CreateFunction20150331", {"role": ROLE}),
        (
            "ec2",
            "RunInstances",
            {"tag-Specification": [{"resourceType": "volume", "tags": [{"key": "a", "value": "b"}]}]},
        ),
        ("ec2", "RunInstances", {"iam-instance-Profile": {"name": "x"}}),
        ("s3", "GetObject", {"bucketName": "b", "key": "k", "versionId": "v"}),
        ("s3", "PutObject", {"bucketName": "b", "key": "k", "X-Amz-Acl": "private"}),
        ("sts", "AssumeRole", {"roleArn": ROLE, "sourceIdentity": "ana"}),
        ("sns", "CreateTopic", {"tags": [{"key": "a", "value": "b"}]}),
        ("iam", "AddRoleToInstanceProfile", {"roleName": "deploy"}),
    ],
)
def test_what_changes_a_call_has_its_words(source, name, parameters):
    """The words are not there for nothing."""
    shape = shape_of(f"{source}.amazonaws.com", name, None)
    assert found(source, name, parameters) != shape.actions
    assert shape.words == ALWAYS or re.search(shape.words or "$^", json.dumps(parameters), re.IGNORECASE)


def test_every_special_call_is_always_read():
    """Their actions are read from what they carried."""
    assert {shape_of(f"{source}.amazonaws.com", name, None).own_words for source, name in SPECIAL} == {ALWAYS}


def test_every_action_of_versions_is_read_by_its_version():
    """A version of an object is another action."""
    for action in VERSIONED:
        source, _, name = action.partition(":")
        words = shape_of(f"{source}.amazonaws.com", name, None).own_words
        assert words is not None
        assert re.search(words, "versionId")
        assert not re.search(words, '{"key": "k"}')


def test_reads_need_no_parameters():
    """Most events are reads: they are judged by their names."""
    reads = [each for each in actions_matching("rds:Describe*") if each != "rds:DescribeRecommendations"]
    assert {shape_of("rds.amazonaws.com", each.partition(":")[2], None).words for each in reads} == {None}


def test_what_is_no_call_says_why():
    """By its type or by its name."""
    assert shape_of("ec2.amazonaws.com", "RunInstances", "AwsServiceEvent").actions == ()
    assert shape_of("ec2.amazonaws.com", "RunInstances", "AwsServiceEvent").why_not
    assert shape_of("signin.amazonaws.com", "ConsoleLogin", None).actions == ()
