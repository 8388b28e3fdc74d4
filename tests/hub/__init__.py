"""A provisioned hub on a test machine, as the demo and the end-to-end tests use it."""

from hub.discovery import announced_port, announces_name
from hub.provision import REPOSITORY, ProvisionError, SiteRun, run_site
from hub.running import Hub

__all__ = ["REPOSITORY", "Hub", "ProvisionError", "SiteRun", "announced_port", "announces_name", "run_site"]
