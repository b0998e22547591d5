"""The only door to the tables.

``connect(workspace)`` answers a :class:`Store`; its operations are the named queries of sql/.
"""

from pathlib import Path

from genlab.config import StoreSettings, load_settings
from genlab.store.client import Store
from genlab.store.workspace import Workspace, default_workspace

__all__ = ["Store", "Workspace", "connect", "default_workspace"]


def connect(
    workspace: Workspace | Path | str | None = None,
    settings: StoreSettings | None = None,
    may_own: bool = True,
) -> Store:
    """Open a workspace (default: GENLAB_HOME or the user's data directory).

    Finds the owner process, or becomes it until ``close`` when none runs.  Long-lived services
    pass ``may_own=False`` and wait for the owner that ``genlab up`` keeps.
    """
    if not isinstance(workspace, Workspace):
        workspace = Workspace(workspace or default_workspace())
    return Store(workspace, settings or load_settings(workspace.folder).store, may_own)
