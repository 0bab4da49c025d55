"""SQS as the trigger: which objects are new, and events that EventBridge delivers themselves. Nothing is lost by it.

The rules, in order:

1. A message is understood whole or not at all. One that is understood names objects, carries records, tells of objects
   that are gone, or is one of the known tests that mean nothing; one that is not understood is a problem.
2. Nothing is deleted until the caller says that what the message told is committed. A message that was not understood
   is never deleted here: its queue moves it to a dead-letter queue, where there is one, or ends it by its retention.
3. SQS and S3 deliver at least once, in no order, and may fail to deliver. So the same object may be told twice, which
   the set of processed objects decides, and a listing is the proof that none is missing.

Forms, by their documentation: notifications of S3, also inside the envelope of SNS; "Object Created" and "Object
Deleted" of S3 by EventBridge; CloudTrail's own notification of deliveries by SNS; CloudTrail events by EventBridge,
whole or as the `detail` alone. S3 encodes keys in its own notifications as in a form (Amazon S3 User Guide, "Event
message structure"); neither EventBridge nor CloudTrail does.

Run against a stand-in on loopback, not against AWS.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from watchbill.aws.accounts import translated
from watchbill.errors import Problem
from watchbill.trail.read import decoded
from watchbill.trail.sources import Listed


MOST = 10
"""Messages that SQS gives, or deletes, in one call (SQS API Reference, ReceiveMessage, DeleteMessageBatch)."""

LONG_POLL = 20
"""Seconds that SQS waits for a first message, at most (the same, `WaitTimeSeconds`)."""

VISIBILITY = 300
"""Seconds for which a message that was received is given to nobody else, unless the caller says otherwise."""

_CONFIG = Config(retries={"mode": "standard", "max_attempts": 5}, user_agent_extra="watchbill")

_ENVELOPES = 3
"""How many envelopes may lie around a message: SNS around EventBridge, and one to spare."""

_URL = re.compile(r"https?://(?:sqs\.(?P<region>[a-z0-9-]+)\.|(?P<legacy>[a-z0-9-]+)\.queue\.)?", re.ASCII)

_VALIDATION = "CloudTrail validation message."
"""What CloudTrail sends to a topic to see whether it may."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one message says."""

    created: tuple[Listed, ...] = ()
    """Objects that were written."""
    gone: tuple[Listed, ...] = ()
    """Objects that were deleted or have expired: of a trail, that is news by itself."""
    records: tuple[Mapping[str, Any], ...] = ()
    """CloudTrail events that the message carries itself."""
    passed_over: str | None = None
    """What known thing without content it is, such as `s3:TestEvent`."""
    body: str = field(default="", compare=False)
    """Where it carries records: the text that they stand in, without the envelope of SNS around it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was understood, and waits to be deleted."""

    id: str
    handle: str
    """By which it is deleted; of this receipt alone."""
    receipts: int
    """How often it was received, as far as SQS knows: more than once after a failure."""
    told: Told

    def file(self) -> tuple[str, bytes] | None:
        """Give the records as a file for `trail.read`, named for the message; None where it carries none.

        Its bytes are those that EventBridge wrote, so that the same message is the same file, however often it comes.
        """
        return (f"sqs/{self.id}.json", self.told.body.encode()) if self.told.records else None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one receipt gave."""

    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    """One for each message that was not understood, and is left in the queue."""


class Queue:
    """A queue of SQS that tells of a trail."""

    def __init__(self, client: Any, url: str) -> None:
        """Speak to the queue at `url` by a boto3 client of SQS in its region."""
        self._client = client
        self._url = url

    def receive(self, most: int = MOST, wait: int = LONG_POLL, visibility: int = VISIBILITY) -> Batch:
        """Wait up to `wait` seconds for messages; they are hidden from others for `visibility` seconds from now on.

        An empty batch says that there was none for so long, not that there is none. Raises ProviderError.
        """
        answer = translated(
            self._client.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=min(most, MOST),
            WaitTimeSeconds=min(wait, LONG_POLL),
            VisibilityTimeout=visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages: list[Message] = []
        problems: list[Problem] = []
        for found in answer.get("Messages", ()):
            told = understood(found["Body"])
            if isinstance(told, str):
                name = f"sqs/{found['MessageId']}.json"
                problems.append(Problem("unknown-message", f"{told}; it is left in the queue", name))
            else:
                receipts = int(found.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
                messages.append(Message(found["MessageId"], found["ReceiptHandle"], receipts, told))
        return Batch(tuple(messages), tuple(problems))

    def done(self, messages: Iterable[Message]) -> tuple[Problem, ...]:
        """Delete messages whose contents are committed; give a problem for each that is still there.

        What is still there will come again, and is then passed over as processed: no harm, so this raises nothing.
        """

        def delete(some: Sequence[Message]) -> Any:
            entries = [{"Id": str(n), "ReceiptHandle": message.handle} for n, message in enumerate(some)]
            return self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

        return _in_batches(messages, delete, "not-deleted", "could not be deleted, and will come again")

    def keep(self, messages: Iterable[Message], seconds: int = VISIBILITY) -> tuple[Problem, ...]:
        """Hide messages for `seconds` more from now on, while they are worked on; 0 gives them back at once.

        A problem for each of which this failed: somebody else may receive it meanwhile.
        """

        def hide(some: Sequence[Message]) -> Any:
            entries = [
                {"Id": str(n), "ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
                for n, message in enumerate(some)
            ]
            return self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

        return _in_batches(messages, hide, "not-kept", "could not be kept hidden, and may come again")


def open_queue(url: str, endpoint: str | None = None, credentials: tuple[str, str] | None = None) -> Queue:
    """Give the queue at an address, on AWS or on a stand-in; credentials are boto3's business."""
    key, secret = credentials or (None, None)
    session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret)
    # A stand-in is in any region, and its address says none.
    region = region_of(url) or session.region_name or "us-east-1"
    made = translated(session.client, service_name="sqs", endpoint_url=endpoint, region_name=region, config=_CONFIG)
    return Queue(made, url)


