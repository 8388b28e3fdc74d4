"""``python -m ecms_bridge.simulator`` is ``ecms-simulate``."""

import sys

from ecms_bridge.simulator.cli import main

sys.exit(main())
