"""Labels as files: the same import and export as `genlab label`."""

import base64
import binascii
import tempfile
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.notes import note
from dashboard.pages.fields import named
from dashboard.pages.labels_acts import brought_in_line, refused
from dashboard.state import Desk
from genlab.errors import InputError
from genlab.pipeline.labels import Imported, export_labels, import_labels

_FILE = "labels.csv"
_MOST_BYTES = 20_000_000


def layout() -> list[Any]:
    """The two buttons."""
    return [
        named("CSV file with labels", dcc.Upload(
            html.Button("import CSV", className="gl-button", type="button",
                        title="columns message_id (or text), label; maybe annotator, at"),
            id=ids.LABELS_UPLOAD, accept=".csv,text/csv", max_size=_MOST_BYTES,
        )),
        parts.button("export CSV", "export",
                     title="every labelled pattern, one of its messages each"),
        dcc.Download(id=ids.LABELS_DOWNLOAD),
    ]  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Upload and download."""

    @app.callback(
        Output(ids.LABELS_CHANGED, "data", allow_duplicate=True),
        Output(ids.LABELS_STATUS, "children", allow_duplicate=True),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.LABELS_UPLOAD, "contents"),
        Input(ids.LABELS_UPLOAD, "contents"),
        State(ids.LABELS_UPLOAD, "filename"),
        State(ids.LABELS_CHANGED, "data"),
        State(ids.ANNOTATOR, "data"),
        prevent_initial_call=True,
    )
    def upload(
        contents: str | None, filename: str | None, changed: int, who: str
    ) -> tuple[Any, Any, Any, Any]:
        if not contents:
            raise PreventUpdate
        name = Path(filename or _FILE).name
        try:
            done = read_upload(desk, contents, name, who)
        except InputError as error:
            return no_update, refused(error), no_update, None
        return changed + 1, note(imported_text(done, name)), brought_in_line(desk), None

    @app.callback(
        Output(ids.LABELS_DOWNLOAD, "data"),
        Input(ids.LABELS_EVENT, "data"),
        prevent_initial_call=True,
    )
    def download(event: dict | None) -> Any:
        if not event or event.get("act") != "export":
            raise PreventUpdate
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / _FILE
            export_labels(desk.store, path)
            return dcc.send_bytes(path.read_bytes(), _FILE, type="text/csv")


def read_upload(desk: Desk, contents: str, name: str, who: str) -> Imported:
    """Import what a browser sent as a data: address; InputError names the file as it was chosen."""
    try:
        body = base64.b64decode(contents.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{name}: the upload is damaged; choose the file again") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (name or _FILE)
        path.write_bytes(body)
        try:
            return import_labels(desk.store, path, who)
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", "")) from None


def imported_text(done: Imported, name: str) -> str:
    """What an import did."""
    said = f"{name}: {parts.plural(done.rows, 'row')}, "
    said += f"{parts.plural(done.labelled_patterns, 'pattern')} labelled"
    if done.unmatched:
        first = parts.shorten(done.unmatched[0], 60)
        said += f"; {len(done.unmatched):,} match no stored message, e.g. “{first}”"
    return said + "."
