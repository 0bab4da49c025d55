"""Public keys and signatures as AWS gives them: real boto3, over HTTP, to a server of ours that keeps to AWS's model."""

import base64
import json
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from botocore.session import Session
from tests.digests import ACCOUNT, AT, BUCKET, HOUR, REGION, START, Maker, chain, public

from watchbill.aws.accounts import Accounts
from watchbill.aws.trail_keys import cloudtrail, list_keys, read_signed_object
from watchbill.errors import FileError, ProviderError
from watchbill.intervals import Interval
from watchbill.sim.stand_in import StandIn
from watchbill.trail.digest import Asked, Key, read_keys, validate, write_keys


SPAN = Interval(START, START + 6 * HOUR)
MODEL = Session().get_service_model("cloudtrail").operation_model("ListPublicKeys")
CREDENTIALS = ("any", "any")


def fits(shape, value):
    """Tell whether a value in JSON is of a shape of AWS's model: no member that it does not know, each of its type."""
    match shape.type_name:
        case "structure":
            return set(value) <= set(shape.members) and all(fits(shape.members[key], value[key]) for key in value)
        case "list":
            return all(fits(shape.member, each) for each in value)
        case "timestamp":
            return isinstance(value, (int, float))
        case "blob":
            return bool(base64.b64decode(value, validate=True))
        case kind:
            return kind == "string" and isinstance(value, str)


def listed(*keys, token=None):
    """Write a page as AWS answers."""
    page = [
        {
            "Value": base64.b64encode(key.value).decode(),
            "ValidityStartTime": key.start.timestamp(),
            "ValidityEndTime": key.end.timestamp(),
            "Fingerprint": key.fingerprint,
        }
        for key in keys
    ]
    return {"PublicKeyList": page} | ({"NextToken": token} if token else {})


@contextmanager
def serving(answers):
    """Serve pages by region and token; text is the code of an error. Gives the endpoint, and what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            region = self.headers["Authorization"].split("/")[2]
            assert self.headers["X-Amz-Target"].endswith("CloudTrail_20131101.ListPublicKeys")
            assert fits(MODEL.input_shape, body)
            asked.append((region, body))
            answer = answers[region, body.get("NextToken")]
            failed = isinstance(answer, str)
            assert failed or fits(MODEL.output_shape, answer)
            data = json.dumps({"__type": answer, "message": "no"} if failed else answer).encode()
            self.send_response(400 if failed else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_model_is_the_one_that_was_read():
    """What is sent and what is read is in AWS's model by these names."""
    assert set(MODEL.input_shape.members) == {"StartTime", "EndTime", "NextToken"}
    key = MODEL.output_shape.members["PublicKeyList"].member
    assert set(key.members) == {"Value", "ValidityStartTime", "ValidityEndTime", "Fingerprint"}
    assert not fits(MODEL.output_shape, {"Keys": []})


def test_each_region_is_asked_for_its_keys_page_by_page():
    """Two hours wider than the span, as its digests may be signed by the key before or after."""
    first, second, third = public(0), public(1), public(0, START, START + HOUR)
    answers = {
        (REGION, None): listed(first, token="more"),
        (REGION, "more"): listed(second),
        ("us-east-1", None): listed(third),
    }
    with serving(answers) as (endpoint, asked):
        keys, problems = list_keys(cloudtrail(endpoint, CREDENTIALS), ["us-east-1", REGION, REGION], SPAN)
    assert not problems
    assert [(key.fingerprint, key.region, key.value) for key in keys] == [
        (first.fingerprint, REGION, first.value),
        (second.fingerprint, REGION, second.value),
        (third.fingerprint, "us-east-1", third.value),
    ]
    assert (keys[0].start, keys[0].end) == (first.start, first.end)
    assert [region for region, _ in asked] == [REGION, REGION, "us-east-1"]
    assert datetime.fromtimestamp(asked[0][1]["StartTime"], UTC) == START - 2 * HOUR
    assert datetime.fromtimestamp(asked[0][1]["EndTime"], UTC) == START + 8 * HOUR


def test_a_region_that_refuses_is_said_and_the_others_are_asked():
    """A region may be switched off for the account; its digests are then not verifiable, the rest are."""
    answers = {("us-east-1", None): "UnsupportedOperationException", (REGION, None): listed(public())}
    with serving(answers) as (endpoint, _):
        keys, problems = list_keys(cloudtrail(endpoint, CREDENTIALS), [REGION, "us-east-1"], SPAN)
    assert [key.region for key in keys] == [REGION]
    (problem,) = problems
    assert problem.code == "no-public-keys"
    assert "us-east-1" in problem.message
    assert "UnsupportedOperationException" in problem.message


def test_pages_that_go_in_a_circle_end():
    """Rather than ask for ever."""
    answers = {(REGION, None): listed(public(), token="again"), (REGION, "again"): listed(token="again")}
    with serving(answers) as (endpoint, _):
        keys, problems = list_keys(cloudtrail(endpoint, CREDENTIALS), [REGION], SPAN)
    assert not keys
    assert "again and again" in problems[0].message


