"""Access at any time over HTTP: what is drawn is what is so, each sees what is theirs to see, and nothing is obeyed."""

import csv
import gzip
import html
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urljoin

import pytest
from tests.pages import BASE, pages
from tests.teams import HERE, MONDAY, PRODUCTION, STAGING, grant, permission_set, person, rota
from tests.unit.access.test_chain import SAMPLE

from watchbill.access.matrix import Moment, Place, cells_at
from watchbill.access.model import ControlPolicy, Freeze
from watchbill.access.organization import SCP, Organization, Target
from watchbill.intervals import Interval, iso
from watchbill.service.access_view import Filters, Then, search
from watchbill.service.as_read import keep_organization
from watchbill.store.rows import FreezeRow
from watchbill.team.model import Group, Kind, Override


HOUR = timedelta(hours=1)
AT = MONDAY + 25 * HOUR
SWAP = Override(
    "sw-41", Kind.PRIMARY, Interval(MONDAY + 24 * HOUR, MONDAY + 27 * HOUR), "sofia", None, "ill", "ada", HERE
)
FROZEN = Freeze("F-1", "james", MONDAY + 20 * HOUR, None, "C-late")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages of a team with an override, a grant and somebody frozen."""
    with pages(tmp_path_factory.mktemp("access")) as served:
        office = served.office
        office.store.freezes.add(FreezeRow(FROZEN.name, FROZEN.person, FROZEN.start, None, FROZEN.case, "{}"))
        watch, grants = rota(overrides=(SWAP,)), (grant("g1", "lee", (20, 40)),)
        office.team = replace(office.team, rotas={"platform": watch}, grants=grants)
        yield served


@pytest.fixture(scope="module")
def lee(site):
    """Sign an auditor in."""
    return site.sign_in("lee")


@pytest.fixture(scope="module")
def ada(site):
    """Sign a viewer in."""
    site.office.later(timedelta(minutes=1))
    return site.sign_in("ada")


def text_of(part):
    """Give the words of a piece of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).split())


