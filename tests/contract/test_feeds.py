"""Fetching from real servers on this machine: good, slow, endless, broken and hostile ones."""

import gzip
import re
import socket
import ssl
import time
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.serving import Serving, reply

from watchbill.errors import ProviderError
from watchbill.feeds.beside import read_beside
from watchbill.feeds.fetch import Fetched, Limits, fetch


TOKEN = "private-3f9c77aa51"
SHORT = Limits(size=1_000_000, idle=0.4, total=1.2, redirects=3)


def test_what_is_there_is_fetched():
    """The body as it is, with what tells later whether it has changed; asked for as itself, and uncompressed."""
    with Serving(reply(b"a,b", ETag='"7"', Last__Modified="Mon, 12 Jan 2026 03:00:00 GMT")) as server:
        got = fetch(server.url("/rota.csv?key=1&all"))
    assert got == Fetched(b"a,b", '"7"', "Mon, 12 Jan 2026 03:00:00 GMT")
    (asked,) = server.asked
    assert asked.path == "/rota.csv?key=1&all"
    assert (asked.headers["User-Agent"], asked.headers["Accept-Encoding"]) == ("watchbill", "identity")
    assert asked.headers["If-None-Match"] is None


def test_what_is_unchanged_is_not_fetched_again():
    """The server is told which copy is here; what it says is unchanged has no body, whatever it is called now."""

    def answer(request):
        status = 304 if request.headers["If-None-Match"] == '"7"' else 200
        reply(b"" if status == 304 else b"new", status, ETag='"8"')(request)

    with Serving(answer) as server:
        assert fetch(server.url(), '"7"', "Mon, 12 Jan 2026 03:00:00 GMT") == Fetched(None, '"8"')
        assert server.asked[0].headers["If-Modified-Since"] == "Mon, 12 Jan 2026 03:00:00 GMT"
        assert fetch(server.url(), '"6"') == Fetched(b"new", '"8"')


def test_unchanged_since_nothing_is_an_error():
    """A server that says 304 to who has no copy has given nothing."""
    with Serving(reply(b"", 304)) as server, pytest.raises(ProviderError, match="answered 304 Not Modified"):
        fetch(server.url())


def test_a_validator_that_cannot_be_sent_back_is_dropped():
    """A tag of other than plain characters, or of kilobytes, is none: the next fetch is of the whole."""
    for tag in ('"\xe9"', '"' + "x" * 2000 + '"'):
        with Serving(reply(b"a", ETag=tag)) as server:
            assert fetch(server.url()) == Fetched(b"a")


def test_redirects_are_followed():
    """Relative and whole ones, a few."""

    def answer(request):
        path = request.path.rstrip("/")
        reply(b"", 302, Location="b/")(request) if path == "/a" else reply(b"here")(request)

    with Serving(answer) as server:
        assert fetch(server.url("/a/"), limits=SHORT).data == b"here"
    assert [each.path for each in server.asked] == ["/a/", "/a/b/"]


def test_this_machine_is_reached_by_any_of_its_names():
    """Without https, since nobody is on the way; in the newer form of addresses too."""
    with Serving(reply(b"a")) as server:
        for host in ("127.0.0.1", "localhost", "LOCALHOST"):
            assert fetch(f"http://{host}:{server.port}/").data == b"a"
    assert str(failed(f"http://[::1]:{closed_port()}/")).startswith("could not be reached")


def test_a_name_and_password_in_the_address_are_sent():
    """As basic authentication, to where they were written for."""
    with Serving(reply(b"a")) as server:
        fetch(server.url().replace("//", "//us%40r:pass@"))
        assert server.asked[0].headers["Authorization"] == "Basic dXNAcjpwYXNz"


def endless(request):
    """Send 100 MB."""
    request.send_response(200)
    request.send_header("Content-Length", "100000000")
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b"x" * 1_000_000)


def test_what_a_server_may_cost():
    """A body of 100 MB is left after the most that is read; redirects end; nothing is decompressed."""
    sent = []

    def counted(request):
        request.send_response(200)
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b"x" * 1_000_000)
            sent.append(1)

    bomb = gzip.compress(b"0" * 50_000_000)
    for answer, said in (
        (endless, "answered with more than 1 MB"),
        (counted, "answered with more than 1 MB"),
        (reply(b"", 302, Location="/again"), "redirected more than 3 times"),
        (reply(bomb, Content__Encoding="gzip"), "answered in a compressed form"),
    ):
        with Serving(answer) as server, pytest.raises(ProviderError, match=f"^{said}"):
            fetch(server.url(), limits=Limits(size=1_000_000, redirects=3))
    assert len(sent) < 50
    with Serving(reply(b"", 302, Location="/again")) as server:
        failed(server.url())
        assert len(server.asked) == 4
    with Serving(reply(b"x" * 1_000_000)) as server:
        assert fetch(server.url(), limits=SHORT).data == b"x" * 1_000_000


