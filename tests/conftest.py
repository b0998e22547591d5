"""Fixtures shared by all tests: real stores, the shared data when it is there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab.config import Settings, load_settings
from genlab.store import Store, connect

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture()
def settings() -> Settings:
    return load_settings()


@pytest.fixture()
def store(tmp_path: Path) -> Iterator[Store]:
    """A store on an empty workspace, owned by the test process."""
    with connect(tmp_path / "workspace") as opened:
        yield opened


@pytest.fixture(scope="session")
def loghub() -> Path:
    folder = _DATA / "loghub"
    if not folder.exists():
        pytest.skip(f"{folder} is not here: the LogHub data are not part of the project")
    return folder
