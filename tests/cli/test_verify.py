"""`trail verify`, on folders and on S3: what it says, and with which exit code."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import rich_click as click
from tests.cli.conftest import Ran
from tests.contract.test_trail_keys import listed, serving, stored
from tests.digests import AT, BUCKET, HOUR, REGION, START, Maker, chain, packed, public

from watchbill.cli.commands.verify import verify
from watchbill.cli.session import Session
from watchbill.errors import WatchbillError
from watchbill.trail.digest import KEYS_NAME, SIDECAR, write_keys


WHOLE = chain(4)
NOW = AT.isoformat()


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Give a function that runs the command and gives what it did."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHBILL_AT", NOW)

    def run(*arguments):
        try:
            code = verify.main([str(each) for each in arguments], standalone_mode=False)
        except WatchbillError as error:
            Session.report(error)
            code = 1
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


def written(trail, folder):
    """Write a trail into a folder, as `aws s3 sync` and `aws s3api head-object` do."""
    for key, data in trail.files.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for key, signed in trail.signatures.items():
        (folder / f"{key}{SIDECAR}").write_text(json.dumps(head_object(signed)))
    return folder


def head_object(signed):
    """Write what the aws CLI prints of a digest."""
    metadata = {"signature": signed.signature, "signature-algorithm": signed.algorithm}
    return {"AcceptRanges": "bytes", "ContentLength": 9, "ETag": '"x"', "Metadata": metadata}


@pytest.fixture
def keys(tmp_path):
    """Give a file of the public key, outside of the trail."""
    path = tmp_path / "kept.keys"
    path.write_bytes(write_keys([public()]))
    return path


def test_a_whole_copy_is_verified_offline(run, keys, tmp_path):
    """With nothing but the folder and the keys."""
    ran = run(written(WHOLE, tmp_path / "copy"), "--keys", keys)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "main in account 111111111111, eu-west-1: 4 digests, verified for 2026-03-02T10:01:31Z - 2026-03-02T14:01:31Z",
        "digests: 4 verified",
        "log files: 8 verified",
        "every file is what was delivered",
    ]


def test_what_is_wrong_is_said_and_is_no_success(run, keys, tmp_path):
    """A file that was changed, one that is gone, one that nobody knows."""
    trail = WHOLE.copy()
    changed, gone, planted = trail.logs()[0], trail.logs()[1], Maker().log_key(START + 2.5 * HOUR)
    trail.files[changed] = trail.files[planted] = packed({"Records": []})
    trail.remove(gone)
    ran = run(written(trail, tmp_path / "copy"), "--keys", keys)
    assert ran.code == 1
    assert f"{changed} tampered: it is not what" in ran.out
    assert f"{gone} missing: it is not there" in ran.out
    assert f"{planted} not-covered: no digest names it" in ran.out
    assert "log files: 6 verified, 1 tampered, 1 missing, 1 not-covered" in ran.out
    assert ran.out.splitlines()[-1] == "not everything is verified"


def test_the_answer_for_programs(run, keys, tmp_path):
    """Counts, chains and every finding."""
    trail = WHOLE.copy()
    trail.remove(trail.digests[1], *trail.logs()[2:4])
    result = json.loads(run(written(trail, tmp_path / "copy"), "--keys", keys, "--json").out)["result"]
    assert result == {
        "sound": False,
        "digests": {"verified": 3, "missing": 1},
        "logs": {"verified": 6},
        "outside": 0,
        "keys": 1,
        "chains": [
            {
                "account": "111111111111",
                "region": "eu-west-1",
                "trail": "main",
                "digests": 3,
                "covered": [
                    {"start": "2026-03-02T10:01:31Z", "end": "2026-03-02T11:01:31Z"},
                    {"start": "2026-03-02T12:01:31Z", "end": "2026-03-02T14:01:31Z"},
                ],
            }
        ],
        "findings": [
            {
                "status": "missing",
                "kind": "digest",
                "file": WHOLE.digests[1],
                "why": f"it is not there, and {WHOLE.digests[2]} names it as the one before",
                "account": "111111111111",
                "region": "eu-west-1",
                "trail": "main",
                "interval": {"start": "2026-03-02T11:01:31Z", "end": "2026-03-02T12:01:31Z"},
            }
        ],
    }


def test_keys_of_several_regions_may_be_several_files(run, keys, tmp_path):
    """As the AWS CLI gives them: a file for each region that was asked."""
    trail = chain(2)
    maker = Maker(trail, region="us-east-1", number=1)
    maker.hours(2)
    folder = written(trail, tmp_path / "copy")
    (tmp_path / "other.keys").write_text(json.dumps(listed(public(1))))
    assert run(folder, "--keys", keys).code == 1
    assert run(folder, "--keys", keys, "--keys", tmp_path / "other.keys").code == 0


def test_without_keys_nothing_is_verified(run, tmp_path):
    """Not verifiable is no success; what to do is said."""
    ran = run(written(WHOLE, tmp_path / "copy"))
    assert ran.code == 1
    assert "digests: 4 not-verifiable" in ran.out
    assert "--keys" in ran.err
    assert "--save-keys" in ran.err


def test_keys_in_the_folder_are_taken_and_it_is_said(run, tmp_path):
    """Who can change the trail can change them as well."""
    folder = written(WHOLE, tmp_path / "copy")
    (folder / KEYS_NAME).write_bytes(write_keys([public()]))
    ran = run(folder)
    assert ran.code == 0
    assert "who can change the trail can change them" in ran.err


def test_a_part_of_the_time_is_verified_by_itself(run, keys, tmp_path):
    """Files of another time are counted, not judged."""
    trail = WHOLE.copy()
    trail.remove(trail.digests[0])
    folder = written(trail, tmp_path / "copy")
    assert run(folder, "--keys", keys).code == 1
    ran = run(folder, "--keys", keys, "--from", "2026-03-02T11:01:31Z", "--to", "2026-03-02T14:01:31Z")
    assert ran.code == 0
    assert "2 log files are of another time" in ran.out


@pytest.mark.parametrize(
    "options",
    [("--from", "monday"), ("--from", "0001-01-01T00:00:00Z"), ("--from", NOW, "--to", "2026-01-01T00:00:00Z")],
)
def test_a_time_that_is_none_is_refused(run, tmp_path, options):
    """Before anything is read."""
    with pytest.raises(click.BadParameter):
        run(tmp_path, *options)


def test_nothing_is_an_error(run, tmp_path):
    """No folder, and a folder without a trail."""
    assert "no folder" in run(tmp_path / "none").err
    (tmp_path / "empty").mkdir()
    ran = run(tmp_path / "empty")
    assert ran.code == 1
    assert "neither digests nor log files" in ran.err


@pytest.mark.parametrize("data", [b"", b"nothing"])
def test_bad_keys_are_an_error(run, tmp_path, data):
    """Rather than no keys."""
    (tmp_path / "bad").write_bytes(data)
    ran = run(written(WHOLE, tmp_path / "copy"), "--keys", tmp_path / "bad")
    assert ran.code == 1
    assert "no public keys of CloudTrail" in ran.err
    assert "could not be opened" in run(tmp_path / "copy", "--keys", tmp_path / "none").err


def test_a_pipe_among_the_log_files_is_not_waited_for(run, keys, tmp_path):
    """Nor is a file that cannot be opened taken for verified."""
    folder = written(WHOLE, tmp_path / "copy")
    path = folder / WHOLE.logs()[0]
    path.unlink()
    os.mkfifo(path)
    ran = run(folder, "--keys", keys)
    assert ran.code == 1
    assert f"{WHOLE.logs()[0]} not-verifiable: it could not be read: it is no plain file" in ran.out


def test_what_others_wrote_is_shown_not_obeyed(run, keys, tmp_path):
    """Names of files come from whoever may write there."""
    trail = WHOLE.copy()
    trail.files["evil\x1b[2J.json.gz"] = b"x"
    ran = run(written(trail, tmp_path / "copy"), "--keys", keys)
    assert "evil\\u001b[2J.json.gz not-covered" in ran.out


def test_more_findings_than_a_person_reads_are_counted(run, tmp_path):
    """Programs get them all."""
    trail = chain(30)
    folder = written(trail, tmp_path / "copy")
    ran = run(folder)
    assert "... and 70 more findings; --json has them all" in ran.out
    assert len(json.loads(run(folder, "--json").out)["result"]["findings"]) == 90


def test_a_trail_in_s3_is_verified_with_the_keys_of_aws(run, aws, monkeypatch, tmp_path):
    """Signatures are read from the metadata, keys asked for by region, and kept for later."""
    s3 = stored(WHOLE, aws)
    until = ("--to", "2026-03-02T14:01:31Z")
    with serving({(REGION, None): listed(public())}) as (endpoint, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", endpoint)
        ran = run(f"s3://{BUCKET}/AWSLogs/", *until, "--save-keys", tmp_path / "kept")
        assert (ran.code, ran.err) == (0, "")
        assert run(f"s3://{BUCKET}", *until).code == 0
    assert [region for region, _ in asked] == [REGION, REGION]
    assert run(f"s3://{BUCKET}", "--keys", tmp_path / "kept", *until).code == 0
    ran = run(f"s3://{BUCKET}", "--keys", tmp_path / "kept")
    assert ran.code == 1
    assert "2026-03-02T14:01:31Z - 2026-03-08T22:00:00Z missing: no digest was found of this time" in ran.out
    s3.copy_object(Bucket=BUCKET, Key="x" + WHOLE.logs()[0], CopySource=f"{BUCKET}/{WHOLE.logs()[0]}")
    assert "x" + WHOLE.logs()[0] in run(f"s3://{BUCKET}", "--keys", tmp_path / "kept", *until).out


def test_a_region_that_gives_no_keys_is_said(run, aws, monkeypatch):
    """Its digests are not verifiable; that is no success."""
    stored(WHOLE, aws)
    with serving({(REGION, None): "UnsupportedOperationException"}) as (endpoint, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", endpoint)
        ran = run(f"s3://{BUCKET}", "--to", "2026-03-02T14:01:31Z")
    assert ran.code == 1
    assert "UnsupportedOperationException" in ran.err
    assert "digests: 4 not-verifiable" in ran.out


def test_a_bucket_that_is_not_there_is_an_error(run, aws):
    """With AWS's own words."""
    ran = run("s3://nothing-here")
    assert ran.code == 1
    assert "NoSuchBucket" in ran.err
    assert aws


