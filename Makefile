# The front door: `make help` lists what can be done.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON := .venv/bin/python
STAMPS := build/stamps
UV := build/uv/bin/uv
UV_VERSION := 0.13.9
export PYTHONPATH := $(CURDIR)/bridge/src:$(CURDIR)/tests:$(CURDIR)/grafana

# What a Debian with git and make lacks: for Ansible, for the machines of the demo, and besides for the tests.
ANSIBLE_PACKAGES := python3 python3-venv openssh-client sshpass ca-certificates
DEMO_PACKAGES := $(ANSIBLE_PACKAGES) \
	podman netavark runc iptables nftables debootstrap debian-archive-keyring
TEST_PACKAGES := mariadb-server galera-4 rsync mosquitto erlang-base shellcheck g++ cmake doctest-dev \
	gcc-xtensa-lx106 picolibc-xtensa-lx106-elf

DURATION ?=
STAGES ?=
SCALE ?= year
PARTS ?=

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

$(STAMPS)/demo-packages: Makefile tests/install-debian-packages
	@tests/install-debian-packages $(DEMO_PACKAGES)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/test-packages: $(STAMPS)/demo-packages Makefile tests/install-debian-packages
	@tests/install-debian-packages $(TEST_PACKAGES)
	@mkdir -p $(@D) && touch $@

# Not any python3 of the user's: Debian's own, which has the same versions everywhere.
$(STAMPS)/venv: requirements/dev.txt $(STAMPS)/demo-packages
	@echo "Installing the locked Python packages into .venv ..."
	@/usr/bin/python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@mkdir -p $(@D) && touch $@

.PHONY: ansible
ansible:  ## install Ansible into .venv and nothing more: what installing a hub needs
	@tests/install-debian-packages $(ANSIBLE_PACKAGES)
	@echo "Installing Ansible into .venv ..."
	@/usr/bin/python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/ansible.txt

.PHONY: setup
setup: $(STAMPS)/venv  ## install what the demo needs: Debian packages (as root or with sudo) and .venv

.PHONY: setup-test
setup-test: setup $(STAMPS)/test-packages  ## install what the tests need besides

.PHONY: demo
demo: setup  ## a hub from nothing with seven simulated boxes and a live table; DURATION=60 ends by itself
	@$(PYTHON) -m demo up $(if $(DURATION),--duration $(DURATION))

.PHONY: demo-down
demo-down: setup  ## remove the demo's hub and everything it stored
	@$(PYTHON) -m demo down

.PHONY: test
test: setup-test  ## every test, with a summary that lists what was not run; STAGES="lint unit" chooses
	@$(PYTHON) tests/run.py $(STAGES)

.PHONY: test-fast
test-fast: setup  ## ruff, mypy and the unit tests: the inner loop
	@$(PYTHON) tests/run.py lint-python unit

.PHONY: lint unit contract molecule cluster e2e
lint: setup-test  ## ruff, mypy, yamllint, shellcheck, playbook syntax, ansible-lint
unit: setup-test  ## tests that need nothing but Python
contract: setup-test  ## golden vectors, schemas, access; on real servers started for the test
molecule: setup-test  ## the roles on Debian 12 and 13 together
cluster: setup-test  ## one database becomes three machines under load; they lose their power, one and all
e2e: setup-test  ## the whole way from simulated boxes to rows, with everything killed in turn
lint unit contract molecule cluster e2e:
	@$(PYTHON) tests/run.py $@

.PHONY: firmware cad
firmware: setup-test  ## the box's program: its tests, and what fits on the chip
	@$(PYTHON) tests/run.py $@

cad: setup-test  ## the printed case: models, drawings and pictures made anew
	@$(MAKE) -C cad cad

.PHONY: bench
bench: setup-test  ## figures beside the document's own way; SCALE=small, month, year or full, PARTS="pipe,home" or all
	@$(PYTHON) -m bench --scale $(SCALE) $(if $(PARTS),--parts $(PARTS))

.PHONY: security
security: setup-test  ## every cell of the access matrix asked again, and the table in docs/security.md written anew
	@$(PYTHON) -m isolation

.PHONY: dashboards
dashboards: setup  ## the dashboards of grafana/dashboards made anew from their queries and texts
	@$(PYTHON) -m ecms_dashboards

.PHONY: lock
lock: setup $(UV)  ## lock the Python packages again, at their newest allowed versions
	@for name in ansible dev bridge; do \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--upgrade --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

$(UV): Makefile
	@/usr/bin/python3 -m venv build/uv
	@build/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.PHONY: clean
clean:  ## remove every machine, image and cache; what the demo stored goes with it
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m machines clean; fi
	@rm -rf .venv .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@rm -rf build 2>/dev/null || sudo rm -rf build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
