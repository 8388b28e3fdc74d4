"""Settings of hypothesis: on a loaded or slow machine, time says nothing about correctness."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("ecms", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ecms")
