"""The queries of ``grafana/sql`` as Grafana would send them, by our reading of its documentation, not by Grafana."""
