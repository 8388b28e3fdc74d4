"""What can go wrong in the schema tool, as sentences for its user."""

from __future__ import annotations


class SchemaError(Exception):
    """The schema cannot be brought to where it should be; the message is one sentence for the user."""
