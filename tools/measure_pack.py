"""Measure watchbill's own rules on events that others labelled, and print what of it they claim to see.

    python tools/measure_pack.py [--events PANTHER.jsonl] [--held-out] [--stratus FOLDER] [--catalogue events.json]
    python tools/measure_pack.py --write docs/rule-pack.md

Three questions, each answered from data that nobody of this project wrote (`WATCHBILL_DATA`):

1. Panther's labelled events. Its rules are grouped into behaviours. Of each behaviour the pack either claims it, by
   naming the rules of ours that see it, or says why not. Precision and recall of a behaviour count its own events
   alone, and hits of its own rules alone: that another rule of ours hits an event which Panther does not want for
   *its* rule says nothing about either. Where Panther counts events (its threshold), the rule of ours whose hits are
   counted is the one that is measured: an event of theirs is one event.
2. Files of Stratus Red Team, one technique each: which rules hit.
3. The catalogue of TrailDiscover: of which of its calls some rule would take notice, by name.

Nothing is known about these events but what stands in them: no team, no shift, no history. Rules that ask for those
(`new_for`, `shift`, `entitled`, a person) never hit here, and are measured elsewhere, on generated months.

A third of Panther's events, by a digest of rule and test, was not looked at while the rules were written: `--held-out`
gives the figures of these alone.

`--write` puts the table of behaviours, what is not claimed, and the list of all rules into the page, each between two
marks.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

import yaml

from watchbill.detect.sigma import Alert, Correlation, Correlator, LoadedRules, Rule, load_all
from watchbill.detect.sigma.trial import every_rule
from watchbill.trail.read import instant, outcome_in


RULES: Final = Path(__file__).parents[1] / "src" / "watchbill" / "rules"

CLAIMED: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "sign-ins that fail": (
        (
            "AWS.CloudTrail.PasswordSpraying",
            "Standard.BruteForceByIP",
            "Standard.BruteForceByUser",
            "AWS.Console.LoginFailed",
        ),
        ("signin-failed",),
    ),
    "sign-ins that fail with MFA": (("AWS.Unsuccessful.MFA.attempt",), ("signin-failed-with-mfa",)),
    "a console session made from keys": (("AWS.Console.GetSigninToken.Abuse",), ("signin-token-by-script",)),
    "a session made by a device code": (("Retrieve.SSO.access.token",), ("signin-device-code",)),
    "root signs in": (("AWS.Console.RootLogin",), ("root-console-sign-in",)),
    "credentials of root changed": (("AWS.CloudTrail.RootPasswordChanged",), ("root-credentials-changed",)),
    "a password set for another user": (
        ("AWS.CloudTrail.LoginProfileCreatedOrModified",),
        ("persist-console-password-for-another",),
    ),
    "a key made for another user": (("AWS.IAM.Backdoor.User.Keys",), ("persist-access-key-for-another",)),
    "a user made": (("AWS.IAM.CreateUser", "Standard.NewUserAccountCreated"), ("persist-user-made",)),
    "a role made": (("AWS.IAM.CreateRole",), ("persist-role-made",)),
    "administrator rights attached": (("AWS.IAM.AttachAdminRolePolicy",), ("escalate-admin-policy-attached",)),
    "policies of IAM changed": (("AWS.CloudTrail.IAMAnythingChanged",), ("iam-policies-changed",)),
    "a role given to a database": (("AWS.RDS.IAMRoleAdded",), ("escalate-database-role",)),
    "a session token without MFA": (("AWS.STS.GetSessionToken.Misuse",), ("persist-session-token",)),
    "a start-up script changed": (("AWS.EC2.Startup.Script.Change",), ("persist-instance-user-data",)),
    "a database's master password changed": (("AWS.RDS.MasterPasswordUpdated",), ("persist-database-password",)),
    "a key quarantined by AWS": (
        ("AWS.CloudTrail.IAMCompromisedKeyQuarantine", "AWS.IAM.AccessKeyCompromised"),
        ("key-quarantined",),
    ),
    "a key tried by a scanner": (("AWS.STS.GetCallerIdentity.TruffleHog",), ("key-tried-by-scanner",)),
    "security services switched off": (
        ("AWS.CloudTrail.SecurityConfigurationChange",),
        (
            "logging-trail-stopped",
            "logging-trail-changed",
            "logging-config-stopped",
            "logging-guardduty-off",
            "logging-flow-logs-deleted",
            "logging-security-services-off",
            "logging-log-group-deleted",
            "logging-alarms-off",
        ),
    ),
    "logs made to expire": (("AWS.CloudTrail.ShortLifecycle",), ("logging-bucket-expires",)),
    "DNS query logs deleted": (("AWS.CloudTrail.DNSLogsDeleted",), ("logging-dns-query-logs",)),
    "Macie hushed": (("AWS.Macie.Evasion",), ("logging-macie-hushed",)),
    "GuardDuty hushed": (("AWS.IPSet.Modified",), ("logging-guardduty-hushed",)),
    "a database's activity stream stopped": (("AWS.RDS.ActivityStreamStopped",), ("logging-database-activity",)),
    "guardrails of models weakened": (("AWS.Bedrock.GuardrailUpdateDelete",), ("models-guard-weakened",)),
    "traffic mirrored": (("AWS.EC2.Traffic.Mirroring",), ("exfil-traffic-mirrored",)),
    "a resource opened to everyone": (
        ("AWS.CloudTrail.ResourceMadePublic",),
        ("exfil-policy-public", "exfil-bucket-acl-public"),
    ),
    "public access unblocked": (("AWS.S3.DeletePublicAccessBlock",), ("exfil-public-access-unblocked",)),
    "access to a bucket changed": (("AWS.S3.BucketPolicyModified",), ("exfil-bucket-access-changed",)),
    "a snapshot of a database made by hand": (
        ("AWS.RDS.ManualSnapshotCreated",),
        ("exfil-database-snapshot-made",),
    ),
    "a snapshot copied to another region": (
        ("AWS.RDS.SnapshotCopiedCrossRegion",),
        ("exfil-database-carried-off",),
    ),
    "a database put on the internet": (("AWS.RDS.PublicRestore",), ("exfil-database-public",)),
    "an image of a machine made": (("AWS.EC2.Monitoring",), ("exfil-image-made",)),
    "encryption keys lost": (("AWS.KMS.CustomerManagedKeyLoss",), ("destroy-encryption-key",)),
    "versions of a bucket switched off": (("AWS.S3.SuspendVersioning",), ("ransom-versions-off",)),
    "encryption by default switched off": (
        ("AWS.S3.DeleteBucketEncryption", "AWS.EC2.EBS.Encryption.Disabled"),
        ("ransom-encryption-off",),
    ),
    "guards of a bucket switched off": (
        ("AWS.S3.SecurityControlDisabling",),
        (
            "ransom-versions-off",
            "ransom-encryption-off",
            "exfil-public-access-unblocked",
            "logging-bucket-access-log-off",
        ),
    ),
    "objects encrypted with a foreign key": (
        ("AWS.S3.CopyObjectWithClientSideEncryption",),
        ("ransom-customer-key",),
    ),
    "objects deleted": (("AWS.S3.DeleteObjects",), ("destroy-objects",)),
    "backups deleted": (("AWS.RDS.SnapshotDeleted",), ("destroy-backups",)),
    "a database's protection lifted": (("AWS.RDS.DeletionProtectionDisabled",), ("destroy-database-unprotected",)),
    "machines stopped": (("AWS.EC2.StopInstances",), ("destroy-instances",)),
    "machines made or ended by hand": (
        ("AWS.Modify.Cloud.Compute.Infrastructure",),
        ("destroy-instances", "compute-started"),
    ),
    "a network ACL opened": (("AWS.CloudTrail.NetworkACLPermissiveEntry",), ("network-acl-opened",)),
    "a network ACL changed": (("AWS.EC2.NetworkACLModified",), ("network-acl-changed",)),
    "a security group changed": (("AWS.EC2.SecurityGroupModified",), ("network-group-changed",)),
    "a security group changed by hand": (("AWS.EC2.ManualSecurityGroupChange",), ("network-group-changed-by-hand",)),
    "a gateway changed": (("AWS.EC2.GatewayModified",), ("network-gateway-changed",)),
    "a network changed": (("AWS.EC2.VPCModified",), ("network-vpc-changed",)),
    "secrets read": (("AWS.SecretsManager.RetrieveSecrets",), ("secrets-read",)),
    "secrets read in batches": (("AWS.SecretsManager.RetrieveSecretsMultiRegion",), ("secrets-read-in-batch",)),
    "all secrets asked for at once": (
        ("AWS.SecretsManager.BatchRetrieveSecretsCatchAll",),
        ("secrets-taken-all-at-once",),
    ),
    "parameters read in the clear": (("AWS.SSM.DecryptSSMParams",), ("secrets-parameters-decrypted",)),
    "Windows passwords asked for": (("AWS.EC2.ManyPasswordReadAttempts",), ("secrets-windows-password",)),
    "start-up scripts read": (("AWS.EC2.DownloadInstanceUserData",), ("secrets-user-data",)),
    "calls refused": (("AWS.IAMUser.ReconAccessDenied", "AWS.CloudTrail.UnauthorizedAPICall"), ("denied-call",)),
    "calls refused by a network endpoint": (("AWS.CloudTrail.VPCE.AccessDenied",), ("denied-by-network-endpoint",)),
    "snapshots of others looked for": (("AWS.RDS.SnapshotEnumeration",), ("recon-snapshots-of-others",)),
    "sending limits looked up": (("AWS.CloudTrail.SES.CheckIdentityVerifications",), ("recon-sending-limits",)),
}
"""By behaviour: Panther's rules about it, and the files of ours that claim to see it."""

