"""The only place that talks to DuckDB: runs named queries, each one transaction."""

import contextlib
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from genlab.errors import StoreError, StoreUnavailable
from genlab.store.migrations import migrate
from genlab.store.named_sql import NamedQuery, find_query


class Engine:
    """An open database file.  Reads run side by side; writes one after the other.

    ``path``: the database file, created when missing; None for a database in memory.
    Raises StoreUnavailable when another process holds the file, SchemaError when the file was made
    by a newer genlab.
    """

    def __init__(
        self,
        path: Path | None,
        checkpoint_threshold: str = "1GB",
        backup_folder: Path | None = None,
    ):
        try:
            self._con = duckdb.connect(str(path) if path else ":memory:")
        except duckdb.Error as error:
            if isinstance(error, duckdb.IOException) and "lock" in str(error).lower():
                raise StoreUnavailable(f"{path} is held by another process: {error}") from error
            raise StoreError(
                f"cannot open {path}: {error}; if the file is damaged, restore a backup"
            ) from error
        self._write_lock = threading.Lock()
        self._dirty = False
        try:
            self._prepare(checkpoint_threshold, backup_folder)
        except BaseException:
            self._con.close()
            raise

    def _prepare(self, checkpoint_threshold: str, backup_folder: Path | None) -> None:
        try:
            # Automatic checkpoints stall writers; the owner folds the log in when it is idle.
            self._con.execute("SET checkpoint_threshold = ?", [checkpoint_threshold])
        except duckdb.Error as error:
            raise StoreError(
                f"store.checkpoint_threshold: found {checkpoint_threshold!r}, expected a size such "
                f"as '1GB' ({error}); correct the setting"
            ) from error
        try:
            self._con.execute("SET preserve_insertion_order = false")
            migrate(self._con, backup_folder)
        except duckdb.Error as error:
            raise StoreError(
                f"cannot bring the tables up to date: {error}; restore a backup or run "
                "`genlab doctor`"
            ) from error

    def read(self, name: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows a named read answers."""
        query = find_query(name)
        if query.writes:
            raise StoreError(f"{name} writes: call write, not read")
        _check(query, params or {}, {})
        with self._con.cursor() as cursor:
            return _run(cursor, query, params or {})

    def write(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        inputs: Mapping[str, pa.Table] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Run a named write in one transaction; the row its last statement answers.

        ``key``: made by the client.  A key that was written before changes nothing and answers
        what the first time answered, so that a retry never doubles a write.
        """
        query = find_query(name)
        if not query.writes:
            raise StoreError(f"{name} only reads: call read, not write")
        _check(query, params or {}, inputs or {})
        with self._write_lock, self._con.cursor() as cursor:
            if key is not None:
                done = cursor.execute(
                    "SELECT result FROM write_key WHERE key = ?", [key]
                ).fetchone()
                if done is not None:
                    return json.loads(done[0])
            for alias, table in (inputs or {}).items():
                cursor.register(alias, table)
            cursor.begin()
            try:
                rows = _run(cursor, query, params or {}).to_pylist()
                result = rows[0] if rows else {}
                if key is not None:
                    cursor.execute(
                        "INSERT INTO write_key VALUES (?, ?, ?)",
                        [key, json.dumps(result, default=str), _now()],
                    )
                cursor.commit()
            except Exception as error:
                with contextlib.suppress(duckdb.Error):  # a failed commit has rolled back already
                    cursor.rollback()
                if isinstance(error, duckdb.Error):
                    raise StoreError(f"{query.name}: {error}") from error
                raise
            finally:
                for alias in inputs or {}:
                    cursor.unregister(alias)
            self._dirty = True
            return result

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file; False when nothing was written since."""
        if not self._dirty:
            return False
        with self._write_lock, self._con.cursor() as cursor:
            try:
                cursor.execute("CHECKPOINT")
            except duckdb.TransactionException:
                return False  # a reader is at work; the next idle moment will do
            self._dirty = False
        return True

    def backup(self, target: Path) -> None:
        """Copy the whole database, as of one moment, into a new file."""
        if target.exists():
            raise StoreError(f"{target} exists already: choose another name or remove it")
        with self._write_lock, self._con.cursor() as cursor:
            source = cursor.execute("SELECT current_database()").fetchall()[0][0]
            quoted = str(target).replace("'", "''")
            cursor.execute(f"ATTACH '{quoted}' AS backup_copy")
            try:
                cursor.execute(f'COPY FROM DATABASE "{source}" TO backup_copy')
            finally:
                cursor.execute("DETACH backup_copy")

    def close(self) -> None:
        """Fold the log in and let go of the file."""
        self.checkpoint()
        self._con.close()


def _run(cursor: duckdb.DuckDBPyConnection, query: NamedQuery, params: Mapping[str, Any]) -> Any:
    values = {**params, "now": _now()}
    table = pa.table({})
    try:
        for statement in query.statements:
            needed = {key: values[key] for key in statement.parameters}
            if statement is query.statements[-1]:
                table = cursor.sql(statement.sql, params=needed or None).to_arrow_table()
            else:
                cursor.execute(statement.sql, needed or None)
    except duckdb.Error as error:
        raise StoreError(f"{query.name}: {error}") from error
    return table


def _check(query: NamedQuery, params: Mapping[str, Any], inputs: Mapping[str, pa.Table]) -> None:
    if set(params) != query.parameters:
        raise StoreError(
            f"{query.name}: found parameters {sorted(params)}, expected {sorted(query.parameters)}"
        )
    if set(inputs) != query.inputs:
        raise StoreError(
            f"{query.name}: found inputs {sorted(inputs)}, expected {sorted(query.inputs)}"
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