def drawn(page):
    """Read the matrix off a page: by place what its cell says."""
    table = page.text.partition('<table class="matrix">')[2].partition("</table>")[0]
    head, _, body = table.partition("<tbody>")
    first, second = head.split("<tr>")[1:3]
    groups = re.findall(r'colspan="(\d+)">(.*?)</th>', first)
    accounts = [text_of(name) for count, name in groups for _ in range(int(count))]
    sets = [text_of(each) for each in re.findall(r"<th scope=\"col\">(.*?)</th>", second)]
    found = {}
    for row in body.split("<tr>")[1:]:
        who = text_of(re.findall(r"<a href=\"/people/[^\"]*\" dir=\"auto\">(.*?)</a>", row)[0])
        cells = [text_of(each) for each in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for account, each, words in zip(accounts, sets, cells, strict=True):
            found[Place(who, account, each)] = words
    return found


def said(cell, day):
    """Say a cell as the page does."""
    marks = {"job": "\u25a0", "on call": "\u25cf", "override": "\u25c6", "grant": "\u25b2"}
    if cell is None:
        return "no"
    if not cell.reasons:
        return "\u25cb off watch"
    if cell.freeze is not None:
        return "\u2715 frozen else " + ", ".join(reason.by for reason in cell.reasons)
    words = []
    for reason in cell.reasons:
        until = ""
        if reason.until is not None:
            until = (
                f" until {reason.until:%H:%M}"
                if reason.until.date() == day
                else f" until {reason.until:%a %Y-%m-%d %H:%M}"
            )
        words.append(f"{marks[reason.by]} {reason.by}{until}")
    return " ".join(words)


def moment(site, at):
    """Give an instant of the team that is served."""
    return Moment(at, site.office.team, (FROZEN,))


@pytest.mark.parametrize("hours", [1, 12, 25, 30, 72])
def test_the_matrix_is_what_is_so(site, lee, hours):
    """Each cell, by word and mark, at times that are past and to come; each one that is more than a no leads to why."""
    at = MONDAY + hours * HOUR
    page = lee.open(f"{BASE}/access?at={iso(at)}")
    assert page.status == 200
    cells, shown = cells_at(moment(site, at)), drawn(page)
    assert {place for place, words in shown.items() if words != "no"} == set(cells)
    assert shown == {place: said(cells.get(place), at.date()) for place in shown}
    assert {place.person for place in shown} == set(site.office.team.people)
    links = [each for each in page.parsed().links if each.startswith("/access/explain?") and "set=" in each]
    assert len(links) == len(cells)


def test_every_cell_has_a_page_that_says_why(site, lee):
    """The links of the matrix lead to chains that end in the same word."""
    page = lee.open(f"{BASE}/access?at={iso(AT)}")
    links = [each for each in page.parsed().links if each.startswith("/access/explain?") and "set=" in each]
    words = {"sofia": "override until", "james": "No, frozen", "priya": "off watch", "lee": "grant until"}
    seen = set()
    for link in links[::2] + links[1:6:2]:
        shown = lee.open(urljoin(BASE, link))
        assert shown.status == 200
        assert "What would change it" in shown.text
        assert "watchbill.yaml:1:1" in shown.text
        seen |= {who for who, word in words.items() if f"person={who}" in link and word in text_of(shown.text)}
    assert seen == set(words)


def test_time_goes_by_links_alone(site, lee):
    """To the next change and back; an hour; a time typed by the reader's clock."""
    page = lee.open(f"{BASE}/access?at={iso(AT)}&zone=Europe/Berlin")
    links = dict(re.findall(r'<a href="([^"]*)" rel="(prev|next)">', page.text))
    (after,) = [html.unescape(each) for each, rel in links.items() if rel == "next"]
    (before,) = [html.unescape(each) for each, rel in links.items() if rel == "prev"]
    assert "at=2026-01-13T03%3A00%3A00Z" in after
    assert "at=2026-01-13T00%3A00%3A00Z" in before
    assert "zone=Europe%2FBerlin" in after
    assert "Next change: 04:00 , rota platform" in text_of(page.text)
    then = drawn(lee.open(urljoin(BASE, after)))
    assert drawn(page)[Place("sofia", "production", "prod-oncall")] == "\u25c6 override until 04:00"
    assert then[Place("sofia", "production", "prod-oncall")] == "no"
    assert "on call" in then[Place("priya", "production", "prod-oncall")]
    line = page.text.partition('<svg class="slider"')[2].partition("</svg>")[0]
    hrefs = [html.unescape(each) for each in re.findall(r'href="([^"]*)"', line)]
    assert {before, after} <= set(hrefs)
    assert all(lee.open(urljoin(BASE, each)).status == 200 for each in hrefs[::3])
    listed = page.text.partition("within twelve hours")[2].partition("</ul>")[0]
    assert text_of(listed).startswith("Mon 2026-01-12 19:00 CET rota platform")
    typed = lee.open(f"{BASE}/access?at=2026-07-01T02:30&zone=Europe/Berlin")
    assert '<time datetime="2026-07-01T00:30:00Z">Wed 2026-07-01 02:30 CEST</time>' in typed.text
    assert 'value="2026-07-01T02:30"' in typed.text


def test_a_viewer_sees_their_own_row_alone(site, ada):
    """On every page and in every form of it, whatever the address asks for."""
    at = iso(AT)
    own = drawn(ada.open(f"{BASE}/access?at={at}"))
    assert {place.person for place in own} == {"ada"}
    assert "You see your own row" in ada.open(f"{BASE}/access").text
    other = ada.open(f"{BASE}/access?at={at}&person=sofia")
    assert "Nobody has anything of what is asked for" in other.text
    assert "sw-41" not in other.text
    view = json.loads(ada.open(f"{BASE}/access.json?at={at}").text)
    assert {cell["person"] for cell in view["cells"]} == {"ada"}
    assert json.loads(ada.open(f"{BASE}/access.json?at={at}&person=sofia").text)["cells"] == []
    lines = list(csv.DictReader(io.StringIO(ada.open(f"{BASE}/access.csv?at={at}&group=security").text)))
    assert lines == []
    found = ada.open(f"{BASE}/access?at={at}&action=s3:GetObject")
    table = found.text.partition('id="found"')[2].partition('id="matrix"')[0]
    assert "user ada" in table
    assert not re.search(r"sofia|james|rick|lee|priya", table)
    compared = ada.open(f"{BASE}/access/compare?from={at}&to={iso(MONDAY + 30 * HOUR)}")
    assert "Nobody's access differs" in compared.text
    assert ada.open(f"{BASE}/access/explain?account=staging&set=developer&at={at}").status == 200
    refused = ada.open(f"{BASE}/access/explain?person=sofia&account=production&set=prod-oncall&at={at}")
    assert (refused.status, "you see your own access alone" in refused.text) == (403, True)


def test_who_can_is_what_who_can_says(site, lee):
    """The rows are those of the evaluator, with conditions and statements."""
    page = lee.open(
        f"{BASE}/access?at={iso(AT)}&action=rds:ModifyDBInstance&resource=arn:aws:rds:eu-west-1:111111111111:db:x"
    )
    wanted = search(
        Then(moment(site, AT), "", ()),
        Filters(),
        "rds:ModifyDBInstance",
        "arn:aws:rds:eu-west-1:111111111111:db:x",
    )
    table = page.text.partition('id="found"')[2].partition('id="matrix"')[0].partition("<tbody>")[2]
    rows = [
        [text_of(each) for each in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in table.split("<tr>")[1:]
    ]
    assert rows == [
        [
            h.person,
            h.account,
            h.way,
            h.decision.lower(),
            "; ".join(h.conditions) or "nothing else",
            "; ".join(h.because),
        ]
        for h in wanted.holders
    ]
    assert [row[0] for row in rows] == ["sofia"]
    assert "Not asked in staging" in page.text
    way = next(each for each in page.parsed().links if each.endswith("#matrix"))
    assert "action" not in way
    assert 'class="matrix"' not in page.text
    assert 'class="matrix"' in lee.open(urljoin(BASE, way)).text
    nobody = lee.open(f"{BASE}/access?at={iso(AT)}&action=iam:CreateUser")
    assert "Nobody can, in production, staging." in text_of(nobody.text)


def test_two_times_are_laid_side_by_side(site, lee):
    """Who loses and who gains what, and by what; each side leads to why."""
    page = lee.open(f"{BASE}/access/compare?from={iso(AT)}&to={iso(MONDAY + 28 * HOUR)}&set=prod-oncall")
    words = text_of(page.text.partition('id="differences"')[2].partition('id="known"')[0])
    assert "sofia production prod-oncall \u2212 loses override (rota platform, override sw-41) no" in words
    assert "priya production prod-oncall + gains off watch on call (rota platform, layer amer)" in words
    links = [each for each in page.parsed().links if each.startswith("/access/explain?")]
    assert all(lee.open(urljoin(BASE, each)).status == 200 for each in links)
    assert "2 differences, of 2 people" in words
    assert "Nobody's access differs" in lee.open(f"{BASE}/access/compare?from={iso(AT)}&to={iso(AT)}").text


def test_programs_read_the_same(site, lee):
    """Every cell of the instant, in JSON and in CSV."""
    cells = cells_at(moment(site, AT))
    answer = lee.open(f"{BASE}/access.json?at={iso(AT)}")
    assert answer.headers["content-type"] == "application/json"
    view = json.loads(answer.text)
    assert [(c["person"], c["account"], c["permission_set"]) for c in view["cells"]] == [tuple(each) for each in cells]
    assert view["at"] == iso(AT)
    answer = lee.open(f"{BASE}/access.csv?at={iso(AT)}")
    assert answer.headers["content-disposition"] == 'attachment; filename="access-20260113T010000Z.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(c["person"], c["account"], c["permission_set"]) for c in lines] == [tuple(each) for each in cells]
    (sofia,) = [c for c in lines if (c["person"], c["permission_set"]) == ("sofia", "prod-oncall")]
    assert (sofia["standing"], sofia["by"], sofia["until"]) == ("held", "override", iso(MONDAY + 27 * HOUR))
    assert sofia["why"] == "rota platform, override sw-41"


def test_an_action_is_explained_down_to_the_statement(site, lee):
    """With the chain of the cell above it, and what would change it."""
    asked = f"person=priya&account=production&set=prod-oncall&at={iso(AT)}&action=rds:ModifyDBInstance"
    words = text_of(lee.open(f"{BASE}/access/explain?{asked}").text)
    assert "No, off watch." in words
    assert "the next watch of rota platform: Tue 2026-01-13 03:00" in words
    assert "role oncall-platform: denied by a statement" in words
    assert "what would change it: waiting: it is allowed from 2026-01-13T03:00:00Z" in words
    odd = lee.open(f"{BASE}/access/explain?person=priya&account=production&action=rds:Nothing")
    assert "AWS's reference lists no action rds:Nothing" in text_of(odd.text)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/access?zone=Mars/Olympus", 400, "there is no time zone"),
        ("/access?zone=../../etc/passwd", 400, "there is no time zone"),
        ("/access?at=yesterday", 400, "is no day and no instant"),
        ("/access?at=2400-01-01", 400, "is out of reach"),
        ("/access?at=0001-01-01", 400, "is out of reach"),
        ("/access?at=9999-12-31T23:59:59Z", 400, "is out of reach"),
        ("/access?action=rds:*", 400, "is not one action"),
        ("/access?action=nothing", 400, "is not one action"),
        ("/access?page=0", 400, "what was sent"),
        ("/access?person=" + "x" * 300, 400, "what was sent"),
        ("/access/explain?person=eve", 404, "no person `eve`"),
        ("/access/explain?person=rick&account=moon&set=developer", 404, "no account `moon`"),
        ("/access/explain?person=rick&account=staging&set=gold", 404, "no permission set `gold`"),
        ("/access/explain?person=rick&account=moon&action=s3:GetObject", 404, "no account `moon`"),
        ("/access/compare?from=2400-01-01", 400, "is out of reach"),
    ],
)
def test_what_is_no_question_is_said(lee, path, status, words):
    """In words, and never as a bug."""
    page = lee.once("GET", BASE + path)
    assert (page.status, words in text_of(page.text)) == (status, True)


