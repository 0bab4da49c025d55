"""The queue that tells of new files: real boto3 over HTTP against the stand-in, in every form that messages have."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import boto3
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trails import after, record

from watchbill.access.own_rights import TRAIL, Place, Where, own_policies
from watchbill.aws.accounts import Accounts
from watchbill.aws.bucket import find_folders, list_prefixes, list_trail, make_bucket, write_object
from watchbill.aws.calls import CALLS
from watchbill.aws.queue import Queue, Told, open_queue, region_of, understood
from watchbill.errors import ProviderError
from watchbill.sim.stand_in import StandIn
from watchbill.trail.read import read_file
from watchbill.trail.sources import Folder, Kind, Listed, prefixes_to_list


BUCKET = "trail-bucket"
KEY = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/01/12/111111111111_CloudTrail_eu-west-1_20260112T0210Z_a.json.gz"
ODD = "p q/a+b/ü&=%2F.json.gz"
EVENT = record("ec2:StopInstances", at=after(1), event_id="e1")


@pytest.fixture
def stand_in():
    """Give a fresh stand-in."""
    with StandIn() as running:
        yield running


@pytest.fixture
def accounts(stand_in):
    """Give the way to it."""
    return Accounts(stand_in.endpoint, ("any", "any"))


def client(stand_in, service):
    """Make a client of boto3 for the stand-in."""
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(service, endpoint_url=stand_in.endpoint, region_name="us-east-1", **keys)


@pytest.fixture
def sqs(stand_in):
    """Give a client of SQS, whose queue is called `trail`."""
    made = client(stand_in, "sqs")
    made.create_queue(QueueName="trail")
    return made


@pytest.fixture
def url(sqs):
    """Give the address of the queue."""
    return sqs.get_queue_url(QueueName="trail")["QueueUrl"]


def send(sqs, url, *bodies):
    """Put messages into the queue."""
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))


def waiting(sqs, url):
    """Count the messages that may be received, and those that are hidden."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(found[name]) for name in names)


# --- what messages say ---------------------------------------------------------------------------


def by_s3(*keys, event="ObjectCreated:Put", bucket=BUCKET):
    """Write a notification of S3, its keys encoded already."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "eu-west-1",
                "eventTime": "2026-01-12T02:10:00.000Z",
                "eventName": event,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": key, "size": 7, "eTag": "e1", "sequencer": "0055AED6DCD90281E5"},
                },
            }
            for key in keys
        ]
    }


def by_sns(inside):
    """Put a message into the envelope of SNS."""
    text = inside if isinstance(inside, str) else json.dumps(inside)
    return {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:eu-west-1:111111111111:t",
        "Message": text,
    }


def by_eventbridge(kind, detail, source="aws.s3"):
    """Write an event of EventBridge."""
    return {"version": "0", "id": "i", "detail-type": kind, "source": source, "account": "1", "detail": detail}


def object_of(key):
    """Write what EventBridge says of an object: its key as it is."""
    return {"version": "0", "bucket": {"name": BUCKET}, "object": {"key": key, "size": 7, "etag": "e1"}}


ONE = Told(created=(Listed(BUCKET, KEY, "e1", 7),))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (by_s3(KEY), ONE),
        (by_s3(KEY, event="s3:ObjectCreated:CompleteMultipartUpload"), ONE),
        (by_s3("p+q/a%2Bb/%C3%BC%26%3D%252F.json.gz"), Told(created=(Listed(BUCKET, ODD, "e1", 7),))),
        (by_s3(KEY, "k2"), Told(created=(*ONE.created, Listed(BUCKET, "k2", "e1", 7)))),
        (by_s3(KEY, event="ObjectRemoved:Delete"), Told(gone=ONE.created)),
        (by_s3(KEY, event="LifecycleExpiration:Delete"), Told(gone=ONE.created)),
        (by_sns(by_s3(KEY)), ONE),
        (by_sns(by_sns(by_s3(KEY))), ONE),
        (by_eventbridge("Object Created", object_of(ODD)), Told(created=(Listed(BUCKET, ODD, "e1", 7),))),
        (by_sns(by_eventbridge("Object Created", object_of(KEY))), ONE),
        (by_eventbridge("Object Deleted", object_of(KEY)), Told(gone=ONE.created)),
        (
            {"s3Bucket": BUCKET, "s3ObjectKey": [ODD, "k2"]},
            Told(created=(Listed(BUCKET, ODD, None), Listed(BUCKET, "k2", None))),
        ),
        (by_sns({"s3Bucket": BUCKET, "s3ObjectKey": [KEY]}), Told(created=(Listed(BUCKET, KEY, None),))),
        (by_eventbridge("AWS API Call via CloudTrail", EVENT, "aws.ec2"), Told(records=(EVENT,))),
        (by_eventbridge("AWS Console Sign In via CloudTrail", EVENT, "aws.signin"), Told(records=(EVENT,))),
        (by_eventbridge("AWS Service Event via CloudTrail", EVENT, "aws.kms"), Told(records=(EVENT,))),
        (EVENT, Told(records=(EVENT,))),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}, Told(passed_over="s3:TestEvent")),
        (by_sns({"Service": "Amazon S3", "Event": "s3:TestEvent"}), Told(passed_over="s3:TestEvent")),
        (by_sns("CloudTrail validation message."), Told(passed_over="CloudTrail validation message.")),
    ],
)
def test_every_form_is_understood(body, told):
    """Direct, by SNS, by EventBridge, and CloudTrail's own; only S3 itself encodes keys."""
    assert understood(json.dumps(body)) == told


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "{}",
        "null",
        '{"Records": []}',
        '{"Records": [{}]}',
        {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]},
        {"Records": [*by_s3(KEY)["Records"], {"eventSource": "aws:ses"}]},
        by_s3(KEY, event="ObjectTagging:Put"),
        by_s3(7),
        by_sns("nothing"),
        by_sns(by_sns(by_sns(by_s3(KEY)))),
        {**by_sns(""), "Message": 5},
        {"s3Bucket": BUCKET, "s3ObjectKey": KEY},
        {"s3Bucket": BUCKET, "s3ObjectKey": []},
        {"s3Bucket": None, "s3ObjectKey": [KEY]},
        {"s3Bucket": BUCKET, "s3ObjectKey": [KEY, None]},
        by_eventbridge("Object Created", {}),
        by_eventbridge("Object Created", object_of(KEY), "my.app"),
        by_eventbridge("Object Tags Added", object_of(KEY)),
        by_eventbridge("AWS API Call via CloudTrail", {"eventName": "x"}),
        by_eventbridge("AWS API Call via CloudTrail", None),
        by_eventbridge(7, EVENT),
    ],
)
def test_what_is_not_understood_says_why(body):
    """In part is not at all: else the rest would be deleted with it."""
    assert isinstance(understood(body if isinstance(body, str) else json.dumps(body)), str)


