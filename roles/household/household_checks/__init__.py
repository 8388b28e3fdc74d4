"""Find the mistakes of an inventory, a sentence for each, and derive a household's facts from a sound one.

Knows the variables only, nothing of Ansible: everything here is a function of what it is given. A part of the
inventory is a module with functions that yield sentences; ``hosts.HUB_PARTS`` and ``hosts.SERVICE_PARTS`` list them.
"""