def test_a_page_that_is_empty_says_what_fills_it(tmp_path):
    """A team that gives nobody anything."""
    with pages(tmp_path) as served:
        served.office.team = replace(served.office.team, groups={}, rotas={}, people={"sofia": person("sofia")})
        browser = served.sign_in("sofia")
        assert "watchbill init" in browser.open(f"{BASE}/access?account=production").text
        assert "None of sofia has anything" in text_of(browser.open(f"{BASE}/access").text)


def test_a_page_after_the_last_is_said(lee):
    """Down and across."""
    for more in ("page=7", "across=7"):
        assert "There is no such page: the first one" in text_of(lee.open(f"{BASE}/access?at={iso(AT)}&{more}").text)


def test_what_strangers_chose_is_inert(tmp_path):
    """Names, reasons and descriptions: no element, no turning around, no formula."""
    bad = "<img src=x onerror=alert(1)>\u202e=1+1"
    with pages(tmp_path) as served:
        of = served.office.team
        people = {
            **of.people,
            "=cmd()": replace(person("=cmd()"), full_name=bad),
            "rick": replace(of.people["rick"], full_name=bad),
        }
        sets = {
            **of.permission_sets,
            "developer": replace(permission_set("developer", allow=("s3:*",)), description=bad),
        }
        watch = rota(overrides=(replace(SWAP, add="rick", reason=bad, by=bad),))
        staff = Group("staff", ("=cmd()",), (), of.groups["developers"].access, HERE)
        grants = (replace(grant("g1", "rick", (20, 40)), reason=bad),)
        groups = {**of.groups, "staff": staff, bad: replace(staff, name=bad)}
        served.office.team = replace(
            of, people=people, permission_sets=sets, rotas={"platform": watch}, grants=grants, groups=groups
        )
        browser, at = served.sign_in("lee"), iso(AT)
        for path in (
            f"/access?at={at}",
            f"/access?at={at}&person={'%3Cimg%20src=x%3E'}&action=s3:GetObject&resource=%3Cimg%20src=y%3E",
            f"/access/explain?at={at}&person=rick&account=production&set=prod-oncall",
            f"/access/explain?at={at}&person=rick&account=staging&set=developer&action=s3:GetObject&resource=%3Cimg%3E",
            f"/access/explain?at={at}&person=rick&account=production&set=developer",
            f"/access/compare?from={at}&to=2026-01-15",
        ):
            page = browser.open(BASE + path)
            assert page.status == 200
            assert "\u202e" not in page.text
            for tag, attributes in page.parsed().tags:
                assert tag not in ("img", "script", "style")
                assert not any(name == "style" or name.startswith("on") for name in attributes)
        for line in csv.reader(io.StringIO(browser.open(f"{BASE}/access.csv?at={at}").text)):
            assert not any(cell.startswith(("=", "+", "-", "@")) or "\u202e" in cell for cell in line)
        assert "<img" not in browser.open(f"{BASE}/access.json?at={at}").text


