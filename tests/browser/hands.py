"""How somebody works a page: with a mouse, or with the keys alone."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Error, Locator, Page
from tests.browser.chromium import Window, said


_TRIES, _SOON = 3, 8_000
"""How often Enter is pressed before it is taken to do nothing, and how long it may take, in milliseconds."""
_MOST = 150
"""As often as Tab is pressed before something is taken to be out of reach."""
_PAGE = 400
"""As often as Tab is pressed before a page is taken to have no end."""


@dataclass
class Mouse:
    """Points and clicks."""

    window: Window

    @property
    def page(self) -> Page:
        """Give the page."""
        return self.window.page

    def press(self, words: str, role: Any = "button") -> None:
        """Press a button, or follow a link."""
        self.page.get_by_role(role, name=words, exact=True).first.click()
        self.page.wait_for_load_state()

    def follow(self, words: str) -> None:
        """Follow a link."""
        self.press(words, "link")

    def write(self, label: str, text: str) -> None:
        """Write into a field."""
        self.page.get_by_label(label).click()
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list."""
        self.page.get_by_label(label).select_option(option)


class Keys(Mouse):
    """Has no mouse: goes on by Tab, presses Enter, and types."""

    def press(self, words: str, role: Any = "button") -> None:
        """Press a button, or follow a link."""
        wanted = self.page.get_by_role(role, name=words, exact=True).first
        for _ in range(_TRIES):
            self.reach(wanted)
            try:
                with self.page.expect_navigation(timeout=_SOON):
                    self.page.keyboard.press("Enter")
            except Error:
                # A page that was brought up to date in between has lost what had the focus: people try again, too.
                continue
            return
        raise AssertionError(f"Enter does nothing on {words}")

    def write(self, label: str, text: str) -> None:
        """Write into a field."""
        self.reach(self.page.get_by_label(label))
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list, by the first letters."""
        wanted = self.page.get_by_label(label)
        self.reach(wanted)
        self.page.keyboard.type(option)
        assert wanted.input_value() == option

    def reach(self, wanted: Locator) -> None:
        """Go on until something has the focus; what has it is seen."""
        for _ in range(_MOST):
            if wanted.evaluate("each => each === document.activeElement"):
                assert wanted.evaluate("each => getComputedStyle(each).outlineStyle") != "none"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keys do not lead to {wanted}")


def gone_through(window):
    """Press Tab until the page is through; give what had the focus, one after the other."""
    found: list[dict[str, Any]] = []
    for _ in range(_PAGE):
        window.page.keyboard.press("Tab")
        at = window.focused()
        if at["tag"] in ("body", "html") or (found and at["number"] == found[0]["number"]):
            return found
        found.append(at)
    raise AssertionError("the keys do not come to the end of the page")


def is_worked_by_keys(window, *, menu=True):
    """Hold that the keys reach everything, in its order, and that what has the focus is seen, and nothing lies over it.

    Where there is a menu above the page, what comes first skips it.
    """
    found = gone_through(window)
    wrong = [
        each
        for each in found
        if not (each["ring"] and each["inside"] and each["width"] and each["height"]) or each["covered"]
    ]
    assert wrong == [], said(wrong)
    first = found[0]
    assert not menu or (first["href"], first["left"] >= 0) == ("#main", True)
    numbers = [each["number"] for each in found]
    assert numbers == sorted(numbers)
    shown = window.page.locator(
        "main :is(a[href], button, input:not([type=hidden]), select, textarea, summary, .scroll):visible"
    )
    # A field of a date takes Tab once for each of its parts.
    assert len(set(numbers) - {each["number"] for each in found if each["tag"] == "body"}) >= shown.count()
