"""Who may do what, asked from the outside with each household's own credentials: cells as data, and what came of them.

``python -m isolation`` runs tests/contract/isolation and writes its table into docs/security.md.
"""
