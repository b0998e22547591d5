"""``python -m genlab.store WORKSPACE``: run the owner process of a workspace."""

import sys

from genlab.store.owner import main

main(sys.argv[1])
