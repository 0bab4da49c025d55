"""Where the state may be: in a SQLite file, and in a real Postgres. What asks for `place` is run on both."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

import pytest
from sqlalchemy import Engine, create_engine

from watchbill.store import engine
from watchbill.store.database import Store, open_store, open_to_read
from watchbill.store.migrate import upgrade


@dataclass(frozen=True, slots=True)
class Place:
    """A state that several may open."""

    folder: Path
    url: str | None

    def open(self) -> Store:
        """Open it."""
        return open_store(self.folder, self.url)

    def read(self) -> Store | None:
        """Open it as one who changes nothing of it."""
        return open_to_read(self.folder, self.url)

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


@pytest.fixture(scope="session", autouse=True)
def states_begin_as_a_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begin each new SQLite state as a copy of one that the migrations made: to run them takes longer than most tests."""
    made = tmp_path_factory.mktemp("states") / "state.db"

    def begun(at: Engine, name: str) -> None:
        if at.dialect.name == "sqlite" and not Path(name).exists():
            copy = Path(f"{name}.{get_ident()}")
            shutil.copy(made, copy)
            with suppress(FileExistsError):  # somebody else was faster
                os.link(copy, name)
            copy.unlink()
        upgrade(at, name)

    with pytest.MonkeyPatch.context() as patch:
        open_store(made.parent).close()
        patch.setattr(engine, "upgrade", begun)
        yield