def dripping(start: bytes, piece: bytes):
    """Make an answer that sends a piece every 50 ms, for 10 s."""

    def answer(request):
        request.wfile.write(start)
        for _ in range(200):
            if request.server.serving.stopped.wait(0.05):
                break
            request.wfile.write(piece)

    return answer


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", b"0"),
        (b"HTTP/1.0 200 OK\r\nX-Long: ", b"x"),
        (b"", b"H"),
    ],
)
def test_a_server_that_drips_is_left(start, piece):
    """Byte after byte, in the body or before it: the whole has its time, and no part of it is taken."""
    with Serving(dripping(start, piece)) as server:
        begun = time.monotonic()
        with pytest.raises(ProviderError, match=r"^took longer than 1\.2 s"):
            fetch(server.url(), limits=SHORT)
        assert time.monotonic() - begun < 8


def test_a_server_that_says_nothing_is_left():
    """Whether it takes the connection and is silent, or says a part and no more."""
    for start in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"):

        def answer(request, start=start):
            request.wfile.write(start)
            request.server.serving.stopped.wait(20)

        with Serving(answer) as server, pytest.raises(ProviderError, match=r"^said nothing for 0\.4 s"):
            fetch(server.url(), limits=Limits(idle=0.4))


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    ],
)
def test_a_body_cut_short_is_an_error(sent):
    """By its length or by its chunks."""
    with (
        Serving(lambda request: request.wfile.write(sent)) as server,
        pytest.raises(ProviderError, match=r"^broke off"),
    ):
        fetch(server.url(), limits=SHORT)


def closed_port():
    """Give a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return made.getsockname()[1]


ADDRESSES = [
    ("", "has no address"),
    ("/home/{}", "has no address"),
    ("file:///etc/{}", "has no address"),
    ("ftp://example.com/{}", "has no address"),
    ("https:///{}", "has no address"),
    ("https://exa mple.com/{}", "has an address that is none"),
    ("https://example.com:99999/{}", "has an address that is none"),
    ("https://[::1/{}", "has an address that is none"),
    ("https://" + "x" * 70 + ".example/{}", "has an address that is none"),
    ("http://example.com/{}", "has an address without https"),
    ("http://127.0.0.1.example.com/{}", "has an address without https"),
    ("http://localhost.example.com/{}", "has an address without https"),
    ("http://{}:1@example.com/", "has an address without https"),
    ("https://no-such-host-{}.invalid/{}", "is at a host whose name is not known"),
]


@pytest.mark.parametrize(("address", "said"), ADDRESSES)
def test_a_wrong_address_is_said_without_it(address, said, caplog, capfd):
    """What is no address of the web is refused before anything is sent."""
    failure = failed(address.replace("{}", TOKEN))
    assert str(failure).startswith(said)
    held_back(failure, caplog, capfd)


def failed(address):
    """Fetch what cannot be, and give the error."""
    with pytest.raises(ProviderError) as caught:
        fetch(address, limits=SHORT)
    return caught.value


def held_back(failure, caplog, capfd):
    """Check that neither the error, what it comes from, a log nor the terminal has the token or the host."""
    printed = capfd.readouterr()
    everything = "".join(
        [
            *(str(each) + repr(each) + str(each.__dict__) for each in causes(failure)),
            caplog.text,
            printed.out,
            printed.err,
            *(line for line in traceback.format_exception(failure) if not re.match(r"\s+File ", line)),
        ]
    )
    for part in (TOKEN, TOKEN[8:], "example", "127.0.0.1"):
        assert part not in everything


def causes(error):
    """Give an error and all that it comes from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


FAILURES = {
    "no page": reply(b"not here", 404),
    "its own error": reply(b"oops", 500),
    "a status of its own": reply(b"?", 799),
    "echoed": lambda request: reply(request.path.encode(), 403)(request),
    "a redirect to nowhere": reply(b"", 302),
    "a redirect off": reply(b"", 302, Location=f"http://example.com/{TOKEN}"),
    "a redirect to a file": reply(b"", 302, Location=f"file:///{TOKEN}"),
    "a redirect to itself": lambda request: reply(b"", 302, Location=request.path)(request),
    "no HTTP": lambda request: request.wfile.write(b"220 mail.example.com\r\n"),
    "nothing": lambda request: None,
    "wrong headers": lambda request: request.wfile.write(
        b"HTTP/1.1 200 OK\r\nno header " + TOKEN.encode() + b"\r\n\r\n"
    ),
    "headers without end": lambda request: request.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000),
    "a line without end": lambda request: request.wfile.write(b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000),
    "too much": endless,
    "compressed": reply(b"x", Content__Encoding="br"),
    "cut short": lambda request: request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
}


