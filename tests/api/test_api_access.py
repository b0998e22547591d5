"""Who may do what: every route and every role, and what keeps other sites' pages out."""

import re

import pytest
from flask.testing import FlaskClient

from dashboard.api import create_api
from dashboard.api.limits import Buckets
from dashboard.state import Desk
from genlab.config import Settings, with_overrides
from genlab.pipeline.tokens import ROLES, add_token, list_tokens, revoke_token
from genlab.store import Store

# The whole API, said a second time: a route that is added has to be added here.
NEEDED = {
    ("POST", "/messages"): "annotator",
    ("POST", "/predictions"): "viewer",
    ("POST", "/scoring"): "annotator",
    ("GET", "/labels"): "viewer",
    ("POST", "/labels"): "annotator",
    ("GET", "/labels/current"): "viewer",
    ("POST", "/labels/take-back"): "annotator",
    ("GET", "/labels/export"): "viewer",
    ("GET", "/patterns/<pattern_id>/labels"): "viewer",
    ("GET", "/queue"): "viewer",
    ("POST", "/queue/state"): "annotator",
    ("GET", "/suggestions"): "viewer",
    ("GET", "/versions"): "viewer",
    ("GET", "/versions/active"): "viewer",
    ("POST", "/versions/promote"): "admin",
    ("POST", "/versions/roll-back"): "admin",
    ("GET", "/shadows"): "viewer",
    ("GET", "/shadows/<version>"): "viewer",
    ("POST", "/shadows/start"): "admin",
    ("POST", "/shadows/stop"): "admin",
    ("GET", "/status"): "viewer",
    ("GET", "/health"): None,
}
OF_THE_DESCRIPTION = {"/", "/openapi.json", "/swagger", "/oauth2-redirect.html"}


def call(client: FlaskClient, method: str, rule: str, token: str | None = None, **headers: str):
    path = re.sub("<[^>]+>", "x", rule)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    # An empty object is never a whole request but for two routes, neither of which can harm here.
    body = {"json": {}} if method == "POST" else {}
    return client.open(path, method=method, headers=headers, **body)


def test_every_route_has_a_role_that_is_checked(client: FlaskClient, filled: Store) -> None:
    rules = {
        (method, rule.rule)
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if "static" not in rule.endpoint and rule.rule not in OF_THE_DESCRIPTION
    }
    assert rules == set(NEEDED)
    tokens = {role: add_token(filled, role, role) for role in ROLES}
    add_token(filled, "gone", "admin")
    for (method, rule), needed in NEEDED.items():
        for role, token in tokens.items():
            answer = call(client, method, rule, token)
            allowed = needed is None or ROLES.index(role) >= ROLES.index(needed)
            assert (answer.status_code != 403) == allowed, (method, rule, role, answer.text)
            assert answer.status_code != 401
        for wrong in (None, "nonsense", ""):
            status = call(client, method, rule, wrong).status_code
            assert (status == 401) == (needed is not None), (method, rule, wrong)


