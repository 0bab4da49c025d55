"""Tables of how calls name resources where the names of their parameters do not tell, each row with where it is from.

Keys are prefixes of actions with parts of ARNs, kinds of resources, or actions, as the Service Authorization Reference
(SAR) writes them; names of parameters are folded (`parameters.fold`). "AWS's own refusals" are the resources that its
messages name in trails and public reports: `... is not authorized to perform: sns:ListTopics on resource: arn:...`.
"""

import re
from collections.abc import Mapping


ALIASES: Mapping[tuple[str, str], tuple[str, ...]] = {
    # API references: parameters whose names have little in common with the part of the ARN they fill.
    ("autoscaling", "GroupFriendlyName"): ("autoscalinggroupname", "autoscalinggroupnames"),
    ("cloudtrail", "TrailName"): ("trailname", "name", "trailnamelist"),
    ("ec2", "CapacityReservationId"): ("capacityreservationid", "sourcecapacityreservationid"),
    ("ec2", "DedicatedHostId"): ("hostid", "hostids"),
    ("ec2", "Ipv4PoolCoipId"): ("coippoolid", "poolid"),
    ("ec2", "Ipv4PoolEc2Id"): ("poolid",),
    ("ec2", "Ipv6PoolEc2Id"): ("poolid",),
    ("ec2", "KeyPairName"): ("keyname",),
    ("ec2", "NaclId"): ("networkaclid",),
    ("ec2", "NatGatewayId"): ("natgatewayid",),
    ("ec2", "ReservationId"): ("reservedinstancesid", "reservedinstanceid"),
    ("ec2", "SecurityGroupId"): ("groupid", "securitygroupid"),
    ("ec2", "SnapshotId"): ("snapshotid", "sourcesnapshotid"),
    ("ec2", "VpcEndpointServiceId"): ("serviceid",),
    ("ec2", "VpcFlowLogId"): ("flowlogid",),
    ("ec2", "VpnGatewayId"): ("vpngatewayid", "gatewayid"),
    ("eks", "ClusterName"): ("clustername", "name"),
    ("events", "RuleName"): ("rulename", "rule", "name"),
    ("kms", "KeyId"): ("keyid", "targetkeyid"),
    ("rds", "ClusterParameterGroupName"): ("dbclusterparametergroupname",),
    ("rds", "ClusterSnapshotName"): ("dbclustersnapshotidentifier", "finaldbsnapshotidentifier"),
    ("rds", "DbClusterInstanceName"): ("dbclusteridentifier",),
    ("rds", "DbInstanceName"): ("dbinstanceidentifier",),
    ("rds", "GlobalCluster"): ("globalclusteridentifier",),
    ("rds", "ParameterGroupName"): ("dbparametergroupname",),
    ("rds", "SecurityGroupName"): ("dbsecuritygroupname",),
    ("rds", "SnapshotName"): ("dbsnapshotidentifier", "finaldbsnapshotidentifier"),
    ("rds", "SubnetGroupName"): ("dbsubnetgroupname",),
    ("route53", "Id"): ("hostedzoneid", "id"),
    ("ssm", "InstanceId"): ("instanceid", "instanceids", "target"),
    ("ssm", "ParameterNameWithoutLeadingSlash"): ("name", "names", "path"),
}
"""Names of parameters, folded, by service and the part of the ARN they fill."""

NOT_NAMED: Mapping[tuple[str, str], str] = {
    # AWS's own refusals: what it does not look up before it asks.
    ("autoscaling", "GroupId"): "*",
    ("autoscaling", "Id"): "*",
    ("cloudformation", "Id"): "*",
}
"""What stands for parts of ARNs that calls never name, by service and part."""

DEFAULTS: Mapping[tuple[str, str], str] = {
    # API: Amazon ECS: "If you do not specify a cluster, the default cluster is assumed."
    ("ecs", "ClusterName"): "default",
}
"""What stands for parts of ARNs that a call leaves out, by service and part."""

SPELT: Mapping[tuple[str, str], Mapping[str, str]] = {
    # SAR: AWS WAF V2.
    ("wafv2", "Scope"): {"REGIONAL": "regional", "CLOUDFRONT": "global"},
    # EventBridge User Guide: the default bus is not in the ARNs of its rules.
    ("events", "EventBusName"): {"default": ""},
}
"""How an ARN spells values of parameters, by service and part; empty where it leaves them out."""

BEGINS: Mapping[tuple[str, str], re.Pattern[str]] = {
    # Systems Manager User Guide: managed instances, and AWS's own refusals.
    ("ssm", "instance"): re.compile("i-"),
    ("ssm", "managed-instance"): re.compile("(?!i-)"),
}
"""How the names of some kinds begin, where another kind is named by the same parameter."""

OWNED_BY_AWS: Mapping[tuple[str, str], re.Pattern[str]] = {
    # Systems Manager User Guide: documents of AWS have no account in their ARN.
    ("ssm", "document"): re.compile("AWS|Amazon"),
}
"""How the names of what is AWS's own begin, by service and kind; their ARNs have no account."""

BY_ID_ONLY = frozenset({("secretsmanager", "secret")})
"""Kinds whose ARN ends in characters that a name does not tell (SAR: AWS Secrets Manager)."""

EXACT = frozenset({"ec2"})
"""Services that tell ids from names, so that a name never fills an id."""

