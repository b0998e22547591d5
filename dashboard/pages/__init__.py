"""The pages, in the order of the navigation.

Each module holds PATH, NAME, ``layout(desk, search)`` (what the frame shows for the address) and
``register(app, desk)`` (its callbacks).
"""

from types import ModuleType

from dashboard.pages import (
    devices,
    jobs,
    lab,
    labels,
    map,
    overview,
    review,
    train,
    unknowns,
)

PAGES: list[ModuleType] = [
    overview,
    map,
    review,
    unknowns,
    train,
    labels,
    devices,
    lab,
    jobs,
]
