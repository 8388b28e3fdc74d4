"""`make demo`: a hub in a container, simulated boxes, and a live table of what the database holds."""
