"""The people, machines and accounts of a team as AWS sees them: addresses, programs, ids, things they own.

All of it follows from the team and the seed alone, never from the order in which it is asked.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from watchbill.sim.rights import Rights, on_call_rights, standing_rights
from watchbill.team.model import Kind, Person, Rota, Team


PATH = "/watchbill/"
"""The IAM path of people's users and of the on-call roles."""

FOUNDER = "ops-admin"
"""An IAM user from before the team kept its access in a file; nobody of the team."""

Keys = Mapping[tuple[str, str], Sequence[str]]
"""Ids of access keys that exist, by account name and IAM user: the everyday one, then one that a stranger makes."""

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_MACHINE_NETWORK = "52.211.96.0/24"
_LONELY_NETWORK = "198.51.100.0/24"
"""Where people live whose team names no network at all."""

_SYSTEMS = ("macos#23.6.0 md/arch#arm64", "linux#6.8.0-41-generic md/arch#x86_64", "windows#11 md/arch#amd64")
_CLI_VERSIONS = ("2.27.31", "2.28.4", "2.30.0")
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_BROWSERS = (
    f"{_MAC} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
)
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) "
    "terraform-provider-aws/6.9.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.37.2"
)
_THINGS = {
    "database": ("orders-db", "catalog-db", "ledger-db"),
    "cluster": ("main",),
    "service": ("checkout", "search", "accounts"),
    "function": ("resize-images", "send-receipts"),
    "log": ("/ecs/checkout", "/ecs/search"),
    "asg": ("web", "workers"),
    "stack": ("network", "checkout"),
    "trail": ("team-trail",),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """An address and the network that it is seen in."""

    address: str
    network: str


@dataclass(frozen=True, slots=True)
class Resident:
    """A person of the team with their habits."""

    person: Person
    usual: Spot
    office: Spot
    """An address in the team's own network; the usual spot again where the team names none."""
    cli: str
    browser: str


class World:
    """The team as AWS sees it, for one seed."""

    def __init__(self, team: Team, seed: int, keys: Keys | None = None) -> None:
        self.team = team
        self.seed = seed
        self._keys = keys or {}
        self.residents = {name: self._resident(person) for name, person in team.people.items()}
        self.things = {name: self._things(name) for name in team.accounts}

    def rng(self, *purpose: str) -> random.Random:
        """Give a source of randomness for one purpose, apart from all others."""
        return random.Random(":".join((str(self.seed), *purpose)))

    def identifier(self, prefix: str, *of: str, length: int = 17) -> str:
        """Give the id that AWS would have made for a thing, the same whenever it is asked."""
        rng = self.rng("id", prefix, *of)
        return prefix + "".join(rng.choices(_BASE32, k=length))

    def number(self, account: str) -> str:
        """Give an account's twelve digits."""
        return self.team.accounts[account].number

    def key(self, account: str, user: str) -> str:
        """Give the id of the access key that an IAM user works with in an account."""
        known = self._keys.get((account, user), ())
        return known[0] if known else self.identifier("AKIA", "key", account, user, length=16)

    def second_key(self, account: str, user: str) -> str:
        """Give the id of the access key that a stranger makes for an IAM user."""
        known = self._keys.get((account, user), ())
        return known[1] if len(known) > 1 else self.identifier("AKIA", "second key", account, user, length=16)

    def user_arn(self, account: str, user: str) -> str:
        """Give the ARN of an IAM user; those of people are under the path, machines and strangers are not."""
        path = PATH if self.team.person_of_iam_user(user) else "/"
        return f"arn:aws:iam::{self.number(account)}:user{path}{user}"

    def rights(self, person: str, account: str, at: datetime) -> Rights:
        """Give what a person may do in an account as their IAM user."""
        return standing_rights(self.team, person, account, at)

    def watch_rights(self, rota: Rota, kind: Kind) -> Rights:
        """Give what the on-call role of a rota may do; nothing for a kind that is given nothing."""
        name = rota.entitlement.get(kind)
        return on_call_rights(self.team.permission_sets[name]) if name else Rights()

    def lives_in(self, person: str, account: str) -> bool:
        """Tell whether somebody has an IAM user in an account: by a group or by a rota."""
        in_group = any(
            person in self.team.members(group.name) and any(account in access.accounts for access in group.access)
            for group in self.team.groups.values()
        )
        return in_group or any(
            account in rota.accounts and any(person in layer.members for layer in rota.layers)
            for rota in self.team.rotas.values()
        )

    def networks(self) -> tuple[IPv4Network, ...]:
        """Give every network that is usual for anyone, IPv4 only."""
        named = [*self.team.networks, *(n for person in self.team.people.values() for n in person.networks)]
        found = [ip_network(text, strict=False) for text in (*named, _MACHINE_NETWORK, _LONELY_NETWORK)]
        return tuple(network for network in found if isinstance(network, IPv4Network))

    def founder(self) -> Spot:
        """Tell where the IAM user from before works."""
        return spot(self.rng("founder"), (*self.team.networks, _LONELY_NETWORK)[0])

    def machine(self, name: str, account: str) -> Spot:
        """Tell from which of AWS's addresses a workload calls."""
        return spot(self.rng("machine", name, account), _MACHINE_NETWORK)

    def cli(self, rng: random.Random) -> str:
        """Make up an AWS CLI installation."""
        version, system = rng.choice(_CLI_VERSIONS), rng.choice(_SYSTEMS)
        return (
            f"aws-cli/{version} md/awscrt#0.26.1 ua/2.1 os/{system} lang/python#3.13.4 md/pyimpl#CPython "
            "m/b,E,C,Z cfg/retry-mode#standard md/installer#exe md/prompt#off"
        )

    def _resident(self, person: Person) -> Resident:
        rng = self.rng("resident", person.name)
        usual = spot(rng, (*person.networks, *self.team.networks, _LONELY_NETWORK)[0])
        office = spot(rng, self.team.networks[0]) if self.team.networks else usual
        return Resident(person, usual, office, self.cli(rng), rng.choice(_BROWSERS))

    def _things(self, account: str) -> dict[str, tuple[str, ...]]:
        rng = self.rng("things", account)
        number, users = self.number(account), tuple(person.iam_user for person in self.team.people.values())
        balancing = f"arn:aws:elasticloadbalancing:eu-west-1:{number}"
        return _THINGS | {
            "user": users or (FOUNDER,),
            "instance": tuple(f"i-0{rng.randrange(16**16):016x}" for _ in range(8)),
            "volume": tuple(f"vol-0{rng.randrange(16**16):016x}" for _ in range(4)),
            "group": tuple(f"sg-0{rng.randrange(16**16):016x}" for _ in range(4)),
            "bucket": tuple(f"{account}-{what}-{number[-4:]}" for what in ("assets", "invoices", "backups")),
            "detector": (f"{rng.randrange(16**32):032x}",),
            "target": (f"{balancing}:targetgroup/web/{rng.randrange(16**16):016x}",),
        }


def role_of(rota: Rota, kind: Kind) -> str:
    """Name the on-call role of a rota: the primary's is the rota's own, other kinds add theirs."""
    return f"oncall-{rota.name}" if kind is Kind.PRIMARY else f"oncall-{rota.name}-{kind}"


def spot(rng: random.Random, network: str) -> Spot:
    """Choose an address in a CIDR block."""
    block: IPv4Network | IPv6Network = ip_network(network, strict=False)
    inside = rng.randrange(1, min(block.num_addresses - 1, 250)) if block.num_addresses > 2 else 0
    return Spot(str(block[inside]), network)
