"""What may be typed after `/watch`."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.errors import RefusedError
from watchbill.slack.commands import parse
from watchbill.slack.model import AskSwap, RequestAccess, ShowCase, Who


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", Who()),
        ("who", Who()),
        ("who fri 03:00", Who("fri 03:00")),
        ("case C-1a2b3c", ShowCase("C-1a2b3c")),
        (
            'request prod-oncall --for 2h --reason "db is slow"',
            RequestAccess("prod-oncall", timedelta(hours=2), "db is slow"),
        ),
        (
            "request prod-oncall --for=45m --reason=slow --account production --account staging",
            RequestAccess("prod-oncall", timedelta(minutes=45), "slow", ("production", "staging")),
        ),
        (
            "swap @rick ada --from 2026-01-12 --to 2026-01-13T09:00:00Z --reason 'a wedding' --rota platform",
            AskSwap(("rick", "ada"), "2026-01-12", "2026-01-13T09:00:00Z", "a wedding", "platform"),
        ),
    ],
)
def test_what_can_be_read(text, wish):
    """Each command, as its usage says."""
    assert parse(text) == wish


def test_what_keyboards_make_of_quotes_and_dashes_is_undone():
    """A phone turns them into what printers use."""
    text = "request prod-oncall \u2014for 2h \u2013reason \u201cdb \u2014 slow, it\u2019s\u201d"
    assert parse(text) == RequestAccess("prod-oncall", timedelta(hours=2), "db \u2014 slow, it's")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("freeze rick", "there is no `/watch freeze`"),
        ("case", "`case` takes the id of one case"),
        ("case a b", "`case` takes the id of one case"),
        ("request a", "`--for` is missing"),
        ("request a --for 2h", "`--reason` is missing"),
        ("request a --for 2h --reason ' '", "`--reason` takes one value"),
        ("request a --for 2h --for 3h --reason x", "`--for` takes one value"),
        ("request a --for 2 --reason x", "minutes, hours or days"),
        ("request a --for 8d --reason x", "7 days at the most"),
        ("request a --for --reason x", "`--for` has no value"),
        ("request a --for 2h --reason", "`--reason` has no value"),
        ("request a --for 2h --because x --reason y", "no option `--because`"),
        ("swap rick --from a --to b --reason x", "two people"),
        ("swap rick rick --from a --to b --reason x", "two people"),
        ("who --at now", "no option `--at`"),
        ('case "C-1', "a quote is opened and not closed"),
        ("who " + "x" * 3000, "longer than 2000"),
    ],
)
def test_what_cannot_be_read_says_why(text, said):
    """And is never guessed at."""
    with pytest.raises(RefusedError, match=said):
        parse(text)


@given(st.text(st.characters(codec=None), max_size=80).map("request a --for 2h --reason ".__add__) | st.text())
def test_any_text_is_read_or_refused(text):
    """No other error comes out of it."""
    with suppress(RefusedError):
        parse(text)
