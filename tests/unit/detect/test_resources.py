"""What a call was made to: the target that matters, by whatever name it is called."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.detect.resources import LONGEST, SENSITIVE, resource_of, resource_of_text, short


HERE = "111111111111"


def arn(service, name, account="222222222222"):
    """Make an ARN of another account."""
    return f"arn:aws:{service}:eu-west-1:{account}:{name}"


@pytest.mark.parametrize(
    ("service", "parameters", "resource"),
    [
        ("s3", {"bucketName": "logs", "key": "a/b"}, "bucket logs"),
        ("secretsmanager", {"secretId": "orders/db"}, f"secret orders/db of {HERE}"),
        (
            "secretsmanager",
            {"secretId": arn("secretsmanager", "secret:orders/db-a1B2c3", HERE)},
            f"secret orders/db of {HERE}",
        ),
        (
            "secretsmanager",
            {"secretId": arn("secretsmanager", "secret:orders/db-a1B2c3")},
            "secret orders/db of 222222222222",
        ),
        ("secretsmanager", {"maxResults": 5}, "secretsmanager.amazonaws.com"),
        ("ssm", {"name": "/orders/db", "withDecryption": True}, f"parameter orders/db of {HERE}"),
        ("ssm", {"name": arn("ssm", "parameter/orders/db", HERE)}, f"parameter orders/db of {HERE}"),
        ("ssm", {"names": ["/b", "/a", "/b"]}, f"parameter a of {HERE}, parameter b of {HERE}"),
        ("ssm", {"target": "i-0123"}, f"instance i-0123 of {HERE}"),
        ("kms", {"keyId": "alias/orders"}, f"key alias/orders of {HERE}"),
        ("kms", {"keyId": arn("kms", "alias/orders", HERE)}, f"key alias/orders of {HERE}"),
        ("kms", {"keyId": arn("kms", "key/1234-abcd", HERE)}, f"key 1234-abcd of {HERE}"),
        ("dynamodb", {"tableName": arn("dynamodb", "table/orders", HERE)}, f"table orders of {HERE}"),
        ("ecr", {"repositoryName": "shop/api"}, f"repository shop/api of {HERE}"),
        ("rds", {"dBInstanceIdentifier": "orders-db"}, f"database orders-db of {HERE}"),
        ("lambda", {"functionName": arn("lambda", "function:pay:7", HERE)}, f"function pay of {HERE}"),
        ("lambda", {"functionName": "pay"}, f"function pay of {HERE}"),
        ("logs", {"logGroupName": "/aws/lambda/pay"}, f"log group /aws/lambda/pay of {HERE}"),
        (
            "logs",
            {"logGroupIdentifier": arn("logs", "log-group:/aws/lambda/pay:*", HERE)},
            f"log group /aws/lambda/pay of {HERE}",
        ),
        ("iam", {"roleName": "admin", "policyArn": "arn:aws:iam::aws:policy/X"}, f"role admin of {HERE}"),
        ("iam", {"instanceProfileName": "web", "roleName": "admin"}, f"instance profile web of {HERE}"),
        ("sts", {"roleArn": "arn:aws:iam::222222222222:role/ops/admin"}, "role admin of 222222222222"),
        ("cloudtrail", {"name": "main"}, f"trail main of {HERE}"),
        ("ec2", {"instancesSet": {}}, "ec2.amazonaws.com"),
        ("s3", None, "s3.amazonaws.com"),
        ("s3", "a text", "s3.amazonaws.com"),
        ("s3", ["a list"], "s3.amazonaws.com"),
        ("s3", {"bucketName": None}, "s3.amazonaws.com"),
        ("s3", {"bucketName": 7}, "s3.amazonaws.com"),
        ("s3", {"bucketName": ""}, "s3.amazonaws.com"),
        ("s3", {"bucketName": {"a": 1}}, "s3.amazonaws.com"),
    ],
)
def test_a_call_is_made_to_something(service, parameters, resource):
    """An ARN and the name in it are one target, and a name of another account is another one."""
    source = f"{service}.amazonaws.com"
    assert resource_of(source, HERE, parameters) == resource
    assert resource_of_text(source, HERE, json.dumps(parameters)) == resource


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "arn:aws:s3:::b", "\ud800", "ü", '"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "name"]), inner, max_size=2),
    max_leaves=4,
)
FIELDS = sorted({field for fields in SENSITIVE.values() for field, _ in fields})


@given(
    st.sampled_from([*SENSITIVE, "ec2.amazonaws.com", ""]),
    VALUE | st.dictionaries(st.sampled_from([*FIELDS, "\ud800"]), VALUE),
)
def test_the_text_of_parameters_says_what_they_say(source, parameters):
    """In bulk only some fields are read, and the answer is the same."""
    assert resource_of_text(source, HERE, json.dumps(parameters)) == resource_of(source, HERE, parameters)


@pytest.mark.parametrize(
    "text", ["", "{", "nul", '{"bucketName":', "[" * 200_000, '{"a":1e999,"bucketName":"b"}', '{"x":"\\ud800"}']
)
def test_no_text_raises(text):
    """A column holds JSON that somebody else wrote."""
    assert resource_of_text("s3.amazonaws.com", HERE, text) in ("s3.amazonaws.com", "bucket b")


@given(st.text(max_size=5), st.text(max_size=5), st.integers(0, 400))
def test_a_long_name_is_kept_short_and_apart(one, other, length):
    """A name of 2,000 characters takes no more room than another, and is not taken for one with the same beginning."""
    first, second = short("x" * length + one), short("x" * length + other)
    assert len(first) <= LONGEST
    assert (first == second) == (one == other)
