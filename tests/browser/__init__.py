"""The pages in a real browser: Debian's Chromium, driven by Playwright. A package, so that one browser serves it all."""
