"""Grafana OnCall's final shifts of a schedule.

`GET /api/v1/schedules/{id}/final_shifts?start_date=...&end_date=...` answers with pages: `results[]`, each with
`user_pk`, `user_email`, `user_username`, `shift_start` and `shift_end`. Overrides and swaps are applied already.
Where `next` is not null, more pages follow, and what they hold is missing here: that is a problem.
"""

from watchbill.intervals import Interval
from watchbill.schedule.imported import Imported
from watchbill.schedule.vendors.reading import Entries, inside, text, wrong


def read(document: object, within: Interval, file: str) -> Imported:
    """Give the shifts of a page; raises WatchbillError where it is none."""
    results = inside(document, "results")
    # Every list of that API is pages of results; of shifts, each one says when it starts.
    if not isinstance(results, list) or (results and not any(inside(each, "shift_start") for each in results)):
        hint = "ask for /api/v1/schedules/{id}/final_shifts with start_date and end_date"
        raise wrong(document, "shifts of Grafana OnCall", hint, file)
    entries = Entries(within, file)
    for number, each in enumerate(results):
        user, start = text(inside(each, "user_pk")), inside(each, "shift_start")
        names = (inside(each, "user_email"), user, inside(each, "user_username"))
        entries.add(f"results[{number}]", start, inside(each, "shift_end"), names, f"{user} {text(start)}".strip())
    if inside(document, "next") is not None:
        entries.report("more-pages", "this is one page of several; put the results of all of them together")
    return entries.imported("")
