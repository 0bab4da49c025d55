"""What family a user agent is of: the tool for AWS's own agents and the like, browser and system for browsers.

Versions are left out, since an update is no news. The caller chooses what stands in a user agent, so a family is a hint
and no proof: it tells somebody's everyday tools from what was never seen of them. Whatever stands there, a family is
short, and finding it takes little: only the beginning is read.

The first line that fits decides:

| user agent | family |
|---|---|
| `AWS Internal`, `aws-internal/3 ...` | `AWS Internal` |
| names `exec-env/CloudShell` | `CloudShell` |
| `Mozilla/5.0 ...` | `Firefox on Linux`, `Chrome on Windows`, `browser` where neither is known |
| names `Terraform/`, `terraform-provider-aws/`, `OpenTofu/` | `Terraform`, `OpenTofu` |
| `signin.amazonaws.com`, `console.ec2.amazonaws.com` | `AWS console` |
| `lambda.amazonaws.com` | the name of the service |
| `[S3Console/0.4, ...]`, `RDS Console, ...` | `AWS console` |
| `APN/1.0 Vendor/1.0 Tool/2.3 ...` (how AWS's partners write it) | `Tool` |
| `aws-cli/2.17 ...`, `[Boto3/1.34 ...]` | the name of the product |
| all else | `unrecognised` |
"""

import re
from functools import lru_cache

import ua_parser


READ = 512
"""Characters of a user agent that are read: AWS's own are longer at times, what tells the family stands before."""

UNRECOGNISED = "unrecognised"

_SERVICE = re.compile(r"[a-z0-9.-]{1,100}\.amazonaws\.com(?:\.cn)?")
_CONSOLES = re.compile(r"(?:[a-z0-9-]+\.)*(?:signin|console)\.(?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")
_PRODUCT = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
"""The name of a product is a token of RFC 9110, section 5.6.2; we keep 64 characters of it."""
_UNIQUE = re.compile(r"[_-][0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
"""An id that a tool makes anew for each run."""
_PARTNER = re.compile(r"APN[/_]1\.[0-9] +[^ /]+(?:/[^ ]*)? +(?P<product>[^ ].*)")


def device_of(user_agent: str | None) -> str | None:
    """Give the family of a user agent; None where there is no user agent."""
    return _family(user_agent[:READ]) if user_agent else None


@lru_cache(maxsize=4096)
def _family(text: str) -> str:
    text = text.strip().removeprefix("[").removesuffix("]")
    if text == "AWS Internal" or text.startswith("aws-internal/"):
        return "AWS Internal"
    if "exec-env/CloudShell" in text:
        return "CloudShell"
    if text.startswith("Mozilla"):
        return _browser(text)
    for family, marks in _PROVISIONERS.items():
        if any(mark in text for mark in marks):
            return family
    if _SERVICE.fullmatch(text):
        return "AWS console" if _CONSOLES.fullmatch(text) else text
    if "Console" in re.split(r"[/,]", text, maxsplit=1)[0]:
        return "AWS console"
    partner = _PARTNER.match(text)
    product = _PRODUCT.match(partner["product"] if partner else text)
    return _UNIQUE.sub("", product[0]) if product else UNRECOGNISED


_PROVISIONERS = {"OpenTofu": ("OpenTofu/",), "Terraform": ("Terraform/", "terraform-provider-aws/")}


def _browser(text: str) -> str:
    found = ua_parser.parse(text)
    browser = found.user_agent.family if found.user_agent else "browser"
    return f"{browser} on {found.os.family}" if found.os else browser
