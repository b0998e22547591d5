"""The map's binary body, decoded here by a second reader written from the description alone."""

import json
import struct

import numpy as np
import pytest

from dashboard.figures.map_payload import (
    NO_CATEGORY,
    CategoryColours,
    ValueColours,
    encode_colours,
    encode_points,
)
from genlab.errors import InputError

TEXT = '<b>"\x00\n\ud800</b> é 漢'


def decode(body: bytes) -> tuple[dict, dict]:
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    assert (4 + length) % 8 == 0
    blocks = {}
    for block in header["blocks"]:
        start = 4 + length + block["offset"]
        assert start % 8 == 0
        n = block["length"]
        if block["type"] == "json":
            blocks[block["name"]] = json.loads(body[start : start + n])
        else:
            code, width = {"f4": ("f", 4), "u2": ("H", 2), "u1": ("B", 1)}[block["type"]]
            values = struct.unpack_from(f"<{n}{code}", body, start)
            assert start + n * width <= len(body)
            blocks[block["name"]] = list(values)
    return header, blocks


def test_points_come_back_as_they_went():
    x, y = np.array([0.5, -1.25, 3.0]), np.array([1e-3, 2.0, -7.5], dtype=np.float32)
    header, blocks = decode(
        encode_points(x, y, np.array([1, 2, 5000]), ["a", "b", "c"], [TEXT] * 3)
    )
    assert (header["format"], header["kind"], header["count"]) == ("genlab-map/1", "points", 3)
    assert blocks["x"] == [0.5, -1.25, 3.0]
    assert blocks["y"] == y.tolist()
    assert blocks["size"] == [1, 2, 5000]
    assert blocks["ids"] == ["a", "b", "c"]
    assert blocks["texts"] == [TEXT.replace("\ud800", "?")] * 3


def test_no_points_is_a_body_too():
    header, blocks = decode(encode_points(np.empty(0), np.empty(0), np.empty(0), []))
    assert header["count"] == 0
    assert blocks == {"x": [], "y": [], "size": [], "ids": []}


def test_categories_and_filter():
    colours = CategoryColours(
        np.array([0, -1, 1, 7]), ["pump", TEXT[:3]], ["#111111", "#222222"], "label",
        np.array([True, False, True, True]),
    )  # fmt: skip
    header, blocks = decode(encode_colours(colours))
    assert blocks == {"index": [0, NO_CATEGORY, 1, NO_CATEGORY], "shown": [1, 0, 1, 1]}
    assert (header["kind"], header["name"], header["palette"]) == (
        "category",
        "label",
        ["#111111", "#222222"],
    )


def test_values_keep_nan_and_range():
    colours = ValueColours(np.array([0.25, np.nan]), ["#000000", "#ffffff"], 0, 1, "s_ood")
    header, blocks = decode(encode_colours(colours))
    assert blocks["value"][0] == 0.25
    assert np.isnan(blocks["value"][1])
    assert (header["min"], header["max"], header["scale"]) == (0, 1, ["#000000", "#ffffff"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: encode_points(np.zeros(2), np.zeros(3), np.zeros(2), ["a", "b"]), "3 of y for 2"),
        (
            lambda: encode_points(np.zeros(1), np.array([np.nan]), np.ones(1), ["a"]),
            "1 values of y that are not",
        ),
        (lambda: encode_colours(CategoryColours(np.zeros(1), ["a"], [])), "0 colours for 1 names"),
        (lambda: encode_colours(ValueColours(np.zeros(1), ["#fff"], 0, 1)), "a scale of 1"),
        (lambda: encode_colours(ValueColours(np.zeros(1), ["#fff"] * 2, np.nan, 1)), "finite"),
        (
            lambda: encode_colours(
                CategoryColours(np.zeros(1), ["a"], ["#fff"], "", np.ones(2, bool))
            ),
            "a filter of 2 for 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
