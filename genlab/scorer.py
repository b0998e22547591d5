"""The scorer: encoder and active model, kept warm for whoever has new text.

``python -m genlab.scorer WORKSPACE``; the question travels as in the store: Arrow Flight on
loopback, with the workspace's token.  Action ``predict``: {"records": [...]} in, {"predictions":
[...]} or {"error", "kind"} out.
"""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow.flight as flight

from genlab.config import load_settings
from genlab.errors import GenlabError, InputError
from genlab.pipeline.predict import Predictor
from genlab.store import Workspace, connect
from genlab.store.owner import TokenCheck
from genlab.store.workspace import write_service_file


class Scorer(flight.FlightServerBase):
    """Serves one predictor on a free loopback port; ``port`` says which."""

    def __init__(self, predictor: Predictor, token: str):
        super().__init__("grpc://127.0.0.1:0", middleware={"token": TokenCheck(token)})
        self._predictor = predictor
        self._one_at_a_time = threading.Lock()

    def warm(self) -> None:
        """Load what the first question needs; questions that come meanwhile wait."""
        with self._one_at_a_time:
            try:
                self._predictor.warm()
            except GenlabError as error:
                print(f"not warm yet: {error}", flush=True)

    def do_action(self, context: Any, action: flight.Action) -> Iterator[bytes]:
        if action.type == "ping":
            return iter([b'{"ok": true}'])
        if action.type != "predict":
            raise flight.FlightServerError(f"no action {action.type!r}; known: ping, predict")
        try:
            records = json.loads(bytes(action.body))["records"]
            if not isinstance(records, list):
                raise InputError(f"found records of type {type(records).__name__}, expected a list")
            with self._one_at_a_time:
                answer: dict[str, Any] = {"predictions": self._predictor.predict(records)}
        except GenlabError as error:
            answer = {"error": str(error), "kind": type(error).__name__}
        except (ValueError, KeyError, TypeError) as error:
            answer = {"error": f"a malformed question: {error!r}", "kind": InputError.__name__}
        return iter([json.dumps(answer).encode()])


def main(folder: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    workspace = Workspace(folder)
    settings = load_settings(workspace.folder)
    with connect(workspace, settings.store, may_own=False) as store:
        scorer = Scorer(Predictor(store, settings, lasting=True), workspace.token())
        write_service_file(workspace.scorer_file, port=scorer.port)
        threading.Thread(target=scorer.warm, daemon=True).start()
        print(f"scorer of {workspace.folder} listens on port {scorer.port}", flush=True)
        stop.wait()
        workspace.scorer_file.unlink(missing_ok=True)
        scorer.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
