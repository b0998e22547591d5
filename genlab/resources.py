"""Where sql/ and config/ live: inside the wheel, or at the root of a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(relative: str) -> Path:
    """The path of a file or folder below sql/ or config/, e.g. ``resource("sql/migrations")``."""
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        path = root / relative
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{relative} is neither in {_PACKAGE / '_resources'} nor in {_PACKAGE.parent}: "
        "the installation is incomplete, install genlab again"
    )
