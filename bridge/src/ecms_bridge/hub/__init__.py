"""The hub's daemon: receives the boxes' datagrams and keeps every reading until the writer confirms it."""