NAMES = (
    *("Records", "s3", "bucket", "object", "key", "name", "eventSource", "eventName", "eventID", "eventTime"),
    *("detail", "detail-type", "source", "Type", "Message", "s3Bucket", "s3ObjectKey", "Event"),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner | st.sampled_from(["aws:s3", "aws.s3", "ObjectCreated:Put", "Notification", "Object Created"]),
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text())
def test_no_message_raises(body):
    """One that did would stop all behind it."""
    found = understood(body)
    assert isinstance(found, (Told, str))
    assert isinstance(found, str) or any((found.created, found.gone, found.records, found.passed_over))


# --- the queue -----------------------------------------------------------------------------------


def test_a_file_that_is_written_is_told(stand_in, accounts, sqs, url):
    """S3 notifies the queue by itself, its own test message first, and the key is the key."""
    make_bucket(accounts, BUCKET)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client(stand_in, "s3").put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    write_object(accounts, BUCKET, "AWSLogs/a b+c/ü.json.gz", b"bytes")
    batch = Queue(sqs, url).receive(wait=0)
    assert batch.problems == ()
    assert [message.told.passed_over for message in batch.messages] == ["s3:TestEvent", None]
    (told,) = batch.messages[1].told.created
    assert (told.bucket, told.key, told.size) == (BUCKET, "AWSLogs/a b+c/ü.json.gz", 5)
    assert told.etag == "4b3a6218bb3e3a7303e8a171a60fcf92"


