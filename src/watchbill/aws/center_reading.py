"""What there is in an instance of IAM Identity Center, read for a plan.

The calls are two for each person of the file, one for each permission set there is, and for each that is watchbill's,
or held by somebody of the file, four more, and one for each account it is in. What a person holds by sets of others is
told by ListAccountAssignmentsForPrincipal, which AWS answers to the management account alone (API Reference): where it
is refused, `unread` says so, and a plan goes on.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.center.state import Assigned, CenterGroup, CenterState, Holder, Reference, SetState, team_of
from watchbill.access.model import Document
from watchbill.aws.accounts import translated
from watchbill.errors import ProviderError
from watchbill.team.model import IdentityCenter, Person


class CenterReading:
    """Reads one instance, by a client of its permission sets and one of its identity store."""

    def __init__(self, center: IdentityCenter, admin: Any, store: Any) -> None:
        self._center = center
        self._admin = admin
        self._store = store
        self._unread: list[str] = []

    def state(self, management: str, people: Iterable[Person]) -> CenterState:
        """Read all that `CenterState` says of an instance."""
        users = {person.name: user for person in people if (user := self._user(person)) is not None}
        groups = self._groups(users.values())
        sets, arns = self._sets()
        named = {group.id: name for name, group in groups.items()}
        assignments = {each for one in sets.values() if one.team is not None for each in self._assigned(one, named)}
        held = self._held(users.values(), groups, arns)
        assignments |= held
        wanted = {each.permission_set for each in held} | {name for name, each in sets.items() if each.team is not None}
        return CenterState(
            self._center.instance,
            self._center.store,
            management,
            users,
            {name: self._whole(sets[name]) for name in sorted(wanted)},
            frozenset(assignments),
            groups,
            frozenset(sets) - wanted,
            tuple(self._unread),
        )

    def own_sets(self) -> dict[str, str]:
        """Give the ARNs of watchbill's permission sets by name."""
        return {name: each.arn for name, each in self._sets()[0].items() if each.team is not None}

    def own_groups(self) -> dict[str, str]:
        """Give the ids of watchbill's groups by name."""
        return {each.name: each.id for each in self._known_groups().values() if each.team is not None}

    def names(self, groups: Collection[str], sets: Collection[str]) -> Iterator[tuple[str, str | None]]:
        """Give those of some groups and permission sets that are there: with its name what is watchbill's, or None."""
        known = self._known_groups() if groups else {}
        for id_ in groups:
            if (found := known.get(id_)) is not None:
                yield id_, found.name if found.team is not None else None
        for arn in sets:
            try:
                said = self._ask("describe_permission_set", arn)["PermissionSet"]
            except ProviderError as error:
                if "ResourceNotFoundException" in str(error):
                    continue
                raise
            yield arn, said["Name"] if team_of(said["Name"], said.get("Description")) is not None else None

    def _known_groups(self) -> dict[str, CenterGroup]:
        """Give every group by its id, without who is in it."""
        known: dict[str, CenterGroup] = {}
        for page in pages_of(self._store, "list_groups", IdentityStoreId=self._center.store):
            for each in page["Groups"]:
                name, team = each["DisplayName"], team_of(each["DisplayName"], each.get("Description"))
                known[each["GroupId"]] = CenterGroup(name, each["GroupId"], team)
        return known

    def _groups(self, users: Iterable[str]) -> dict[str, CenterGroup]:
        """Read watchbill's groups with all who are in them, and of others those that some users are in."""
        known = self._known_groups()
        found: dict[str, dict[str, str]] = {id_: {} for id_, each in known.items() if each.team is not None}
        for id_ in tuple(found):
            asked = {"IdentityStoreId": self._center.store, "GroupId": id_}
            for page in pages_of(self._store, "list_group_memberships", **asked):
                found[id_].update((m["MemberId"]["UserId"], m["MembershipId"]) for m in page["GroupMemberships"])
        for user in users:
            for page in memberships_of(self._store, self._center, user):
                for each in page["GroupMemberships"]:
                    found.setdefault(each["GroupId"], {})[user] = each["MembershipId"]
        return {known[i].name: replace(known[i], members=members) for i, members in found.items() if i in known}

    def _sets(self) -> tuple[dict[str, SetState], Mapping[str, str]]:
        """Give every permission set as far as one call tells it, by name, and their names by ARN."""
        pages = pages_of(self._admin, "list_permission_sets", InstanceArn=self._center.instance)
        found: dict[str, SetState] = {}
        for arn in (arn for page in pages for arn in page["PermissionSets"]):
            said = self._ask("describe_permission_set", arn)["PermissionSet"]
            team = team_of(said["Name"], said.get("Description"))
            # A stand-in may say a number where AWS says text.
            session = str(said.get("SessionDuration") or "PT1H")
            found[said["Name"]] = SetState(said["Name"], arn, team, session=session)
        return found, {each.arn: name for name, each in found.items()}

    def _whole(self, found: SetState) -> SetState:
        """Read what a permission set is made of."""
        policies = policies_in(self._admin, self._center, found.arn)
        stale = self._pages(
            "list_accounts_for_provisioned_permission_set",
            found.arn,
            ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED",
        )
        return replace(
            found,
            references=frozenset(_reference(each) for each in policies if not isinstance(each, str)),
            managed=frozenset(each for each in policies if isinstance(each, str)),
            inline=inline_of(self._admin, self._center, found.arn),
            boundary=self._boundary(found.arn),
            stale=frozenset(number for page in stale for number in page["AccountIds"]),
        )

    def _boundary(self, arn: str) -> Reference | str | None:
        try:
            said = self._ask("get_permissions_boundary_for_permission_set", arn).get("PermissionsBoundary") or {}
        except ProviderError as error:
            if "ResourceNotFoundException" in str(error):
                return None  # so AWS says that a set has none
            raise
        policy = said.get("CustomerManagedPolicyReference")
        return said.get("ManagedPolicyArn") if policy is None else _reference(policy)

    def _assigned(self, found: SetState, groups: Mapping[str, str]) -> Iterator[Assigned]:
        """Give everybody who has a permission set, in each account where it is provisioned."""
        for page in self._pages("list_accounts_for_provisioned_permission_set", found.arn):
            for number in page["AccountIds"]:
                for listed in self._pages("list_account_assignments", found.arn, AccountId=number):
                    for each in listed["AccountAssignments"]:
                        yield _assigned_by(each, found.name, groups)

    def _held(self, users: Iterable[str], groups: Mapping[str, CenterGroup], names: Mapping[str, str]) -> set[Assigned]:
        """Give what users, and the groups that they are in, have by any set; where AWS refuses to tell, say so."""
        others = [group.id for group in groups.values() if group.team is None]
        principals = [*((Holder.USER, user) for user in users), *((Holder.GROUP, id_) for id_ in others)]
        named, found = {group.id: name for name, group in groups.items()}, set[Assigned]()
        for kind, principal in principals:
            asked = {"InstanceArn": self._center.instance, "PrincipalId": principal, "PrincipalType": str(kind)}
            try:
                pages = pages_of(self._admin, "list_account_assignments_for_principal", **asked)
            except ProviderError as error:
                if "AccessDenied" not in str(error):
                    raise
                self._unread.append(f"what people hold by permission sets that are not watchbill's: {error}")
                break
            for each in (each for page in pages for each in page["AccountAssignments"]):
                said = {"PrincipalId": principal, "PrincipalType": str(kind), **each}
                if each["PermissionSetArn"] in names:
                    found.add(_assigned_by(said, names[each["PermissionSetArn"]], named))
        return found

    def _pages(self, method: str, arn: str, **given: Any) -> list[Any]:
        return pages_of(self._admin, method, InstanceArn=self._center.instance, PermissionSetArn=arn, **given)

    def _ask(self, method: str, arn: str) -> Any:
        return translated(getattr(self._admin, method), InstanceArn=self._center.instance, PermissionSetArn=arn)

    def _user(self, person: Person) -> str | None:
        """Give the id of somebody's user; None where there is none, or no more."""
        if user := person.identity_center_user:
            return user if is_there(self._store, self._center, user) else None
        return user_of(self._store, self._center, (person.email, *person.also_known_as))