def test_keys_that_were_kept_verify_the_trail_offline():
    """What AWS gave, written to a file and read again."""
    with serving({(REGION, None): listed(public(0), public(1))}) as (endpoint, _):
        keys, _ = list_keys(cloudtrail(endpoint, CREDENTIALS), [REGION], SPAN)
    kept = read_keys("trail.keys", write_keys((*keys, *keys)))
    assert set(kept) == set(keys)
    trail = chain(3)
    assert validate(trail.files, trail.signatures, kept, Asked(AT, bucket=BUCKET)).sound


@pytest.mark.parametrize("stamp", ["2026-03-01T10:00:00+00:00", "2026-03-01T10:00:00Z", 1772359200, 1772359200.0])
def test_what_the_aws_cli_prints_is_taken_as_it_is(stamp):
    """`aws cloudtrail list-public-keys`, in both forms of time it has."""
    key = public()
    printed = listed(key)
    printed["PublicKeyList"][0] |= {"ValidityStartTime": stamp, "ValidityEndTime": stamp}
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert read_keys("x", json.dumps(printed).encode()) == (Key(key.fingerprint, key.value, at, at),)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"PublicKeyList": [{}]}', b"\xff", b"[" * 99_999])
def test_a_file_without_keys_is_an_error(data):
    """Nothing must look like keys that are none."""
    with pytest.raises(FileError, match="no public keys"):
        read_keys("trail.keys", data)


def test_a_key_without_its_time_is_an_error():
    """It would be valid for ever."""
    printed = listed(public())
    printed["PublicKeyList"][0]["ValidityEndTime"] = "soon"
    with pytest.raises(FileError, match="when it is valid"):
        read_keys("trail.keys", json.dumps(printed).encode())


def test_the_signature_of_a_digest_is_in_its_metadata():
    """S3 keeps it beside the object; a copy by hand may have lost it."""
    trail = chain(1)
    key = trail.digests[0]
    with StandIn() as stand_in:
        s3 = boto3.client(
            "s3",
            endpoint_url=stand_in.endpoint,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        s3.create_bucket(Bucket=BUCKET)
        metadata = {"signature": trail.signatures[key].signature, "signature-algorithm": "SHA256withRSA"}
        s3.put_object(Bucket=BUCKET, Key=key, Body=trail.files[key], Metadata=metadata)
        s3.put_object(Bucket=BUCKET, Key="copy", Body=trail.files[key])
        accounts = Accounts(stand_in.endpoint, CREDENTIALS)
        assert read_signed_object(accounts, BUCKET, key) == (trail.files[key], trail.signatures[key])
        assert read_signed_object(accounts, BUCKET, "copy") == (trail.files[key], None)
        with pytest.raises(ProviderError, match=f"s3://{BUCKET}/none"):
            read_signed_object(accounts, BUCKET, "none")


# Bytes after a log file are not among them: older versions of the tool pass them over.
HARM = {
    "nothing": lambda _: None,
    "a digest changed": lambda trail: trail.rewrite(trail.digests[-1], more=1),
    "a log file changed": lambda trail: trail.files.update({trail.logs()[0]: trail.files[trail.logs()[1]]}),
    "a log file gone": lambda trail: trail.remove(trail.logs()[3]),
    "a digest gone": lambda trail: trail.remove(trail.digests[1]),
    "a digest moved": lambda trail: trail.files.update({trail.digests[2]: trail.files[trail.digests[1]]}),
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARM)
def test_the_aws_cli_says_the_same(harm, monkeypatch):
    """AWS's own tool accepts the chains that the tests make, a backfill digest too, and refuses what we refuse."""
    tool = shutil.which("aws")
    if tool is None:
        pytest.skip("the AWS CLI is absent: no `aws` on the path")
    maker = Maker()
    maker.hours(4)
    maker.backfill(START + 2 * HOUR, [maker.log(START + 1.5 * HOUR)], START + 30 * HOUR)
    HARM[harm](maker.trail)
    with StandIn() as stand_in, serving({(REGION, None): listed(public())}) as (endpoint, _):
        for name, value in {
            "AWS_ENDPOINT_URL_S3": stand_in.endpoint,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            monkeypatch.setenv(name, value)
        stored(maker.trail, stand_in.endpoint)
        arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/main"
        span = ("--start-time", "2026-03-02T10:00:00Z", "--end-time", "2026-03-02T20:00:00Z")
        ran = subprocess.run(
            [
                tool,
                "cloudtrail",
                "validate-logs",
                "--trail-arn",
                arn,
                "--s3-bucket",
                BUCKET,
                *span,
                "--endpoint-url",
                endpoint,
            ],
            check=False,
            capture_output=True,
            text=True,
        )
    assert "digest files valid" in ran.stdout, ran.stderr
    assert (ran.returncode == 0) is maker.trail.verify().sound is (harm == "nothing")


def stored(trail, endpoint):
    """Put a trail into S3, as CloudTrail does."""
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    for key, data in trail.files.items():
        signed = trail.signatures.get(key)
        metadata = {"signature": signed.signature, "signature-algorithm": signed.algorithm} if signed else {}
        if signed and signed.generated:
            metadata["backfill-generation-timestamp"] = f"{signed.generated:%Y-%m-%dT%H:%M:%SZ}"
        s3.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata=metadata)
    return s3
