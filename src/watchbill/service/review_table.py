"""A review of access as a table of text, for auditors who keep such in spreadsheets."""

import csv
from io import StringIO

from watchbill.inert import inert_cell
from watchbill.service.recertification import ReviewView


HEADINGS = (
    *("review", "row", "person", "permission set", "accounts", "through", "until", "where", "last used", "use"),
    *("reviewer", "decision", "reason", "signed by", "signed at", "ledger entry", "digest"),
)


def as_csv(view: ReviewView) -> str:
    """Give a review as a table of text: a spreadsheet computes nothing of it."""
    text = StringIO()
    out = csv.writer(text)
    out.writerow(HEADINGS)
    signed = {number: each for each in view.signatures for number in each.rows}
    for each in view.rows:
        row, by = each.row, signed.get(each.row.number)
        cells = (
            *(view.id, row.number, row.person, row.permission_set, " ".join(row.accounts), row.through),
            *(row.until or "", row.where, row.last_used or "", row.use, row.reviewer, each.decision, each.reason),
            *(("", "", "", "") if by is None else (by.reviewer, by.at, by.entry, by.digest)),
        )
        out.writerow([inert_cell(cell) for cell in cells])
    return text.getvalue()
