"""Bring a database up to date with Alembic, from inside the program and without a word on the terminal."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from watchbill.errors import ProviderError
from watchbill.store import tables


@cache
def scripts() -> ScriptDirectory:
    """Give the migrations that are shipped with watchbill; read once, as reading runs the code of each."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(engine: Engine, name: str) -> None:
    """Run what is missing."""
    script, current = scripts(), _known(engine, name)
    if current == script.get_current_head():
        return
    context = EnvironmentContext(
        Config(),
        script,
        fn=lambda revision, _: script._upgrade_revs(script.get_current_head() or "", revision),  # noqa: SLF001 - the way Alembic's own `upgrade` command goes
    )
    with engine.connect() as connection, context:
        context.configure(connection=connection, target_metadata=tables.METADATA, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


def is_made(engine: Engine, name: str) -> bool:
    """Tell whether a database has a state, changing nothing of it; one that is not up to date is a ProviderError."""
    current = _known(engine, name)
    if current not in (None, scripts().get_current_head()):
        hint = "any command that writes brings it up to date, such as `watchbill run`"
        raise ProviderError(f"{name} is from an older watchbill (revision {current})", hint)
    return current is not None


def _known(engine: Engine, name: str) -> str | None:
    """Give the revision of a database; one that is not known here means that it is from a newer watchbill."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return None
    try:
        scripts().get_revision(current)
    except CommandError as error:
        raise ProviderError(
            f"{name} is from a newer watchbill (revision {current})", "upgrade watchbill, or name another --state"
        ) from error
    return current