NOT_CLAIMED: Final[Mapping[str, str]] = {
    "AWS.CloudTrail.Account.Discovery": "one look at an account's contacts is daily work of the console",
    "AWS.CloudTrail.Created": "to make a trail hides nothing",
    "AWS.CloudTrail.IAMAssumeRoleBlacklistIgnored": "which roles nobody may take is a list of each company's own",
    "AWS.CloudTrail.VPCE.S3ExternalIP": "which addresses are inside is each company's own to say",
    "AWS.Console.Sign-In": "every sign-in through Identity Center is daily work; the rules ask what was unusual",
    "AWS.SSM.DistributedCommand": "what was sent before decides; one command and one more look the same here",
    "AWS.Software.Discovery": "single looks are daily work; many kinds in a short time are a rule of ours",
    "Role.Assumed.by.User": "people take roles; whether it was theirs to take is judged, not matched",
    "Standard.GreyNoiseV3.MaliciousIP": "needs a list of addresses from outside",
    "Standard.ImpossibleTravel.Login": "needs places of addresses and the sign-in before; see the baselines",
    "Standard.SignInFromRogueState": "needs places of addresses",
}
"""By a rule of Panther's: why no behaviour of ours stands for it."""

GENERIC: Final = frozenset({"tool-of-attackers", "denied-call", "recon-look"})
"""Rules whose hits say nothing of a technique: by the tool's name, any refusal, any look."""

