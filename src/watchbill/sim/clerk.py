"""Records beyond those of a week: roles taken in turn, tokens of pipelines, the root user, reads of single objects.

After the CloudTrail User Guide, "userIdentity element" and "Logging data events"; the IAM User Guide, "Logging IAM and
STS API calls with CloudTrail"; and the Sign-In User Guide.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from watchbill.sim.calls import Call
from watchbill.sim.events import GLOBAL, Caller, Head, Scribe, SignIn, Written, spelled, stamp, tls
from watchbill.sim.people import PATH, Spot


GITHUB = "token.actions.githubusercontent.com"
ROOT_DOOR = "https://console.aws.amazon.com/console/home"

HELPERS: tuple[Call, ...] = tuple(
    Call(source, name, action, read_only=True)
    for source, name, action in (
        ("compute-optimizer", "GetEnrollmentStatus", "compute-optimizer:GetEnrollmentStatus"),
        ("ce", "GetCostAndUsage", "ce:GetCostAndUsage"),
        ("health", "DescribeEventAggregates", "health:DescribeEventAggregates"),
        ("notifications", "ListNotificationEvents", "notifications:ListNotificationEvents"),
        ("cost-optimization-hub", "ListEnrollmentStatuses", "cost-optimization-hub:ListEnrollmentStatuses"),
        ("support", "DescribeTrustedAdvisorChecks", "support:DescribeTrustedAdvisorChecks"),
        ("organizations", "DescribeOrganization", "organizations:DescribeOrganization"),
        ("servicecatalog-appregistry", "ListApplications", "servicecatalog:ListApplications"),
    )
)
"""What pages of the console ask by themselves, and most people may not."""


@dataclass(frozen=True, slots=True)
class Step:
    """How a role is taken."""

    role: str
    """The role's name with its path, without a slash before it: `watchbill/oncall-platform`."""
    session: str
    source_identity: str = ""
    mfa: bool = False
    length: timedelta = timedelta(hours=1)


