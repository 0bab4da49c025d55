"""What is risky in a permission set, said when the plan is made, with the reason.

1. `wildcard`: it allows what nobody has named yet. An action that does not exist is asked for, on a resource that does
   not exist, in each service: so `*`, `ec2:*`, and an Allow with `NotAction` are one thing, and what the set denies is
   counted. What AWS adds to such a service is allowed on the day on which AWS adds it.
2. `escalation`: it allows a known way to more power than the set itself gives. There is one warning for each kind.
3. `not-known`: a managed policy is not known for sure, or a policy cannot be read, so that nobody looked at it.

The engine decides, over all documents of the set: a Deny of the set counts, and what an answer hangs on is said. What
is bound to resources that the set names is not warned of, except where IAM itself is changed: there one is enough.
Other sets, boundaries, organization policies and the policies of resources are not looked at.

Sources of the ways: IAM User Guide, "Grant a user permissions to pass a role to an AWS service"; Rhino Security Labs,
"AWS IAM privilege escalation methods"; Datadog, pathfinding.cloud.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache

from watchbill.access.model import Document
from watchbill.access.permissions import known_documents
from watchbill.errors import Problem
from watchbill.policy.actions import actions_matching, resource_types
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Request
from watchbill.policy.prove import Proof, any_allowed
from watchbill.policy.residual import conditions, rules_of
from watchbill.policy.rules import Policy
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.team.model import PermissionSet


_NOBODY = "watchbill-made-up"
"""A name that no statement names: of a service, a resource and the user who asks."""
_ACTION = "WatchbillMadeUp"

_MOST = 8
"""Names that are written out."""

_OPEN = frozenset({Effect.ALLOWED, Effect.DEPENDS})
_BY_RESOURCE = "if the resource policy, which is not known, allows it"
"""What roles and keys are always asked; the reasons say so."""


class _Reach(Enum):
    """On which resources an action must be allowed to be of use."""

    ANY = auto()
    """One that nobody names stands for all."""
    SOME = auto()
    """One is enough."""
    OTHERS = auto()
    """A user who is not the one that asks: what people do for themselves leads nowhere."""


@dataclass(frozen=True, slots=True)
class _Need:
    """An action that a way takes."""

    action: str
    reach: _Reach
    passed_to: str = ""
    """The service that the role is given to, where the action gives one."""
    on: tuple[str, ...] = ()
    """Kinds of resources that are asked for; by default those that AWS calls required."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of way to more power."""

    why: str
    """What whoever has it can do."""
    ways: tuple[tuple[_Need, ...], ...]
    """Each is enough, and takes all of its actions."""
    in_iam: bool = False
    """Whether it changes IAM itself: who has all of these has everything."""


def risks_of(permissions: PermissionSet, at: datetime | None, besides: Sequence[Document] = ()) -> Iterator[Problem]:
    """Give what is risky in a permission set, at its place; managed policies are as in force at `at` (None: newest).

    `besides` is what comes with it wherever it is held: what denies there is no risk.
    """
    documents, unsure = known_documents(permissions, at)
    for name in unsure:
        yield _problem(permissions, "not-known", f"what `{name}` allows is not known for sure: nobody looked at it")
    policies: list[Policy] = []
    for number, document in enumerate((*documents, *besides), 1):
        try:
            policies.append(parse_policy(document, f"{permissions.name}-{number}"))
        except PolicyError as error:
            yield _problem(permissions, "not-known", f"it cannot be read, so that nobody looked at it: {error}")
    asking = _Asking(tuple(policies))
    wild = asking.wild()
    found = [(kind, ways) for kind in _KINDS if (ways := asking.ways_of(kind))]
    all_of_iam = wild is not None and wild.iam and all(kind in dict(found) for kind in _KINDS if kind.in_iam)
    if wild is not None:
        more = "; and with it every way to more power" if all_of_iam else ""
        yield _problem(permissions, "wildcard", f"it allows {wild.what}, and what AWS will add to that{more}")
    if not all_of_iam:
        for kind, ways in found:
            yield _problem(permissions, "escalation", f"whoever has it can {kind.why}, by {_said(ways)}")


def _problem(permissions: PermissionSet, code: str, message: str) -> Problem:
    return Problem.at(code, f"permission set `{permissions.name}`: {message}", permissions.where)


@dataclass(frozen=True, slots=True)
class _Wild:
    """That everything is allowed, in every service or in some."""

    what: str
    iam: bool
    """Whether all of IAM is in it."""