def test_what_was_is_drawn_by_the_file_of_the_time(tmp_path):
    """And whoever was in the team then may have left since."""
    text = SAMPLE.text
    with pages(tmp_path) as served:
        office = served.office
        office.team = replace(SAMPLE, web=office.team.web, digest="new", people={**SAMPLE.people})
        office.store.revisions.add(SAMPLE.digest, MONDAY, text, "sofia")
        less = replace(SAMPLE.groups["developers"], members=("james", "ada", "lee"))
        office.team = replace(office.team, groups={**SAMPLE.groups, "developers": less})
        browser = served.sign_in("lee")
        past = browser.open(f"{BASE}/access?at={iso(MONDAY + HOUR)}")
        assert drawn(past)[Place("rick", "staging", "developer")] == "\u25a0 job"
        assert f"revision {SAMPLE.digest[:12]} of the team file" in past.text
        future = browser.open(f"{BASE}/access?at=2026-02-01")
        assert drawn(future)[Place("rick", "staging", "developer")] == "no"
        assert "is not applied yet" in future.text


REBOOT = "rds:RebootDBInstance"


def bound(served):
    """Let the team file name an organization."""
    served.office.team = replace(served.office.team, organization="production")
    return served.sign_in("lee")


def test_what_an_organization_denies_is_no_access_of_anybody(tmp_path):
    """As it was read before the time that is asked about: in who can, in why, in the chain; and it is said when."""
    full, deny = (
        {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]}
        for effect, action in (("Allow", "*"), ("Deny", REBOOT))
    )
    targets = {
        "r-1": Target("r-1", "Root", "root", None),
        **{number: Target(number, "an account", "account", "r-1") for number in (PRODUCTION, STAGING)},
    }
    policies = {
        name: ControlPolicy(name, name[2:], SCP, said) for name, said in (("p-full", full), ("p-<b>guard", deny))
    }
    attached = {"p-full": tuple(targets), "p-<b>guard": ("r-1",)}
    made = Organization("o-1", "999999999999", targets, policies, attached, frozenset({SCP}))
    with pages(tmp_path) as served:
        browser, office = bound(served), served.office
        asked = f"action={REBOOT}&account=production&at="
        why = f"{BASE}/access/explain?person=rick&set=prod-oncall&{asked}"
        unknown = browser.open(f"{BASE}/access?{asked}{iso(AT)}").text
        assert "is not known: they were never read" in unknown
        assert "unless organization policies: they were never read" in unknown
        keep_organization(office.store, office.team, made, AT, "watchbill")
        now = browser.open(f"{BASE}/access?{asked}{iso(AT)}")
        assert "organization policies are taken as read, first so at 2026-01-13T01:00:00Z" in now.text
        assert "Nobody" in text_of(now.text)
        earlier = browser.open(f"{BASE}/access?{asked}{iso(AT - HOUR)}")
        assert "they were not read before 2026-01-13T01:00:00Z" in earlier.text
        told = browser.open(why + iso(AT)).text
        assert "SCP &lt;b&gt;guard (p-&lt;b&gt;guard) attached to root Root#0: Deny rds:RebootDBInstance" in told
        assert "The organization takes of it:" not in told
        office.team = with_set(office.team, "prod-oncall", (REBOOT, "rds:Describe*"))
        told = text_of(browser.open(why + iso(AT)).text)
        assert "The organization takes of it: permission set `prod-oncall` gives in production what is denied" in told