NOT_CLOUDTRAIL: Final = "no event of CloudTrail"
_THIRD: Final = 3


@dataclass(frozen=True, slots=True)
class Labelled:
    """One event, and whether Panther's rule is to match it."""

    rule: str
    test: str
    expected: bool
    record: Mapping[str, Any]

    @property
    def held_out(self) -> bool:
        """Tell whether it was not looked at while the rules were written."""
        return int(sha256(f"{self.rule}/{self.test}".encode()).hexdigest(), 16) % _THIRD == 0

    @property
    def of_cloudtrail(self) -> bool:
        """Tell whether it is an event of CloudTrail at all, and not of a product that Panther reads besides."""
        return isinstance(self.record.get("eventName"), str)


@dataclass(frozen=True, slots=True)
class Figures:
    """How a behaviour fared: hits that are right, hits that are not, and what was missed."""

    behaviour: str
    right: int
    wrong: int
    missed: int
    wrong_tests: tuple[str, ...] = ()
    missed_tests: tuple[str, ...] = ()

    @property
    def precision(self) -> float | None:
        """Give the share of hits that are right; None without a hit."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Give the share of what was to be seen that was; None where there was nothing."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None


def load_pack() -> tuple[LoadedRules, Mapping[str, Rule]]:
    """Load the pack; give it, and its rules by the name of their file."""
    files = [(path.read_text("utf-8"), path.name) for path in sorted(RULES.glob("*.yml"))]
    loaded = load_all(files)
    return loaded, {rule.file.removesuffix(".yml"): rule for rule in loaded.rules}


def read_labelled(path: Path) -> list[Labelled]:
    """Read Panther's labelled events; some have the names of their fields in lower case, which are put right."""
    return [
        Labelled(row["rule_id"], row["test"], row["expected"], _spelt(row["event"]))
        for row in map(json.loads, path.read_text("utf-8").splitlines())
    ]


