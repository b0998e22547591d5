"""``genlab token`` from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genlab.cli import genlab
from genlab.errors import InputError
from genlab.pipeline.tokens import Caller, recognise
from genlab.store import connect


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(genlab, ["token", *arguments, "--workspace", str(home)])


def test_a_token_is_printed_once_listed_without_it_and_revoked(tmp_path: Path) -> None:
    printed = run(tmp_path, "add", "collector", "--role", "annotator", "--expires", "90").stdout
    token = printed.strip()
    assert printed == token + "\n"
    with connect(tmp_path) as store:
        assert recognise(store, token) == Caller("collector", "annotator")
    (row,) = json.loads(run(tmp_path, "list", "--json").stdout)
    assert (row["name"], row["role"], row["expired"]) == ("collector", "annotator", False)
    assert row["expires_at"][:10] > row["created_at"][:10]
    assert token not in run(tmp_path, "list").stdout
    other = run(tmp_path, "add", "other").stdout.strip()
    assert other != token
    assert run(tmp_path, "revoke", "collector").exit_code == 0
    with connect(tmp_path) as store:
        assert recognise(store, token) is None
        assert recognise(store, other) == Caller("other", "viewer")
    assert [row["name"] for row in json.loads(run(tmp_path, "list", "--json").stdout)] == ["other"]
    again = run(tmp_path, "add", "collector").stdout.strip()
    assert again != token


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "ann"], "genlab token revoke ann"),
        (["add", ""], "printable"),
        (["add", "two\nlines"], "printable"),
        (["add", "x" * 81], "80"),
        (["add", "bob", "--expires", "0"], "more than 0"),
        (["add", "bob", "--expires", "nan"], "more than 0"),
        (["revoke", "nobody"], "known: ann"),
    ],
)
def test_refusals_say_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert run(tmp_path, "add", "ann").exit_code == 0
    refused = run(tmp_path, *arguments)
    assert isinstance(refused.exception, InputError)
    assert said in str(refused.exception)


def test_a_role_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    assert run(tmp_path, "add", "ann", "--role", "king").exit_code == 2