LOWERED = frozenset({"elasticache", "rds", "redshift"})
"""Services that keep names in lower case (API: Amazon RDS, `DBInstanceIdentifier`)."""

LOOSE = frozenset({"elasticache", "rds", "redshift"})
"""Services whose reference marks as required what only some calls are on, such as a final snapshot."""

WHOLE: Mapping[str, str] = {
    # AWS's own refusals in trails: `... is not authorized to perform: sns:ListTopics on resource: arn:...`.
    "ce": "arn:{partition}:ce:us-east-1:{account}:/{name}",
    "dynamodb:ListTables": "arn:{partition}:dynamodb:{region}:{account}:table/*",
    "ec2:CreateDefaultVpc": "arn:{partition}:ec2:{region}:{account}:*/*",
    "eks:ListClusters": "arn:{partition}:eks:{region}:{account}:cluster/*",
    "events:ListRules": "arn:{partition}:events:{region}:{account}:rule/*",
    "glacier:ListVaults": "arn:{partition}:glacier:{region}:{account}:vaults/",
    "iam:ListGroups": "arn:{partition}:iam::{account}:group/",
    "iam:ListInstanceProfiles": "arn:{partition}:iam::{account}:instance-profile/",
    "iam:ListOpenIDConnectProviders": "arn:{partition}:iam::{account}:oidc-provider/*",
    "iam:ListRoles": "arn:{partition}:iam::{account}:role/",
    "iam:ListSAMLProviders": "arn:{partition}:iam::{account}:saml-provider/*",
    "iam:ListUsers": "arn:{partition}:iam::{account}:user/",
    "lightsail": "arn:{partition}:lightsail:{region}:{account}:*",
    "sns": "arn:{partition}:sns:{region}:{account}:*",
    "ssm": "arn:{partition}:ssm:{region}:{account}:*",
    "transfer:CreateServer": "arn:{partition}:transfer:{region}:{account}:server/*",
}
"""What AWS asks of actions that take no resource where that is not `*`, by action or by prefix."""

ANY_OF_KIND: Mapping[str, str] = {
    # AWS's own refusals of calls that list without naming one: `rds:DescribeDBInstances on resource: arn:...:db:*`.
    "cloudwatch:DescribeAlarms": "alarm",
    "ecr:DescribeRepositories": "repository",
    "rds:DescribeDBClusterSnapshots": "cluster-snapshot",
    "rds:DescribeDBClusters": "cluster",
    "rds:DescribeDBInstances": "db",
    "rds:DescribeDBSnapshots": "snapshot",
    "rds:DescribeDBSubnetGroups": "subgrp",
}
"""Kinds that a call lists where it names none: AWS then asks for the kind with `*`."""

BESIDES: Mapping[str, str] = {
    # AWS's own refusals name one of a kind that the reference leaves out.
    "cloudfront:CreateFunction": "function",
}
"""Kinds that an action is on besides those of the reference."""

CREATED: Mapping[str, frozenset[str]] = {
    # SAR: Amazon EC2, resource types of each action.
    "ec2:RunInstances": frozenset({"instance", "network-interface", "volume"}),
    "ec2:CreateImage": frozenset({"image", "snapshot"}),
    "ec2:CreateSnapshots": frozenset({"snapshot"}),
    "ec2:CreateFleet": frozenset({"fleet", "instance", "volume"}),
    "ec2:RequestSpotInstances": frozenset({"spot-instances-request"}),
    "ec2:RequestSpotFleet": frozenset({"spot-fleet-request"}),
    "ec2:CopyImage": frozenset({"image", "snapshot"}),
    "ec2:CopySnapshot": frozenset({"snapshot"}),
    "ec2:CreateFlowLogs": frozenset({"vpc-flow-log"}),
    "ec2:CreateInstanceExportTask": frozenset({"export-instance-task"}),
    "ec2:ImportImage": frozenset({"image", "import-image-task", "snapshot"}),
    "ec2:ImportInstance": frozenset({"instance", "volume"}),
    "ec2:ImportSnapshot": frozenset({"import-snapshot-task", "snapshot"}),
    "ec2:AllocateAddress": frozenset({"elastic-ip"}),
    "ec2:AllocateHosts": frozenset({"dedicated-host"}),
}
"""Kinds that an action makes, beside the one in its own name."""

EC2_IDS: Mapping[str, str] = {
    "acl": "network-acl",
    "ami": "image",
    "cgw": "customer-gateway",
    "cr": "capacity-reservation",
    "dopt": "dhcp-options",
    "eigw": "egress-only-internet-gateway",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "fleet": "fleet",
    "h": "dedicated-host",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "lt": "launch-template",
    "nat": "natgateway",
    "pcx": "vpc-peering-connection",
    "pg": "placement-group",
    "pl": "prefix-list",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "sir": "spot-instances-request",
    "snap": "snapshot",
    "subnet": "subnet",
    "tgw": "transit-gateway",
    "tgw-attach": "transit-gateway-attachment",
    "tgw-rtb": "transit-gateway-route-table",
    "vgw": "vpn-gateway",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
    "vpce-svc": "vpc-endpoint-service",
    "vpn": "vpn-connection",
}
"""Kinds of EC2's resources by how their ids begin (EC2 User Guide, "Resource IDs")."""
