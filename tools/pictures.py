"""Take the pictures of the README anew, from the pages as the tests serve them, in Chromium.

python tools/pictures.py
"""

import sys
import tempfile
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.chromium import chromium
from tests.browser.pictures import FOLDER, PICTURES, stamp_of, stamped, taken
from tests.browser.scenes import busy


def main() -> None:
    """Take each of them."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        busy(Path(folder) / "site", odd_names=False) as site,
        chromium(Path(folder)) as browser,
    ):
        browser.ending.to = site.port
        for name, (who, address) in PICTURES.items():
            stamp = stamp_of(site.sign_in(who).open(site.base + address).text)
            picture = stamped(taken(browser.window(site, who), name), stamp)
            (FOLDER / f"{name}.png").write_bytes(picture)
            print(f"docs/pictures/{name}.png: {len(picture) // 1000} kB")


if __name__ == "__main__":
    main()
