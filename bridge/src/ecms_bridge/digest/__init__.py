"""``ecms-digest``: a week or a month of a household as an e-mail, against the one before."""
