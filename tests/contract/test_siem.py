"""Cases to collectors, webhooks and Security Hub, over real sockets on the loopback.

The collectors and receivers are ours, Security Hub is the stand-in's: nothing here was run against AWS or a SIEM.
"""

import base64
import hashlib
import hmac
import json
import socket
import ssl
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from threading import Thread

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.serving import Serving, reply
from tests.teams import team
from tests.unit.alerts.export.samples import AT, evidence, kept

from watchbill.alerts.export.asff import asff, size
from watchbill.alerts.export.syslog import message
from watchbill.aws.security_hub import BATCH_MOST, MOST, batches, hub, import_findings
from watchbill.errors import Problem, ProviderError
from watchbill.siem import syslog, webhook
from watchbill.siem.webhook import Delivery, Limits, parse_hook
from watchbill.sim.stand_in import StandIn


KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"type":"case.opened"}'
ONE = Delivery("C-1", "C-1.abc", BODY)
NUMBER = "123456789012"
"""The account of the stand-in."""


def certificate(folder, host="127.0.0.1", days=1):
    """Write a certificate that is signed by itself; give its file and what serves with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)  # noqa: TID251 - certificates go by the clock of the machine
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)), x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}-{days}-{made.serial_number}.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


@contextmanager
def collector(tls=None, *, resets=False):
    """Collect what comes over one stream, until its end; or reset it."""
    taken: list[bytes] = []

    def serve(listening):
        with suppress(OSError):
            stream, _ = listening.accept()
            with stream:
                if resets:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    return
                with suppress(ssl.SSLError), tls.wrap_socket(stream, server_side=True) if tls else stream as safe:
                    while piece := safe.recv(65536):
                        taken.append(piece)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = Thread(target=serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1], taken
        thread.join()


def unframed(data):
    """Take messages apart by the octets that are counted before each."""
    found = []
    while data:
        length, _, data = data.partition(b" ")
        found.append(data[: int(length)])
        data = data[int(length) :]
    return found


MESSAGES = [message(kept(sentence=text), "h") for text in ("one", "two\nlines", "é" * 30)]


def test_messages_over_udp_are_a_datagram_each():
    """Whole, in their order."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        port = listening.getsockname()[1]
        assert syslog.send(syslog.parse_collector(f"udp://127.0.0.1:{port}"), MESSAGES) == 3
        assert [listening.recv(65536) for _ in MESSAGES] == MESSAGES


def test_messages_over_tcp_are_counted_in_octets():
    """A line break or a wide character in one ends nothing."""
    with collector() as (port, taken):
        assert syslog.send(syslog.parse_collector(f"tcp://127.0.0.1:{port}"), MESSAGES) == 3
    assert unframed(b"".join(taken)) == MESSAGES


def test_messages_over_tls_go_to_whom_is_trusted_alone(tmp_path):
    """The same, and nobody reads them on the way; a collector with another certificate gets nothing."""
    file, context = certificate(tmp_path)
    with collector(context) as (port, taken):
        assert syslog.send(syslog.parse_collector(f"tls://127.0.0.1:{port}"), MESSAGES, file) == 3
    assert unframed(b"".join(taken)) == MESSAGES
    _, other = certificate(tmp_path)
    with collector(other) as (port, taken), pytest.raises(ProviderError, match="certificate that is not valid"):
        syslog.send(syslog.parse_collector(f"tls://127.0.0.1:{port}"), MESSAGES, file)
    assert taken == []


