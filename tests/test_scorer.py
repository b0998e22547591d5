"""The scorer and its client over real Flight; the answers themselves are tested with Predictor."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pyarrow.flight as flight
import pytest

from genlab.config import Settings
from genlab.errors import GenlabError, NotReady, StoreUnavailable
from genlab.pipeline.predict import Predictor
from genlab.scorer import Scorer
from genlab.scorer_client import ask
from genlab.store import Store
from genlab.store.workspace import write_service_file


@pytest.fixture
def scorer(store: Store, settings: Settings) -> Iterator[Scorer]:
    """On a workspace without any model version."""
    serving = Scorer(Predictor(store, settings), store.workspace.token())
    write_service_file(store.workspace.scorer_file, port=serving.port)
    yield serving
    serving.shutdown()


def test_before_the_first_version_it_says_so(scorer: Scorer, store: Store) -> None:
    assert ask(store.workspace, []) == []
    with pytest.raises(NotReady, match="genlab train"):
        ask(store.workspace, [{"text": "pump pressure low"}])


def test_without_the_token_nothing_is_answered(scorer: Scorer) -> None:
    with flight.FlightClient(f"grpc://127.0.0.1:{scorer.port}") as client:
        action = flight.Action("predict", json.dumps({"records": []}).encode())
        with pytest.raises(flight.FlightUnauthenticatedError):
            list(client.do_action(action))


def test_a_malformed_question_is_refused_in_words(scorer: Scorer, store: Store) -> None:
    headers = [(b"authorization", f"Bearer {store.workspace.token()}".encode())]
    options = flight.FlightCallOptions(headers=headers)
    with flight.FlightClient(f"grpc://127.0.0.1:{scorer.port}") as client:
        for body in (b"nonsense", b"{}", b'{"records": 3}'):
            (result,) = client.do_action(flight.Action("predict", body), options)
            assert json.loads(result.body.to_pybytes())["kind"] == "InputError"
        with pytest.raises(flight.FlightServerError, match="known: ping, predict"):
            list(client.do_action(flight.Action("dance", b""), options))


def test_no_scorer_is_an_error_of_its_own(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="genlab up"):
        ask(store.workspace, [{"text": "x"}])
    write_service_file(store.workspace.scorer_file, port=1)  # nobody listens there
    with pytest.raises(StoreUnavailable, match="does not answer"):
        ask(store.workspace, [{"text": "x"}])


def test_the_clients_load_no_heavy_library() -> None:
    code = (
        "import sys, genlab.scorer_client, genlab.supervisor, dashboard.trigger; "
        "heavy = {'torch', 'prefect', 'dash', 'umap', 'sentence_transformers'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_error_of_the_predictor_keeps_its_words(scorer: Scorer, store: Store) -> None:
    with pytest.raises(GenlabError, match="genlab train"):
        ask(store.workspace, ["pump"])
