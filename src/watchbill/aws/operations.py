"""Which calls AWS's services have, by the models that come with boto3: for what a trail can show at all."""

from collections.abc import Mapping
from functools import cache

import botocore.session

from watchbill.policy.actions import actions_of, prefix_of


@cache
def called_actions(prefix: str) -> frozenset[str] | None:
    """Give the actions, in lower case, of a service under whose name there is a call; None where no call is known."""
    names = _services().get(prefix)
    if names is None:
        return None
    session = botocore.session.get_session()
    return frozenset(
        action.lower()
        for name in names
        for operation in session.get_service_model(name).operation_names
        for action in actions_of(f"{prefix}.amazonaws.com", operation).actions
    )


@cache
def _services() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in botocore.session.get_session().get_available_services():
        found.setdefault(prefix_of(name), []).append(name)
    return {prefix: tuple(names) for prefix, names in found.items()}