def test_a_collector_that_is_not_there_or_goes_away_is_said():
    """Nothing counts as sent then."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(ProviderError, match="refused"):
        syslog.send(syslog.parse_collector(f"tcp://127.0.0.1:{port}"), MESSAGES)
    # Which it is hangs on how far the sending had come when the reset arrived.
    with collector(resets=True) as (port, _), pytest.raises(ProviderError, match=r"reset|pipe|not connected"):
        syslog.send(syslog.parse_collector(f"tcp://127.0.0.1:{port}"), [MESSAGES[0]] * 3)


class Posted(Serving):
    """Takes deliveries; `statuses` are its answers in turn, the last one for ever."""

    def __init__(self, statuses=(204,), tls=None, **headers):
        self.bodies: list[bytes] = []
        self.statuses = list(statuses)

        def answer(request):
            self.bodies.append(request.rfile.read(int(request.headers["Content-Length"])))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            reply(b"no" * 10, status, **headers)(request)

        super().__init__(answer, tls)
        handler = self._server.RequestHandlerClass
        handler.do_POST = handler.do_GET  # type: ignore[attr-defined]


def posted(serving, deliveries=(ONE,), **more):
    """Send deliveries; give what became of them and how long it paused."""
    pauses: list[float] = []
    hook = more.pop("hook", None) or parse_hook(serving.url("/hook?k=v"), SECRET)
    sent = webhook.send(hook, deliveries, lambda: AT, pauses.append, **more)
    return sent, pauses


def test_a_delivery_is_signed_and_names_its_state():
    """A receiver that has the secret can tell that it is ours, and that it has seen it before."""
    with Posted() as serving:
        sent, pauses = posted(serving)
    (request,) = serving.asked
    assert (sent.ids, sent.problems, pauses) == (("C-1.abc",), (), [])
    assert (request.command, request.path, serving.bodies) == ("POST", "/hook?k=v", [BODY])
    assert request.headers["webhook-id"] == "C-1.abc"
    assert request.headers["Content-Type"] == "application/json"
    signed = f"C-1.abc.{int(AT.timestamp())}.".encode() + BODY
    expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert request.headers["webhook-signature"] == expected


def test_what_may_be_taken_later_is_tried_again():
    """With the same id, waiting longer each time, or as long as the receiver asks for."""
    with Posted([500, 429, 503, 200]) as serving:
        sent, pauses = posted(serving)
    assert (sent.ids, pauses) == (("C-1.abc",), [1, 2, 4])
    assert {request.headers["webhook-id"] for request in serving.asked} == {"C-1.abc"}
    with Posted([429, 200], Retry__After=7) as serving:
        assert posted(serving)[1] == [7]
    with Posted([429, 200], Retry__After=99999) as serving:
        assert posted(serving)[1] == [30]
    with Posted([429, 200], Retry__After="Wed, 21 Oct 2026 07:28:00 GMT") as serving:
        assert posted(serving)[1] == [1]


def test_what_is_never_taken_is_a_problem_by_its_case():
    """And the others are sent all the same."""
    two = [Delivery("C-1", "C-1.a", BODY), Delivery("C-2", "C-2.a", BODY)]
    with Posted([400, 200]) as serving:
        sent, pauses = posted(serving, two)
    assert (sent.ids, pauses) == (("C-2.a",), [])
    assert [str(problem) for problem in sent.problems] == [
        f"case `C-1` was not taken by http://127.0.0.1:{serving.port}: it answered 400"
    ]
    with Posted([500]) as serving:
        sent, pauses = posted(serving)
    assert (len(serving.asked), pauses, len(sent.problems)) == (5, [1, 2, 4, 8], 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    """The address that a person wrote is the only one that is asked."""
    with Posted() as other, Posted([status], Location=other.url("/elsewhere")) as serving:
        sent, pauses = posted(serving)
    assert other.asked == []
    assert "redirects are not followed" in str(sent.problems[0])
    assert pauses == []


def test_who_says_nothing_or_drips_is_left():
    """Each attempt has an end."""
    limits = Limits(idle=0.2, total=0.5)

    def silent(request):
        request.server.serving.stopped.wait(5)

    def drips(request):
        while not request.server.serving.stopped.wait(0.05):
            request.wfile.write(b"H")
            request.wfile.flush()

    for answer, said in ((silent, "said nothing for 0.2 s"), (drips, "took longer than 0.5 s")):
        with Serving(answer) as serving:
            handler = serving._server.RequestHandlerClass  # noqa: SLF001 - to take POST as well
            handler.do_POST = handler.do_GET
            sent, _ = posted(serving, limits=limits)
        assert said in str(sent.problems[0])


def test_no_problem_shows_a_secret(tmp_path, caplog):
    """Neither the path of the address nor what signs, whatever goes wrong."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    _, context = certificate(tmp_path)
    file, _ = certificate(tmp_path)
    problems: list[Problem] = []
    hook = parse_hook(f"http://127.0.0.1:{port}/hook-secret", SECRET)
    problems += webhook.send(hook, [Delivery("C-1", "a", BODY)], lambda: AT, lambda _: None).problems
    with Posted(tls=context) as serving:
        hook = parse_hook(f"https://127.0.0.1:{serving.port}/hook-secret", SECRET, file)
        problems += webhook.send(hook, [Delivery("C-1", "a", BODY)], lambda: AT, lambda _: None).problems
    text = " ".join(map(str, problems)) + caplog.text
    assert "its certificate is not valid" in text
    assert "refused" in text
    assert "hook-secret" not in text
    assert SECRET[6:] not in text