_SPELT: Final = {
    name.lower(): name
    for name in (
        "awsRegion",
        "errorCode",
        "eventID",
        "eventName",
        "eventSource",
        "eventTime",
        "eventType",
        "eventVersion",
        "recipientAccountId",
        "sourceIPAddress",
        "userAgent",
        "userIdentity",
    )
}


def _spelt(event: Mapping[str, Any]) -> dict[str, Any]:
    return {_SPELT.get(name, name): value for name, value in event.items()}


def hits_of(rules: Iterable[Rule], record: Mapping[str, Any]) -> list[Rule]:
    """Give the rules that match a record of which nothing is known but what stands in it."""
    code, message = record.get("errorCode"), record.get("errorMessage")
    outcome = outcome_in(record, code, message)
    known = {**record, "wb": {"actor": "unknown", "ours": False, "outcome": str(outcome)}}
    return [rule for rule in rules if rule.for_cloudtrail and rule.matches(known)]


def measure(events: Sequence[Labelled], rules: Mapping[str, Rule]) -> list[Figures]:
    """Measure each behaviour that the pack claims, on the events of its own rules of Panther's."""
    found = []
    for behaviour, (theirs, ours) in CLAIMED.items():
        own = [each for each in events if each.rule in theirs and each.of_cloudtrail]
        if not own:
            continue
        mine = [rules[name] for name in ours]
        hit = [bool(hits_of(mine, each.record)) for each in own]
        wrong = [each.test for each, is_hit in zip(own, hit, strict=True) if is_hit and not each.expected]
        missed = [each.test for each, is_hit in zip(own, hit, strict=True) if not is_hit and each.expected]
        right = sum(is_hit and each.expected for each, is_hit in zip(own, hit, strict=True))
        found.append(Figures(behaviour, right, len(wrong), len(missed), tuple(wrong), tuple(missed)))
    return found


def total(figures: Iterable[Figures]) -> Figures:
    """Add the figures of all behaviours."""
    listed = list(figures)
    return Figures(
        "all of them",
        sum(each.right for each in listed),
        sum(each.wrong for each in listed),
        sum(each.missed for each in listed),
    )


def unclassified(events: Iterable[Labelled]) -> list[str]:
    """Give rules of Panther's of which nothing is said here: neither claimed nor declined."""
    known = {each for theirs, _ in CLAIMED.values() for each in theirs} | set(NOT_CLAIMED)
    return sorted({each.rule for each in events} - known)


def techniques(folder: Path, loaded: LoadedRules) -> Iterator[tuple[str, list[str]]]:
    """Give, for each file of a technique, the names of the rules and correlations that hit."""
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_bytes())
        records = found if isinstance(found, list) else found.get("Records", [found])
        hit = {rule.file for record in records for rule in hits_of(loaded.rules, record)}
        hit |= {alert.correlation.file for alert in _alerts(loaded, records)}
        yield path.stem, sorted({file.removesuffix(".yml") for file in hit} - GENERIC)


def _alerts(loaded: LoadedRules, records: Sequence[Mapping[str, Any]]) -> list[Alert]:
    counter = Correlator(loaded.rules, loaded.correlations)
    numbers = {id(rule): number for number, rule in enumerate(loaded.rules)}
    for place, record in enumerate(records):
        at = instant(record.get("eventTime"))
        for rule in hits_of(loaded.rules, record) if at else ():
            counter.add_record(numbers[id(rule)], record, int(at.timestamp() * 1000) if at else 0, str(place))
    return counter.alerts()


