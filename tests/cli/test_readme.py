"""What the README shows of answers is what the commands print."""

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
