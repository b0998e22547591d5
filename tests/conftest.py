"""Fixtures shared by all tests: real stores, the shared data when it is there."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from genlab.config import Settings, load_settings
from genlab.encoders import Encoder
from genlab.store import Store, connect

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def settings() -> Settings:
    return load_settings()


@pytest.fixture
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


QUICK = (
    "model.hidden=32",
    "model.components=16",
    "model.latent_dim=8",
    "training.epochs=6",
    "labelling.stored_responsibilities=6",
)
FLEET_MESSAGES = 400


@pytest.fixture(scope="session")
def quick() -> Settings:
    """Settings of a small model that trains in a second."""
    return load_settings(overrides=QUICK)


@pytest.fixture(scope="session")
def encoder(quick: Settings) -> Encoder:
    """The real default encoder, loaded once."""
    from genlab.encoders import load_encoder  # here, so that other tests start without torch

    return load_encoder(quick.encoder)


@pytest.fixture(scope="session")
def fitted_template(
    tmp_path_factory: pytest.TempPathFactory, quick: Settings, encoder: Encoder
) -> Path:
    """A closed workspace: 400 messages of the simulated fleet, version 1 in force, no label.

    The messages are in fleet.jsonl beside the database.  Read it only; `fitted` is a copy.
    """
    from genlab.ingest import IngestOptions
    from genlab.ingest.fleet import load_fleet, write_jsonl
    from genlab.pipeline.embed import embed
    from genlab.pipeline.ingest import ingest
    from genlab.pipeline.jobs import Job
    from genlab.pipeline.train import train_version

    folder = tmp_path_factory.mktemp("template") / "workspace"
    with connect(folder) as store:
        path = folder / "fleet.jsonl"
        write_jsonl(path, load_fleet(), FLEET_MESSAGES, 7, datetime(2026, 3, 1), 10.0)
        ingest(store, [str(path)], IngestOptions(source="fleet"), quick.ingest)
        embed(store, encoder, quick.encoder.chunk)
        with Job(store, "train") as job:
            train_version(store, quick, encoder.version, job)
    return folder


@pytest.fixture
def fitted_folder(fitted_template: Path, tmp_path: Path) -> Path:
    """An own copy of the template, owned by nobody: for commands in other processes."""
    folder = tmp_path / "fitted"
    shutil.copytree(fitted_template, folder)
    return folder


@pytest.fixture
def fitted(fitted_folder: Path) -> Iterator[Store]:
    """The store of an own copy of the template, owned by the test process."""
    with connect(fitted_folder) as opened:
        yield opened
