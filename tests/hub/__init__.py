"""A provisioned hub on a test machine, as the demo and the end-to-end tests use it."""

from hub.provision import REPOSITORY, ProvisionError, run_site
from hub.running import Hub

__all__ = ["REPOSITORY", "Hub", "ProvisionError", "run_site"]
