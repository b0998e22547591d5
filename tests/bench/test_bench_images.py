"""Image collections are read as they were written, and nothing foreign is unpickled."""

import gzip
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from genlab.bench.image_data import MEMBER, load_images, read_idx, read_idx_folder, read_mnist_wheel
from genlab.errors import InputError

RNG = np.random.default_rng(0)


def wheel(path: Path, content: object, protocol: int = 4) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, gzip.compress(pickle.dumps(content, protocol=protocol)))
    return path


def part(n: int) -> tuple[np.ndarray, np.ndarray]:
    pixels = RNG.integers(256, size=(n, 784))
    return (pixels / 256).astype(np.float32), RNG.integers(10, size=n)


@pytest.mark.parametrize("protocol", [3, 4])
def test_the_wheel_is_read_in_the_order_of_its_parts(tmp_path: Path, protocol: int):
    parts = [part(n) for n in (5, 3, 4)]
    found = read_mnist_wheel(wheel(tmp_path / "m.whl", tuple(parts), protocol))
    pixels = np.concatenate([parts[0][0], parts[1][0]])
    np.testing.assert_allclose(found.train, pixels * 256 / 255, atol=1e-6)
    np.testing.assert_array_equal(found.train_labels, np.r_[parts[0][1], parts[1][1]])
    np.testing.assert_array_equal(found.test_labels, parts[2][1])
    assert found.test.shape == (4, 784)
    assert found.train.dtype == np.float32
    assert found.shape == (28, 28)


class Foreign:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/genlab-was-here",)


@pytest.mark.parametrize(
    "content", [Foreign(), (part(2), part(2), np.array([Foreign()], object)), np.zeros(3)]
)
def test_whatever_else_a_pickle_holds_is_refused_unread(tmp_path: Path, content: object):
    with pytest.raises(InputError, match="found no MNIST"):
        read_mnist_wheel(wheel(tmp_path / "m.whl", content))
    assert not Path("/tmp/genlab-was-here").exists()


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path):
    (tmp_path / "m.whl").write_text("not a zip")
    with pytest.raises(InputError, match="expected the wheel"):
        read_mnist_wheel(tmp_path / "m.whl")


def idx(path: Path, array: np.ndarray) -> np.ndarray:
    sizes = np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()))
    return array


def test_idx_files_are_read_as_written(tmp_path: Path):
    images = [RNG.integers(256, size=(n, 4, 3)).astype(np.uint8) for n in (6, 2)]
    labels = [RNG.integers(10, size=n).astype(np.uint8) for n in (6, 2)]
    for name, pixels, kinds in zip(("train", "t10k"), images, labels, strict=True):
        idx(tmp_path / f"{name}-images-idx3-ubyte.gz", pixels)
        idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", kinds)
    found = read_idx_folder("mine", tmp_path)
    np.testing.assert_allclose(found.train, images[0].reshape(6, 12) / 255, atol=1e-7)
    np.testing.assert_array_equal(found.test_labels, labels[1])
    assert found.shape == (4, 3)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08\x01\0\0\0\x05abc", b"\0\0\x0d\x01\0\0\0\1abcd"]
)
def test_a_damaged_idx_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match="expected an IDX file"):
        read_idx(tmp_path / "a.gz")
    (tmp_path / "b.gz").write_bytes(b"plain")
    with pytest.raises(InputError, match="gzip"):
        read_idx(tmp_path / "b.gz")


def test_the_embedded_digits_are_always_there_and_split_once():
    found, again = load_images("digits"), load_images("digits")
    assert len(found.train) + len(found.test) == 1797
    assert 0 == found.train.min() < found.train.max() == 1
    np.testing.assert_array_equal(found.test, again.test)
    with pytest.raises(InputError, match="mnist, fashion, digits"):
        load_images("cats")
