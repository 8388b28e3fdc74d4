"""A household's schema: its migrations, calendar, appliances, rights and upkeep."""
