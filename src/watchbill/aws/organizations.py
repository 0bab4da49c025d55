"""The service control policy that lists the frozen: read, and written anew. It is never made, attached or deleted."""

import json
from typing import Any

from watchbill.access.model import Document
from watchbill.aws.accounts import Accounts, translated
from watchbill.errors import ProviderError
from watchbill.team.model import Account


ALLOWED_CALLS = {"UpdatePolicy": "update_policy"}
"""Every call to Organizations that watchbill can make to change something."""


def read_policy(accounts: Accounts, account: Account, policy: str) -> tuple[Document, int]:
    """Give a service control policy, and to how many roots, units and accounts it is attached."""
    client = accounts.client(account, "organizations")
    text = translated(client.describe_policy, PolicyId=policy)["Policy"]["Content"]
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ProviderError(f"policy {policy} is no JSON") from error
    return document, sum(1 for _ in _targets(client, policy))


def management_of(accounts: Accounts, account: Account) -> str:
    """Give the number of the organization's management account."""
    return str(
        translated(accounts.client(account, "organizations").describe_organization)["Organization"]["MasterAccountId"]
    )


def _targets(client: Any, policy: str) -> list[Any]:
    pages = client.get_paginator("list_targets_for_policy").paginate(PolicyId=policy)
    return [target for page in translated(lambda: list(pages)) for target in page["Targets"]]
