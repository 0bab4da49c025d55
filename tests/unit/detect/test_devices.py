"""What family a user agent is of, whatever stands in it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.records import FIREFOX

from watchbill.detect.devices import READ, device_of


CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
CLI = "aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#6.8 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython"
TERRAFORM = "Terraform/1.1.2 (+https://www.terraform.io) terraform-provider-aws/4.67.0 aws-sdk-go/1.44.261"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (CLI, "aws-cli"),
        (f"{CLI} exec-env/CloudShell cfg/retry-mode#standard", "CloudShell"),
        ("[Boto3/1.34.1 Python/3.11 Linux/5.19 Botocore/1.34.1]", "Boto3"),
        ("Botocore/1.29.165", "Botocore"),
        ("aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.1", "aws-sdk-go-v2"),
        ("aws-sdk-java/1.12.488 Linux/5.10", "aws-sdk-java"),
        (f"APN/1.0 HashiCorp/1.0 {TERRAFORM}", "Terraform"),
        (f"[APN/1.0 HashiCorp/1.0 {TERRAFORM}]", "Terraform"),
        ("aws-sdk-go/1.29.7 (go1.13.7; darwin; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.24", "Terraform"),
        ("APN/1.0 HashiCorp/1.0 OpenTofu/1.8 terraform-provider-aws/5.98.0", "OpenTofu"),
        ("APN/1.0 Acme/1.0 Backup-Tool/3.1 aws-sdk-go/1.4", "Backup-Tool"),
        ("AWS Internal", "AWS Internal"),
        ("aws-internal/3 aws-sdk-java/1.11.706 Linux/4.9.184", "AWS Internal"),
        ("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.10]", "AWS console"),
        ("RDS Console, aws-internal/3 aws-sdk-java/1.11.975", "AWS console"),
        ("signin.amazonaws.com", "AWS console"),
        ("console.amazonaws.com", "AWS console"),
        ("console.ec2.amazonaws.com", "AWS console"),
        ("lambda.amazonaws.com", "lambda.amazonaws.com"),
        ("consoles.example.amazonaws.com", "consoles.example.amazonaws.com"),
        ("stratus-red-team_ea782787-a65d-4fc4-9fca-1c97869a9a25", "stratus-red-team"),
        ("python-requests/2.28.0", "python-requests"),
        ("curl/8.5.0", "curl"),
        (FIREFOX, "Firefox on Linux"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME}", "Chrome on Mac OS X"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0", "browser"),
        ("Mozilla", "browser"),
        ("\x1b[31m<script>", "unrecognised"),
        ("\u202e", "unrecognised"),
        (" ", "unrecognised"),
        ("[]", "unrecognised"),
        ("", None),
        (None, None),
    ],
)
def test_a_user_agent_stands_for_its_family(agent, device):
    """AWS's tools and the console by name, browsers with their system, all without version."""
    assert device_of(agent) == device


@given(st.lists(st.integers(0, 999), min_size=3, max_size=3).map(lambda numbers: ".".join(map(str, numbers))))
def test_an_update_is_no_news(version):
    """Whoever keeps their tools up to date would have a new device every week."""
    assert device_of(f"aws-cli/{version} md/awscrt#0.21.2") == "aws-cli"
    assert device_of(f"Mozilla/5.0 (X11; Linux x86_64; rv:1{version}) Gecko/20100101 Firefox/1{version}") == (
        "Firefox on Linux"
    )


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="Mozila/5.0 (;)[],\x00\x1b\u202e", max_size=80),
    st.sampled_from(["Mozilla/5.0 (", "APN/1.0 ", "[", "aws-cli/", "Console/", "x.amazonaws.com"]).flatmap(
        lambda start: st.text(max_size=50).map(lambda rest: start + rest)
    ),
)


@given(HOSTILE)
def test_whatever_stands_there_has_a_short_plain_family(agent):
    """A family is shown and compared, and kept for months."""
    device = device_of(agent)
    assert (device is None) == (agent == "")
    assert device is None or (0 < len(device) <= 120 and device.isprintable())


@pytest.mark.parametrize(
    "piece",
    ["x", "Mozilla/5.0 ", "Mozilla/5.0 (X11; ", "APN/1.0 A/1.0  ", "a.", "\x00", "Chrome/1 Safari/", "((((", "😀"],
)
def test_a_long_one_is_read_in_part(piece):
    """64 kB of anything take no longer than its beginning does, and never minutes."""
    for start in ("", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "):
        text = start + piece * (65_536 // len(piece))
        began = time.process_time()
        device = device_of(text)
        assert time.process_time() - began < 1
        assert device == device_of(text[:READ])


def test_what_stands_far_behind_is_not_read():
    """So that what is kept of a user agent is short too."""
    assert device_of(f"aws-cli/2 {'a ' * READ} exec-env/CloudShell") == "aws-cli"