def pages_of(client: Any, operation: str, **given: Any) -> list[Any]:
    """Call an operation until there is no more page of it."""
    pages: list[Any] = translated(lambda: list(client.get_paginator(operation).paginate(**given)))
    return pages


def memberships_of(store: Any, center: IdentityCenter, user: str) -> list[Any]:
    """List the groups that a user is in, page by page."""
    member = {"UserId": user}
    return pages_of(store, "list_group_memberships_for_member", IdentityStoreId=center.store, MemberId=member)


def policies_in(admin: Any, center: IdentityCenter, arn: str) -> list[dict[str, str] | str]:
    """List what is attached to a permission set: references with name and path, and ARNs of AWS's own policies."""
    asked = {"InstanceArn": center.instance, "PermissionSetArn": arn}
    referred = pages_of(admin, "list_customer_managed_policy_references_in_permission_set", **asked)
    attached = pages_of(admin, "list_managed_policies_in_permission_set", **asked)
    return [
        *({"Path": "/", **each} for page in referred for each in page["CustomerManagedPolicyReferences"]),
        *(each["Arn"] for page in attached for each in page["AttachedManagedPolicies"]),
    ]


def assigned_in(admin: Any, center: IdentityCenter, arn: str, number: str) -> frozenset[str]:
    """Give the ids of those who have a permission set in an account."""
    asked = {"InstanceArn": center.instance, "PermissionSetArn": arn, "AccountId": number}
    pages = pages_of(admin, "list_account_assignments", **asked)
    return frozenset(each["PrincipalId"] for page in pages for each in page["AccountAssignments"])