class _Asking:
    """Asks the documents of one permission set."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        own = {"Effect": "Deny", "Action": "*", "Resource": [f"arn:*:iam::*:user/{_NOBODY}"]}
        not_own = parse_policy({"Version": "2012-10-17", "Statement": own}, "own")
        # Whether a role, or a key, leaves it to IAM is not known here.
        self._evaluator = Evaluator(Layers(policies, resource_unread=True))
        self._for_others = Evaluator(Layers((*policies, not_own), resource_unread=True))

    def wild(self) -> _Wild | None:
        """Tell whether actions that nobody has named are allowed on resources that nobody has named."""
        by_needs: dict[tuple[str, ...], list[str]] = {}
        for service in (_NOBODY, *_services()):
            asked = _made_up(service)
            if (needs := self._needs(asked)) is not None:
                by_needs.setdefault(needs, []).append(service)
        # Services of the same needs are alike: one is asked whether the needs can all be met.
        by_needs = {needs: there for needs, there in by_needs.items() if self._can_be(_made_up(there[-1]), needs)}
        if not by_needs:
            return None
        iam = any("iam" in there for there in by_needs.values())
        rest = next((needs for needs, there in by_needs.items() if _NOBODY in there), None)
        said = []
        if rest is not None:
            others = sorted(set(_services()) - set(by_needs.pop(rest)))
            said.append(f"everything{f' but {_few(others)}' if others else ''} on every resource{_needing(rest)}")
        said += [f"everything in {_few(there)} on every resource{_needing(needs)}" for needs, there in by_needs.items()]
        return _Wild(" and ".join(said), iam=iam)

    def ways_of(self, kind: _Kind) -> dict[tuple[_Need, ...], tuple[str, ...]]:
        """Give the ways of a kind that are open, each with what it hangs on."""
        found = {}
        for way in kind.ways:
            needs = [self._open(need) for need in way]
            if None not in needs:
                found[way] = tuple(dict.fromkeys(said for each in needs for said in each or ()))
        return found

    def _open(self, need: _Need) -> tuple[str, ...] | None:
        """Give what an action hangs on; None where it is denied on all that it is asked for."""
        context = {_PASSED_TO: need.passed_to} if need.passed_to else {}
        absent = frozenset() if need.passed_to else frozenset({_PASSED_TO})
        if need.reach is _Reach.OTHERS:
            context["aws:username"] = _NOBODY
        said: list[str] = []
        for resource in _resources(need):
            asked = Request(need.action, resource, context, absent, some=resource != "*")
            needs = self._needs(asked)
            if needs is None or not self._can_be(asked, needs):
                return None
            if need.reach is _Reach.OTHERS and isinstance(any_allowed(self._for_others, asked, [need.action]), Proof):
                return None
            said += needs
        return tuple(dict.fromkeys(said))

    def _needs(self, asked: Request) -> tuple[str, ...] | None:
        """Give what a request hangs on; None where it is denied."""
        decision = self._evaluator.decide(asked)
        if decision.effect not in _OPEN:
            return None
        said = conditions(rules_of(self._evaluator, asked.action), asked, decision)
        return tuple(each for each in said if each != _BY_RESOURCE)

    def _can_be(self, asked: Request, needs: tuple[str, ...]) -> bool:
        """Tell whether needs can be met together: one by one they may be, and all of them never."""
        return not needs or not isinstance(any_allowed(self._evaluator, asked, [asked.action]), Proof)


def _made_up(service: str) -> Request:
    """Ask for an action that does not exist, on a resource that does not exist."""
    return Request(f"{service}:{_ACTION}", f"arn:aws:{service}:{_NOBODY}:{_NOBODY}:{_NOBODY}/{_NOBODY}", {})


def _resources(need: _Need) -> tuple[str, ...]:
    """Give a pattern for each resource that a call is on; `*` where that may be none."""
    types = resource_types(need.action) or ()
    chosen = [each for each in types if (each.name in need.on if need.on else each.required)]
    if need.reach is _Reach.ANY:
        return tuple(_unnamed(each.arn) for each in chosen) or ("*",)
    return tuple(each.pattern for each in chosen) or ("*",)


def _unnamed(arn: str) -> str:
    """Give a pattern of a resource that no statement names, wherever it is."""
    return _PLACE.sub(lambda place: "*" if place[1] in _WHERE else _NOBODY, arn)


_PLACE = re.compile(r"\$\{([^}]*)\}")
_WHERE = ("Partition", "Region", "Account")


@cache
def _services() -> tuple[str, ...]:
    return tuple(dict.fromkeys(action.partition(":")[0] for action in actions_matching("*")))


def _said(ways: Mapping[tuple[_Need, ...], tuple[str, ...]]) -> str:
    """Name the actions of ways, together with what they hang on."""
    by_needs: dict[tuple[str, ...], list[str]] = {}
    for way, needs in ways.items():
        # That a role is given is the kind itself.
        actions = [each.action for each in way if each.action != _PASS]
        beside = f" with {' and '.join(actions[1:])}" if actions[1:] else ""
        by_needs.setdefault(needs, []).append(actions[0] + beside)
    return "; or by ".join(_few(names, "or") + _needing(needs) for needs, names in by_needs.items())


def _needing(needs: Sequence[str]) -> str:
    return f" {' and '.join(needs)}" if needs else ""


def _few(names: Iterable[str], last: str = "and") -> str:
    listed = list(names)
    shown = listed if len(listed) <= _MOST else [*listed[:_MOST], f"{len(listed) - _MOST} more"]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


_PASS = "iam:PassRole"  # noqa: S105 - an action
_PASSED_TO = "iam:PassedToService"
"""In the requests of `_PASS` alone (IAM User Guide, "Available keys for IAM")."""


def _each(reach: _Reach, *actions: str) -> tuple[tuple[_Need, ...], ...]:
    """Make each action a way by itself."""
    return tuple((_Need(action, reach),) for action in actions)


def _all(first: str, *others: str) -> tuple[_Need, ...]:
    """Make a way that takes several actions: the first on whatever there is, the others on what it is about."""
    return (_Need(first, _Reach.ANY), *(_Need(action, _Reach.SOME) for action in others))


def _passing(service: str, *actions: str) -> tuple[_Need, ...]:
    """Make a way that gives a role to a service."""
    return (_Need(_PASS, _Reach.ANY, service), *(_Need(action, _Reach.SOME) for action in actions))


_KINDS = (
    _Kind(
        "rewrite a policy that they have themselves",
        _each(_Reach.SOME, "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
        in_iam=True,
    ),
    _Kind(
        "give themselves any policy",
        (
            *_each(_Reach.SOME, "iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy"),
            *_each(_Reach.SOME, "iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePolicy"),
        ),
        in_iam=True,
    ),
    _Kind("join a group that holds more", _each(_Reach.SOME, "iam:AddUserToGroup"), in_iam=True),
    _Kind("let themselves take a role that holds more", _each(_Reach.SOME, "iam:UpdateAssumeRolePolicy"), in_iam=True),
    _Kind(
        "sign in as somebody else",
        _each(_Reach.OTHERS, "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
        in_iam=True,
    ),
    _Kind(
        "take off the ceiling that bounds them",
        (
            *_each(_Reach.SOME, "iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary"),
            *_each(_Reach.SOME, "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"),
        ),
        in_iam=True,
    ),
    _Kind(
        "let an identity provider of their own sign in to roles that trust it",
        _each(_Reach.SOME, "iam:UpdateSAMLProvider"),
    ),
    _Kind(
        f"give any role to a service with {_PASS}, and act with its power",
        (
            _passing("ec2.amazonaws.com", "ec2:RunInstances"),
            _passing("ec2.amazonaws.com", "ec2:AssociateIamInstanceProfile"),
            _passing("ec2.amazonaws.com", "ec2:ReplaceIamInstanceProfileAssociation"),
            _passing("lambda.amazonaws.com", "lambda:CreateFunction", "lambda:InvokeFunction"),
            _passing("lambda.amazonaws.com", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
            _passing("lambda.amazonaws.com", "lambda:CreateFunction", "lambda:AddPermission"),
            _passing("ecs-tasks.amazonaws.com", "ecs:RegisterTaskDefinition", "ecs:RunTask"),
            _passing("ecs-tasks.amazonaws.com", "ecs:RegisterTaskDefinition", "ecs:CreateService"),
            _passing("cloudformation.amazonaws.com", "cloudformation:CreateStack"),
            _passing("cloudformation.amazonaws.com", "cloudformation:UpdateStack"),
            _passing("glue.amazonaws.com", "glue:CreateDevEndpoint"),
            _passing("glue.amazonaws.com", "glue:CreateJob", "glue:StartJobRun"),
            _passing("glue.amazonaws.com", "glue:UpdateJob", "glue:StartJobRun"),
            _passing("codebuild.amazonaws.com", "codebuild:CreateProject", "codebuild:StartBuild"),
            _passing("sagemaker.amazonaws.com", "sagemaker:CreateNotebookInstance"),
            _passing("sagemaker.amazonaws.com", "sagemaker:CreateTrainingJob"),
            _passing("sagemaker.amazonaws.com", "sagemaker:CreateProcessingJob"),
            _passing("states.amazonaws.com", "states:CreateStateMachine", "states:StartExecution"),
            _passing("ssm.amazonaws.com", "ssm:StartAutomationExecution"),
            _passing("codepipeline.amazonaws.com", "codepipeline:CreatePipeline"),
            _passing("ecs-tasks.amazonaws.com", "batch:RegisterJobDefinition", "batch:SubmitJob"),
            _passing("tasks.apprunner.amazonaws.com", "apprunner:CreateService"),
            _passing(
                "datapipeline.amazonaws.com",
                "datapipeline:CreatePipeline",
                "datapipeline:PutPipelineDefinition",
                "datapipeline:ActivatePipeline",
            ),
            _passing(
                "bedrock-agentcore.amazonaws.com",
                "bedrock-agentcore:CreateCodeInterpreter",
                "bedrock-agentcore:StartCodeInterpreterSession",
                "bedrock-agentcore:InvokeCodeInterpreter",
            ),
        ),
    ),
    _Kind(
        "run what they like on instances, with the power of the instances' roles",
        (
            (_Need("ssm:SendCommand", _Reach.ANY, on=("instance",)),),
            (_Need("ssm:StartSession", _Reach.ANY, on=("instance",)),),
            _all("ec2-instance-connect:SendSSHPublicKey"),
            _all("ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"),
        ),
    ),
    _Kind(
        "run what they like in functions, tasks, jobs and stacks that are there, with the power of their roles",
        (
            *_each(_Reach.ANY, "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "ecs:ExecuteCommand"),
            *_each(_Reach.ANY, "cloudformation:UpdateStack"),
            _all("cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
            *_each(_Reach.ANY, "codebuild:StartBuild", "glue:UpdateDevEndpoint"),
            _all("glue:UpdateJob", "glue:StartJobRun"),
            *_each(_Reach.ANY, "sagemaker:CreatePresignedNotebookInstanceUrl"),
            (
                _Need("bedrock-agentcore:StartCodeInterpreterSession", _Reach.ANY, on=("code-interpreter-custom",)),
                _Need("bedrock-agentcore:InvokeCodeInterpreter", _Reach.SOME, on=("code-interpreter-custom",)),
            ),
        ),
    ),
    _Kind("take every role that trusts the account", _each(_Reach.ANY, "sts:AssumeRole")),
    _Kind(
        "let anybody use any key whose policy leaves that to IAM",
        _each(_Reach.ANY, "kms:CreateGrant", "kms:PutKeyPolicy"),
    ),
    _Kind(
        "open to anybody, in other accounts too, what has a policy of its own",
        (
            *_each(_Reach.ANY, "s3:PutBucketPolicy", "s3:PutAccessPointPolicy", "lambda:AddPermission"),
            *_each(_Reach.ANY, "secretsmanager:PutResourcePolicy", "dynamodb:PutResourcePolicy"),
            *_each(_Reach.ANY, "ecr:SetRepositoryPolicy", "sns:AddPermission", "sqs:AddPermission"),
            *_each(_Reach.ANY, "ec2:ModifySnapshotAttribute", "rds:ModifyDBSnapshotAttribute"),
        ),
    ),
    _Kind(
        "give access to accounts of the organization, where Identity Center is run",
        (
            *_each(_Reach.SOME, "sso:CreateAccountAssignment", "identitystore:CreateGroupMembership"),
            _all("sso:PutInlinePolicyToPermissionSet", "sso:ProvisionPermissionSet"),
            _all("sso:AttachManagedPolicyToPermissionSet", "sso:ProvisionPermissionSet"),
            *_each(_Reach.SOME, "account-access:CreateEntitlement"),
        ),
    ),
    _Kind(
        "take off what the organization bounds its accounts by",
        (
            *_each(_Reach.SOME, "organizations:DetachPolicy", "organizations:UpdatePolicy"),
            *_each(_Reach.SOME, "organizations:LeaveOrganization"),
        ),
    ),
)
"""Ways to more power, by what comes of them."""