def test_a_topic_tells_the_same(stand_in, sqs, url):
    """The queue is subscribed to the topic that the trail notifies."""
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns = client(stand_in, "sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message=json.dumps({"s3Bucket": BUCKET, "s3ObjectKey": [KEY]}))
    (message,) = Queue(sqs, url).receive(wait=0).messages
    assert message.told == Told(created=(Listed(BUCKET, KEY, None),))
    assert message.file() is None


def test_events_that_come_by_the_queue_are_read_as_any(sqs, url):
    """EventBridge delivers the event itself: it is a file of one record, named for its message."""
    send(sqs, url, by_eventbridge("AWS API Call via CloudTrail", EVENT, "aws.ec2"))
    (message,) = Queue(sqs, url).receive(wait=0).messages
    file = message.file()
    assert file is not None
    name, data = file
    assert json.loads(data) == by_eventbridge("AWS API Call via CloudTrail", EVENT, "aws.ec2")
    (event,) = read_file(name, data).events
    assert (event.record, event.place.file) == (EVENT, f"sqs/{message.id}.json")


def test_nothing_is_deleted_before_it_is_done(sqs, url):
    """A process that dies before its commit finds every message again; one that is done never comes back."""
    send(sqs, url, by_s3("k1"), by_s3("k2"))
    queue = Queue(sqs, url)
    first = queue.receive(wait=0)
    assert waiting(sqs, url) == (0, 2)
    assert queue.receive(wait=0).messages == ()
    assert queue.keep(first.messages, 0) == ()
    again = queue.receive(wait=0)
    assert {message.id for message in again.messages} == {message.id for message in first.messages}
    assert {message.receipts for message in again.messages} == {2}
    assert queue.done(again.messages[:1]) == ()
    assert waiting(sqs, url) == (0, 1)
    queue.keep(again.messages[1:], 0)
    assert [message.told for message in queue.receive(wait=0).messages] == [again.messages[1].told]


def test_what_is_not_understood_stays_in_the_queue(sqs, url):
    """It is reported by its id, once for each receipt, and never deleted; the others are handed on."""
    send(sqs, url, "who knows", by_s3(KEY))
    queue = Queue(sqs, url)
    batch = queue.receive(wait=0)
    assert [message.told for message in batch.messages] == [ONE]
    (problem,) = batch.problems
    assert problem.code == "unknown-message"
    assert str(problem).startswith("sqs/")
    assert "left in the queue" in problem.message
    assert queue.done(batch.messages) == ()
    assert waiting(sqs, url) == (0, 1)


def test_ten_messages_come_at_most_and_any_number_is_deleted(sqs, url):
    """SQS takes ten a call, of which the stand-in knows nothing."""
    send(sqs, url, *(by_s3(f"k{n}") for n in range(25)))
    asked = []
    sqs.meta.events.register("provide-client-params.sqs.*", lambda params, **_: asked.append(params))
    queue = Queue(sqs, url)
    batches = [queue.receive(most=99, wait=0).messages for _ in range(3)]
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert queue.done([message for batch in batches for message in batch]) == ()
    assert [each["MaxNumberOfMessages"] for each in asked[:3]] == [10, 10, 10]
    assert [len(each["Entries"]) for each in asked[3:6]] == [10, 10, 5]
    assert waiting(sqs, url) == (0, 0)


def test_a_message_that_cannot_be_deleted_is_named_and_the_others_are(sqs, url):
    """A batch may fail in part: SQS answers with success, and lists what failed."""
    send(sqs, url, *(by_s3(f"k{n}") for n in range(3)))
    queue = Queue(sqs, url)
    messages = queue.receive(wait=0).messages
    broken = type(messages[1])(messages[1].id, "no handle", 1, messages[1].told)
    for act in (queue.done, lambda some: queue.keep(some, 30)):
        (problem,) = act([broken])
        assert problem.file == f"sqs/{broken.id}.json"
    (problem,) = queue.done([messages[0], broken, messages[2]])
    assert (problem.code, problem.file) == ("not-deleted", f"sqs/{broken.id}.json")
    assert waiting(sqs, url) == (0, 1)


def test_a_queue_that_is_not_there_is_said(sqs, url):
    """Receiving raises; deleting gives a problem for each, since nothing is lost by it."""
    send(sqs, url, by_s3(KEY))
    messages = Queue(sqs, url).receive(wait=0).messages
    gone = Queue(sqs, f"{url}-gone")
    with pytest.raises(ProviderError, match="ReceiveMessage"):
        gone.receive(wait=0)
    assert [problem.code for problem in gone.done(messages)] == ["not-deleted"]


def test_a_queue_is_opened_by_its_address(stand_in, sqs, url):
    """In its own region, whatever the surroundings say."""
    send(sqs, url, by_s3(KEY))
    opened = open_queue(url, stand_in.endpoint, ("any", "any"))
    (message,) = opened.receive(wait=0).messages
    assert message.told == ONE


def test_the_documented_rights_are_those_that_are_used():
    """The policy on the page is a document; the one that is printed allows what the code calls and nothing else."""
    page = (Path(__file__).parents[2] / "docs/sources.md").read_text("utf-8")
    _, sending, _ = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    where = Where("", buckets=(("trail", ""),), queues=("arn:aws:sqs:eu-west-1:1:trail",), keys=("arn:aws:kms:x",))
    (reading,) = [each.document for each in own_policies(CALLS, where, (Place.HOME,)) if each.part is TRAIL]
    (statement,) = sending["Statement"]
    assert statement["Action"] == "sqs:SendMessage"
    assert set(statement["Condition"]) == {"ArnLike", "StringEquals"}
    allowed = {action: each["Resource"] for each in reading["Statement"] for action in flat(each["Action"])}
    assert set(allowed) == {
        *("s3:ListBucket", "s3:GetObject", "kms:Decrypt", "cloudtrail:ListPublicKeys", "cloudtrail:LookupEvents"),
        *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
    }
    assert {action for action, resource in allowed.items() if resource == ["*"]} == {
        "cloudtrail:ListPublicKeys",
        "cloudtrail:LookupEvents",
    }


def flat(actions):
    """Give the actions of a statement, one or several."""
    return [actions] if isinstance(actions, str) else actions


def test_calls_are_those_of_the_model():
    """The limits that the code has are those of botocore's model, and the parameters are members of its shapes."""
    model = botocore.session.get_session().get_service_model("sqs")
    receive = model.operation_model("ReceiveMessage").input_shape.members
    assert {
        "QueueUrl",
        "MaxNumberOfMessages",
        "WaitTimeSeconds",
        "VisibilityTimeout",
        "MessageSystemAttributeNames",
    } <= set(receive)
    for name in ("DeleteMessageBatch", "ChangeMessageVisibilityBatch"):
        assert {"Successful", "Failed"} <= set(model.operation_model(name).output_shape.members)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/111111111111/trail", "eu-west-1"),
        ("https://sqs.us-gov-west-1.amazonaws.com/111111111111/trail", "us-gov-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/111111111111/trail", "eu-west-1"),
        ("http://127.0.0.1:5000/111111111111/trail", None),
        ("trail", None),
    ],
)
def test_the_region_is_told_by_the_address(url, region):
    """A queue is asked for in its own region."""
    assert region_of(url) == region


