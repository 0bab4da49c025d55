"""Chromium as the tests use it: one for all of them, a window for each reader, and what goes wrong in a window."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright
from tests.browser.tls import Ending
from tests.pages import BASE, Pages


AXE = Path(__file__).parents[1] / "peers" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (360, 768, 1280, 1920)
"""A telephone, a tablet, and two screens."""
HEIGHT = 900
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """tags => axe.run(document, {
    runOnly: {type: 'tag', values: tags},
    resultTypes: ['violations'],
}).then(found => found.violations.map(each =>
    [each.id, each.help, ...each.nodes.slice(0, 5).map(node => node.html.slice(0, 200) + ' ' + node.any.concat(node.all, node.none).map(why => why.message).join(' '))].join('\\n    ')))"""
_CUT = """() => [...document.querySelectorAll('main, .scroll, article, table')]
    .filter(each => each.scrollWidth > each.clientWidth + 1 || each.getBoundingClientRect().right > innerWidth + 1)
    .map(each => each.tagName + ' ' + (each.getAttribute('aria-label') || each.className))"""
_PATIENCE = 30_000


@dataclass
class Window:
    """A window of a reader; `wrong` is what a page did that it must not."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.page.set_default_timeout(_PATIENCE)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", self._miss)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def _miss(self, asked: Request) -> None:
        # Whoever leaves a page leaves what is still on its way to it.
        if asked.failure != "net::ERR_ABORTED":
            self.wrong.append(f"{asked.url}: {asked.failure}")

    def open(self, address: str) -> Response:
        """Type an address of ours."""
        found = self.page.goto(self.base + address)
        assert found is not None
        return found

    @property
    def path(self) -> str:
        """Give where it is, without the host."""
        parsed = urlsplit(self.page.url)
        return parsed.path + (f"?{parsed.query}" if parsed.query else "")

    def is_wide_at(self, width: int) -> int:
        """Give by how much the page is wider than a window of a width; 0 where it fits."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        found = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return int(found)

    def barriers(self) -> dict[str, list[str]]:
        """Give what axe finds to keep somebody out, by all of its rules, in light and in dark."""
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found = {}
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            found[scheme] = list(self.page.evaluate(_RUN, _TAGS))
        return found

    def faults(self) -> dict[str, Any]:
        """Give what is wrong with a page as it is: what it did, screens that it is too wide for, and barriers."""
        wide = {width: by for width in WIDTHS if (by := self.is_wide_at(width))}
        self.page.set_viewport_size({"width": 1280, "height": HEIGHT})
        return {"wide": wide, **self.barriers(), "wrong": self.wrong}

    @contextmanager
    def on_paper(self) -> Iterator[list[str]]:
        """Let it be as wide as a page of A4 within its margins, inside the block; give what is cut off there."""
        self.page.emulate_media(media="print")
        self.page.set_viewport_size({"width": 718, "height": 1000})
        yield list(self.page.evaluate(_CUT))
        self.page.emulate_media(media="screen")
        self.page.set_viewport_size({"width": 1280, "height": HEIGHT})

    def focused(self) -> dict[str, Any]:
        """Describe what has the focus: its words, where it leads, where it is, and how that is seen."""
        return dict(self.page.evaluate(_FOCUSED))


_FOCUSED = """() => {
    const at = document.activeElement, box = at.getBoundingClientRect(), look = getComputedStyle(at);
    const line = at.getClientRects()[0] || box;
    const over = document.elementFromPoint(line.left + Math.min(line.width, innerWidth) / 2, line.top + line.height / 2);
    return {
        tag: at.tagName.toLowerCase(), words: (at.textContent || at.value || '').trim().replace(/\\s+/g, ' ').slice(0, 80),
        href: at.getAttribute('href'), name: at.getAttribute('name'), top: box.top + scrollY, left: box.left,
        width: box.width, height: box.height, inside: box.bottom > 0 && box.top < innerHeight,
        ring: look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0 ? look.outlineStyle : '',
        covered: over !== null && !at.contains(over) && !over.contains(at), label: at.getAttribute('aria-label'), number: [...document.querySelectorAll('*')].indexOf(at),
    };
}"""


@dataclass
class Chromium:
    """The browser, and what ends TLS before the site that it looks at."""

    browser: Browser
    ending: Ending

    def context(self, **more: Any) -> BrowserContext:
        """Give a browser that holds nothing yet."""
        return self.browser.new_context(
            ignore_https_errors=True, viewport={"width": 1280, "height": HEIGHT}, reduced_motion="reduce", **more
        )

    def visitor(self, base: str, **more: Any) -> Window:
        """Open a window of somebody who comes to a place that is served without TLS, or to a file."""
        return Window(self.context(**more).new_page(), base)

    def window(self, site: Pages, name: str | None = None, **more: Any) -> Window:
        """Open a window, signed in as somebody: with the cookies that another browser came by."""
        context = self.context(**more)
        if name is not None:
            cookies = site.sign_in(name).jar[urlsplit(site.base).hostname]
            context.add_cookies(
                [
                    {
                        "name": each,
                        "value": value,
                        "url": site.base,
                        "secure": True,
                        "httpOnly": True,
                        "sameSite": "Lax",
                    }
                    for each, value in cookies.items()
                ]
            )
        return Window(context.new_page(), site.base)


def program() -> str:
    """Give where Chromium is; a machine without it fails, and says what to do."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("no chromium on this machine; run: make system")
    if not AXE.exists():
        pytest.fail("no axe-core beside the tests; run: npm ci --prefix tests/peers")
    return found


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Run it. Root cannot have its sandbox, everybody else has it."""
    with Ending(folder) as ending, sync_playwright() as playwright:
        host = urlsplit(BASE).hostname
        given = [f"--host-resolver-rules=MAP {host} 127.0.0.1:{ending.port}", "--disable-gpu"]
        if os.getuid() == 0:
            given.append("--no-sandbox")
        browser = playwright.chromium.launch(executable_path=program(), args=given)
        try:
            yield Chromium(browser, ending)
        finally:
            browser.close()


def said(found: object) -> str:
    """Show what was found."""
    return json.dumps(found, indent=2, ensure_ascii=False)
