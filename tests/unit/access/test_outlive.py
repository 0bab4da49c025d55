"""What can outlive a shift: each way is denied unless opted in to, or ordinary and declared; and the proof holds."""

import itertools
import json
import re
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.access.guards import outlive_statements
from watchbill.access.outlive import (
    CATALOGUE,
    ORDINARY,
    Family,
    can_outlive,
    escape_actions,
    kept_out,
    look_up,
    outliving,
    prove_no_escape,
    unknown_names,
)
from watchbill.access.packing import pack
from watchbill.errors import Location, NotFoundError
from watchbill.policy.actions import access_level, actions_matching, condition_keys
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.grammar import grammar_error
from watchbill.policy.managed import ManagedPolicy, managed_policy
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.patterns import glob_matches
from watchbill.policy.prove import Counterexample, NotKnown, Proof
from watchbill.policy.statements import parse_policy


AT = datetime(2026, 1, 14, 20, tzinfo=UTC)
NUMBER = "111122223333"
SESSION = f"arn:aws:sts::{NUMBER}:assumed-role/oncall-platform/james"
NAMES = tuple(each.name for each in CATALOGUE)
DENIED = tuple(name for name in NAMES if name not in ORDINARY)
LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(statements):
    """Give a document of statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy(*statements, name="role"):
    """Give a policy of some statements."""
    return parse_policy(document(statements), name)


ADMIN = policy(ANY, name="AdministratorAccess")


@cache
def kept(*may_outlive):
    """Give the policy of what is denied on an on-call role."""
    return policy(*outlive_statements(may_outlive), name="outlive")


def packed(statements):
    """Give the documents of a role that has none yet, as a plan packs them."""
    return [document(held) for held in pack(statements, {}, LIMIT, AT).values()]


def listed(patterns):
    """Give the actions that AWS lists of which some patterns speak."""
    return {action for pattern in patterns for action in actions_matching(pattern)}


# --- the catalogue --------------------------------------------------------------------------------


def test_every_entry_says_what_it_is():
    """Names are what a team file says, and no action has two of them."""
    assert len(CATALOGUE) >= 36
    assert ORDINARY.keys() <= set(NAMES)
    assert {each.name for each in kept_out(())} == set(DENIED)
    assert len(set(NAMES)) == len(NAMES)
    for each in CATALOGUE:
        assert re.fullmatch("[a-z]+(-[a-z]+)*", each.name)
        assert re.match(r"until |as long as |up to \d|\d", each.lasts), each.lasts
        assert each.why[0] in "abcdefghijklmnopqrstuvwxyzI"
        assert not each.why.endswith(".")
        assert re.fullmatch(r"[\w ]+(Guide|Reference), [A-Z].+", each.source), each.source
    of: dict[str, str] = {}
    for each in CATALOGUE:
        for pattern in each.actions:
            for action in actions_matching(pattern):
                assert of.setdefault(action, pattern) == pattern, action


SECRETS = re.compile(
    r"Token|Credential|Url|Identity$|Password|Secret|KubernetesApi|ExportCertificate|GetDataAccess|SessionEndpoint|CertificateAuthority"
)
"""What a read must be for to be among them: it hands out what acts by itself, or is no read at all."""


def test_every_pattern_speaks_of_actions_that_there_are_and_of_no_mere_read():
    """A pattern without any would deny nothing; one that is too wide would blind who is on call."""
    for each in CATALOGUE:
        for pattern in each.actions:
            found = actions_matching(pattern)
            assert found, pattern
            assert "*" in pattern or found == (pattern,), pattern
            for action in found:
                reads = access_level(action) in ("Read", "List")
                assert not reads or SECRETS.search(action) or action == "kms:Decrypt", action


def test_conditions_ask_keys_that_their_actions_have():
    """A condition on a key that is never there would deny nothing."""
    conditional = [each for each in CATALOGUE if each.condition]
    assert {each.name for each in conditional} == {"key-grants", "secret-parameters"}
    for each in conditional:
        for action, keys in itertools.product(each.actions, each.condition.values()):
            assert {key.lower() for key in keys} <= (condition_keys(action) or frozenset())


LEFT_OUT = {
    # What is not about reading data or acting for somebody.
    "a certificate, a firewall or an address of an interface": "apigateway:*Certificate* *:SetWebACL waf*:*WebACL",
    "firewall rules, which hold no data": "waf*:PutPermissionPolicy network-firewall:PutResourcePolicy",
    "what is part of the other half, which is among them": "ec2:*OdbNetworkPeering",
    "gives less than before": "ec2:Enable*BlockPublicAccess elasticmapreduce:PutBlockPublicAccess* lakeformation:AttachRLSPolicy",
    "placement and networks of the account's own": "ec2:Attach* vpc-lattice:AssociateVia* vpc-lattice:CreateServiceNetwork*",
    "settings of the service": "cloudformation:SetStackPolicy glacier:SetDataRetrievalPolicy xray:PutEncryptionConfig"
    " license-manager:UpdateServiceSettings greengrass:AssociateServiceRole* redshift:CreateSnapshotCopyGrant"
    " lambda:EnableReplication dynamodb:UpdateAbacStatus workspaces:ModifySelfservice* workspaces:UpdateConnectionAlias*"
    " health:* notifications:*",
    "asked of users of another service, not of AWS": "bedrock-agentcore:AuthorizeAction ssm-contacts:AssociateContact",
    "tampering with the trail is another matter": "cloudtrail:PutResourcePolicy",
    "only together with what is among them": "redshift:CreateClusterUser cloudwatch:UpdateAccessProfile"
    " cloudwatch:CreateDomainAccessGrant* elasticmapreduce:PutWorkspaceAccess",
    "needs a role that is passed": "redshift:ModifyClusterIamRoles",
    "only for accounts without a VPC, which AWS has retired": "rds:AuthorizeDBSecurityGroupIngress",
    # Seldom met: left out so that one policy is enough.
    "names, plans and readings, no data": "agent-registry:* arc-region-switch:* aws-marketplace:* billing:* codeguru-profiler:*"
    " continuum:* refactor-spaces:* resource-explorer-2:* route53-recovery-control-config:* rum:* schemas:*"
    " servicediscovery:* sms-voice:* ssm-incidents:* ssm-sap:* cloudfront:PutResourcePolicy aps:PutResourcePolicy"
    " cloudwatch:CreateAccess* xray:PutResourcePolicy networkmanager:PutResourcePolicy route53resolver:Put*Policy",
    "hardware of a place of one's own": "ec2:CreateCoipPoolPermission ec2:CreateLocalGateway* s3-object-lambda:*"
    " s3-outposts:Put* cloudhsm:PutResourcePolicy payment-cryptography:PutResourcePolicy",
    "names only services of AWS, or accounts that AWS has authorized for it": "acm-pca:CreatePermission ec2:CreateNetworkInterfacePermission",
    "public before, or made to be given to others": "ecr-public:SetRepositoryPolicy imagebuilder:Put*Policy"
    " signer:AddProfilePermission apigateway:CreateAccessAssociation apigateway:PutPortal* servicecatalog:*Share"
    " servicecatalog:PutResourcePolicy mpa:PutResourcePolicy",
    "machine learning and search of documents, whose data lies elsewhere": "bedrock*:PutResourcePolicy"
    " comprehend:PutResourcePolicy lex:*ResourcePolicy qbusiness:PutResourcePolicy osis:PutResourcePolicy",
    "files and databases of few": "fsx:PutResourcePolicy s3files:PutFileSystemPolicy odb:PutResourcePolicy"
    " omics:PutS3AccessPolicy",
    "devices, which are not a shift's to register": "iot:Attach*Policy iot:CreatePolicy* iot:SetDefault*",
    "reports, desktops and dashboards, with users of their own": "quicksight:Update*Permissions grafana:UpdatePermissions"
    " workspaces:UpdateWorkspaceImage*",
    "a service that AWS has closed or that few use": "cleanrooms-ml:* cloudsearch:* datazone:* deadline:* entityresolution:*"
    " glacier:SetVaultAccessPolicy iotsitewise:* lookoutequipment:* mediastore:* mediatailor:* monitron:* opsworks:*",
}
"""What AWS sorts as giving permissions and is not in the catalogue, with the reason."""

SELDOM = {
    "its machines, keys and databases are outside IAM's roles": "lightsail:Create* lightsail:Get*Details",
    "certificates and tunnels of devices": "iot:Register* iot:Create*Certificate iot:CreateRoleAlias iot:OpenTunnel",
    "users of a directory": "ds:CreateTrust ds:Reset* ds:Share* ds-data:Create* ds-data:Add*",
    "users and addresses of reports, desktops and dashboards": "quicksight:RegisterUser quicksight:Get*EmbedUrl"
    " grafana:Create*Key grafana:Create*Token appstream:Create*URL appstream:CreateUser workspaces:CreateWorkspaces",
    "credentials of projects and of connections": "datazone:Get*Credentials codeconnections:Get*Token",
    "shells of a development environment": "cloud9:Create*",
    "notebooks and jobs of clusters": "emr-containers:Start* emr-containers:GetM* emr-serverless:GetSessionEndpoint"
    " emr-serverless:Access*Endpoints emr-serverless:StartSession elasticmapreduce:CreateStudioP* elasticmapreduce:StartN*",
    "services of applications without machines": "apprunner:UpdateService",
}
"""What else can outlive a shift, and is left out: a permission set that gives such a service should deny this itself."""

GIVES = re.compile(r"(Put|Add|Create|Update|Attach|Grant|Authorize|Set|Modify|Associate|Enable|BatchGrant)")


def test_everything_that_gives_permissions_is_an_entry_or_is_left_out_for_a_reason():
    """A service that is new in the data fails here until somebody has looked at it."""
    meant = listed(pattern for each in CATALOGUE for pattern in each.actions)
    left = [p.lower() for group in LEFT_OUT.values() for p in group.split()]
    used, missing = set(), []
    for action in actions_matching("*"):
        name = action.partition(":")[2]
        gives = access_level(action) == "Permissions management" and GIVES.match(name)
        policies = re.match("(Put|Add|Create|Update|Set).*(ResourcePolicy|AccessPolicy)$", name)
        if action not in meant and (gives or policies):
            reasons = {p for p in left if glob_matches(p, action.lower())}
            used |= reasons
            if not reasons:
                missing.append(action)
    assert missing == []
    assert used == set(left)


def test_what_is_seldom_met_is_there_and_in_no_entry():
    """What is left out is said by actions that there are, and is left out indeed."""
    meant = listed(pattern for each in CATALOGUE for pattern in each.actions)
    for pattern in (pattern for group in SELDOM.values() for pattern in group.split()):
        assert actions_matching(pattern), pattern
        assert meant.isdisjoint(actions_matching(pattern)), pattern


IAM_LEFT = {
    "takes a way to sign in away": "iam:DeleteAccessKey iam:DeleteLoginProfile iam:DeleteSSHPublicKey iam:Delete*Credential"
    " iam:DeleteSigningCertificate iam:DeleteCloudFrontPublicKey iam:Delete*Provider iam:RemoveClientID*"
    " iam:DisableOutbound* iam:DisableOrganizations* iam:RejectDelegationRequest",
    "takes away what nothing is attached to": "iam:DeleteGroup iam:DeleteUser iam:DeleteRole iam:DeletePolicy"
    " iam:DeletePolicyVersion iam:DeleteInstanceProfile iam:RemoveRoleFromInstanceProfile iam:DeleteVirtualMFADevice",
    "roles that AWS's own services define": "iam:*ServiceLinkedRole",
    "a device that nobody has, or whose codes somebody has already": "iam:CreateVirtualMFADevice iam:ResyncMFADevice",
    "names and settings, which give nobody anything": "iam:*AccountAlias iam:UpdateAccountName iam:UpdateRoleDescription"
    " iam:*AccountPasswordPolicy iam:SetSTS* iam:SetSecurityTokenService*",
    "certificates of web servers": "iam:*ServerCertificate",
}


def test_every_change_of_iam_is_an_entry_or_is_left_out_for_a_reason():
    """IAM is where a fence would be taken down."""
    meant = listed(pattern for each in CATALOGUE for pattern in each.actions)
    left = [p.lower() for group in IAM_LEFT.values() for p in group.split()]
    used = set()
    for action in actions_matching("iam:*"):
        if access_level(action) not in ("Read", "List") and action not in meant:
            reasons = {p for p in left if glob_matches(p, action.lower())}
            assert reasons, action
            used |= reasons
    assert used == set(left)


def test_names_are_looked_up():
    """In the catalogue's order, each once; a name that is none is an error that says what may have been meant."""
    assert look_up("access-keys").name == "access-keys"
    assert [e.name for e in outliving(["pass-role", "access-keys", "pass-role"])] == ["access-keys", "pass-role"]
    assert len(kept_out(())) == len(CATALOGUE) - len(ORDINARY)
    assert set(kept_out(())) - set(kept_out(["pass-role"])) == {look_up("pass-role")}
    assert kept_out(ORDINARY) == kept_out(())
    with pytest.raises(NotFoundError, match=r"`acess-keys` .* \(did you mean `access-keys`\?\)"):
        look_up("acess-keys")
    with pytest.raises(NotFoundError):
        outlive_statements(["acess-keys"])


