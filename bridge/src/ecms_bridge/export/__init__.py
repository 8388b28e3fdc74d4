"""``ecms-export``: what was measured, as a table for a spreadsheet."""