def test_it_becomes_a_command_of_trail_with_one_line():
    """It carries its own options."""
    group = click.RichGroup(name="trail")
    group.add_command(verify)
    assert group.commands["verify"] is verify
    options = {option for parameter in verify.params for option in parameter.opts}
    assert {"--keys", "--save-keys", "--from", "--to", "--json"} <= options


AWS = """#!/bin/sh
# What the aws CLI answers about the object that --key names.
while [ "$1" != --key ]; do shift; done
cat "$ANSWERS/$(basename "$2")"
"""


def test_signatures_are_kept_as_the_page_says(run, keys, tmp_path, monkeypatch):
    """The lines of the page, run with a stand-in for the aws CLI, give a copy that is verified."""
    trail = WHOLE.copy()
    signatures, trail.signatures = trail.signatures, {}
    written(trail, tmp_path / "copy")
    answers, tools = tmp_path / "answers", tmp_path / "tools"
    answers.mkdir()
    tools.mkdir()
    for key, signed in signatures.items():
        (answers / key.rsplit("/", 1)[-1]).write_text(json.dumps(head_object(signed)))
    (tools / "aws").write_text(AWS)
    (tools / "aws").chmod(0o755)
    monkeypatch.setenv("ANSWERS", str(answers))
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    page = (Path(__file__).parents[2] / "docs/integrity.md").read_text("utf-8")
    script = re.search(r"^    cd copy\n(?:    .*\n)+", page, re.MULTILINE)
    assert script
    assert run("copy", "--keys", keys).code == 1
    subprocess.run(["sh", "-eu"], input=script[0], text=True, check=True, cwd=tmp_path)
    ran = run("copy", "--keys", keys)
    assert (ran.code, ran.err) == (0, "")
    assert len(list((tmp_path / "copy").rglob(f"*{SIDECAR}"))) == len(WHOLE.digests)


def test_a_day_is_its_beginning_in_utc(run, keys, tmp_path):
    """As everywhere else; what is neither a day nor an instant is told with one that is."""
    folder = written(WHOLE, tmp_path / "copy")
    by_day = run(folder, "--keys", keys, "--from", "2026-03-02", "--to", "2026-03-03")
    by_instant = run(folder, "--keys", keys, "--from", "2026-03-02T00:00:00Z", "--to", "2026-03-03T00:00:00Z")
    assert (by_day.code, by_day.out) == (1, by_instant.out)
    with pytest.raises(click.BadParameter, match="`monday` is no day and no instant"):
        run(folder, "--keys", keys, "--from", "monday")
