"""The database of the project's first document: its table, its five queries as written there, and what feeds it.

The queries for ampere and for watt are one text in the document. Only Grafana's macros are replaced, by what its
documentation says they become: ``$__timeFrom()`` and ``$__timeTo()`` by ``FROM_UNIXTIME(<seconds>)``.
"""

from __future__ import annotations

SCHEMA = (
    "CREATE TABLE device (idDevice INT NOT NULL AUTO_INCREMENT PRIMARY KEY, nome VARCHAR(50)) ENGINE=InnoDB",
    """
    CREATE TABLE energy_consumption (
      id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      updated_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
      idDevice INT NOT NULL,
      macAddress VARCHAR(18),
      sensorData INT,
      FOREIGN KEY (idDevice) REFERENCES device (idDevice)
    ) ENGINE=InnoDB""",
)

INSERT = "INSERT INTO energy_consumption (updated_at, idDevice, macAddress, sensorData) VALUES (%s, %s, %s, %s)"

SERIES = """
SELECT
  UNIX_TIMESTAMP(energy_consumption.updated_at) * 1000 AS "time",
  device.nome AS "metric",
  energy_consumption.sensorData AS "value"
FROM
  energy_consumption, device
WHERE
  device.idDevice = energy_consumption.idDevice AND
  energy_consumption.updated_at BETWEEN $__timeFrom() AND $__timeTo()
ORDER BY
  energy_consumption.updated_at;
"""

TOTAL = """
SELECT sum(energy_consumption.sensorData) * 230 AS "VALUE"
FROM energy_consumption
WHERE TIMESTAMPDIFF(SECOND, energy_consumption.updated_at, CURRENT_TIMESTAMP) <=11;
"""

DAILY = """
SELECT
    DATE(energy_consumption.updated_at) as "date",
    COALESCE(AVG(CASE WHEN device.nome = 'lavatrice' THEN sensorData ELSE NULL END), 0) AS lavatrice,
    COALESCE(AVG(CASE WHEN device.nome = 'frigorifero' THEN sensorData ELSE NULL END), 0) AS frigorifero,
    COALESCE(AVG(CASE WHEN device.nome = 'lavastoviglie' THEN sensorData ELSE NULL END), 0) AS lavastoviglie,
    COALESCE(AVG(CASE WHEN device.nome = 'asciugatrice' THEN sensorData ELSE NULL END), 0) AS asciugatrice,
    COALESCE(AVG(CASE WHEN device.nome = 'condizionatore' THEN sensorData ELSE NULL END), 0) AS condizionatore,
    COALESCE(AVG(CASE WHEN device.nome = 'forno' THEN sensorData ELSE NULL END), 0) AS forno,
    COALESCE(AVG(CASE WHEN device.nome = 'micronde' THEN sensorData ELSE NULL END), 0) AS micronde
FROM energy_consumption, device
WHERE
    energy_consumption.idDevice = device.idDevice AND
    DATE(energy_consumption.updated_at) BETWEEN DATE($__timeFrom()) AND DATE($__timeTo())


GROUP BY DATE(energy_consumption.updated_at)
ORDER BY DATE(energy_consumption.updated_at);
"""

THROUGHPUT = """
SELECT device.nome as "metric", count(*) as "value"
FROM energy_consumption, device
WHERE device.idDevice = energy_consumption.idDevice AND
TIMESTAMPDIFF(SECOND, energy_consumption.updated_at, CURRENT_TIMESTAMP) < 60
GROUP BY device.nome;
"""


def at(query: str, begin: int, end: int) -> str:
    """Return a query for the range from ``begin`` to ``end`` (Unix s)."""
    return query.replace("$__timeFrom()", f"FROM_UNIXTIME({begin})").replace("$__timeTo()", f"FROM_UNIXTIME({end})")