def test_the_description_tells_the_roles_that_are_checked(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"]
    told = {
        (method.upper(), path.replace("{", "<").replace("}", ">")): operation["x-role"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    assert told == {place: role or "none" for place, role in NEEDED.items()}


def test_a_token_is_shown_once_kept_as_a_hash_and_ends_when_revoked(
    client: FlaskClient, filled: Store
) -> None:
    token = add_token(filled, "ann", "viewer")
    assert call(client, "GET", "/labels", token).status_code == 200
    for file in filled.workspace.folder.rglob("*"):
        if file.is_file() and file.name != "owner.token":
            assert token.encode() not in file.read_bytes(), file
    revoke_token(filled, "ann")
    refused = call(client, "GET", "/labels", token)
    assert refused.status_code == 401
    assert "invalid_token" in refused.headers["WWW-Authenticate"]
    assert call(client, "GET", "/labels").status_code == 401  # the last one gone opens nothing


def test_a_token_expires(client: FlaskClient, filled: Store) -> None:
    over = add_token(filled, "ann", "viewer", days=1e-9)
    good = add_token(filled, "bob", "viewer", days=1)
    assert call(client, "GET", "/labels", over).status_code == 401
    assert call(client, "GET", "/labels", good).status_code == 200
    assert {row["name"]: row["expired"] for row in list_tokens(filled)} == {
        "ann": True,
        "bob": False,
    }


def test_the_last_use_is_written_once_a_minute(client: FlaskClient, filled: Store) -> None:
    token = add_token(filled, "ann", "viewer")
    assert list_tokens(filled)[0]["last_used_at"] is None
    call(client, "GET", "/labels", token)
    first = list_tokens(filled)[0]["last_used_at"]
    call(client, "GET", "/labels", token)
    assert first is not None
    assert list_tokens(filled)[0]["last_used_at"] == first


def test_without_tokens_this_machine_may_do_everything(client: FlaskClient) -> None:
    for method, rule in NEEDED:
        assert call(client, method, rule).status_code not in (401, 403), (method, rule)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "desk.example"},  # DNS rebinding: the page's own name points to 127.0.0.1
        {"Host": "127.0.0.1.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},  # another server of this machine
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-Forwarded-For": "10.0.0.1"},
        {"Forwarded": "for=10.0.0.1"},
    ],
)
def test_pages_of_other_sites_and_proxies_need_a_token(
    client: FlaskClient, filled: Store, headers: dict[str, str]
) -> None:
    for method, rule in (("GET", "/labels"), ("POST", "/labels")):
        refused = call(client, method, rule, **headers)
        assert refused.status_code == 401
        assert "genlab token add" in refused.json["detail"]
    token = add_token(filled, "ann", "admin")
    assert call(client, "GET", "/labels", token, **headers).status_code == 200


def test_another_machine_needs_a_token(client: FlaskClient) -> None:
    answer = client.get("/labels", environ_base={"REMOTE_ADDR": "192.168.1.9"})
    assert answer.status_code == 401
    assert "192.168.1.9" in answer.json["detail"]
    assert client.get("/labels", headers={"Host": "[::1]:8050"}).status_code == 200


def test_listening_to_the_network_closes_it_for_all_without_token(
    filled: Store, roomy: Settings
) -> None:
    given = {"serve.host": "10.0.0.9", "serve.open_to_the_network": True}
    desk = Desk(filled.workspace, with_overrides(roomy, given), filled)
    client = create_api(desk).test_client()
    assert client.get("/labels").status_code == 401
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_or_a_simple_request_cannot_write(client: FlaskClient, kind: str | None) -> None:
    for method, rule in NEEDED:
        if method == "POST":
            answer = client.post(rule, data=b'{"version": 1}', content_type=kind)
            assert answer.status_code == 415, rule
            assert "application/json" in answer.json["detail"]


def test_no_other_site_is_ever_allowed_by_a_preflight(client: FlaskClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/labels", headers=asked)
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_too_many_requests_wait_and_others_do_not(filled: Store, roomy: Settings) -> None:
    few = with_overrides(roomy, {"api.requests_per_minute": 5})
    client = create_api(Desk(filled.workspace, few, filled)).test_client()
    ann, bob = add_token(filled, "ann", "viewer"), add_token(filled, "bob", "viewer")
    seen = [call(client, "GET", "/labels", ann).status_code for _ in range(6)]
    assert seen == [200] * 5 + [429]
    refused = call(client, "GET", "/labels", ann)
    assert 1 <= int(refused.headers["Retry-After"]) <= 12
    assert call(client, "GET", "/labels", bob).status_code == 200
    guesses = [call(client, "GET", "/labels", f"guess {i}").status_code for i in range(6)]
    assert guesses == [401] * 5 + [429]


def test_a_bucket_fills_at_its_rate() -> None:
    now = [0.0]
    buckets = Buckets(60, clock=lambda: now[0])
    assert [buckets.wait("a") for _ in range(60)] == [0.0] * 60
    assert buckets.wait("a") == pytest.approx(1.0)
    now[0] = 0.75
    assert buckets.wait("a") == pytest.approx(0.25)
    assert buckets.wait("b") == 0.0
    now[0] = 3.0
    assert [buckets.wait("a") for _ in range(3)] == [0.0] * 3
    assert buckets.wait("a") > 0
    now[0] = 1e6  # never more than one minute's worth
    assert sum(buckets.wait("a") == 0.0 for _ in range(200)) == 60
