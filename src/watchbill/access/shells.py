"""Shells on hosts by tag: statements that open a session on hosts of some tags, and on no others.

A session is opened on an instance and by a document of Session Manager, and both must be allowed: here the default
shell, and for SSH the tunnel, and no document that forwards any port. Whoever opened a session may resume and end it,
and nobody else's: its id begins with the user's name, or with the id of the role's session. A key for SSH is sent for
one user of the host, and is good for a minute there.

Sources: Systems Manager User Guide, "Additional sample IAM policies for Session Manager" and "Enforce a session
document permission check for the AWS CLI"; EC2 User Guide, "Grant IAM permissions for EC2 Instance Connect".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from watchbill.team.model import Shells


OUTLIVING = ("instance-shells", "instance-connect")
"""Names of `access.outlive` that shells, and shells by SSH, are: denied on call unless a set opts in to them."""

_SHELL = "arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell"
_TUNNEL = "arn:aws:ssm:*::document/AWS-StartSSHSession"
_INSTANCES = "arn:aws:ec2:*:*:instance/*"
_MANAGED = "arn:aws:ssm:*:*:managed-instance/*"
_OWN = ["arn:aws:ssm:*:*:session/${aws:userid}-*", "arn:aws:ssm:*:*:session/${aws:username}-*"]


def shell_statements(shells: Shells) -> Iterator[Mapping[str, Any]]:
    """Give the statements, none of which denies: what else a set allows on hosts it allows all the same."""
    # Several keys must all be so; of the values of one, any.
    tagged = {f"ssm:resourceTag/{key}": list(values) for key, values in sorted(shells.tags.items())}
    yield {
        "Sid": "OpenShells",
        "Effect": "Allow",
        "Action": "ssm:StartSession",
        "Resource": [_INSTANCES, _MANAGED],
        "Condition": {"StringEquals": tagged, "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}},
    }
    documents = [_SHELL, _TUNNEL] if shells.users else [_SHELL]
    yield {"Sid": "ShellDocuments", "Effect": "Allow", "Action": "ssm:StartSession", "Resource": documents}
    own = ["ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"]
    yield {"Sid": "OwnShells", "Effect": "Allow", "Action": own, "Resource": _OWN}
    find = ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:DescribeSessions"]
    yield {"Sid": "FindHosts", "Effect": "Allow", "Action": [*find, "ssm:GetConnectionStatus"], "Resource": "*"}
    if shells.users:
        there = {f"aws:ResourceTag/{key}": list(values) for key, values in sorted(shells.tags.items())}
        yield {
            "Sid": "SendKeys",
            "Effect": "Allow",
            "Action": "ec2-instance-connect:SendSSHPublicKey",
            "Resource": _INSTANCES,
            "Condition": {"StringEquals": {"ec2:osuser": list(shells.users), **there}},
        }


def not_opted_in(shells: Shells, may_outlive: tuple[str, ...]) -> tuple[str, ...]:
    """Give what a set must opt in to for its shells not to be denied on call, and does not."""
    needed = OUTLIVING if shells.users else OUTLIVING[:1]
    return tuple(name for name in needed if name not in may_outlive)
