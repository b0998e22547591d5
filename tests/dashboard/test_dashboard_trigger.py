"""The door to Prefect when nobody is behind it; with somebody it is tested in tests/flows."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from dashboard import trigger
from genlab.errors import GenlabError


def test_without_up_it_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(GenlabError, match="genlab up"):
        trigger.start("train")
    with pytest.raises(GenlabError, match="genlab up"):
        trigger.cancel("5b0c8f5e-55a5-4b3e-9d54-3f4d5f8c4e0a")


@pytest.mark.parametrize("beside_a_loop", [False, True])
def test_a_server_that_is_down_is_an_error_in_words(
    monkeypatch: pytest.MonkeyPatch, beside_a_loop: bool
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    def ask() -> None:
        with pytest.raises(GenlabError, match="cannot start train"):
            trigger.start("train", {"epochs": 1})
        with pytest.raises(GenlabError, match="cannot cancel"):
            trigger.cancel("5b0c8f5e-55a5-4b3e-9d54-3f4d5f8c4e0a")

    async def ask_beside_a_loop() -> None:
        ask()

    with socket.socket() as nobody:  # bound, not listening: connections are refused
        nobody.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{nobody.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", api)
        with temporary_settings({PREFECT_API_URL: api}):
            if beside_a_loop:
                # a thread of its own: Playwright may have left a loop running on this one
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(copy_context().run, asyncio.run, ask_beside_a_loop()).result(60)
            else:
                ask()
