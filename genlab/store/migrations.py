"""Numbered, transactional migrations; the authority over the tables is sql/migrations/."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from genlab.errors import SchemaError
from genlab.resources import resource
from genlab.version import __version__


class Migration(NamedTuple):
    """One file of sql/migrations/."""

    number: int
    name: str
    path: Path


def known_migrations() -> list[Migration]:
    """The migrations of this genlab, in order."""
    found = []
    for path in sorted(resource("sql/migrations").glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name)
        if match is None:
            raise SchemaError(f"{path}: expected a name like 0001_core.sql")
        found.append(Migration(int(match.group(1)), match.group(2), path))
    return found


def schema_version(con: duckdb.DuckDBPyConnection) -> int:
    """The number of the last migration applied to the open database, 0 for an empty one."""
    exists = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'schema_version'"
    ).fetchall()[0][0]
    if not exists:
        return 0
    return con.execute("SELECT coalesce(max(number), 0) FROM schema_version").fetchall()[0][0]


def migrate(con: duckdb.DuckDBPyConnection, backup_folder: Path | None = None) -> list[int]:
    """Bring the open database to the newest schema; the numbers applied.

    An existing database file is copied to ``backup_folder`` first.  Each migration is one
    transaction.  Raises SchemaError for a database from a newer genlab and for a failed migration
    (the database then stands as before it).
    """
    migrations = known_migrations()
    current = schema_version(con)
    newest = migrations[-1].number
    if current > newest:
        raise SchemaError(
            f"the database has schema {current}, genlab {__version__} knows {newest}: "
            "install the newer genlab again, or restore a backup made before the upgrade"
        )
    pending = [each for each in migrations if each.number > current]
    if pending and current and backup_folder is not None:
        _copy_before(con, backup_folder, current)
    con.execute(
        "CREATE TABLE IF NOT EXISTS schema_version "
        "(number INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)"
    )
    for migration in pending:
        con.begin()
        try:
            for statement in con.extract_statements(migration.path.read_text(encoding="utf-8")):
                con.execute(statement)
            con.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?)",
                [migration.number, migration.name, datetime.now(UTC).replace(tzinfo=None)],
            )
            con.commit()
        except duckdb.Error as error:
            con.rollback()
            raise SchemaError(f"migration {migration.path.name} failed: {error}") from error
    return [each.number for each in pending]


def _copy_before(con: duckdb.DuckDBPyConnection, folder: Path, current: int) -> None:
    file = con.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchall()[0][0]
    if file is None:
        return
    con.execute("CHECKPOINT")
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    shutil.copy2(file, folder / f"schema-{current:04d}-{stamp}.duckdb")