def user_of(store: Any, center: IdentityCenter, addresses: Iterable[str]) -> str | None:
    """Find a user by name or address; None where there is none of that."""
    for address in addresses:
        for path in ("userName", "emails.value"):
            identifier = {"UniqueAttribute": {"AttributePath": path, "AttributeValue": address}}
            try:
                found = store.get_user_id(IdentityStoreId=center.store, AlternateIdentifier=identifier)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("ResourceNotFoundException", "ValidationException"):
                    raise ProviderError(f"could not look for {address} in Identity Center: {error}") from error
            except BotoCoreError as error:
                raise ProviderError(f"could not look for {address} in Identity Center: {error}") from error
            else:
                return str(found["UserId"])
    return None


def is_there(store: Any, center: IdentityCenter, user: str) -> bool:
    """Tell whether there is a user of an id."""
    try:
        store.describe_user(IdentityStoreId=center.store, UserId=user)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise ProviderError(f"could not look for user {user} in Identity Center: {error}") from error
    except BotoCoreError as error:
        raise ProviderError(f"could not look for user {user} in Identity Center: {error}") from error
    return True


def inline_of(admin: Any, center: IdentityCenter, arn: str) -> Document | None:
    """Read the inline policy of a permission set; None where it has none."""
    answer = translated(admin.get_inline_policy_for_permission_set, InstanceArn=center.instance, PermissionSetArn=arn)
    text = answer.get("InlinePolicy") or ""
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise ProviderError(f"the inline policy of permission set {arn} is no JSON") from error


def _reference(said: Mapping[str, str]) -> Reference:
    return Reference(said["Name"], said.get("Path") or "/")


def _assigned_by(said: Mapping[str, str], name: str, groups: Mapping[str, str]) -> Assigned:
    holder, principal = Holder(said["PrincipalType"]), said["PrincipalId"]
    if holder is Holder.GROUP:
        principal = groups.get(principal, principal)
    return Assigned(said["AccountId"], name, holder, principal)
