"""One directory per workspace: where its files are."""

import fcntl
import json
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

from genlab.errors import InputError


class Workspace:
    """Paths inside a workspace directory; creating the object creates the directory (mode 700)."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder).expanduser().resolve()
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file: a workspace is a directory")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = self.folder / "genlab.duckdb"
        self.models = self.folder / "models"
        self.backups = self.folder / "backups"
        self.logs = self.folder / "logs"
        self.owner_file = self.folder / "owner.json"
        self.up_file = self.folder / "up.json"
        self.up_lock = self.folder / "up.lock"
        self.scorer_file = self.folder / "scorer.json"
        self._token_file = self.folder / "owner.token"

    def token(self) -> str:
        """The bearer token of this workspace's services; made at first use, for its user only."""
        handle = os.open(self._token_file, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # nobody reads between its making and its filling
            token = file.read().strip()
            if not token:
                token = secrets.token_urlsafe(32)
                file.write(token)
        return token

    def supervised(self) -> bool:
        """Whether ``genlab up`` runs here.

        Its file alone proves nothing: after a crash another process may have its pid.  The lock
        that it holds does.  Looked at only when the file is there: looking takes the lock for a
        moment, which a starting ``genlab up`` must not meet.
        """
        if read_service_file(self.up_file) is None:
            return False
        try:
            with self.up_lock.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


def default_workspace() -> Path:
    """GENLAB_HOME, else a folder under the user's data directory."""
    home = os.environ.get("GENLAB_HOME")
    return Path(home) if home else platformdirs.user_data_path("genlab") / "default"


def write_service_file(path: Path, **fields: Any) -> None:
    """Say where a service of this workspace listens: pid, host name and ``fields``, atomically."""
    fields |= {"pid": os.getpid(), "hostname": socket.gethostname()}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump(fields, file)
    Path(temporary).replace(path)


def read_service_file(path: Path) -> dict[str, Any] | None:
    """What a service wrote, or None when there is none or its process is gone."""
    try:
        fields = json.loads(path.read_text())
        pid = int(fields["pid"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if fields.get("hostname") == socket.gethostname() and not process_alive(pid):
        return None
    return fields


def process_alive(pid: int) -> bool:
    """Whether a process of this machine runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, IndexError):
        return Path("/proc").exists() is False
    return state != "Z"
