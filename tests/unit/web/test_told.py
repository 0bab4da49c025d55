"""Files of the matrix: what is kept of them is said of no other team, instant or cell."""

import csv
import io
from dataclasses import asdict, replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import MONDAY, PRODUCTION, STAGING
from tests.unit.access.drawn import instants
from tests.unit.access.test_matrix import drawn
from tests.unit.access.test_ways import document

from watchbill.access.matrix import Moment, Place
from watchbill.access.model import ControlPolicy, Drift, DriftKind
from watchbill.access.organization import SCP, Organization, Target
from watchbill.inert import inert_cell, inert_json
from watchbill.intervals import iso
from watchbill.service.access_view import Filters, Then, cell_view, cells_of, emptied_in
from watchbill.service.as_read import AsRead
from watchbill.service.drift_seen import SeenDrift
from watchbill.web.told import as_csv, as_json


BO = Place("bo", "production", "two")
DRIFT = Drift("production", "arn:aws:iam::111111111111:user/bo", '=policy "x", attached', None, DriftKind.ATTACHED)
SEEN = SeenDrift("D-1", DRIFT, "bo", frozenset({"bo"}), MONDAY, None)
DENIAL = ControlPolicy("p-1", "<i>none", SCP, document("Deny"))
TARGETS = {"r-1": Target("r-1", "Root", "root", None)} | {
    number: Target(number, number, "account", "r-1") for number in (PRODUCTION, STAGING)
}
BOUND = Organization("o-1", "999999999999", TARGETS, {"p-1": DENIAL}, {"p-1": (STAGING,)}, frozenset({SCP}))
READINGS = (None, AsRead("they were never read"), AsRead(BOUND), AsRead(None))
"""What is known of the organization: first where the team file names none."""
HEADINGS = ("at", "person", "account", "permission_set", "standing", "by", "why", "until", "where", "organization")


def views(found, filters):
    """Give every cell as plain facts, made anew."""
    for place, cell in cells_of(found, filters).items():
        yield {**place._asdict(), **asdict(cell_view(cell, emptied_in(found, [place[1:]]).get(place[1:])))}


def slow_json(found, filters):
    """Write all of it at once."""
    view = {"at": iso(found.moment.at), "by": found.by, "assumed": found.assumed, "cells": [*views(found, filters)]}
    return inert_json(msgspec.json.encode(view).decode())


def slow_csv(found, filters):
    """Write every line anew."""
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(HEADINGS)
    for cell in views(found, filters):
        lists = {name: "; ".join(each or "" for each in cell[name]) for name in ("by", "why", "until", "where")}
        texts = {**cell, **lists, "at": iso(found.moment.at)}
        out.writerow([inert_cell(texts[name]) for name in HEADINGS])
    return text.getvalue()


@settings(max_examples=25)
@given(
    st.lists(st.tuples(drawn(), st.lists(instants(), min_size=1, max_size=2)), min_size=1, max_size=3),
    st.lists(st.tuples(st.booleans(), st.sampled_from(READINGS)), min_size=2, max_size=2),
)
def test_files_say_what_is_so_whatever_was_asked_before(teams, ways):
    """Of several teams with the same names, at several times, with drift, under organizations: as written in full."""
    for drifted, read in ways:
        for (of, freezes), times in teams:
            for at in times:
                bounded = of if read is None else replace(of, organization="production")
                found = Then(
                    Moment(at, bounded, freezes), "the team file", ("=this", "that <b>"), read=read or AsRead(None)
                )
                if drifted:
                    found = replace(found, drift={BO: (SEEN,)})
                for filters in (Filters(), Filters(own="bo"), Filters(account="production", permission_set="two")):
                    assert as_json(found, filters) == slow_json(found, filters)
                    assert as_csv(found, filters) == slow_csv(found, filters)
