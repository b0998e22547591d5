"""Settings for quick trainings."""

import pytest

from genlab.config import TrainingSettings, load_settings


@pytest.fixture
def settings() -> TrainingSettings:
    return load_settings().training.model_copy(update={"threads": 1, "batch_size": 64})