def named_calls() -> Callable[[str], bool]:
    """Give what tells whether a rule asks for a call by its name, or how it begins; those that say little aside."""
    whole: set[str] = set()
    begins: set[str] = set()
    for path in (path for path in RULES.glob("*.yml") if path.stem not in GENERIC):
        for name, value in _asked(yaml.safe_load(path.read_text("utf-8")).get("detection")):
            names = {str(each) for each in (value if isinstance(value, list) else [value])}
            if name == "eventName":
                whole |= names
            elif name == "eventName|startswith":
                begins |= {each for each in names if len(each) > _BARE}
    return lambda name: name in whole or name.startswith(tuple(begins))


_BARE: Final = 8
"""Characters of a beginning that says too little, such as `Describe`."""


def _asked(detection: object) -> Iterator[tuple[str, Any]]:
    if isinstance(detection, Mapping):
        for name, value in detection.items():
            yield str(name), value
            yield from _asked(value)
    elif isinstance(detection, list):
        for each in detection:
            yield from _asked(each)


GROUPS: Final[Mapping[str, str]] = {
    "shift": "Shifts and entitlement",
    "watchbill": "Watchbill's own objects",
    "signin": "Signing in",
    "root": "The root user",
    "break": "Break-glass",
    "escalate": "Gaining rights",
    "iam": "Changes of IAM",
    "org": "The organization",
    "persist": "Ways back in",
    "lateral": "From AWS to hosts",
    "logging": "Blinding the trail",
    "defense": "Weaker guards",
    "secrets": "Secrets",
    "data": "Data read",
    "recon": "Looking around",
    "denied": "Trying doors",
    "tool": "Tools of attackers",
    "key": "Keys of others",
    "exfil": "Data carried off or opened",
    "network": "Networks",
    "destroy": "Destruction",
    "ransom": "Ransom",
    "compute": "Machines abused",
    "sending": "Mail abused",
    "models": "Language models abused",
    "domain": "Domain names",
    "host": "Hosts",
}
"""Headings of the page, by the first word of a rule's file."""

_WIDTH: Final = 120
_HEADINGS: Final = ("What it sees: ", "Why it matters: ", "What to do: ")


def described(rule: Rule | Correlation) -> tuple[str, str, str]:
    """Give what a rule sees, why it matters, and what to do. Raises ValueError where its description is not so."""
    said = " ".join(rule.description.split())
    places = [said.index(heading) for heading in _HEADINGS]
    ends = [*places[1:], len(said)]
    sees, why, do = (
        said[place + len(heading) : end].strip() for heading, place, end in zip(_HEADINGS, places, ends, strict=True)
    )
    return sees, why, do


def list_of_rules(loaded: LoadedRules) -> str:
    """Write the list of all rules, by group."""
    every = sorted(every_rule(loaded), key=lambda rule: rule.file)
    parts = []
    for word, heading in GROUPS.items():
        mine = [rule for rule in every if rule.file.partition("-")[0] == word]
        if mine:
            parts.append(f"### {heading}\n\n" + "\n".join(_entry(rule) for rule in mine))
    return "\n".join(parts)


def _entry(rule: Rule | Correlation) -> str:
    sees, why, do = described(rule)
    stage = "live" if rule.block.live else "staged"
    harmless = "; ".join(text.strip() for text in rule.falsepositives)
    asks = f" It asks: \u201c{rule.block.ask}\u201d" if rule.block.ask else ""
    said = (
        f"**{rule.title}** (`{rule.file.removesuffix('.yml')}`, {rule.level}, {stage}). Sees {sees}"
        f" *Why:* {why} *Harmless:* {harmless}. *Do:* {do}{asks}"
    )
    return "\n".join(wrap(said, _WIDTH, break_long_words=False, break_on_hyphens=False)) + "\n"


def table_of_behaviours(events: Sequence[Labelled], rules: Mapping[str, Rule]) -> str:
    """Write the table of what is claimed, with figures, and what is not."""
    lines = ["| Behaviour | Rules | Right | Wrong | Missed | Precision | Recall |", "|---|---|---|---|---|---|---|"]
    figures = measure(events, rules)
    for each in [*figures, total(figures)]:
        named = ", ".join(f"`{name}`" for name in CLAIMED[each.behaviour][1]) if each.behaviour in CLAIMED else ""
        lines.append(
            f"| {each.behaviour} | {named} | {each.right} | {each.wrong} | {each.missed}"
            f" | {_share(each.precision)} | {_share(each.recall)} |"
        )
    lines += ["", "Not claimed:", ""]
    lines += [f"- `{name}`: {why}." for name, why in NOT_CLAIMED.items()]
    return "\n".join(lines) + "\n"


