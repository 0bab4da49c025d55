"""The main job on trails that nobody here wrote: nothing lost, every event accounted for, bad input named."""

import gzip

import pytest


@pytest.mark.parametrize(("name", "events", "others"), [("invictus", 2900, 105), ("stratus", 310, 21)])
def test_a_real_trail_is_accounted_for(watchbill, data_dir, tmp_path, name, events, others):
    """A team file is drafted from it, is valid, and the audit by it counts every event once."""
    where = data_dir / "cloudtrail" / name
    assert watchbill("init", "--from-trail", where).code == 0
    assert watchbill("validate").code == 0
    ran = watchbill(
        "audit", "--trail", where, "--rules", data_dir / "sigma/sigmahq_cloudtrail", "--html", "report.html", "--json"
    )
    assert ran.code == 0
    found = ran.json["result"]
    tally = found["tally"]
    assert tally["records"] == events == tally["distinct"] + tally["duplicates"] + tally["unreadable_records"]
    assert sum(person["events"] for person in found["people"]) + others == tally["distinct"]
    assert sum(other["events"] for other in found["others"]) == others
    assert all(sum(person["by_right"].values()) == person["events"] for person in found["people"])
    assert found["sigma"]
    assert found["cases"]
    html = (tmp_path / "report.html").read_text("utf-8")
    assert f"{events} records" in html
    assert all(case["id"] in html for case in found["cases"])


def test_bad_files_are_named_and_the_rest_is_read(watchbill, data_dir, tmp_path):
    """A truncated gzip, a page and a broken line beside good files: each named, nothing good lost."""
    good = min((data_dir / "cloudtrail/invictus/CloudTrail").glob("*.json")).read_bytes()
    folder = tmp_path / "trail"
    folder.mkdir()
    (folder / "a-good.json").write_bytes(good)
    (folder / "b-cut.json.gz").write_bytes(gzip.compress(good, mtime=0)[:-40])
    (folder / "c-page.json").write_text("<html>Access Denied</html>", "utf-8")
    (folder / "d-lines.jsonl").write_text(
        '{"eventID": "x1", "eventTime": "2026-01-12T00:00:00Z"}\n{"eventID": "x2", \n', "utf-8"
    )
    (folder / "notes.txt").write_text("hello", "utf-8")
    alone = watchbill("trail", "read", folder / "a-good.json", "--json").json["result"]["distinct"]
    ran = watchbill("trail", "read", folder, "--json")
    assert ran.code == 0
    found, problems = ran.json["result"], ran.json["problems"]
    assert found["distinct"] == alone + 1
    assert found["ignored_files"] == 1
    assert {problem["file"] for problem in problems} == {"b-cut.json.gz", "c-page.json", "d-lines.jsonl"}
    assert [problem["line"] for problem in problems if problem["file"] == "d-lines.jsonl"] == [2]
    assert found["records"] == found["distinct"] + found["duplicates"] + found["unreadable_records"]