def test_a_cell_that_the_organization_empties_says_so(tmp_path):
    """By a word and a sign, in the same words for programs; where the organization is not known, that is said."""
    suspended = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    full = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    targets = {
        "r-1": Target("r-1", "Root", "root", None),
        **{number: Target(number, f"<b>{number}", "account", "r-1") for number in (PRODUCTION, STAGING)},
    }
    policies = {
        "p-full": ControlPolicy("p-full", "full", SCP, full),
        "p-none": ControlPolicy("p-none", "<i>none", SCP, suspended),
    }
    attached = {"p-full": tuple(targets), "p-none": (STAGING,)}
    made = Organization("o-1", "999999999999", targets, policies, attached, frozenset({SCP}))
    place, word = Place("james", "staging", "developer"), "denied by the organization"
    with pages(tmp_path) as served:
        free = served.sign_in("lee")
        assert word not in free.open(f"{BASE}/access?at={iso(AT)}").text
        browser, office = bound(served), served.office

        def cells():
            page = browser.open(f"{BASE}/access?at={iso(AT)}")
            told = json.loads(browser.open(f"{BASE}/access.json?at={iso(AT)}").text)["cells"]
            lines = csv.DictReader(io.StringIO(browser.open(f"{BASE}/access.csv?at={iso(AT)}").text))
            named = [
                {Place(each["person"], each["account"], each["permission_set"]): each["organization"] for each in form}
                for form in (told, lines)
            ]
            assert named[0] == named[1]
            return page.text, drawn(page), named[0]

        page, shown, told = cells()
        assert word not in str(shown)
        assert "Not known what the organization denies in production, staging: organization policies: they" in text_of(
            page
        )
        assert told[place].startswith("not known if denied: organization policies: they were never read")
        keep_organization(office.store, office.team, made, AT, "watchbill")
        page, shown, told = cells()
        assert shown[place] == f"\u25a0 job \u2298 {word}"
        assert {where.account for where, words in shown.items() if word in words} == {"staging"}
        assert told[place] == f"{word}, by SCP <i>none (p-none) attached to the account"
        assert {where for where, words in told.items() if words} == {where for where in shown if word in shown[where]}
        why = browser.open(f"{BASE}/access/explain?person=james&account=staging&set=developer&at={iso(AT)}").text
        assert f"{word} : whoever has it can do nothing by it there, by SCP <i>none (p-none)" in text_of(why)
        assert "<i>none" not in page + why


