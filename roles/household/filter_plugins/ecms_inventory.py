"""Filters of the role household: what they do is in the package ``household_checks`` beside this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

_ROLE = Path(__file__).resolve().parents[1]
for _place in (str(_ROLE), str(_ROLE.parents[1] / "bridge" / "src")):
    if _place not in sys.path:
        sys.path.append(_place)

from household_checks.alerts import needed_secrets  # noqa: E402
from household_checks.dashboard import user_secrets  # noqa: E402
from household_checks.facts import household_facts, service_facts  # noqa: E402
from household_checks.files import file_mistakes  # noqa: E402
from household_checks.hosts import (  # noqa: E402
    given_of,
    host_mistakes,
    run_mistakes,
    service_host,
    service_hosts,
    service_keeper,
    service_places,
    stray_mistakes,
)
from household_checks.removal import confirmation_mistakes, removal_mistakes  # noqa: E402
from household_checks.scaffold import neighbour_mistakes, new_household, scaffold_mistakes  # noqa: E402
from household_checks.secrets import kept_secret_mistakes, secret_names  # noqa: E402
from household_checks.shared import shared_mistakes  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "ecms_file_mistakes": file_mistakes,
            "ecms_shared_mistakes": shared_mistakes,
            "ecms_host_mistakes": host_mistakes,
            "ecms_stray_mistakes": stray_mistakes,
            "ecms_run_mistakes": run_mistakes,
            "ecms_service_host": service_host,
            "ecms_service_hosts": service_hosts,
            "ecms_service_keeper": service_keeper,
            "ecms_service_places": service_places,
            "ecms_given_of": given_of,
            "ecms_secret_names": secret_names,
            "ecms_dashboard_secrets": user_secrets,
            "ecms_message_secrets": lambda given: list(needed_secrets(given)),
            "ecms_kept_secret_mistakes": kept_secret_mistakes,
            "ecms_household_facts": household_facts,
            "ecms_service_facts": service_facts,
            "ecms_removal_mistakes": removal_mistakes,
            "ecms_confirmation_mistakes": confirmation_mistakes,
            "ecms_scaffold_mistakes": scaffold_mistakes,
            "ecms_neighbour_mistakes": neighbour_mistakes,
            "ecms_new_household": new_household,
        }
