"""The pictures of the README show what the pages show."""

import pytest
from tests.browser.pictures import FOLDER, PICTURES, stamp_in, stamp_of, stamped
from tests.browser.scenes import busy


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Give the site that the pictures are of; no browser is needed for it."""
    with busy(tmp_path_factory.mktemp("pictures"), odd_names=False) as served:
        yield served


def test_a_picture_is_in_step_with_its_page(site):
    """Where one is not, `make pictures` takes all of them anew; each is small."""
    late = []
    for name, (who, address) in PICTURES.items():
        picture = (FOLDER / f"{name}.png").read_bytes()
        assert len(picture) < 150_000, name
        if stamp_in(picture) != stamp_of(site.sign_in(who).open(site.base + address).text):
            late.append(name)
    assert late == [], "run: make pictures"


def test_a_stamp_is_of_what_is_seen(site):
    """The same page twice has one, another page has another; it is read as it was written."""
    first, again = (site.sign_in("lee").open(f"{site.base}/people").text for _ in range(2))
    assert stamp_of(first) == stamp_of(again)
    assert stamp_of(first) != stamp_of(first.replace("James", "Jim"))
    picture = (FOLDER / "now.png").read_bytes()
    assert stamp_in(stamped(picture[:33] + picture[33:].partition(b"IDAT")[2], "a" * 64)) == "a" * 64


def test_every_picture_is_shown():
    """By the README, with words for who does not see it."""
    readme = (FOLDER.parents[1] / "README.md").read_text("utf-8")
    for name in PICTURES:
        before, found, _ = readme.partition(f"](docs/pictures/{name}.png)")
        assert found, name
        assert len(before.rpartition("![")[2]) > 20, name
    assert {each.stem for each in FOLDER.iterdir()} == set(PICTURES)