def with_set(of, name, actions):
    """Give a team in which a permission set allows some actions and no more."""
    changed = replace(of.permission_sets[name], allow=actions)
    return replace(of, permission_sets={**of.permission_sets, name: changed})


def test_a_large_team_is_a_small_page(tmp_path):
    """A thousand people in twenty accounts: a page of them is small, and short."""
    with pages(tmp_path) as served:
        of = served.office.team
        people = {**of.people, **{f"p{n:04}": person(f"p{n:04}") for n in range(1_000)}}
        accounts = {f"a{n:02}": replace(of.accounts["staging"], name=f"a{n:02}", number=f"{n:012}") for n in range(20)}
        sets = {f"s{n:03}": permission_set(f"s{n:03}", allow=("s3:*",)) for n in range(300)}
        names = list(people)
        groups = {
            f"g{n:03}": Group(
                f"g{n:03}",
                tuple(names[n::100]),
                (),
                tuple(
                    replace(
                        of.groups["developers"].access[0],
                        permission_set=f"s{(n + k) % 300:03}",
                        accounts=tuple(accounts)[:3],
                    )
                    for k in range(3)
                ),
                HERE,
            )
            for n in range(100)
        }
        served.office.team = replace(
            of,
            people=people,
            accounts={**of.accounts, **accounts},
            permission_sets={**of.permission_sets, **sets},
            groups=groups,
        )
        page = served.sign_in("lee").open(f"{BASE}/access")
        assert page.status == 200
        assert len(gzip.compress(page.text.encode())) < 60_000
        assert "page 1 of 21" in page.text
        assert "across" in page.text
