"""The words of the digest, and its numbers and days, in Italian and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from ecms_bridge.digest.periods import MONTHLY, Period

IT, EN = "it", "en"

_MONTHS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        IT: (
            *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
            *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
        ),
        EN: (
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
    }
)

_TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        IT: {
            "subject_weekly": "{household}: energia della settimana {period}",
            "subject_monthly": "{household}: energia di {period}",
            "from_to": "dal {first} al {last}",
            "estimated": "Stime, dei soli apparecchi misurati, senza costi fissi. Periodo prima: {before}.",
            "total": "Totale misurato",
            "unknown_cost": "costo ignoto",
            "nothing": "nessuna misura",
            "before": "prima {wh}, {cost}",
            "before_nothing": "prima nessuna misura",
            "partial": "misurato solo il {percent} del periodo: la somma è incompleta",
            "partial_before": "il periodo prima è misurato solo per il {percent}: il confronto non regge",
            "partial_total": "un apparecchio è misurato solo per il {percent}: la somma è incompleta",
            "partial_total_before": "prima un apparecchio è misurato solo per il {percent}: il confronto non regge",
            "no_appliances": "In questo periodo non è stato misurato nulla.",
            "standby": "In attesa",
            "a_year": "{cost} all'anno",
            "floor": "Un sensore non vede meno di circa {small} (5 A), {middle} (20 A) o {large} (30 A).",
            "no_standby": "Nessun apparecchio ha avuto ore sotto i 20 W.",
            "silences": "Silenzi dei dispositivi",
            "silence": "in tutto {total}, il più lungo {longest} dal {begins}",
            "no_silences": "Nessun dispositivo ha taciuto per un quarto d'ora intero.",
            "minutes": "{minutes} min",
            "hours": "{hours} h {minutes} min",
        },
        EN: {
            "subject_weekly": "{household}: energy of the week {period}",
            "subject_monthly": "{household}: energy of {period}",
            "from_to": "from {first} to {last}",
            "estimated": "Estimates, of the measured appliances only, without fixed costs. Period before: {before}.",
            "total": "Measured total",
            "unknown_cost": "cost unknown",
            "nothing": "no readings",
            "before": "before {wh}, {cost}",
            "before_nothing": "no readings before",
            "partial": "only {percent} of the period was measured: the sum is incomplete",
            "partial_before": "only {percent} of the period before was measured: do not compare",
            "partial_total": "an appliance was measured for only {percent}: the sum is incomplete",
            "partial_total_before": "an appliance was measured for only {percent} before: do not compare",
            "no_appliances": "Nothing was measured in this period.",
            "standby": "Standby",
            "a_year": "{cost} a year",
            "floor": "A sensor sees no less than about {small} (5 A), {middle} (20 A) or {large} (30 A).",
            "no_standby": "No appliance had hours below 20 W.",
            "silences": "Silent boxes",
            "silence": "{total} in all, the longest {longest} from {begins}",
            "no_silences": "No box was silent for a whole quarter of an hour.",
            "minutes": "{minutes} min",
            "hours": "{hours} h {minutes} min",
        },
    }
)
LANGUAGES = tuple(_TEXTS)

_MINUTES_PER_HOUR = 60
_SIGNS = MappingProxyType({"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF"})


class Words:
    """One language's words."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts, self._months = _TEXTS[language], _MONTHS[language]

    def say(self, key: str, **values: str) -> str:
        return self._texts[key].format(**values)

    def number(self, value: Decimal, digits: int) -> str:
        """Return a number with this language's marks of thousands and decimals."""
        text = f"{value:,.{digits}f}"
        return text if self.language == EN else text.translate(str.maketrans(",.", ".,"))

    def wh(self, value: Decimal) -> str:
        return f"{self.number(value, 0)} Wh"

    def watt(self, value: Decimal) -> str:
        return f"{self.number(value, 1)} W"

    def percent(self, value: Decimal, *, signed: bool = False) -> str:
        """Return a share rounded down, so that no 94.9 % passes for 95 %, or a rounded change with its sign."""
        if signed:
            text = self.number(value, 0)
            return f"{'+' if round(value) > 0 else ''}{'0' if round(value) == 0 else text} %"
        return f"{int(value)} %"

    def money(self, value: Decimal | None, currency: str) -> str:
        """Return a cost; what is unknown says so, and is not 0."""
        if value is None:
            return self.say("unknown_cost")
        return f"{self.number(value, 2)} {_SIGNS.get(currency, currency)}"

    def day(self, day: date) -> str:
        return f"{day.day} {self._months[day.month - 1]} {day.year}"

    def moment(self, moment: datetime) -> str:
        return f"{moment.day} {self._months[moment.month - 1]}, {moment:%H:%M}"

    def duration(self, minutes: int) -> str:
        hours, rest = divmod(minutes, _MINUTES_PER_HOUR)
        return (
            self.say("hours", hours=str(hours), minutes=str(rest)) if hours else self.say("minutes", minutes=str(rest))
        )

    def period(self, period: Period) -> str:
        if period.kind == MONTHLY:
            return f"{self._months[period.first.month - 1]} {period.first.year}"
        return self.say("from_to", first=self.day(period.first), last=self.day(period.last))
