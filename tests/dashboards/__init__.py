"""What tests need to judge dashboards."""
