"""A stand-in for Grafana where its packages are out of reach: proves our requests and files, not Grafana.

``server.py`` answers the part of the HTTP API that the role grafana uses, as the documentation describes it, and reads
the provisioning files; ``package.py`` puts it into a package that looks like the vendor's.
"""