def with_parts(page: str, parts: Mapping[str, str]) -> str:
    """Put parts into a page, each between its two marks. Raises ValueError where a mark is missing."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, after = page.index(begin) + len(begin), page.index(end)
        page = page[:before] + "\n" + text + "\n" + page[after:]
    return page


def main() -> None:
    """Print what was measured."""
    data = Path(os.environ.get("WATCHBILL_DATA", "../shared/data"))  # noqa: TID251 - where the data is
    parser = argparse.ArgumentParser(description="Measure watchbill's own rules on data that others labelled.")
    parser.add_argument("--events", type=Path, default=data / "panther" / "cloudtrail_rule_tests.jsonl")
    parser.add_argument("--stratus", type=Path, default=data / "cloudtrail" / "stratus")
    parser.add_argument("--catalogue", type=Path, default=data / "cloudtrail" / "traildiscover" / "events.json")
    parser.add_argument("--held-out", action="store_true", help="of the labelled events, those not looked at")
    parser.add_argument("--write", type=Path, help="the page to write the table and the list of rules into")
    given = parser.parse_args()
    loaded, rules = load_pack()
    if given.write:
        parts = {"behaviours": table_of_behaviours(read_labelled(given.events), rules), "rules": list_of_rules(loaded)}
        given.write.write_text(with_parts(given.write.read_text("utf-8"), parts), "utf-8")
        return
    print(f"{len(loaded.rules)} rules and {len(loaded.correlations)} correlations, {len(loaded.problems)} problems\n")
    events = [each for each in read_labelled(given.events) if each.held_out or not given.held_out]
    _print_behaviours(events, rules)
    _print_techniques(given.stratus, loaded)
    _print_catalogue(given.catalogue)


def _print_behaviours(events: Sequence[Labelled], rules: Mapping[str, Rule]) -> None:
    figures = measure(events, rules)
    print(f"{'behaviour':42} {'right':>5} {'wrong':>5} {'missed':>6} {'precision':>9} {'recall':>6}")
    for each in [*figures, total(figures)]:
        print(
            f"{each.behaviour:42} {each.right:5} {each.wrong:5} {each.missed:6}"
            f" {_share(each.precision):>9} {_share(each.recall):>6}"
        )
        for said, tests in (("wrong", each.wrong_tests), ("missed", each.missed_tests)):
            for test in tests:
                print(f"    {said}: {test}")
    outside = sum(not each.of_cloudtrail for each in events)
    print(f"\n{len(events)} events, {outside} of them {NOT_CLOUDTRAIL}; of these behaviours nothing is claimed:")
    present = {each.rule for each in events}
    for name, why in NOT_CLAIMED.items():
        if name in present:
            print(f"    {name}: {why}")
    for name in unclassified(events):
        print(f"    {name}: not looked at yet")


def _print_techniques(folder: Path, loaded: LoadedRules) -> None:
    found = list(techniques(folder, loaded))
    count = sum(bool(hit) for _, hit in found)
    print(f"\n{count} of {len(found)} techniques of Stratus Red Team are hit, by more than the tool's name:")
    for name, hit in found:
        print(f"    {name}: {', '.join(hit) or 'nothing'}")


def _print_catalogue(path: Path) -> None:
    calls = json.loads(path.read_bytes())
    is_known = named_calls()
    by_tactic: dict[str, list[bool]] = {}
    for call in calls:
        tactic = next((each.partition(" - ")[2] for each in call["mitreAttackTactics"]), "none")
        by_tactic.setdefault(tactic, []).append(is_known(call["eventName"]))
    print("\ncalls of TrailDiscover's catalogue that some rule asks for by name, by their first tactic:")
    for tactic, listed in sorted(by_tactic.items()):
        print(f"    {tactic}: {sum(listed)} of {len(listed)}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


if __name__ == "__main__":
    main()
