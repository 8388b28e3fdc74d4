"""Simulated boxes: they measure made-up or recorded appliances and speak to a hub as real boxes do."""
