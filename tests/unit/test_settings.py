"""Secrets come from the environment, or from files that it names."""

import pytest

from watchbill.errors import RefusedError
from watchbill.settings import read_settings, read_variables


def test_a_secret_may_stand_in_a_file(monkeypatch, tmp_path):
    """As systemd and Kubernetes give them; the variable itself goes before."""
    (tmp_path / "key").write_text("from the file\n", "utf-8")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    assert read_variables(["KEY", "OTHER"]) == {"KEY": "from the file"}
    monkeypatch.setenv("KEY", "itself")
    assert read_variables(["KEY"]) == {"KEY": "itself"}


def test_a_file_that_is_named_and_cannot_be_read_is_refused(monkeypatch, tmp_path):
    """A secret that was meant is never passed over."""
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(RefusedError, match="KEY_FILE: No such file"):
        read_variables(["KEY"])
    (tmp_path / "none").write_bytes(b"\xff")
    with pytest.raises(RefusedError, match="no UTF-8"):
        read_variables(["KEY"])


def test_the_address_of_the_database_is_a_secret(monkeypatch, tmp_path):
    """It may stand in a file, and is shown by nothing that shows the settings."""
    (tmp_path / "url").write_text("postgresql://ana:horse@host/watch\n", "utf-8")
    monkeypatch.setenv("WATCHBILL_DATABASE_FILE", str(tmp_path / "url"))
    settings = read_settings()
    assert settings.database == "postgresql://ana:horse@host/watch"
    assert "horse" not in repr(settings)
