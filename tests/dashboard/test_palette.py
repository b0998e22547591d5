"""Label colours under simulated colour blindness and on both surfaces."""

import re
from pathlib import Path

import numpy as np
import pytest

from dashboard.figures.palette import (
    CONFIDENCE_SCALE,
    DOUBT_SCALE,
    LABEL_COLOURS,
    TIME_SCALE,
    label_colours,
)

CSS = (Path(__file__).resolve().parents[2] / "dashboard/assets/genlab.css").read_text()

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.clip(rgb, 0, 1) @ XYZ.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    """WCAG 2 contrast ratio."""
    dark, light = sorted(float(linear(c) @ XYZ[1]) for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


def variables(theme: str) -> dict[str, str]:
    """The CSS variables of a theme."""
    start = CSS.index(':root[data-theme="dark"]') if theme == "dark" else CSS.index(":root {")
    block = CSS[start : CSS.index("}", start)]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))


@pytest.mark.parametrize("vision", list(VISION))
def test_label_colours_stay_apart(vision):
    points = [lab(VISION[vision] @ linear(c)) for c in LABEL_COLOURS[:8]]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(points) for b in points[:i]]
    assert min(apart) >= 24  # Okabe and Ito's own eight reach 17 under the same measure
    points = [lab(VISION[vision] @ linear(c)) for c in LABEL_COLOURS]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(points) for b in points[:i]]
    assert min(apart) >= (24 if vision == "normal" else 12)


def test_no_label_colour_is_grey():
    assert min(np.hypot(*lab(linear(c))[1:]) for c in LABEL_COLOURS) >= 20


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_show_on_the_map(theme):
    surface = variables(theme)["map-surface"]
    assert min(contrast(c, surface) for c in LABEL_COLOURS[:8]) >= 2.45
    assert min(contrast(c, surface) for c in LABEL_COLOURS) >= 1.65
    for scale in (CONFIDENCE_SCALE, DOUBT_SCALE, TIME_SCALE):
        assert min(contrast(c, surface) for c in scale) >= 2.2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [("ink", "surface"), ("ink-2", "surface"), ("ink-2", "sunken"), ("ink-3", "raised"),
     ("ink-3", "surface"), ("accent", "raised"), ("accent", "accent-soft"),
     ("accent-ink", "accent"), ("amber", "amber-soft"), ("red", "red-soft"), ("red", "raised"),
     ("ink", "map-surface"),     ("green", "raised")],
)  # fmt: skip
def test_text_reaches_aa(theme, ink, paper):
    colours = variables(theme)
    assert contrast(colours[ink], colours[paper]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_borders_of_controls_reach_aa(theme):
    colours = variables(theme)
    assert contrast(colours["line-strong"], colours["raised"]) >= 3


def test_both_ways_into_the_dark_are_the_same():
    start = CSS.index("@media (prefers-color-scheme: dark)")
    media = CSS[start : CSS.index("}", start)]
    assert dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", media)) == variables("dark")


def test_twenty_four_colours_then_they_repeat():
    assert len(set(LABEL_COLOURS)) == len(LABEL_COLOURS) == 24
    assert label_colours(26) == [*LABEL_COLOURS, *LABEL_COLOURS[:2]]
