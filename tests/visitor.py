"""A browser made of HTTP, as far as security hangs on one: cookies, redirects, forms, and where a request is from.

Names of hosts are served by ports of the loopback, as a proxy that ends TLS would.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit


@dataclass
class Form:
    """A form, with the buttons that send it."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str | None, str | None]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        """Every element but scripts that are loaded from where ours are, and held to a hash."""
        self.scripts: dict[str | None, str | None] = {}
        """Those, with their hash."""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script" and given.get("integrity") and (given.get("src") or "").startswith("/scripts/"):
            self.scripts[given["src"]] = given["integrity"]
            return
        self.tags.append((tag, given))
        if tag == "form":
            self.forms.append(Form((given.get("method") or "get").upper(), given.get("action") or ""))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[given["name"] or ""] = given.get("value") or ""
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((given.get("name"), given.get("value")))
        elif tag == "a":
            self.links.append(given.get("href") or "")


@dataclass
class Shown:
    """What a browser shows."""

    url: str
    status: int
    headers: dict[str, str]
    text: str
    cookies: list[str]
    """Each `Set-Cookie`, as it came."""

    @property
    def path(self):
        """Give the path and what follows."""
        parsed = urlsplit(self.url)
        return parsed.path + (f"?{parsed.query}" if parsed.query else "")

    def parsed(self):
        """Give the forms, links and elements."""
        found = _Forms()
        found.feed(self.text)
        return found

    def form(self, action):
        """Give the form that leads to an action."""
        return next(form for form in self.parsed().forms if form.action.startswith(action))


class Browser:
    """Keeps cookies by host; `ports` gives the port of the loopback that each origin is served by."""

    def __init__(self, ports):
        self.ports, self.jar, self.trail = ports, {}, []
        self.extra: dict[str, str] = {}
        """Headers that a proxy adds."""

    def open(self, url, **headers):
        """Type an address, or follow a link from elsewhere (`sec_fetch_site`)."""
        return self._follow("GET", url, None, headers.pop("sec_fetch_site", "none"), headers)

    def press(self, shown, action, value=None):
        """Press a button of a form that is shown."""
        form = shown.form(action)
        name = next((name for name, each in form.buttons if each == value), None)
        fields = form.fields | ({name: value} if name and value else {})
        return self.post(urljoin(shown.url, form.action), fields)

    def post(self, url, fields, site="same-origin", **headers):
        """Send a form, as a page of the same origin does unless it is said otherwise."""
        return self._follow("POST", url, urlencode(fields), site, {"Origin": "null"} | headers)

    def _follow(self, method, url, body, site, headers):
        for _ in range(10):
            shown = self.once(method, url, body, {"Sec-Fetch-Site": site} | headers)
            self.trail.append((method, shown.url, shown.status))
            if shown.status not in (301, 302, 303, 307):
                return shown
            following = urljoin(url, shown.headers["location"])
            if urlsplit(following).netloc != urlsplit(url).netloc:
                site = "cross-site"
            method, url, body, headers = "GET", following, None, {}
        raise AssertionError("it goes around in circles")

    def once(self, method, url, body=None, headers=None):
        """Make one request."""
        parsed = urlsplit(url)
        origin = f"{parsed.scheme}://{parsed.netloc}"
        sent = {"Host": parsed.netloc, **self.extra, **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if held := self.jar.get(parsed.hostname):
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in held.items()))
        connection = HTTPConnection("127.0.0.1", self.ports[origin], timeout=60)
        try:
            path = (parsed.path or "/") + (f"?{parsed.query}" if parsed.query else "")
            connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
            got = connection.getresponse()
            # What goes on and on is read as far as it is there at once.
            goes_on = got.headers.get_content_type() == "text/event-stream"
            text = (got.readline() if goes_on else got.read()).decode()
        finally:
            connection.close()
        cookies = got.headers.get_all("Set-Cookie") or []
        for each in cookies:
            self._keep(parsed, each)
        return Shown(url, got.status, {name.lower(): value for name, value in got.headers.items()}, text, cookies)

    def _keep(self, parsed, line):
        for name, morsel in SimpleCookie(line).items():
            if name.startswith("__Host-"):
                # RFC 6265bis, section 4.1.3.2; what does not hold to it is not kept.
                assert morsel["secure"]
                assert morsel["path"] == "/"
                assert not morsel["domain"]
            assert not morsel["secure"] or parsed.scheme == "https"
            held = self.jar.setdefault(parsed.hostname, {})
            if morsel["max-age"] == "0" or not morsel.value:
                held.pop(name, None)
            else:
                held[name] = morsel.value