@pytest.mark.parametrize("name", [name for name in FAILURES if name != "wrong headers"])
def test_no_failure_names_the_address(name, caplog, capfd):
    """Every way to fail has words that hold nothing of where it was, and no cause that does."""
    with Serving(FAILURES[name]) as server:
        held_back(failed(server.url(f"/{TOKEN}?key={TOKEN}")), caplog, capfd)


def test_headers_that_cannot_be_read_are_not_logged_with_the_address(caplog, capfd):
    """The library would warn of them, with the address in full."""
    with Serving(FAILURES["wrong headers"]) as server:
        fetch(server.url(f"/{TOKEN}"), limits=SHORT)
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


def test_a_closed_port_is_said(caplog, capfd):
    """What is not there at all is said as the machine says it."""
    failure = failed(f"http://127.0.0.1:{closed_port()}/{TOKEN}")
    assert str(failure) == "could not be reached: connection refused"
    held_back(failure, caplog, capfd)


def certificate(folder, host, days=1):
    """Write a certificate for a host that is signed by itself; give its file and what serves with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)  # noqa: TID251 - certificates go by the clock of the machine
    alternative = x509.SubjectAlternativeName([x509.DNSName(host)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}-{days}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


def test_https_is_never_left(tmp_path, monkeypatch, caplog, capfd):
    """What a trusted server says is fetched by https and webcal; a redirect from it to http is not followed."""
    file, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with Serving(reply(b"plain")) as plain:

        def answer(request):
            to_http = reply(b"", 302, Location=plain.url(f"/{TOKEN}"))
            to_http(request) if TOKEN in request.path else reply(b"sealed")(request)

        with Serving(answer, context) as server:
            for scheme in ("https", "webcal", "WebCal"):
                assert fetch(f"{scheme}://localhost:{server.port}/").data == b"sealed"
            failure = failed(f"https://localhost:{server.port}/{TOKEN}")
    assert str(failure) == "redirected from https to http"
    assert plain.asked == []
    held_back(failure, caplog, capfd)


@pytest.mark.parametrize("start", [b"HTTP/1.0 200 OK\r\nX-Long: ", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_a_server_that_drips_under_tls_is_left(start, tmp_path, monkeypatch):
    """The connection is ended from under the reader, and what it was doing is not a crash."""
    file, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with Serving(dripping(start, b"x"), context) as server:
        begun = time.monotonic()
        assert str(failed(f"https://localhost:{server.port}/{TOKEN}")) == "took longer than 1.2 s"
        assert time.monotonic() - begun < 8


def test_a_certificate_that_is_not_trusted_is_refused(tmp_path, monkeypatch, caplog, capfd):
    """Unknown, of another host, or past its day; and what speaks no TLS."""
    trusted, context = certificate(tmp_path, "localhost")
    _, unknown = certificate(tmp_path, "localhost", 2)
    other, others = certificate(tmp_path, "elsewhere.example.com")
    old, expired = certificate(tmp_path, "localhost", -1)
    for trust, serve, said in (
        (other, unknown, "has a certificate that is signed by itself"),
        (other, others, "has a certificate that is that of another host"),
        (old, expired, "has a certificate that has expired"),
        (trusted, None, "speaks no TLS that is safe"),
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(trust))
        with Serving(reply(b"a"), serve) as server:
            failure = failed(f"https://localhost:{server.port}/{TOKEN}")
        assert str(failure) == said
        held_back(failure, caplog, capfd)
    assert context


def test_a_file_is_read_from_beside_the_team_file(tmp_path):
    """From its folder or below; what is elsewhere, absent or too large is refused."""
    (tmp_path / "rotas").mkdir()
    (tmp_path / "rotas" / "nights.csv").write_bytes(b"a,b")
    (tmp_path / "large.csv").write_bytes(b"x" * 20_000_001)
    (tmp_path / "rotas" / "away.csv").symlink_to("/etc/hostname")
    team_file = str(tmp_path / "watchbill.yaml")
    assert read_beside(team_file, "rotas/nights.csv") == b"a,b"
    for name, said in (
        ("../elsewhere.csv", "not in the folder"),
        ("/etc/hostname", "not in the folder"),
        ("rotas/away.csv", "not in the folder"),
        ("rotas", "no such file"),
        ("absent.csv", "no such file"),
        ("large.csv", "more than 20 MB"),
        ("a\0b", "could not be read"),
    ):
        with pytest.raises(ProviderError, match=said):
            read_beside(team_file, name)