def test_unknown_names_are_problems_with_their_place():
    """Each once, in the words of the file."""
    assert unknown_names(NAMES) == ()
    where = Location("watchbill.yaml", 12, 5)
    found = unknown_names(["stacks", "stakcs", "stakcs", "zzz"], where)
    assert [(p.code, p.file, p.line) for p in found] == [("unknown-outliving", "watchbill.yaml", 12)] * 2
    assert found[0].message == "`stakcs` is nothing that is known to outlive a shift (did you mean `stacks`?)"
    assert found[1].message == "`zzz` is nothing that is known to outlive a shift"
    assert str(unknown_names(["zzz"])[0]) == found[1].message


def test_how_long_is_said_as_a_person_would():
    """As an end, or as a length."""
    assert look_up("role-chaining").says == "can outlive the shift by up to 1 hour"
    assert look_up("registry-tokens").says == "can outlive the shift by 12 hours"
    assert look_up("access-keys").says == "can outlive the shift until it is deleted"
    assert look_up("container-shells").says == "can outlive the shift for as long as it stays open"


# --- the page -------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[3] / "docs/outliving.md"
FAMILIES = {
    Family.TOKENS: "Tokens: credentials of another session",
    Family.IDENTITIES: "Identities: who may sign in, and what they may do",
    Family.SHARES: "Shares: what is given to somebody by a resource",
    Family.CONNECTIONS: "Connections: what stays open, and passwords that stay known",
    Family.PROGRAMS: "Programs: what goes on running, or will run later",
    Family.FLOWS: "Flows: data and networks that stay open to elsewhere",
}
MANY = 8
"""As many actions of one pattern are named; where it means more, the pattern is given with their number."""

