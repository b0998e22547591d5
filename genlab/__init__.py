"""genlab: a triage desk for machine text.

A few expert labels become many correct ones, with a calibrated "how sure", and messages unlike
anything seen before are flagged.  ``from genlab import Triage`` gives the scikit-learn style API;
the ``genlab`` command gives everything else.
"""

from typing import TYPE_CHECKING, Any

from genlab.version import __version__

if TYPE_CHECKING:
    from genlab.triage import Triage

__all__ = ["Triage", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy: `import genlab` must stay fast and free of torch for the command line and the dashboard.
    if name == "Triage":
        from genlab.triage import Triage

        return Triage
    raise AttributeError(f"module 'genlab' has no attribute {name!r}")
