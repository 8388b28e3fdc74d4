"""``make bench``: what ECMS does side by side with the document's own way, on the machine it runs on."""