def test_over_https(tmp_path):
    """To whom is trusted."""
    file, context = certificate(tmp_path)
    with Posted(tls=context) as serving:
        sent, _ = posted(serving, hook=parse_hook(f"https://127.0.0.1:{serving.port}/", SECRET, file))
    assert (sent.ids, serving.bodies) == (("C-1.abc",), [BODY])


@pytest.fixture
def security_hub():
    """Give a client of the stand-in's Security Hub."""
    with StandIn() as running:
        client = hub(account(), "eu-west-1", running.endpoint, ("any", "any"))
        client.enable_security_hub()
        yield client


def account(number=NUMBER):
    """Make an account that credentials reach without a role."""
    return replace(next(iter(team().accounts.values())), number=number, role=None)


def findings(*cases):
    """Make the finding of each case, with its id."""
    return [(each.case.id, asff(each, NUMBER, "eu-west-1")) for each in cases]


def test_a_case_is_one_finding_however_often_it_is_sent(security_hub):
    """Sent again it is updated in place."""
    first, second = kept(updated=AT), kept(status="closed", sentence="it was a mistake")
    assert import_findings(security_hub, findings(first)).taken == ("C-1a2b3c",)
    assert import_findings(security_hub, findings(second)).problems == ()
    (found,) = security_hub.get_findings()["Findings"]
    assert (found["Id"], found["Title"], found["RecordState"]) == (
        "watchbill/case/C-1a2b3c",
        "it was a mistake",
        "ARCHIVED",
    )


def test_many_cases_go_in_few_calls(security_hub):
    """A hundred in one, and none is lost."""
    sent = import_findings(security_hub, findings(*(kept(id=f"C-{n}") for n in range(230))))
    assert len(sent.taken) == 230
    pages = security_hub.get_paginator("get_findings").paginate()
    assert {each["Id"] for page in pages for each in page["Findings"]} == {f"watchbill/case/C-{n}" for n in range(230)}


def test_a_call_is_bounded():
    """By their number, and by their bytes."""
    small = findings(*(kept(id=f"C-{n}") for n in range(250)))
    assert [len(batch) for batch in batches(small)] == [MOST, MOST, 50]
    wide = kept(evidence=[evidence(n, note="\u4e00" * 2000) for n in range(60)])
    large = findings(wide) * 60
    made = list(batches(large))
    assert len(made) > 1
    assert all(sum(size(finding) for _, finding in batch) <= BATCH_MOST for batch in made)
    assert sum(map(len, made)) == 60
    assert list(batches([])) == []


def test_what_aws_does_not_take_is_a_problem_of_its_case(security_hub):
    """The others are taken."""
    good, bad = findings(kept(id="C-1"), kept(id="C-2"))
    bad[1]["Resources"] = []
    sent = import_findings(security_hub, [good, bad])
    assert sent.taken == ("C-1",)
    (problem,) = sent.problems
    assert str(problem).startswith("case `C-2` was not taken by Security Hub: InvalidInput: ")


def test_a_call_that_fails_is_a_problem_of_each_case():
    """Nothing counts as taken."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    options = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "eu-west-1"}
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    config = boto3.session.Config(retries={"max_attempts": 0})
    client = boto3.client("securityhub", config=config, **options, **keys)
    sent = import_findings(client, findings(kept(id="C-1"), kept(id="C-2")))
    assert sent.taken == ()
    assert [problem.code for problem in sent.problems] == ["security-hub"] * 2


def test_an_account_that_is_not_the_declared_one_is_refused():
    """As everywhere else."""
    with StandIn() as running, pytest.raises(ProviderError, match="declared as 999999999999"):
        hub(account("999999999999"), "eu-west-1", running.endpoint, ("any", "any"))


def test_documents_are_json(security_hub):
    """What went over the wire is what was made."""
    ((_, made),) = findings(kept())
    import_findings(security_hub, [("C-1a2b3c", made)])
    (found,) = security_hub.get_findings()["Findings"]
    assert json.loads(json.dumps(found)) == made
