"""The JSON Schema of what each command prints with `--json`, from the very types it is printed from."""

from typing import Any

import msgspec

from watchbill.alerts.view import AuditView
from watchbill.cli.commands.access import ApplyView
from watchbill.cli.commands.by_hand import StepToTick
from watchbill.cli.commands.cases import AskView, CaseLine, VerdictView
from watchbill.cli.commands.checks import CheckView
from watchbill.cli.commands.containment import AssistView, EvictView, FreezeView, RestoreView
from watchbill.cli.commands.demo import DemoView
from watchbill.cli.commands.events import ExportView, KeptView, LakeEvent, RawView, SqlView
from watchbill.cli.commands.export import ExportedView, SentView
from watchbill.cli.commands.feeds import FeedView
from watchbill.cli.commands.host_access import CertificateView, HostPlanView
from watchbill.cli.commands.hosts import HostsView
from watchbill.cli.commands.init import InitView
from watchbill.cli.commands.lake import IngestView
from watchbill.cli.commands.lookup import LookupView
from watchbill.cli.commands.observe import ObserveView
from watchbill.cli.commands.offboard import FinishedView, OffboardView, ShutOutView
from watchbill.cli.commands.onboard import OnboardView
from watchbill.cli.commands.oncall import OncallView, SwapView
from watchbill.cli.commands.plans import ProposalView, WholeProposalView
from watchbill.cli.commands.questions import CanView, DifferenceView, ProofView
from watchbill.cli.commands.report import ReportView
from watchbill.cli.commands.requests import RequestView
from watchbill.cli.commands.review import ReviewFiles
from watchbill.cli.commands.rightsize import RightsizeView
from watchbill.cli.commands.roles import RolesView
from watchbill.cli.commands.rules import DoctorView, RuleHits, RuleTestsView, RuleView
from watchbill.cli.commands.run import RunView
from watchbill.cli.commands.serve import ServedView
from watchbill.cli.commands.sign_in import SignInView
from watchbill.cli.commands.slack import SlackCheckView
from watchbill.cli.commands.takeover import ImportView
from watchbill.cli.commands.trail import TrailView
from watchbill.cli.commands.validate import ValidateView
from watchbill.cli.commands.verify import IntegrityView
from watchbill.cli.output import Envelope, schema_of
from watchbill.policy.cases import Result
from watchbill.service.coverage_view import CoverageView
from watchbill.service.ledger_view import EntryView, VerifyView
from watchbill.service.plan_view import DriftView, PlanView
from watchbill.service.recertification import Checked, ReviewView
from watchbill.service.rights import ExplainView, HolderView
from watchbill.service.standing import StandingCase


RESULTS: dict[str, Any] = {
    "init": InitView,
    "validate": ValidateView,
    "oncall": OncallView,
    "oncall show": OncallView,
    "oncall export": OncallView,
    "oncall check": CheckView,
    "oncall swap": SwapView,
    "oncall import": ImportView,
    "oncall fetch": list[FeedView],
    "plan": PlanView,
    "apply": ApplyView,
    "drift": list[DriftView],
    "request": RequestView,
    "observe": ObserveView,
    "plans": list[ProposalView],
    "plans show": WholeProposalView,
    "plans approve": ProposalView,
    "plans refuse": ProposalView,
    "requests": list[RequestView],
    "requests swap": RequestView,
    "requests approve": RequestView,
    "requests refuse": RequestView,
    "requests end": RequestView,
    "can": list[CanView],
    "explain": list[ExplainView],
    "who-can": list[HolderView],
    "prove": list[ProofView],
    "diff": list[DifferenceView],
    "trail read": TrailView,
    "trail ingest": IngestView,
    "trail follow": IngestView,
    "trail rename": IngestView,
    "trail timeline": list[LakeEvent],
    "trail sql": SqlView,
    "trail export": ExportView,
    "trail record": list[RawView],
    "trail raw": KeptView,
    "trail coverage": CoverageView,
    "trail lookup": LookupView,
    "trail verify": IntegrityView,
    "trail hosts": HostsView,
    "audit": AuditView,
    "rules list": list[RuleView],
    "rules test": RuleTestsView,
    "rules doctor": DoctorView,
    "cases": list[CaseLine],
    "case": StandingCase,
    "export cases": ExportedView,
    "send cases": SentView,
    "ask": AskView,
    "answer": AskView,
    "confirm": AskView,
    "verdict": VerdictView,
    "freeze": FreezeView,
    "restore": RestoreView,
    "evict": EvictView,
    "tick": list[StepToTick],
    "assist request": AssistView,
    "assist approve": AssistView,
    "assist refuse": AssistView,
    "assist collect": AssistView,
    "onboard": OnboardView,
    "hosts plan": HostPlanView,
    "hosts apply": HostPlanView,
    "hosts certificates": list[CertificateView],
    "offboard begin": ShutOutView,
    "offboard show": OffboardView,
    "offboard finish": FinishedView,
    "offboard cancel": RestoreView,
    "run": RunView,
    "serve": ServedView,
    "sign-in": SignInView,
    "slack check": SlackCheckView,
    "report": ReportView,
    "roles": RolesView,
    "rightsize": RightsizeView,
    "review open": ReviewView,
    "review show": list[ReviewView],
    "review export": ReviewFiles,
    "review verify": Checked,
    "ledger show": list[EntryView],
    "ledger verify": VerifyView,
    "demo": DemoView,
}
"""The type of each command's `result`; with an error it is null, and `problems` says why."""

LINES: dict[str, Any] = {"policy cases": Result}
"""The type of each line of commands that print one object a line."""


PLAIN: dict[str, Any] = {"rules run": list[RuleHits]}
"""The type of what commands print that give programs a plain list, problems on standard error."""


def output_schemas() -> dict[str, dict[str, Any]]:
    """Give the schema of each command's answer, by the command's name with dashes: `trail-read`."""
    plain = {name.replace(" ", "-"): _plain_schema(name, kind) for name, kind in PLAIN.items()}
    lines = {name.replace(" ", "-"): _line_schema(name, line) for name, line in LINES.items()}
    return {name.replace(" ", "-"): _schema(name, result) for name, result in RESULTS.items()} | lines | plain


def _plain_schema(name: str, kind: Any) -> dict[str, Any]:
    (found,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    whole = {**found, "title": f"What `watchbill {name} --json` prints"}
    for part in parts.values():
        part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": parts}


def _line_schema(name: str, line: Any) -> dict[str, Any]:
    (found,), parts = msgspec.json.schema_components([line], ref_template="#/$defs/{name}")
    whole = parts.pop(found["$ref"].rsplit("/", 1)[-1])
    whole["title"] = f"A line of what `watchbill {name} --json` prints"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": parts}


def _schema(name: str, result: Any) -> dict[str, Any]:
    (found,), parts = msgspec.json.schema_components([Envelope[result | None]], ref_template="#/$defs/{name}")
    envelope = parts.pop(found["$ref"].rsplit("/", 1)[-1])
    envelope["title"] = f"What `watchbill {name} --json` prints"
    envelope["properties"]["schema"] = {"const": schema_of(name)}
    for part in (envelope, *parts.values()):
        part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **envelope, "$defs": parts}
