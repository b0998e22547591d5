"""Configuration: every wrong value is named."""

import json

import pytest

from genlab.config import load_settings, with_overrides
from genlab.errors import ConfigError


def test_the_defaults_are_valid_and_each_is_commented_or_plain() -> None:
    assert load_settings().training.threads >= 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.prior=flat", "model.prior"),
        ("model.components=0", "model.components"),
        ("nonsense.setting=1", "nonsense"),
        ("model.nonsense=1", "model.nonsense"),
        ("noequals", "section.name=value"),
        ("serve.host=0.0.0.0", "open_to_the_network"),
        ("serve.host=desk.example", "open_to_the_network"),
    ],
)
def test_a_wrong_override_is_named(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_settings(overrides=[override])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_accounts(host: str) -> None:
    assert load_settings(overrides=[f"serve.host={host}"]).serve.host == host


def test_open_to_the_network_is_a_decision() -> None:
    opened = ["serve.host=0.0.0.0", "serve.open_to_the_network=true"]
    with pytest.raises(ConfigError):
        load_settings(overrides=opened[:1])
    assert load_settings(overrides=opened[::-1]).serve.host == "0.0.0.0"


def test_sources_travel_to_the_services_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    source = {"name": "web", "paths": ["/var/log/web/*.log"], "format": "auto", "every_seconds": 9}
    monkeypatch.setenv("GENLAB_SET", f"flows.sources={json.dumps([source])}")
    (found,) = load_settings().flows.sources
    assert found.model_dump() == source


def test_with_overrides_checks_like_a_file() -> None:
    settings = load_settings()
    assert with_overrides(settings, {"model.prior": None}) == settings
    assert with_overrides(settings, {"model.components": "40"}).model.components == 40
    with pytest.raises(ConfigError, match=r"model\.prior"):
        with_overrides(settings, {"model.prior": "flat"})
