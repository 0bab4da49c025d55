"""Where the state may be: in a SQLite file, and in a real Postgres. What asks for `place` is run on both."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from watchbill.store.database import Store, open_store


@dataclass(frozen=True, slots=True)
class Place:
    """A state that several may open."""

    folder: Path
    url: str | None

    def open(self) -> Store:
        """Open it."""
        return open_store(self.folder, self.url)

    def past_the_store(self) -> Engine:
        """Give the bare database."""
        if self.url is None:
            return create_engine(f"sqlite:///{self.folder / 'state.db'}")
        return create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give an empty place."""
    url = request.getfixturevalue("postgres").database() if request.param == "postgres" else None
    return Place(tmp_path, url)
