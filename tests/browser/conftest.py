"""One browser for all tests of the package, and a site with something of everything going on."""

import pytest
from tests.browser.chromium import chromium
from tests.browser.scenes import busy


@pytest.fixture(scope="package")
def browser(tmp_path_factory):
    """Give Chromium."""
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """Give the busy site, behind TLS."""
    with busy(tmp_path_factory.mktemp("site")) as served:
        browser.ending.to = served.port
        yield served
