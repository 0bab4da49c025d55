"""What the README and the docs show is what the commands print and take."""

import json
from pathlib import Path


ROOT = Path(__file__).parents[2]


def test_the_readme_shows_what_prove_prints(watchbill, tmp_path):
    """The two invariants of the README, asked of the sample team, print the lines it shows."""
    readme = (ROOT / "README.md").read_text("utf-8")
    command = next(line for line in readme.splitlines() if line.startswith('    watchbill prove "'))
    sample = (ROOT / "src/watchbill/demo/watchbill.yaml").read_text("utf-8")
    (tmp_path / "watchbill.yaml").write_text(sample, "utf-8")
    invariants = command.split('"')[1::2]
    ran = watchbill("prove", *invariants, watchbill_at="2026-01-12T00:00:00Z")
    assert ran.code == 1
    shown = [line.strip() for line in readme.splitlines() if line.startswith(("    broken: ", "    proven: "))]
    assert len(shown) == 2
    assert set(shown) <= set(ran.out.splitlines())


def test_the_file_of_the_docs_is_fine_and_every_key_is_named(watchbill, tmp_path):
    """Whoever copies it has no mistake in it, and finds where each part of a team file is told of."""
    text = (ROOT / "docs/team-file.md").read_text("utf-8")
    (tmp_path / "watchbill.yaml").write_text(text.split("```yaml\n")[1].split("```")[0], "utf-8")
    checked = watchbill("validate", watchbill_at="2026-01-13T12:00:00Z")
    assert (checked.code, checked.err) == (0, "")
    assert "rick" in watchbill("oncall").out
    told = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    keys = json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8"))["properties"]
    assert sorted(told.replace("`", "").replace(",", " ").split()) == sorted(set(keys) - {"team"})