# --- listing, the proof --------------------------------------------------------------------------


def test_the_folders_of_a_bucket_are_found_and_listed_by_day(accounts):
    """Two trails, one of an organization, beside logs of other services and other files: only the days are listed."""
    make_bucket(accounts, BUCKET)
    folders = [
        Folder("", "", "111111111111", Kind.LOG, "eu-west-1"),
        Folder("", "", "111111111111", Kind.DIGEST, "eu-west-1"),
        Folder("", "o-abcdefghij", "222222222222", Kind.LOG, "us-east-1"),
        Folder("teams/a/", "", "111111111111", Kind.INSIGHT, "eu-west-1"),
    ]
    days = [datetime(2026, 1, day, tzinfo=UTC).date() for day in (11, 12, 13)]
    for folder in folders:
        for day in days:
            write_object(accounts, BUCKET, f"{folder.day(day)}x.json.gz", b"x" * day.day)
    for other in ("README.md", "AWSLogs/111111111111/elasticloadbalancing/eu-west-1/x.log", "teams/notes/n.txt"):
        write_object(accounts, BUCKET, other, b"")
    found = find_folders(accounts, BUCKET)
    assert found.folders == tuple(sorted(folders))
    assert found.elsewhere == ("", "teams/notes/")
    assert find_folders(accounts, BUCKET, "teams/").folders == (folders[3],)
    assert find_folders(accounts, BUCKET, "AWSLogs/o-abcdefghij/").folders == (folders[2],)
    assert find_folders(accounts, BUCKET, kinds=[Kind.DIGEST]).folders == (folders[1],)
    listed = list(list_prefixes(accounts, BUCKET, prefixes_to_list(found.folders, days[1:])))
    assert {each.key for each in listed} == {f"{folder.day(day)}x.json.gz" for folder in folders for day in days[1:]}
    assert {each.size for each in listed} == {12, 13}
    assert all(each.bucket == BUCKET and each.etag and each.modified is not None for each in listed)


def test_a_trail_is_listed_by_its_days_or_whole(accounts):
    """Its events, not its digests; and where no trail's folders are found, whatever lies there."""
    make_bucket(accounts, BUCKET)
    kinds = [Kind.LOG, Kind.DIGEST, Kind.AGGREGATED, Kind.NETWORK_ACTIVITY]
    folders = [Folder("", "", "111111111111", kind, "eu-west-1") for kind in kinds]
    days = [datetime(2026, 1, day, tzinfo=UTC).date() for day in (11, 12)]
    for key in [
        *(f"{folder.day(day)}x.json.gz" for folder in folders for day in days),
        "copies/a.json",
        "copies/b/c.json",
    ]:
        write_object(accounts, BUCKET, key, b"x")

    def keys(*asked):
        return [found.key for found in list_trail(accounts, BUCKET, *asked)]

    events = [folders[3], folders[0]]
    assert sorted(keys()) == sorted(f"{folder.day(day)}x.json.gz" for folder in events for day in days)
    assert sorted(keys("", days[:1])) == sorted(f"{folder.day(days[0])}x.json.gz" for folder in events)
    assert keys("copies/") == ["copies/a.json", "copies/b/c.json"]
    assert keys(f"{folders[0].path}2026/01/12/") == [f"{folders[0].day(days[1])}x.json.gz"]
    assert keys("nothing/") == []


def test_a_listing_that_fails_is_no_list(accounts):
    """What is missing from it would look as if it were not there."""
    with pytest.raises(ProviderError, match="could not list s3://trail-bucket/"):
        list(list_prefixes(accounts, BUCKET, ["a/", "b/"]))