class Clerk(Scribe):
    """A scribe who knows more forms."""

    def take_role(self, caller: Caller, step: Step, at: datetime, account: str = "") -> tuple[Written, Caller]:
        """Write that somebody takes a role, in `account` if that is another one; give who they then are.

        Only the copy in the trail of the role's account is written, which has the key that was handed out.
        """
        account = account or caller.account
        number, key = self.world.number(account), self._temporary_key()
        name = step.role.rpartition("/")[2]
        arn, role_id = f"arn:aws:iam::{number}:role/{step.role}", self.world.identifier("AROA", number, step.role)
        session_arn = f"arn:aws:sts::{number}:assumed-role/{name}/{step.session}"
        source = {"sourceIdentity": step.source_identity} if step.source_identity else {}
        device = {"serialNumber": f"arn:aws:iam::{number}:mfa/{step.session}"} if step.mfa else {}
        parameters = {
            "roleArn": arn,
            "roleSessionName": step.session,
            "durationSeconds": int(step.length.total_seconds()),
            **source,
            **device,
        }
        response = {
            "credentials": {
                "accessKeyId": key,
                "sessionToken": "IQoJb3JpZ2luX2VjE" + "".join(self._rng.choices("abcdefghij0123456789", k=40)),
                "expiration": spelled(at + step.length),
            },
            "assumedRoleUser": {"assumedRoleId": f"{role_id}:{step.session}", "arn": session_arn},
            **source,
        }
        call = Call("sts", "AssumeRole", "sts:AssumeRole", read_only=True, parameters=parameters, response=response)
        written = self.call(replace(caller, account=account), call, at)
        written.record["resources"] = [{"accountId": number, "type": "AWS::IAM::Role", "ARN": arn}]
        return written, self._as_role(caller, account, step, arn, key, at)

    def take_watch(
        self, caller: Caller, role: str, at: datetime, length: timedelta = timedelta(hours=1)
    ) -> tuple[Written, Caller]:
        """Write that a person takes an on-call role under their own name and with MFA, for longer than an hour."""
        user = str(caller.identity["userName"])
        return self.take_role(caller, Step(f"{PATH.strip('/')}/{role}", user, user, mfa=True, length=length), at)

    def temporary(self, caller: Caller, at: datetime) -> tuple[Written, Caller]:
        """Write that an IAM user fetches keys for a few hours by a second factor; give them with those keys."""
        user, key = str(caller.identity["userName"]), self._temporary_key()
        number = self.world.number(caller.account)
        response = {"credentials": {"accessKeyId": key, "expiration": spelled(at + timedelta(hours=12))}}
        call = Call(
            "sts",
            "GetSessionToken",
            None,
            read_only=True,
            parameters={"serialNumber": f"arn:aws:iam::{number}:mfa/{user}", "durationSeconds": 43200},
            response=response,
        )
        context = {"attributes": {"creationDate": stamp(at), "mfaAuthenticated": "true"}}
        identity = {**caller.identity, "accessKeyId": key, "sessionContext": context}
        return self.call(caller, call, at), replace(caller, identity=identity)

    def pipeline(self, account: str, role: str, subject: str, place: Spot, at: datetime) -> tuple[Written, Caller]:
        """Write that a run of CI takes a role by its token; give who it then is."""
        number, key, session = self.world.number(account), self._temporary_key(), "GitHubActions"
        provider = f"arn:aws:iam::{number}:oidc-provider/{GITHUB}"
        identity = {
            "type": "WebIdentityUser",
            "principalId": f"{provider}:sts.amazonaws.com:{subject}",
            "userName": subject,
            "identityProvider": provider,
        }
        arn, role_id = f"arn:aws:iam::{number}:role/{role}", self.world.identifier("AROA", number, role)
        response = {
            "subjectFromWebIdentityToken": subject,
            "assumedRoleUser": {
                "assumedRoleId": f"{role_id}:{session}",
                "arn": f"arn:aws:sts::{number}:assumed-role/{role}/{session}",
            },
            "credentials": {"accessKeyId": key, "expiration": spelled(at + timedelta(hours=1))},
            "provider": provider,
            "audience": "sts.amazonaws.com",
        }
        call = Call(
            "sts",
            "AssumeRoleWithWebIdentity",
            None,
            read_only=True,
            parameters={"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600},
            response=response,
        )
        caller = Caller(account, identity, place.address, "aws-sdk-nodejs/3.658.1 linux/6.8 node/20.17.0")
        acting = self._as_role(caller, account, Step(role, session), arn, key, at)
        acting.identity["sessionContext"]["webIdFederationData"] = {"federatedProvider": provider, "attributes": {}}
        return self.call(caller, call, at), acting

    def object_read(self, caller: Caller, bucket: str, key: str, at: datetime) -> Written:
        """Write that a single object was read: a data event, as a trail records it that selects them."""
        call = Call("s3", "GetObject", "s3:GetObject", read_only=True, parameters={"bucketName": bucket, "key": key})
        written = self.call(caller, call, at)
        number = self.world.number(caller.account)
        more: dict[str, Any] = {
            "eventCategory": "Data",
            "managementEvent": False,
            "resources": [
                {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
                {"accountId": number, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
            ],
        }  # fmt: skip
        written.record.update(more)
        return written

    def second_factor(self, sign_in: SignIn, at: datetime) -> Written:
        """Write that the door asked for a second factor and got it, which comes before the sign-in."""
        identity = {
            "type": "IAMUser",
            "principalId": self.world.identifier("AIDA", sign_in.account, sign_in.user),
            "accountId": self.world.number(sign_in.account),
            "accessKeyId": "",
            "userName": sign_in.user,
        }
        head = Head(at, self.world.number(sign_in.account), GLOBAL, "signin.amazonaws.com", "CheckMfa",
                     "AwsConsoleSignIn", read_only=False)  # fmt: skip
        outcome = {
            "requestParameters": None,
            "responseElements": {"CheckMfa": "Success"},
            "additionalEventData": {"MfaType": "Virtual MFA"},
        }
        tail = {"eventCategory": "Management", "tlsDetails": tls("signin.aws.amazon.com")}
        return self._write(head, identity, (sign_in.spot.address, sign_in.agent), outcome, tail)

    def root(self, account: str, place: Spot, agent: str, at: datetime) -> tuple[Written, Caller]:
        """Write that the root user signs in with MFA; give it in the console."""
        number = self.world.number(account)
        identity = {"type": "Root", "principalId": number, "arn": f"arn:aws:iam::{number}:root", "accountId": number}
        head = Head(at, number, GLOBAL, "signin.amazonaws.com", "ConsoleLogin", "AwsConsoleSignIn", read_only=False)
        outcome = {
            "requestParameters": None,
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"LoginTo": ROOT_DOOR, "MobileVersion": "No", "MFAUsed": "Yes"},
        }
        tail = {"eventCategory": "Management", "tlsDetails": tls("signin.aws.amazon.com")}
        written = self._write(head, {**identity, "accessKeyId": ""}, (place.address, agent), outcome, tail)
        context = {"attributes": {"creationDate": stamp(at), "mfaAuthenticated": "true"}}
        acting = {**identity, "accessKeyId": self._temporary_key(), "sessionContext": context}
        return written, Caller(account, acting, place.address, agent, console=True)

    def own_role(self, account: str, role: str, session: str, place: Spot, at: datetime) -> Caller:
        """Give a session of a role that a machine of ours acts by, whose beginning lies before the trail."""
        number = self.world.number(account)
        arn = f"arn:aws:iam::{number}:role/{role}"
        nobody = Caller(
            account, {}, place.address, "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1 os/linux lang/python#3.12.3"
        )
        return self._as_role(nobody, account, Step(role, session), arn, self._temporary_key(), at)

    def _as_role(self, caller: Caller, account: str, step: Step, arn: str, key: str, at: datetime) -> Caller:
        number, name = self.world.number(account), step.role.rpartition("/")[2]
        role_id = self.world.identifier("AROA", number, step.role)
        context: dict[str, Any] = {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": arn,
                "accountId": number,
                "userName": name,
            },
            "attributes": {"creationDate": stamp(at), "mfaAuthenticated": str(step.mfa).lower()},
        }
        if step.source_identity:
            context["sourceIdentity"] = step.source_identity
        identity = {
            "type": "AssumedRole",
            "principalId": f"{role_id}:{step.session}",
            "arn": f"arn:aws:sts::{number}:assumed-role/{name}/{step.session}",
            "accountId": number,
            "accessKeyId": key,
            "sessionContext": context,
        }
        return Caller(account, identity, caller.address, caller.agent)
