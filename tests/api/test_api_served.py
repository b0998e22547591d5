"""The API as it is served: gunicorn with two workers, an owner process, real sockets."""

import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from desk import wait_for
from serving import owner, serve, web
from synthetic_desk import fill

from genlab.pipeline.tokens import add_token, revoke_token
from genlab.store import connect


class Answer(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]


class Api(NamedTuple):
    """The API of a workspace."""

    folder: Path
    address: str

    def call(self, path: str, body: Any = None, method: str = "", **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = f"{self.address}/api/v1{path}"
        request = urllib.request.Request(address, data, named, method=method or None)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, json.load(answer), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.load(error), dict(error.headers))

    def healthy(self) -> bool:
        return self.call("/health").status == 200

    def raw(self, request: bytes) -> str:
        at = urlsplit(self.address)
        with socket.create_connection((at.hostname, at.port), timeout=60) as line:
            line.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := line.recv(65536):
                    answer += chunk
        return answer.decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api") / "workspace"
    with connect(folder) as store:
        fill(store, 200, 4, 12)
    (folder / "genlab.toml").write_text("[api]\nmax_body_bytes = 20000\n")
    with serve(folder, workers=2, threads=4) as address:
        api = Api(folder, address)
        wait_for("the API", 90, api.healthy)
        yield api


def test_two_workers_do_a_repeated_write_once(served: Api) -> None:
    with connect(served.folder, may_own=False) as store:
        patterns = [row["pattern_id"] for row in store.rows("patterns.all")[:9]]
        before = store.rows("messages.totals")[0]["messages"]
    labels = {"labels": [{"pattern_id": p, "label": "pump"} for p in patterns]}
    keyed = {"Idempotency_Key": "both"}
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: served.call("/labels", labels, **keyed), range(8)))
        sent = list(pool.map(lambda _: served.call("/messages", ["a", "b"], **keyed), range(8)))
    assert {answer.status for answer in given + sent} == {200}
    assert len({answer.body["gesture"] for answer in given}) == 1
    assert {answer.body["messages"] for answer in sent} == {2}
    with connect(served.folder, may_own=False) as store:
        for pattern in patterns:
            assert len(store.rows("labels.history", pattern_id=pattern, limit=9)) == 1
        assert store.rows("messages.totals")[0]["messages"] == before + 2


def test_the_pages_and_the_api_stand_side_by_side(served: Api) -> None:
    with urllib.request.urlopen(served.address + "/map", timeout=60) as answer:
        assert "text/html" in answer.headers["Content-Type"]
    document = served.call("/openapi.json").body
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    missing = served.call("/nothing")
    assert (missing.status, missing.body["status"]) == (404, 404)
    assert missing.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("line", ["Host: desk.example", "Host: x\r\nOrigin: http://x"])
def test_a_rebound_name_is_turned_away(served: Api, line: str) -> None:
    asked = f"GET /api/v1/labels HTTP/1.1\r\n{line}\r\nConnection: close\r\n\r\n"
    assert served.raw(asked.encode()).startswith("HTTP/1.1 401")


def test_too_large_a_body_is_refused_with_and_without_a_length(served: Api) -> None:
    large = served.call("/messages", ["x" * 30_000])
    assert large.status == 413
    assert "api.max_body_bytes" in large.body["detail"]
    chunked = (
        b"POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5\r\n["a"]\r\n0\r\n\r\n'
    )
    assert served.raw(chunked).startswith("HTTP/1.1 411")


@pytest.mark.slow
def test_a_dead_owner_is_said_and_its_return_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    with connect(folder) as store:
        fill(store, 40, 2, 4)
    with web(folder, threads=4) as address:
        at = Api(folder, address)
        with owner(folder):
            wait_for("the API", 90, at.healthy)
        away = at.call("/labels")
        assert away.status == 503
        assert int(away.headers["Retry-After"]) > 0
        assert "genlab up" in away.body["detail"]
        assert at.call("/health").status == 503
        with owner(folder):
            wait_for("the API", 60, at.healthy)
            assert at.call("/labels").status == 200


def test_a_token_holds_in_every_worker_until_it_is_revoked(served: Api) -> None:
    """The last one here: from now on nobody gets in without a token."""
    with connect(served.folder, may_own=False) as store:
        key = {"Authorization": f"Bearer {add_token(store, 'ann', 'viewer')}"}
        assert {served.call("/labels").status for _ in range(12)} == {401}
        assert {served.call("/labels", **key).status for _ in range(12)} == {200}
        assert served.call("/labels", {"labels": []}, **key).status == 403
        revoke_token(store, "ann")
        assert {served.call("/labels", **key).status for _ in range(12)} == {401}
        assert served.call("/health").status == 200
