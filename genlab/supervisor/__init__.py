"""``genlab up`` and ``down``: the services of a workspace, started in order and kept running.

services.py says what they are, process.py keeps one alive, run.py keeps all.  Knows Prefect and
the dashboard only as commands.
"""

from genlab.supervisor.run import down, supervise, up
from genlab.supervisor.services import Service, services

__all__ = ["Service", "down", "services", "supervise", "up"]
