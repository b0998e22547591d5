"""``genlab bench dashboard``: what a person waits for at the desk, by patterns, beside Plotly."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genlab.bench.dashboard_browser import measure
from genlab.bench.dashboard_desk import filled, served
from genlab.bench.dashboard_plotly import measure_plotly
from genlab.bench.dashboard_tab import chromium
from genlab.config import Settings

PLOTLY_SECONDS = 180.0
"""After which an action in Plotly counts as not to be borne."""

_SERVICES = ("owner", "prefect", "dashboard")  # Jobs asks Prefect for the schedules


def dashboard_bench(
    settings: Settings, sizes: Sequence[int], say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Rows for genlab and for plain Plotly at each number of patterns.

    ``load`` in a row: processes that wanted a core when it began.  Raises GenlabError without
    playwright or a Chromium.
    """
    rows = []
    for patterns in sizes:
        with chromium() as browser, tempfile.TemporaryDirectory() as folder:
            workspace = filled(Path(folder), settings, patterns, say)
            say(f"{patterns:,} patterns: the desk")
            with served(workspace, settings, _SERVICES) as desk:
                load = os.getloadavg()[0]
                rows.append(measure(browser, desk, patterns) | {"load": load})
        say(f"{patterns:,} patterns: Plotly")
        with chromium() as browser:
            rows.append(measure_plotly(browser, patterns, PLOTLY_SECONDS))
    return {"cores": os.cpu_count(), "rows": rows}
