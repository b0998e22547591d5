"""What gunicorn serves: ``gunicorn dashboard.wsgi:server``; the workspace is GENLAB_HOME."""

from dashboard.app import create_app
from genlab.config import load_settings
from genlab.store import Workspace, default_workspace

_workspace = Workspace(default_workspace())
server = create_app(_workspace, load_settings(_workspace.folder)).server
