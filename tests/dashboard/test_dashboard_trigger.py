"""The door to Prefect when nobody is behind it; with somebody it is tested in tests/flows."""

import socket

import pytest

from dashboard import trigger
from genlab.errors import GenlabError


def test_without_up_it_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(GenlabError, match="genlab up"):
        trigger.start("train")
    with pytest.raises(GenlabError, match="genlab up"):
        trigger.cancel("5b0c8f5e-55a5-4b3e-9d54-3f4d5f8c4e0a")


def test_a_server_that_is_down_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with socket.socket() as nobody:  # bound, not listening: connections are refused
        nobody.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{nobody.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", api)
        with temporary_settings({PREFECT_API_URL: api}):
            with pytest.raises(GenlabError, match="cannot start train"):
                trigger.start("train", {"epochs": 1})
            with pytest.raises(GenlabError, match="cannot cancel"):
                trigger.cancel("5b0c8f5e-55a5-4b3e-9d54-3f4d5f8c4e0a")