def region_of(url: str) -> str | None:
    """Give the region of a queue by its address; None where the address does not say."""
    found = _URL.match(url)
    return (found["region"] or found["legacy"]) if found else None


def understood(body: str) -> Told | str:
    """Read the body of a message; say why it is not understood where it is not. Never raises for what is in it."""
    for _ in range(_ENVELOPES):
        if body.strip() == _VALIDATION:
            return Told(passed_over=_VALIDATION)
        document = decoded(body.encode("utf-8", "replace"))
        if not isinstance(document, dict):
            return "it is no JSON object"
        inside = document.get("Message")
        if document.get("Type") != "Notification" or not isinstance(inside, str):
            told = _read(document)
            return replace(told, body=body) if isinstance(told, Told) and told.records else told
        body = inside
    return f"it lies in more than {_ENVELOPES} envelopes"


def _read(document: Mapping[str, Any]) -> Told | str:
    if document.get("Event") == "s3:TestEvent":
        return Told(passed_over="s3:TestEvent")
    if "s3ObjectKey" in document:
        return _delivered(document)
    if "detail-type" in document:
        return _from_eventbridge(document)
    if isinstance(document.get("eventID"), str) and isinstance(document.get("eventTime"), str):
        return Told(records=(document,))
    records = document.get("Records")
    if isinstance(records, list) and records:
        return _from_s3(records)
    return "it is no notification of S3, CloudTrail or EventBridge"


def _delivered(document: Mapping[str, Any]) -> Told | str:
    """Read CloudTrail's own notification."""
    bucket, keys = document.get("s3Bucket"), document["s3ObjectKey"]
    named = isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)
    if not isinstance(bucket, str) or not named:
        return "it is a notification of CloudTrail without bucket and keys"
    return Told(created=tuple(Listed(bucket, key, None) for key in keys))


def _from_s3(records: Sequence[object]) -> Told | str:
    created: list[Listed] = []
    gone: list[Listed] = []
    for number, record in enumerate(records):
        if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
            return f"its record {number} is none of S3"
        bucket, found = _within(record, "s3", "bucket"), _within(record, "s3", "object")
        name, key, event = bucket.get("name"), found.get("key"), record.get("eventName")
        if not isinstance(name, str) or not isinstance(key, str) or not isinstance(event, str):
            return f"its record {number} names no event, bucket and key"
        # With or without `s3:` before it, by the place in the documentation.
        kind = event.removeprefix("s3:").partition(":")[0]
        listed = _listed(name, unquote_plus(key), found.get("eTag"), found.get("size"))
        if kind == "ObjectCreated":
            created.append(listed)
        elif kind in ("ObjectRemoved", "LifecycleExpiration"):
            gone.append(listed)
        else:
            return f"its record {number} is of `{event[:60]}`, which tells nothing of a trail"
    return Told(tuple(created), tuple(gone))


def _from_eventbridge(document: Mapping[str, Any]) -> Told | str:
    kind, detail = document["detail-type"], document.get("detail")
    if not isinstance(kind, str) or not isinstance(detail, dict):
        return "it is an event of EventBridge without a detail"
    if kind.endswith("via CloudTrail"):
        if not isinstance(detail.get("eventID"), str):
            return "it is a CloudTrail event without an eventID"
        return Told(records=(detail,))
    if document.get("source") != "aws.s3" or kind not in ("Object Created", "Object Deleted"):
        return f"it is an event of EventBridge of the type `{kind[:60]}`"
    found, name = _within(detail, "object"), _within(detail, "bucket").get("name")
    key = found.get("key")
    if not isinstance(name, str) or not isinstance(key, str):
        return "it names no bucket and key"
    listed = (_listed(name, key, found.get("etag"), found.get("size")),)
    return Told(created=listed) if kind == "Object Created" else Told(gone=listed)


def _within(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found: object = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _listed(bucket: str, key: str, etag: object, size: object) -> Listed:
    known = etag.strip('"') if isinstance(etag, str) and etag else None
    return Listed(bucket, key, known, size if type(size) is int and size >= 0 else None)


def _in_batches(messages: Iterable[Message], call: Any, code: str, why: str) -> tuple[Problem, ...]:
    """Make a call for ten messages at a time, and give a problem for each message that it failed for."""
    left, problems = iter(messages), []
    while some := tuple(islice(left, MOST)):
        failed: dict[int, str]
        try:
            answer = call(some)
            failed = {int(each["Id"]): each.get("Message") or each["Code"] for each in answer.get("Failed", ())}
        except (BotoCoreError, ClientError) as error:
            failed = dict.fromkeys(range(len(some)), str(error))
        problems += [Problem(code, f"{why}: {said}", f"sqs/{some[n].id}.json") for n, said in sorted(failed.items())]
    return tuple(problems)