HEAD = """# What can outlive a shift

When a shift ends, AWS's own clock ends every session of the on-call role. What a session has left behind is not ended:
a key, a grant, an open shell. This is all that watchbill knows of it. `test_the_page_says_what_the_catalogue_says` holds
it to the catalogue, `src/watchbill/access/outlive.py`, which has AWS's page for each row.

- **Denied** rows are denied on every on-call role, and proven to be. A permission set opts in to one by its name:
  `may_outlive: [instance-shells]`. A plan then says what can outlive the shift, and for how long.
- **Ordinary** rows are the work of being on call: a resource is changed or read, or what others wrote is started. They
  are not denied. A plan says them wherever a permission set gives them, and the permission set's own `deny` may name
  their actions.

The measure: what leaves somebody with an identity, a credential, an open shell, access of their own to data, or code of
their own under another identity is denied. So is an action that carries such a thing among harmless settings, where AWS
has no condition that tells them apart: `sqs:SetQueueAttributes` carries the policy, `lambda:UpdateFunctionConfiguration`
the layers and the environment, `ec2:ModifyInstanceAttribute` the user data. Since `iam:PassRole` is denied, what is new
has no role.
"""
TAIL = """
## Left out

All Denies together fit one managed policy of 6,144 characters: a role has ten, and the fence needs them. So what is
seldom met is left out. A permission set that gives such a service should deny these itself. The first rows can leave
somebody with access; the others are what AWS sorts as giving permissions, and do not, or hardly.

| What | AWS actions |
|---|---|
"""


def actions_of(entry):
    """Give an entry's actions as people read them, by service."""
    by_service: dict[str, list[str]] = {}
    for pattern in entry.actions:
        found = actions_matching(pattern)
        service, _, name = pattern.partition(":")
        names = [action.partition(":")[2] for action in found]
        said = names if len(names) <= MANY else [f"{name} ({len(names)})"]
        by_service.setdefault(service, []).extend(said)
    text = "; ".join(f"`{service}:` {', '.join(names)}" for service, names in by_service.items()).replace("*", "\\*")
    for operator, keys in entry.condition.items():
        absent = " or is not there" if operator.endswith("IfExists") else ""
        text += "".join(f", where `{key}` is `{value}`{absent}" for key, value in keys.items())
    return text


def page():
    """Write the page."""
    lines = [HEAD]
    for family, title in FAMILIES.items():
        lines += [f"## {title}\n", "| Name | By default | AWS actions | Lasts | Why |", "|---|---|---|---|---|"]
        for each in (each for each in CATALOGUE if each.family is family):
            default = f"ordinary: {ORDINARY[each.name]}" if each.name in ORDINARY else "**denied**"
            lines.append(f"| `{each.name}` | {default} | {actions_of(each)} | {each.lasts} | {each.why} |")
        lines.append("")
    left = [
        f"| {why} | {', '.join(f'`{p}`' for p in patterns.split())} |" for why, patterns in (SELDOM | LEFT_OUT).items()
    ]
    return "\n".join(lines).rstrip("\n") + "\n" + TAIL + "\n".join(left) + "\n"


def test_the_page_says_what_the_catalogue_says():
    """Each entry with its actions, how long, why, and whether it is denied; and what is left out. `page` writes it."""
    assert set(FAMILIES) == set(Family)
    assert PAGE.read_text() == page()


# --- the statements -------------------------------------------------------------------------------


def test_all_of_it_fits_in_one_policy():
    """A role has ten, and needs them for the fence; AWS takes the document as it is."""
    documents = packed(outlive_statements(()))
    assert len(documents) == 1
    assert grammar_error(json.dumps(documents[0])) is None
    assert {each["Sid"] for each in documents[0]["Statement"]} == {
        *(f"Outlive{family}" for family in Family if family is not Family.FLOWS), "OutliveKeyGrants",
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(NAMES)))
def test_no_opting_in_takes_more_room(names):
    """Whatever is opted in to, one policy is enough; Sids are unique, and nothing has a date."""
    statements = outlive_statements(names)
    assert len(packed(statements)) <= 1
    sids = [each["Sid"] for each in statements]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    assert "CurrentTime" not in json.dumps(statements)
    # An entry is denied or it is not; the order in which names are given does not matter.
    denied = listed(action for each in statements for action in each["Action"])
    assert denied == listed(action for each in kept_out(names) for action in each.actions)
    assert outlive_statements(sorted(names)) == outlive_statements(sorted(names, reverse=True))


def test_what_is_made_and_what_is_changed_is_denied_by_one_pattern():
    """Only where it matches no more, as `*ateRole` matches no service-linked role."""
    written = {action for each in outlive_statements(()) for action in each["Action"]}
    assert {"iam:*ateAccessKey", "iam:*ateRole"} <= written
    assert written.isdisjoint({"iam:CreateAccessKey", "iam:UpdateAccessKey"})
    # It would match what only takes away.
    assert {"s3:CreateAccessG*", "s3:UpdateAccessG*"} <= written
    assert "s3:DissociateAccessGrantsIdentityCenter" not in listed(written)


def test_with_everything_opted_in_nothing_is_denied():
    """No statement is left, not even an empty one."""
    assert outlive_statements(NAMES) == ()


# --- ways to escape -------------------------------------------------------------------------------

KEY = f"arn:aws:kms:eu-west-1:{NUMBER}:key/1234"
FUNCTION = f"arn:aws:lambda:eu-west-1:{NUMBER}:function:pay"
INSTANCE = f"arn:aws:ec2:eu-west-1:{NUMBER}:instance/i-0a1b2c"
TASK = f"arn:aws:ecs:eu-west-1:{NUMBER}:task/shop/0a1b2c"
DATABASE = f"arn:aws:rds:eu-west-1:{NUMBER}:db:orders"
OWN = f"arn:aws:iam::{NUMBER}"

