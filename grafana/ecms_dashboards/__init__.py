"""The three dashboards: made from grafana/sql and a file of text for each language, as Grafana stores dashboards."""
