"""What gunicorn serves: ``gunicorn dashboard.wsgi:server``; the workspace is GENLAB_HOME."""

import threading

from dashboard.app import create_app
from genlab.config import load_settings
from genlab.store import Workspace, default_workspace

_workspace = Workspace(default_workspace())
server = create_app(_workspace, load_settings(_workspace.folder)).server

# The version in force is read while the first visitor is still on the way.
threading.Thread(
    target=server.test_client().get, args=("/_genlab/colours",), name="warm", daemon=True
).start()
