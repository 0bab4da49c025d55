"""Calls worth a look by what they are: break-glass, ways back in, blinded trails, the root user, tried doors."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil

from watchbill.detect.baseline import Baseline, network_of
from watchbill.detect.break_glass import break_glass_findings
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.windows import bursts, grouped
from watchbill.team.model import Team
from watchbill.trail.model import Attributed, Method, Outcome


PERSISTENCE = frozenset(
    {
        ("iam.amazonaws.com", "AttachRolePolicy"),
        ("iam.amazonaws.com", "AttachUserPolicy"),
        ("iam.amazonaws.com", "AddUserToGroup"),
        ("iam.amazonaws.com", "CreateAccessKey"),
        ("iam.amazonaws.com", "CreateLoginProfile"),
        ("iam.amazonaws.com", "CreateServiceSpecificCredential"),
        ("iam.amazonaws.com", "CreateUser"),
        ("iam.amazonaws.com", "DeactivateMFADevice"),
        ("iam.amazonaws.com", "EnableMFADevice"),
        ("iam.amazonaws.com", "PutRolePolicy"),
        ("iam.amazonaws.com", "PutUserPolicy"),
        ("iam.amazonaws.com", "UpdateAssumeRolePolicy"),
        ("iam.amazonaws.com", "UpdateLoginProfile"),
        ("sts.amazonaws.com", "GetFederationToken"),
        ("rolesanywhere.amazonaws.com", "CreateTrustAnchor"),
        ("lambda.amazonaws.com", "AddPermission20150331v2"),
        ("ec2-instance-connect.amazonaws.com", "SendSSHPublicKey"),
        ("ec2-instance-connect.amazonaws.com", "SendSerialConsoleSSHPublicKey"),
    }
)
"""Calls that leave a way back in (AWS incident response playbooks, compromised IAM credentials)."""

LOGGING = frozenset(
    {
        ("cloudtrail.amazonaws.com", "DeleteTrail"),
        ("cloudtrail.amazonaws.com", "PutEventSelectors"),
        ("cloudtrail.amazonaws.com", "StopLogging"),
        ("cloudtrail.amazonaws.com", "UpdateTrail"),
        ("config.amazonaws.com", "StopConfigurationRecorder"),
        ("ec2.amazonaws.com", "DeleteFlowLogs"),
        ("guardduty.amazonaws.com", "DeleteDetector"),
        ("logs.amazonaws.com", "DeleteLogGroup"),
        ("organizations.amazonaws.com", "LeaveOrganization"),
        ("route53resolver.amazonaws.com", "DeleteResolverQueryLogConfig"),
    }
)
"""Calls that blind the trail."""

DENIED_LEAST = 5
"""Refusals within `DENIED_WITHIN` that make a burst."""
DENIED_WITHIN = timedelta(minutes=10)


def action_findings(events: Sequence[Attributed], team: Team | None, baseline: Baseline) -> Iterator[Finding]:
    """Give a finding for each such call that AWS allowed, for each burst of refusals, and for all of break-glass."""
    yield from break_glass_findings(events, team)
    for each in events:
        if each.event.outcome is not Outcome.ALLOWED or each.actor.method is Method.SERVICE or _is_ours(each, team):
            continue
        call = (each.event.source, each.event.name)
        if call in PERSISTENCE:
            yield _of(Signal.PERSISTENCE, ", which leaves a way back in", Severity.MEDIUM, each, baseline)
        if call in LOGGING:
            yield _of(Signal.LOGGING, ", which blinds the trail", Severity.HIGH, each, baseline)
        if each.actor.method is Method.ROOT and each.event.read_only is not True:
            yield _of(Signal.ROOT, " as the root user", Severity.MEDIUM, each, baseline)
    yield from _denied(events)


def _is_ours(each: Attributed, team: Team | None) -> bool:
    """Tell whether watchbill did it: by a user or role of the team's accounts, not by what a session is called."""
    identity = each.event.identity
    arn = identity.issuer_arn or identity.arn or ""
    if team is None or team.account_of(identity.account or each.event.account) is None:
        return False
    return arn.split("/")[1 if ":assumed-role/" in arn else -1] in team.managed_by


def _of(signal: Signal, words: str, severity: Severity, each: Attributed, baseline: Baseline) -> Finding:
    event, person = each.event, each.actor.person
    facts = {"action": str(signal)}
    if person:
        facts["place"] = baseline.place(person, event.ip, event.at)
        facts["device"] = baseline.device(person, event.user_agent, event.at)
    if facts.get("place") == "new":
        severity = Severity.HIGH
    title = f"{person or each.actor.principal} did {event.name}{words}"
    principal = None if person else each.actor.principal
    network = network_of(event.ip)
    return Finding(signal, title, severity, person, network, (event.id,), event.at, event.at, facts, principal)


def _denied(events: Sequence[Attributed]) -> Iterator[Finding]:
    refused = [each for each in events if each.event.outcome is Outcome.DENIED]
    for person, found in grouped(refused, lambda each: each.actor.person):
        for burst in bursts(found, DENIED_WITHIN):
            if any(
                b.event.at - a.event.at <= DENIED_WITHIN for a, b in zip(burst, burst[DENIED_LEAST - 1 :], strict=False)
            ):
                yield _burst(person, burst)


def _burst(person: str, burst: Sequence[Attributed]) -> Finding:
    first, last = burst[0].event, burst[-1].event
    minutes = max(1, ceil((last.at - first.at) / timedelta(minutes=1)))
    return Finding(
        Signal.DENIED_BURST,
        f"{person} was refused {len(burst)} times within {minutes} min",
        Severity.MEDIUM,
        person,
        network_of(first.ip),
        tuple(each.event.id for each in burst),
        first.at,
        last.at,
        {"action": "denied-burst"},
    )
