"""LookupEvents: the last 90 days of an account's management events in one region, for a first look without any trail.

It is no trail: it has no data and network-activity events, no digests, and one region at a time; AWS allows two calls a
second for an account in a region, each of fifty events (CloudTrail API Reference, LookupEvents). A trail is read from
where it is delivered.

An answer is given as the CLI saves it, so that `trail.read` reads both alike: each event is the text of its record as
CloudTrail wrote it.

Run against a server on loopback that speaks as botocore's model of the service says, not against AWS.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from watchbill.aws.accounts import translated
from watchbill.intervals import Interval


PAGE = 50
"""Events that one answer holds, at most."""

PACE = 0.5
"""Seconds from the beginning of one call to that of the next: AWS takes two a second, and more are throttled."""


def look_up(
    client: Any,
    span: Interval,
    attribute: tuple[str, str] | None = None,
    *,
    insights: bool = False,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[str, bytes]]:
    """Yield the answers for a span as files for `trail.read`: a name with the region and number of each, and its bytes.

    `attribute` narrows it, such as `("Username", "james")`; AWS takes one alone. AWS gives the newest first. A call
    that is throttled all the same is made again by boto3, slower each time. Raises ProviderError when AWS refuses it;
    what was yielded until then is whole, but not all there is.
    """
    # AWS takes the end as included, and looks at whole seconds.
    asked: dict[str, Any] = {"StartTime": span.start, "EndTime": span.end, "MaxResults": PAGE}
    if attribute is not None:
        asked["LookupAttributes"] = [{"AttributeKey": attribute[0], "AttributeValue": attribute[1]}]
    if insights:
        asked["EventCategory"] = "insight"
    number, token, region = 0, None, client.meta.region_name
    while True:
        began = clock()
        answer = translated(client.lookup_events, **asked, **({"NextToken": token} if token else {}))
        events = [
            {name: event[name] for name in ("EventId", "CloudTrailEvent") if name in event}
            for event in answer.get("Events", ())
        ]
        yield f"lookup/{region}/{number:06}.json", json.dumps({"Events": events}).encode()
        number, token = number + 1, answer.get("NextToken")
        if not token:
            return
        if (rest := PACE - (clock() - began)) > 0:
            sleep(rest)
