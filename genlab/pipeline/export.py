"""Predictions of every stored message, as a file."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from genlab.errors import InputError
from genlab.pipeline.labels import neutral
from genlab.store import Store


def export_predictions(store: Store, path: Path) -> int:
    """Write messages and what the active version says of them; the number of rows.

    The name's ending chooses csv, parquet or jsonl.  In csv a cell that a spreadsheet would run as
    a formula gets a leading apostrophe.
    """
    if path.suffix not in (".csv", ".parquet", ".jsonl"):
        raise InputError(f"{path}: expected a name ending in .csv, .parquet or .jsonl")
    rows = store.read("messages.predictions")
    if path.suffix == ".parquet":
        pa.parquet.write_table(rows, path)
    elif path.suffix == ".csv":
        pa.csv.write_csv(_neutral(rows), path)
    else:
        with path.open("w", encoding="utf-8") as file:
            for batch in rows.to_batches(max_chunksize=10_000):
                for row in batch.to_pylist():
                    file.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
    return rows.num_rows


def _neutral(rows: pa.Table) -> pa.Table:
    for i, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            cells = [None if c is None else neutral(c) for c in rows.column(i).to_pylist()]
            rows = rows.set_column(i, field.name, pa.array(cells, pa.string()))
    return rows