ESCAPES = [
    # way, entry, action, resource, context
    ("a session of another role", "role-chaining", "sts:AssumeRole", f"{OWN}:role/deploy", {}),
    ("a session of another account's role", "role-chaining", "sts:AssumeRole", "arn:aws:iam::444455556666:role/x", {}),
    ("a federation token", "federation-tokens", "sts:GetFederationToken", f"arn:aws:sts::{NUMBER}:federated-user/x", {}),
    ("a token for elsewhere", "web-identity-tokens", "sts:GetWebIdentityToken", "*", {}),
    ("docker login", "registry-tokens", "ecr:GetAuthorizationToken", "*", {}),
    ("npm login", "package-tokens", "sts:GetServiceBearerToken", "*", {"sts:AWSServiceName": "codeartifact.amazonaws.com"}),
    ("credentials for a prefix", "data-tokens", "s3:GetDataAccess", f"arn:aws:s3:eu-west-1:{NUMBER}:access-grants/default", {}),
    ("a session of a directory bucket", "data-tokens", "s3express:CreateSession", f"arn:aws:s3express:eu-west-1:{NUMBER}:bucket/b--x-s3", {}),
    ("an address of a notebook", "machine-learning", "sagemaker:CreatePresignedDomainUrl", f"arn:aws:sagemaker:eu-west-1:{NUMBER}:user-profile/d/u", {}),
    ("a key of an interface", "api-keys", "appsync:CreateApiKey", f"arn:aws:appsync:eu-west-1:{NUMBER}:/v1/apis/x/apikeys", {}),
    ("a key of a machine's user", "access-keys", "iam:CreateAccessKey", f"{OWN}:user/ci", {}),
    ("an old key made active", "access-keys", "iam:UpdateAccessKey", f"{OWN}:user/ci", {}),
    ("a password for a machine's user", "console-passwords", "iam:CreateLoginProfile", f"{OWN}:user/ci", {}),
    ("a key for Bedrock", "service-credentials", "iam:CreateServiceSpecificCredential", f"{OWN}:user/ci", {"iam:ServiceSpecificCredentialServiceName": "bedrock.amazonaws.com"}),
    ("a key for git", "ssh-keys", "iam:UploadSSHPublicKey", f"{OWN}:user/ci", {}),
    ("a device for somebody", "mfa-devices", "iam:EnableMFADevice", f"{OWN}:user/ci", {}),
    ("a new user", "users-and-groups", "iam:CreateUser", f"{OWN}:user/x", {}),
    ("a group for oneself", "users-and-groups", "iam:AddUserToGroup", f"{OWN}:group/admins", {}),
    ("a role that trusts oneself", "roles-and-trust", "iam:UpdateAssumeRolePolicy", f"{OWN}:role/deploy", {}),
    ("a policy on oneself", "policies", "iam:PutUserPolicy", f"{OWN}:user/watchbill/james", {}),
    ("the fence taken off", "policies", "iam:DetachRolePolicy", f"{OWN}:role/watchbill/oncall-platform", {"iam:PolicyARN": f"{OWN}:policy/watchbill/fence-oncall-platform-1"}),
    ("the fence rewritten", "policies", "iam:CreatePolicyVersion", f"{OWN}:policy/watchbill/fence-oncall-platform-1", {}),
    ("a boundary taken off", "policies", "iam:DeleteUserPermissionsBoundary", f"{OWN}:user/watchbill/james", {}),
    ("a tag that opens doors", "identity-tags", "iam:TagRole", f"{OWN}:role/deploy", {"aws:TagKeys": ("team",)}),
    ("a provider of one's own", "identity-providers", "iam:CreateOpenIDConnectProvider", f"{OWN}:oidc-provider/evil.example", {}),
    ("a trust anchor of one's own", "roles-anywhere", "rolesanywhere:CreateTrustAnchor", "*", {}),
    ("a certificate", "private-certificates", "acm-pca:IssueCertificate", f"arn:aws:acm-pca:eu-west-1:{NUMBER}:certificate-authority/x", {}),
    ("an assignment", "identity-center", "sso:CreateAccountAssignment", "arn:aws:sso:::instance/ssoins-1", {}),
    ("a file server's user", "transfer-users", "transfer:CreateUser", f"arn:aws:transfer:eu-west-1:{NUMBER}:server/s-1", {}),
    ("a role on an instance", "pass-role", "iam:PassRole", f"{OWN}:role/deploy", {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("a key pair", "key-pairs", "ec2:ImportKeyPair", f"arn:aws:ec2:eu-west-1:{NUMBER}:key-pair/x", {}),
    ("the root user's address", "root-access", "account:StartPrimaryEmailUpdate", f"arn:aws:account::{NUMBER}:account", {}),
    ("an account out of the organization", "organization", "organizations:LeaveOrganization", "*", {}),
    ("a bucket for a stranger", "bucket-policies", "s3:PutBucketPolicy", "arn:aws:s3:::orders", {}),
    ("an object for everybody", "bucket-policies", "s3:PutObjectAcl", "arn:aws:s3:::orders/a", {"s3:x-amz-acl": "public-read"}),
    ("a key for a stranger", "key-policies", "kms:PutKeyPolicy", KEY, {}),
    ("a grant on a key", "key-grants", "kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "false"}),
    ("a grant, the key's context unsaid", "key-grants", "kms:CreateGrant", KEY, {}),
    ("a function for a stranger", "function-policies", "lambda:AddPermission", FUNCTION, {"lambda:Principal": "444455556666"}),
    ("a function's address", "function-policies", "lambda:CreateFunctionUrlConfig", FUNCTION, {"lambda:FunctionUrlAuthType": "NONE"}),
    ("a queue for a stranger", "queue-and-topic-policies", "sqs:SetQueueAttributes", f"arn:aws:sqs:eu-west-1:{NUMBER}:orders", {}),
    ("a topic for a stranger", "queue-and-topic-policies", "sns:AddPermission", f"arn:aws:sns:eu-west-1:{NUMBER}:orders", {}),
    ("a secret for a stranger", "secret-policies", "secretsmanager:PutResourcePolicy", f"arn:aws:secretsmanager:eu-west-1:{NUMBER}:secret:db-1", {}),
    ("images for a stranger", "registry-policies", "ecr:SetRepositoryPolicy", f"arn:aws:ecr:eu-west-1:{NUMBER}:repository/pay", {}),
    ("events from a stranger", "event-and-log-policies", "events:PutPermission", f"arn:aws:events:eu-west-1:{NUMBER}:event-bus/default", {}),
    ("a table for a stranger", "database-and-stream-policies", "dynamodb:PutResourcePolicy", f"arn:aws:dynamodb:eu-west-1:{NUMBER}:table/orders", {}),
    ("a share", "resource-shares", "ram:CreateResourceShare", "*", {"ram:RequestedAllowsExternalPrincipals": "true"}),
    ("a snapshot for a stranger", "snapshot-shares", "ec2:ModifySnapshotAttribute", "arn:aws:ec2:eu-west-1::snapshot/snap-1", {"ec2:Add/userId": "444455556666"}),
    ("a database's snapshot", "snapshot-shares", "rds:ModifyDBSnapshotAttribute", f"arn:aws:rds:eu-west-1:{NUMBER}:snapshot:s", {}),
    ("an open shell", "instance-shells", "ssm:StartSession", INSTANCE, {}),
    ("an open shell in a container", "container-shells", "ecs:ExecuteCommand", TASK, {"ecs:container-name": "pay"}),
    ("an SSH key for a minute", "instance-connect", "ec2-instance-connect:SendSSHPublicKey", INSTANCE, {"ec2:osuser": "root"}),
    ("the serial console", "instance-connect", "ec2-instance-connect:SendSerialConsoleSSHPublicKey", INSTANCE, {}),
    ("a shell of the console", "cloud-shells", "cloudshell:CreateSession", f"arn:aws:cloudshell:eu-west-1:{NUMBER}:environment/x", {}),
    ("a login to a database", "database-logins", "rds-db:connect", f"arn:aws:rds-db:eu-west-1:{NUMBER}:dbuser:db-1/admin", {}),
    ("a login to a warehouse", "database-logins", "redshift:GetClusterCredentials", f"arn:aws:redshift:eu-west-1:{NUMBER}:dbuser:c/admin", {}),
    ("a master password", "database-passwords", "rds:ModifyDBInstance", DATABASE, {}),
    ("CREATE USER", "database-statements", "rds-data:ExecuteStatement", f"arn:aws:rds:eu-west-1:{NUMBER}:cluster:c", {}),
    ("a password that is read", "secret-values", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-west-1:{NUMBER}:secret:db-1", {}),
    ("a secure string that is read", "secret-parameters", "kms:Decrypt", KEY, {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}),
    ("a cluster's own rights", "kubernetes-access", "eks:CreateAccessEntry", f"arn:aws:eks:eu-west-1:{NUMBER}:cluster/c", {}),
    ("a command as root", "remote-commands", "ssm:SendCommand", INSTANCE, {}),
    ("a machine of one's own", "remote-commands", "ssm:CreateActivation", "*", {}),
    ("something tomorrow", "schedules", "scheduler:CreateSchedule", f"arn:aws:scheduler:eu-west-1:{NUMBER}:schedule/default/x", {}),
    ("something whenever", "schedules", "events:PutTargets", f"arn:aws:events:eu-west-1:{NUMBER}:rule/x", {}),
    ("a year of waiting", "workflows", "states:StartExecution", f"arn:aws:states:eu-west-1:{NUMBER}:stateMachine:x", {}),
    ("a build of one's own", "builds", "codebuild:StartBuild", f"arn:aws:codebuild:eu-west-1:{NUMBER}:project/x", {}),
    ("a job of one's own", "batch-jobs", "batch:SubmitJob", f"arn:aws:batch:eu-west-1:{NUMBER}:job-queue/q", {}),
    ("a stack with a role", "stacks", "cloudformation:UpdateStack", f"arn:aws:cloudformation:eu-west-1:{NUMBER}:stack/x/1", {}),
    ("a function's code", "function-code", "lambda:UpdateFunctionCode", FUNCTION, {}),
    ("a function's layers", "function-code", "lambda:UpdateFunctionConfiguration", FUNCTION, {}),
    ("a task of one's own", "container-tasks", "ecs:RunTask", f"arn:aws:ecs:eu-west-1:{NUMBER}:task-definition/pay:1", {}),
    ("an image in another's place", "container-images", "ecr:PutImage", f"arn:aws:ecr:eu-west-1:{NUMBER}:repository/pay", {}),
    ("a machine in the network", "new-machines", "ec2:RunInstances", INSTANCE, {}),
    ("machines to come", "launch-templates", "ec2:CreateLaunchTemplateVersion", f"arn:aws:ec2:eu-west-1:{NUMBER}:launch-template/lt-1", {}),
    ("user data", "instance-changes", "ec2:ModifyInstanceAttribute", INSTANCE, {"ec2:Attribute": "UserData"}),
    ("a copy of every object", "data-copies", "s3:PutReplicationConfiguration", "arn:aws:s3:::orders", {}),
    ("a copy of every line", "data-feeds", "logs:PutSubscriptionFilter", f"arn:aws:logs:eu-west-1:{NUMBER}:log-group:pay", {}),
    ("an open port", "open-ports", "ec2:AuthorizeSecurityGroupIngress", f"arn:aws:ec2:eu-west-1:{NUMBER}:security-group/sg-1", {}),
    ("a network of one's own", "network-links", "ec2:CreateVpcPeeringConnection", f"arn:aws:ec2:eu-west-1:{NUMBER}:vpc/vpc-1", {}),
    ("a letter for every order", "data-feeds", "sns:Subscribe", f"arn:aws:sns:eu-west-1:{NUMBER}:orders", {"sns:Endpoint": "james@home.example"}),
    ("a service of one's own", "new-services", "ecs:CreateService", f"arn:aws:ecs:eu-west-1:{NUMBER}:service/shop/x", {}),
    ("a machine in the cluster", "container-tasks", "ecs:RegisterContainerInstance", f"arn:aws:ecs:eu-west-1:{NUMBER}:cluster/shop", {}),
    ("a set of stacks", "stacks", "cloudformation:CreateStackInstances", f"arn:aws:cloudformation:eu-west-1:{NUMBER}:stackset/x:1", {}),
    ("a change that waits", "stacks", "cloudformation:ExecuteChangeSet", f"arn:aws:cloudformation:eu-west-1:{NUMBER}:stack/x/1", {}),
    ("another workflow", "workflow-changes", "states:UpdateStateMachine", f"arn:aws:states:eu-west-1:{NUMBER}:stateMachine:x", {}),
    ("a runbook", "runbooks", "ssm:StartAutomationExecution", f"arn:aws:ssm:eu-west-1:{NUMBER}:automation-definition/restart:1", {}),
    ("an approval", "approvals", "codepipeline:PutApprovalResult", f"arn:aws:codepipeline:eu-west-1:{NUMBER}:pay/prod/ok", {}),
    ("another source", "pipelines", "codepipeline:UpdatePipeline", f"arn:aws:codepipeline:eu-west-1:{NUMBER}:pay", {}),
    ("another revision", "deployments", "codedeploy:CreateDeployment", f"arn:aws:codedeploy:eu-west-1:{NUMBER}:deploymentgroup:pay/prod", {}),
    ("another version", "deployments", "elasticbeanstalk:UpdateEnvironment", f"arn:aws:elasticbeanstalk:eu-west-1:{NUMBER}:environment/pay/prod", {}),
    ("a console of workflows", "web-consoles", "airflow:InvokeRestApi", f"arn:aws:airflow:eu-west-1:{NUMBER}:role/x/Admin", {}),
    ("a product", "products", "servicecatalog:ProvisionProduct", f"arn:aws:catalog:eu-west-1:{NUMBER}:product/prod-1", {}),
    ("a run", "data-runs", "glue:StartTrigger", f"arn:aws:glue:eu-west-1:{NUMBER}:trigger/x", {}),
    ("a script of one's own", "data-jobs", "glue:StartJobRun", f"arn:aws:glue:eu-west-1:{NUMBER}:job/x", {}),
    ("a key for a notebook", "data-jobs", "glue:UpdateDevEndpoint", f"arn:aws:glue:eu-west-1:{NUMBER}:devEndpoint/x", {}),
    ("a step of one's own", "data-jobs", "elasticmapreduce:AddJobFlowSteps", f"arn:aws:elasticmapreduce:eu-west-1:{NUMBER}:cluster/j-1", {}),
    ("a user of a cache", "database-users", "elasticache:CreateUser", f"arn:aws:elasticache:eu-west-1:{NUMBER}:user:x", {}),
    ("a user of a broker", "database-users", "mq:CreateUser", f"arn:aws:mq:eu-west-1:{NUMBER}:broker:b:1", {}),
    ("a way in for a stranger", "network-permissions", "ec2:ModifyVpcEndpointServicePermissions", f"arn:aws:ec2:eu-west-1:{NUMBER}:vpc-endpoint-service/vpce-svc-1", {}),
    ("a user of the application", "app-users", "cognito-idp:AdminCreateUser", f"arn:aws:cognito-idp:eu-west-1:{NUMBER}:userpool/p", {}),
    ("an account for a while", "delegation-requests", "iam:AcceptDelegationRequest", f"{OWN}:delegation-request/x", {}),
]  # fmt: skip


def decide(policies, action, resource, context=None):
    """Decide a request of James's session; a key's policy leaves it to IAM, as keys of the console do.

    What lies in another account is decided as that account would have it: by whoever asks.
    """
    key = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{NUMBER}:root"}, "Action": "kms:*", "Resource": "*"}
    layers = Layers(tuple(policies), resource=policy(key, name="key") if action.startswith("kms:") else None)
    who = None if ":444455556666:" in resource else Principal.of(SESSION)
    now = {"aws:CurrentTime": "2026-01-14T20:00:00Z", **(context or {})}
    return Evaluator(layers).decide(Request(action, resource, now, complete=True, principal=who))


def ways(names):
    """Give the ways to escape that are of some entries, for a test to be run with each."""
    return [pytest.param(*escape, id=way) for way, *escape in ESCAPES if escape[0] in names]


@pytest.mark.parametrize(("entry", "action", "resource", "context"), ways(DENIED))
def test_every_way_to_escape_is_denied_unless_it_was_opted_in_to(entry, action, resource, context):
    """During the shift, with everything allowed; opted in to, it is allowed and declared."""
    denied = decide((ADMIN, kept()), action, resource, context)
    assert denied.effect is Effect.EXPLICITLY_DENIED
    assert denied.deciding[0].sid.startswith("Outlive")
    assert decide((ADMIN, kept(entry)), action, resource, context).effect is Effect.ALLOWED
    assert decide((ADMIN, kept(*(set(NAMES) - {entry}))), action, resource, context).effect is Effect.EXPLICITLY_DENIED
    declared = {each.name: actions for each, actions in can_outlive((ADMIN,), [entry], AT)}
    assert action in declared[entry]
    assert entry not in {each.name for each, _ in can_outlive((ADMIN,), (), AT)}


@pytest.mark.parametrize(("entry", "action", "resource", "context"), ways(ORDINARY))
def test_every_ordinary_way_is_declared_and_can_be_denied(entry, action, resource, context):
    """Nobody opts in to it, and nothing of it is silent; the permission set's own Deny takes it, and it is not said."""
    assert decide((ADMIN, kept()), action, resource, context).effect is Effect.ALLOWED
    declared = {each.name: actions for each, actions in can_outlive((ADMIN,), (), AT)}
    assert action in declared[entry]
    deny = policy({**ANY, "Effect": "Deny", "Action": list(look_up(entry).actions)}, name="permission set")
    assert decide((ADMIN, deny, kept()), action, resource, context).effect is Effect.EXPLICITLY_DENIED
    still = {each.name for each, _ in can_outlive((ADMIN, deny), (), AT)}
    assert still == ORDINARY.keys() - {entry}


def test_the_ways_are_those_of_most_entries():
    """So that an entry without a way is seen; most ways are denied, and no ordinary entry is without one."""
    without = set(NAMES) - {entry for _, entry, *_ in ESCAPES}
    assert without == {
        "api-policies", "data-grants", "file-and-backup-policies", "other-resource-policies", "workload-tokens",
    }  # fmt: skip
    assert len({entry for _, entry, *_ in ESCAPES} - ORDINARY.keys()) >= 60
    assert len(ways(DENIED)) + len(ways(ORDINARY)) == len(ESCAPES)


IDENTITY = re.compile(
    r"^(iam|sts|sso|identitystore|cognito-idp|rolesanywhere|organizations|account|ds|ds-data):|PassRole"
)
CODE = """
ssm:SendCommand ssm:StartSession ecs:ExecuteCommand ecs:RunTask ecs:StartTask batch:SubmitJob lambda:UpdateFunctionCode
lambda:UpdateFunctionConfiguration cloudformation:UpdateStack cloudformation:ExecuteChangeSet codebuild:StartBuild
codedeploy:CreateDeployment codepipeline:UpdatePipeline states:UpdateStateMachine glue:StartJobRun glue:UpdateDevEndpoint
elasticmapreduce:AddJobFlowSteps ec2:ModifyInstanceAttribute ec2:CreateLaunchTemplateVersion ecr:PutImage
sagemaker:CreatePresignedNotebookInstanceUrl ec2-instance-connect:SendSSHPublicKey rds-db:connect eks:CreateAccessEntry
ssm:CreateAssociation ssm:UpdateDocument events:PutTargets scheduler:UpdateSchedule glue:UpdateTrigger
elasticbeanstalk:UpdateEnvironment
"""
"""What runs somebody's own code under a role that is there already, without PassRole; or opens a shell or a login."""


def test_nothing_ordinary_gives_an_identity_or_runs_code_under_another():
    """Such a thing is denied by default, whatever else the entry is good for."""
    ordinary = listed(pattern for name in ORDINARY for pattern in look_up(name).actions)
    assert not [action for action in ordinary if IDENTITY.search(action)]
    assert not [action for action in ordinary if access_level(action) == "Permissions management"]
    for action in CODE.split():
        assert action not in ordinary, action
        assert decide((ADMIN, kept()), action, "*").effect is Effect.EXPLICITLY_DENIED, action


WORK = """
ec2:DescribeInstances ec2:RebootInstances ec2:StartInstances ec2:StopInstances ec2:TerminateInstances ec2:CreateSnapshot
ec2:GetConsoleOutput ec2:ModifyVolume ec2:RevokeSecurityGroupIngress ec2:DisassociateIamInstanceProfile ec2:CreateRoute
rds:DescribeDBInstances rds:RebootDBInstance rds:FailoverDBCluster rds:StartDBInstance rds:CreateDBSnapshot
rds:RestoreDBInstanceToPointInTime rds:CreateDBInstanceReadReplica rds:DownloadDBLogFilePortion rds:PromoteReadReplica
ecs:UpdateService ecs:StopTask ecs:DescribeServices ecs:ListTasks ecs:UpdateServicePrimaryTaskSet ecs:StopServiceDeployment
lambda:UpdateAlias lambda:PublishVersion lambda:InvokeFunction lambda:PutFunctionConcurrency lambda:GetFunction
lambda:PutProvisionedConcurrencyConfig lambda:UpdateEventSourceMapping lambda:DeleteFunctionUrlConfig
logs:FilterLogEvents logs:StartQuery logs:GetQueryResults logs:GetLogEvents logs:DescribeLogGroups logs:StartLiveTail
cloudwatch:GetMetricData cloudwatch:DescribeAlarms cloudwatch:DisableAlarmActions cloudwatch:PutMetricAlarm
autoscaling:SetDesiredCapacity autoscaling:UpdateAutoScalingGroup autoscaling:TerminateInstanceInAutoScalingGroup
autoscaling:StartInstanceRefresh autoscaling:SuspendProcesses application-autoscaling:RegisterScalableTarget
s3:GetObject s3:PutObject s3:DeleteObject s3:ListBucket s3:RestoreObject s3:PutLifecycleConfiguration
dynamodb:UpdateTable dynamodb:GetItem dynamodb:PutItem dynamodb:RestoreTableToPointInTime kinesis:UpdateShardCount
sqs:PurgeQueue sqs:ReceiveMessage sqs:StartMessageMoveTask sns:Publish sns:Unsubscribe elasticache:RebootCacheCluster
elasticache:TestFailover elasticache:IncreaseReplicaCount elasticloadbalancing:DeregisterTargets
elasticloadbalancing:RegisterTargets elasticloadbalancing:ModifyListener elasticloadbalancing:DescribeTargetHealth
route53:ChangeResourceRecordSets route53:ListHostedZones ssm:GetParameter ssm:DescribeInstanceInformation ssm:PutParameter
ssm:CancelCommand ssm:TerminateSession secretsmanager:DescribeSecret secretsmanager:RotateSecret cloudfront:CreateInvalidation
cloudformation:DescribeStacks cloudformation:CancelUpdateStack cloudformation:ContinueUpdateRollback cloudformation:RollbackStack
codepipeline:RollbackStage codepipeline:RetryStageExecution codepipeline:DisableStageTransition codedeploy:StopDeployment
states:StopExecution states:DescribeExecution events:DisableRule events:RemoveTargets scheduler:DeleteSchedule
batch:TerminateJob glue:BatchStopJobRun eks:DescribeCluster eks:UpdateNodegroupConfig eks:UpdateNodegroupVersion
iam:GetRole iam:ListUsers iam:GetAccountAuthorizationDetails iam:GenerateCredentialReport iam:SimulatePrincipalPolicy
iam:DeleteAccessKey sts:GetCallerIdentity sts:DecodeAuthorizationMessage redshift:RebootCluster redshift:PauseCluster
cloudtrail:LookupEvents health:DescribeEvents support:CreateCase xray:GetTraceSummaries kms:DescribeKey kms:GenerateDataKey
wafv2:UpdateIPSet wafv2:UpdateWebACL rds:ModifyDBInstance rds:ModifyDBCluster secretsmanager:GetSecretValue kms:Decrypt
ec2:RunInstances ec2:ModifyLaunchTemplate ec2:AuthorizeSecurityGroupIngress ssm:StartAutomationExecution
ssm:UpdateDocumentDefaultVersion states:StartExecution states:RedriveExecution codebuild:RetryBuild
codepipeline:PutApprovalResult codepipeline:StartPipelineExecution cloudfront:PublishFunction eks:UpdateAddon events:PutRule
elasticbeanstalk:SwapEnvironmentCNAMEs glue:StartTrigger redshift:ModifyCluster elasticache:ModifyReplicationGroup
"""


@pytest.mark.parametrize("action", WORK.split())
def test_the_ordinary_work_of_a_shift_stays_allowed(action):
    """Restart, scale, fail over, roll back, read: nothing of it is denied."""
    assert decide((ADMIN, kept()), action, KEY if action.startswith("kms:") else "*").effect is Effect.ALLOWED


def test_keys_serve_what_aws_does_with_them():
    """An instance with an encrypted volume starts by a grant, and data of other services is decrypted."""
    policies = (ADMIN, kept())
    assert decide(policies, "kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "true"}).effect is Effect.ALLOWED
    assert (
        decide(policies, "kms:Decrypt", KEY, {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}).effect is Effect.ALLOWED
    )
    assert decide(policies, "kms:Decrypt", KEY).effect is Effect.ALLOWED


# --- what is declared -----------------------------------------------------------------------------


def declared(may_outlive, *statements, at=AT):
    """Give what policies declare, by name."""
    return {each.name: actions for each, actions in can_outlive((policy(*statements),), may_outlive, at)}


def test_only_what_was_opted_in_to_and_is_given_is_declared():
    """An opt-in that the permission set does not use says nothing."""
    ecs = {"Effect": "Allow", "Action": ["ecs:ExecuteCommand", "ecs:Run*"], "Resource": "*"}
    assert declared((), ANY).keys() == ORDINARY.keys()
    assert declared(ORDINARY, ANY) == declared((), ANY)
    assert declared(["container-shells", "access-keys"], ecs) == {"container-shells": ("ecs:ExecuteCommand",)}
    assert declared(["container-tasks"], ecs) == {"container-tasks": ("ecs:RunTask",)}
    assert declared(["container-tasks"], ecs, {"Effect": "Deny", "Action": "ecs:*", "Resource": "*"}) == {}


def test_what_hangs_on_the_request_is_declared():
    """On some resources, under some condition, or where a key's policy decides besides."""
    narrow = {"Effect": "Allow", "Action": "ecs:ExecuteCommand", "Resource": f"arn:aws:ecs:*:{NUMBER}:task/shop/*"}
    assert "container-shells" in declared(["container-shells"], narrow)
    office = {"Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}}
    assert "access-keys" in declared(["access-keys"], {**ANY, **office})
    assert declared(["key-policies"], {**ANY, "Action": "kms:*"}) == {
        "key-policies": ("kms:PutKeyPolicy", "kms:ReplicateKey"),
        "secret-parameters": ("kms:Decrypt",),
    }
    assert declared(["role-chaining"], {**ANY, "Action": "sts:AssumeRole"}) == {"role-chaining": ("sts:AssumeRole",)}


def test_who_only_reads_leaves_only_what_reads_hand_out():
    """AWS's own set for reading gives tokens and secrets; no change is taken for one of its reads."""
    found = managed_policy("ReadOnlyAccess", datetime(2023, 1, 1, tzinfo=UTC))
    assert isinstance(found, ManagedPolicy)
    given = {each.name for each, _ in can_outlive((parse_policy(found.document, "ReadOnlyAccess"),), NAMES, AT)}
    assert given == {
        "federation-tokens", "registry-tokens", "package-tokens", "data-tokens", "workload-tokens", "instance-shells",
        "secret-values",
    }  # fmt: skip


def test_what_is_declared_is_so_at_the_instant():
    """A grant that is over gives nothing more."""
    until = {**ANY, "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-14T20:00:00Z"}}}
    assert declared(["access-keys"], until) == {}
    assert "access-keys" in declared(["access-keys"], until, at=AT - timedelta(seconds=1))


def test_a_condition_of_an_entry_is_part_of_what_is_declared():
    """Grants for AWS's own resources are no escape, though they are grants."""
    aws = {**ANY, "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
    assert "key-grants" not in declared(["key-grants"], aws)
    assert "key-grants" in declared(["key-grants"], ANY)
    s3 = {**ANY, "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}}
    assert "secret-parameters" not in declared((), s3)
    assert "secret-parameters" in declared((), ANY)


def test_an_action_that_aws_has_not_listed_yet_is_declared_by_its_pattern():
    """A policy may name what is newer than our data."""
    assert declared(["identity-tags"], {**ANY, "Action": "iam:TagPasskey"}) == {"identity-tags": ("iam:Tag*",)}
    both = declared(["identity-tags"], {**ANY, "Action": ["iam:TagPasskey", "iam:TagUser"]})
    assert both == {"identity-tags": ("iam:TagUser",)}
    assert len(declared(["identity-tags"], ANY)["identity-tags"]) == 16


# --- the proof ------------------------------------------------------------------------------------


def answers(may_outlive, *policies):
    """Prove, and give the kind of each answer by name."""
    return {each.name: type(answer) for each, answer in prove_no_escape(policies, may_outlive)}


def test_what_is_written_is_proven():
    """With everything allowed, and whatever is opted in to: all the rest is held by the Denies."""
    for names in ((), ("access-keys",), ("key-grants", "stacks", "instance-shells")):
        found = prove_no_escape((ADMIN, kept(*names)), names)
        assert [each.name for each, _ in found] == [name for name in DENIED if name not in names]
        for _, answer in found:
            assert isinstance(answer, Proof)
            assert answer.held_by
            assert all(origin.sid.startswith("Outlive") for origin in answer.held_by)


@pytest.mark.parametrize("missing", range(len(outlive_statements(()))))
def test_a_statement_that_is_missing_is_missed(missing):
    """Without one of the Denies, each entry that it held is no longer proven, and each other is."""
    statements = [each for index, each in enumerate(outlive_statements(())) if index != missing]
    actions = listed(action for each in statements for action in each["Action"])
    found = answers((), ADMIN, policy(*statements))
    assert found.keys() == set(DENIED)
    for each in kept_out(()):
        assert (found[each.name] is Proof) == (listed(each.actions) <= actions), each.name


def test_a_counterexample_is_allowed_by_the_evaluator():
    """What is found is a request, of the entry, that is allowed."""
    found = dict(prove_no_escape((ADMIN,), ()))
    for each, answer in found.items():
        if isinstance(answer, Counterexample):
            assert any(glob_matches(p.lower(), answer.request.action.lower()) for p in each.actions)
            assert Evaluator(Layers((ADMIN,))).decide(answer.request).effect is Effect.ALLOWED
    unsure = {each.name for each, answer in found.items() if isinstance(answer, NotKnown)}
    # A key's policy must allow besides, and is not known.
    assert unsure == {"key-policies", "key-grants"}


def test_silence_is_no_proof():
    """A role without an Allow may still be named in a bucket's policy, so a Deny is asked for."""
    found = dict(prove_no_escape((policy({**ANY, "Action": "ecs:*"}),), ()))
    answer = found[look_up("bucket-policies")]
    assert isinstance(answer, NotKnown)
    assert answer.why.startswith("bucket-policies: the role's Denies leave a way out")
    assert isinstance(found[look_up("container-shells")], Counterexample)


@pytest.mark.parametrize(
    "loose",
    [
        {"Resource": "arn:aws:s3:::orders*"},
        {"NotResource": "arn:aws:s3:::public"},
        {"Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Resource": "*", "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-01-14T00:00:00Z"}}},
        {"Resource": "*", "Condition": {"StringLike": {"aws:userid": "*:james"}}},
    ],
    ids=["some", "all but some", "a condition", "a date", "a person"],
)
def test_a_deny_with_a_way_out_is_no_proof(loose):
    """Of some resources, under some condition: a request that gets past is found."""
    deny = {"Effect": "Deny", "Action": list(look_up("bucket-policies").actions), **loose}
    assert answers((), ADMIN, policy(deny))["bucket-policies"] is Counterexample


def test_two_denies_that_leave_no_way_out_are_a_proof_together():
    """As the slices of a fence are."""
    halves = [
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {operator: {"aws:CurrentTime": "2026-01-14T00:00:00Z"}},
        }
        for operator in ("DateLessThan", "DateGreaterThanEquals")
    ]
    assert set(answers((), ADMIN, policy(*halves)).values()) == {Proof}


def test_a_newer_action_that_a_pattern_speaks_of_is_asked_too():
    """Denies of what AWS lists today leave out what a policy already allows by name."""
    listed = [action for pattern in look_up("identity-tags").actions for action in actions_matching(pattern)]
    deny = policy({"Effect": "Deny", "Action": listed, "Resource": "*"})
    assert answers((), policy({**ANY, "Action": listed}), deny)["identity-tags"] is NotKnown
    assert answers((), policy({**ANY, "Action": "iam:*"}), deny)["identity-tags"] is Counterexample


def test_what_must_never_be_allowed_is_listed():
    """All patterns but those of which only some requests are meant."""
    assert "kms:CreateGrant" not in escape_actions(())
    assert "iam:CreateAccessKey" in escape_actions(())
    assert "iam:CreateAccessKey" not in escape_actions(["access-keys"])
    assert escape_actions(NAMES) == ()


def test_a_role_is_proven_within_a_second():
    """With a fence of two weeks, three shifts a day and six people, and the Denies last."""
    start = datetime(2026, 1, 12, tzinfo=UTC)
    fence = [
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {
                "StringNotLike": {"aws:userid": [f"*:{'abcdef'[n % 6]}", f"*:{'abcdef'[(n + 1) % 6]}"]},
                "DateGreaterThanEquals": {"aws:CurrentTime": f"{start + timedelta(hours=8 * n):%Y-%m-%dT%H:%M:%SZ}"},
                "DateLessThan": {"aws:CurrentTime": f"{start + timedelta(hours=8 * n + 8):%Y-%m-%dT%H:%M:%SZ}"},
            },
        }
        for n in range(42)
    ]
    policies = (ADMIN, policy(*fence, name="fence"), kept())
    before = time.process_time()
    assert set(answers((), *policies).values()) == {Proof}
    assert time.process_time() - before < 1


SAMPLE = ("policies", "bucket-policies", "key-grants", "role-chaining", "container-shells")
RESOURCES = ("*", "arn:aws:s3:::orders", KEY, TASK, f"{OWN}:role/deploy", f"{OWN}:user/watchbill/james")
CONDITIONS: tuple[dict[str, dict[str, str]], ...] = (
    {},
    {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    {"BoolIfExists": {"kms:GrantIsForAWSResource": "false"}},
    {"StringNotLike": {"aws:userid": "*:james"}},
    {"StringEquals": {"aws:userid": "AROA:james"}},
    {"DateLessThan": {"aws:CurrentTime": "2026-01-14T00:00:00Z"}},
    {"DateGreaterThanEquals": {"aws:CurrentTime": "2026-01-14T00:00:00Z"}},
)
ACTIONS = (
    "*",
    "iam:*",
    "iam:Put*",
    "iam:PutRolePolicy",
    "s3:Put*",
    "s3:*",
    "kms:CreateGrant",
    "sts:*",
    "ecs:*",
    "lambda:*",
)
WHERE = ("*", "arn:aws:s3:::*", "arn:aws:iam::*:role/*", "arn:aws:kms:*:*:key/*", "arn:aws:ecs:*:*:task/*")


@st.composite
def statements(draw):
    """Draw a statement over few actions, resources and conditions, so that they meet."""
    found = {"Effect": draw(st.sampled_from(["Allow", "Deny", "Deny"]))}
    found["Action"] = draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3, unique=True))
    found[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(st.sampled_from(WHERE))
    condition = draw(st.sampled_from(CONDITIONS))
    return {**found, "Condition": condition} if condition else found


@settings(max_examples=50, deadline=None)
@given(st.lists(statements(), min_size=1, max_size=6), st.sets(st.sampled_from(SAMPLE)))
def test_a_proof_is_never_wrong(drawn, denied):
    """No request is allowed of what is proven, even by a resource's policy that gives everything to the session."""
    drawn = [ANY, *drawn, *outlive_statements(set(NAMES) - denied)]
    role = policy(*drawn)
    gives = policy({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}, name="resource")
    found = {each.name: answer for each, answer in prove_no_escape((role,), set(NAMES) - set(SAMPLE))}
    assert found.keys() == set(SAMPLE)
    assert all(isinstance(found[name], Proof) for name in denied)
    for name in SAMPLE:
        if not isinstance(found[name], Proof):
            continue
        for pattern, resource in itertools.product(
            look_up(name).actions, (KEY,) if name == "key-grants" else RESOURCES
        ):
            for who, when in itertools.product(
                ("AROA:james", "AROA:rick"), ("2026-01-13T00:00:00Z", "2026-01-14T00:00:00Z")
            ):
                context = {"aws:CurrentTime": when, "aws:userid": who}
                if name == "key-grants":
                    context["kms:GrantIsForAWSResource"] = "false"
                asked = Request(
                    actions_matching(pattern)[0], resource, context, complete=True, principal=Principal.of(SESSION)
                )
                decision = Evaluator(Layers((role,), resource=gives)).decide(asked)
                assert decision.effect is not Effect.ALLOWED, asked
