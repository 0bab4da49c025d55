"""What the store keeps of sign-ins and of who is signed in, on SQLite and in a real Postgres."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from watchbill.store.rows import SignInLinkRow, SignInPinRow, SignInTryRow, WebSessionRow


AT = datetime(2026, 1, 12, 3, 0, 0, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TRIED = SignInTryRow(
    "d" * 64, "b" * 64, "nonce", "verifier", "/open/C-1", fresh=True, begun_at=AT, expires_at=AT + 10 * MINUTE
)
SESSION = WebSessionRow("d" * 64, "james", "https://idp", ("a", "b"), AT, AT, AT + 60 * MINUTE, '{"for": "/x"}')


def test_a_person_is_one_subject_for_good(place):
    """Neither side is pinned a second time; another provider is another matter."""
    pin = SignInPinRow("james", "https://idp", "00u1", AT)
    with place.open() as store:
        assert store.sign_ins.pin(pin)
        assert not store.sign_ins.pin(replace(pin, subject="00u2"))
        assert not store.sign_ins.pin(replace(pin, person="rick"))
        assert store.sign_ins.pin(replace(pin, issuer="https://other", subject="00u2"))
    with place.open() as store:
        assert store.sign_ins.of("james", "https://idp") == pin
        assert store.sign_ins.person("https://idp", "00u1") == pin
        assert store.sign_ins.person("https://idp", "00u2") is None


def test_tries_and_links_are_taken_once(place):
    """And what nobody came back from is swept away when the next one begins."""
    link = SignInLinkRow("e" * 64, "ana", AT + MINUTE)
    with place.open() as store:
        store.sign_ins.begin(TRIED)
        store.sign_ins.add_link(link, AT)
        assert store.sign_ins.take(TRIED.digest) == TRIED
        assert store.sign_ins.take(TRIED.digest) is None
        assert store.sign_ins.take_link(link.digest) == link
        assert store.sign_ins.take_link(link.digest) is None
        store.sign_ins.begin(TRIED)
        store.sign_ins.add_link(link, AT)
        later = AT + 10 * MINUTE
        store.sign_ins.begin(replace(TRIED, digest="f" * 64, begun_at=later, expires_at=later + MINUTE))
        store.sign_ins.add_link(replace(link, digest="f" * 64, expires_at=later + MINUTE), later)
        assert store.sign_ins.take(TRIED.digest) is None
        assert store.sign_ins.take_link(link.digest) is None


def test_a_session_begins_is_seen_and_ends(place):
    """What it proves is used up once; one whose time is over is swept away when another begins."""
    with place.open() as store:
        store.web_sessions.begin(SESSION)
        store.web_sessions.see(SESSION.digest, AT + MINUTE)
        assert store.web_sessions.get(SESSION.digest) == replace(SESSION, seen_at=AT + MINUTE)
        assert store.web_sessions.use_proof(SESSION.digest, SESSION.proof)
        assert not store.web_sessions.use_proof(SESSION.digest, SESSION.proof)
        assert store.web_sessions.get(SESSION.digest).proof is None
        later = replace(SESSION, digest="e" * 64, begun_at=AT + 61 * MINUTE, issuer=None)
        store.web_sessions.begin(later)
        assert store.web_sessions.get(SESSION.digest) is None
        assert store.web_sessions.get(later.digest) == later
        store.web_sessions.end(later.digest)
        assert store.web_sessions.get(later.digest) is None


def test_sessions_are_carried_with_a_clock_that_leaps(place):
    """Each is as far from its end as it was, and nobody was away; when it began, and what it proves, stay."""
    other = replace(SESSION, digest="e" * 64, ends_at=AT + 5 * MINUTE, proof=None)
    with place.open() as store:
        store.web_sessions.begin(SESSION)
        store.web_sessions.begin(other)
        store.web_sessions.carry(90 * MINUTE)
        for each in (SESSION, other):
            moved = replace(each, seen_at=each.seen_at + 90 * MINUTE, ends_at=each.ends_at + 90 * MINUTE)
            assert store.web_sessions.get(each.digest) == moved
