"""``python -m ecms.simulator`` is ``ecms-simulate``."""

import sys

from ecms.simulator.cli import main

sys.exit(main())
