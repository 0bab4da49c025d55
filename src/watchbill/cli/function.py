"""`watchbill run` as a function of AWS Lambda, called on a schedule: `watchbill.cli.function.handler`.

The event may name what a command line would, `{"arguments": ["--trail", "s3://bucket/prefix"]}`, and
nothing but options of `run`. A pass that failed raises, so that Lambda counts it as failed and calls again.
"""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from watchbill.cli.main import main
from watchbill.errors import WatchbillError


class FailedError(WatchbillError):
    """A pass did not do all that it was to do."""

    code = "failed"


def handler(event: Mapping[str, Any], _: object) -> Any:
    """Make one pass; give what `watchbill run --json` answers."""
    given = event.get("arguments", [])
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise FailedError("`arguments` is no list of texts")
    printed = io.StringIO()
    code: object = 0
    with redirect_stdout(printed):
        try:
            main(["run", "--once", "--json", *given])
        except SystemExit as ended:
            code = ended.code
    if not printed.getvalue():
        raise FailedError(f"the pass said nothing and ended with {code}: wrong arguments?")
    answer = json.loads(printed.getvalue())
    if code != 0:
        said = "; ".join(problem["message"] for problem in answer["problems"])
        raise FailedError(f"the pass ended with {code}: {said}")
    return answer
