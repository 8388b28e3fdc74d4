#!/bin/sh
# Prints what this machine holds of one household, one line for each thing, to compare two moments. What changes with
# every minute of a hub's life is left out: its status and what the writer counts.
set -eu
slug=$1

if [ -d "/var/lib/mysql/ecms_$slug" ]; then
    mariadb-dump --single-transaction --skip-dump-date --ignore-table="ecms_$slug.hub_status" \
        --ignore-table="ecms_$slug.writer_status" --ignore-table="ecms_$slug.box" "ecms_$slug" |
        sha256sum | sed 's/-$/rows and tables/'
    mariadb --batch --skip-column-names "ecms_$slug" --execute "SELECT HEX(mac), idDevice FROM box ORDER BY mac" |
        sha256sum | sed 's/-$/boxes/'
    for table in global_priv db tables_priv columns_priv; do
        mariadb --batch --skip-column-names mysql --execute "SELECT * FROM $table" |
            tr -d '\134' | grep "$slug" | sort | sha256sum | sed "s/-\$/$table/"
    done
fi
if [ -f /var/lib/mosquitto/dynamic-security.json ]; then
    python3 - "$slug" <<'PYTHON'
import json, sys
with open("/var/lib/mosquitto/dynamic-security.json") as file:
    state = json.load(file)
for kind in ("clients", "roles"):
    for one in state[kind]:
        if sys.argv[1] in json.dumps(one):
            print(kind, json.dumps(one, sort_keys=True))
PYTHON
fi
find /etc /opt/ecms /var/lib/ecms* -xdev -type f -path "*$slug*" -printf '%p %m %u %T@\n' 2>/dev/null | sort
# Every home has to do with it where the one Grafana was restarted.
if [ -d "/etc/grafana/ecms/dashboards/$slug" ]; then
    systemctl show --property=InvocationID grafana-server | sed 's/^/dashboards /'
fi
# On the household's own hub everything is its own.
if grep -qs "^household = \"$slug\"" /etc/ecms/udp_to_mqtt.toml; then
    find /etc -xdev -type f ! -path '/etc/.pwd.lock' -printf '%p %m %u %T@\n' | sort | sha256sum | sed 's/-$/files of the hub/'
    systemctl show --property=InvocationID ecms-udp-to-mqtt chrony avahi-daemon
fi
