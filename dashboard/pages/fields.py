"""Controls that are named for screen readers without a caption beside them."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard import parts


def named(caption: str, control: Any) -> Any:
    """A control and its name, which is read and not seen."""
    return html.Label([html.Span(caption, className="visually-hidden"), control])


def search(component: str, caption: str) -> Any:
    """A search field that the key / goes to."""
    field = dbc.Input(
        id=component,
        type="search",
        debounce=300,
        placeholder=f"{caption}  ( / )",
        class_name="gl-field",
    )
    return html.Div(
        named(caption, field),
        className="gl-search",
        **parts.attributes({"data-genlab-search": "1"}),
    )
