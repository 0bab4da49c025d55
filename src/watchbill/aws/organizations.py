"""AWS Organizations: the tree and its policies, read; and the policy that lists the frozen, read and written anew.

No policy is ever made, attached or deleted.
"""

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.model import ControlPolicy, Document
from watchbill.access.organization import RCP, SCP, Organization, Target
from watchbill.aws.accounts import Accounts, translated
from watchbill.errors import ProviderError
from watchbill.policy.statements import PolicyError, parse_policy
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


def read_organization(accounts: Accounts, account: Account) -> Organization | None:
    """Read the organization of an account: three calls, two for each root and unit, and two for each policy.

    None where the account is in none. AWS answers the management account and members that are delegated for any service
    (Organizations API Reference); what it refuses, and a policy that cannot be read, is a ProviderError.
    """
    client = accounts.client(account, "organizations")
    try:
        described = client.describe_organization()["Organization"]
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code == "AWSOrganizationsNotInUseException":
            return None
        raise ProviderError(f"could not read the organization by account `{account.name}`: {error}") from error
    roots = _pages(client, "list_roots", "Roots")
    enabled = {each["Type"] for root in roots for each in root.get("PolicyTypes", ()) if each["Status"] == "ENABLED"}
    targets: dict[str, Target] = {}
    for root in roots:
        top = Target(root["Id"], root["Name"], "root", None)
        targets |= {each.id: each for each in (top, *_below(client, top))}
    policies: dict[str, ControlPolicy] = {}
    attached: dict[str, tuple[str, ...]] = {}
    for kind in sorted(enabled & {SCP, RCP}):
        for each in _pages(client, "list_policies", "Policies", Filter=kind):
            policies[each["Id"]] = _policy(client, each["Id"], each["Name"], kind)
            attached[each["Id"]] = tuple(sorted(found["TargetId"] for found in _targets(client, each["Id"])))
    types = frozenset(enabled & {SCP, RCP})
    return Organization(described["Id"], described["MasterAccountId"], targets, policies, attached, types)


def _below(client: Any, parent: Target) -> Iterator[Target]:
    for each in _pages(client, "list_accounts_for_parent", "Accounts", ParentId=parent.id):
        yield Target(each["Id"], each["Name"], "account", parent.id)
    for each in _pages(client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent.id):
        unit = Target(each["Id"], each["Name"], "OU", parent.id)
        yield unit
        yield from _below(client, unit)


def _policy(client: Any, policy: str, name: str, kind: str) -> ControlPolicy:
    text = translated(client.describe_policy, PolicyId=policy)["Policy"]["Content"]
    try:
        document = json.loads(text)
        parse_policy(document, name)
    except (ValueError, PolicyError) as error:
        raise ProviderError(f"policy {policy} of the organization cannot be read: {error}") from error
    return ControlPolicy(policy, name, kind, document)


def _pages(client: Any, operation: str, part: str, **given: Any) -> list[Any]:
    pages = client.get_paginator(operation).paginate(**given)
    return [each for page in translated(lambda: list(pages)) for each in page[part]]


def _targets(client: Any, policy: str) -> list[Any]:
    return _pages(client, "list_targets_for_policy", "Targets", PolicyId=policy)
