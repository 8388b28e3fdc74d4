"""One page to print and keep with the tools: safety, order of work, tests before first use."""

from __future__ import annotations

from typing import TypedDict

from ecms_box.sheet import Sheet


class _Page(TypedDict):
    title: str
    warn: str
    blocks: list[tuple[str, list[str]]]


_PAGE: dict[str, _Page] = {
    "en": {
        "title": "ECMS box: keep this page at the bench",
        "warn": "230 V AC CAN KILL. Never open the box while it is plugged in. Not certified: your own risk.",
        "blocks": [
            (
                "Before you begin",
                [
                    "If you have never wired a mains plug, have somebody qualified do and check the mains side.",
                    "The plug lies unplugged in front of you, where you can see it, all the time the box is open.",
                    "USB is connected only while the box is unplugged: everything inside counts as live.",
                ],
            ),
            (
                "Order of work",
                [
                    "Inserts in the lower part (5) and the lid (4); let them cool; a screw turns in by hand.",
                    "Firmware on the board by USB, before it goes into the lid.",
                    "Socket, fuse block, sensor. Phase: plug - fuse - IP+; IP- - socket. Neutral and earth straight.",
                    "Partition. Divider 10 k / 18 k. Converter at exactly 5 V before anything is joined to it.",
                    "Board and plunger in the lid. Battery last. Lid, four screws, four caps.",
                ],
            ),
            (
                "Tests before first use (unplugged, multimeter; write the reading down)",
                [
                    "Earth pin of the plug to earth of the socket:        ______ ohm   (below 0.5)",
                    "Phase pin to phase of the socket, fuse in:           ______ ohm   (below 0.5); fuse out: open",
                    "Neutral pin to neutral of the socket:                ______ ohm   (below 0.5)",
                    "Phase to neutral, phase to earth, neutral to earth:  open (mains-powered box: L-N not open)",
                    "Each mains pin to GND of the board:                  open, above 10 Mohm",
                    "Converter out: ______ V (4.9 to 5.1)    A0 against GND at no load: ______ V (1.5 to 1.7)",
                    "Tug every wire. No loose strand. Partition in place. Caps on every screw.",
                ],
            ),
            (
                "First use",
                [
                    "Through a residual-current device of 30 mA, first with a lamp of 40 to 100 W, ten minutes.",
                    "Then the appliance for an hour, in sight. Unplug; wait; no part warmer than the hand bears.",
                    "Calibrate at http://192.168.1.2/calibra: no load, then a known load.",
                ],
            ),
            (
                "Never",
                [
                    "more than the box's mark (3.5 A or 10 A); heaters, ovens, hobs, car charging; extension of extensions;",  # noqa: E501
                    "wet rooms, outdoors, in reach of children; unattended medical or life-safety equipment;",
                    "a fuse bigger than the mark, or foil in place of one; a box with a crack, a smell or a brown spot.",  # noqa: E501
                ],
            ),
        ],
    },
    "it": {
        "title": "Box ECMS: foglio da tenere sul banco",
        "warn": "230 V AC POSSONO UCCIDERE. Mai aprire con la spina inserita. Non certificata.",
        "blocks": [
            (
                "Prima di cominciare",
                [
                    "Chi non ha mai cablato una spina faccia eseguire e controllare il lato rete da una persona qualificata.",  # noqa: E501
                    "La spina resta staccata e in vista per tutto il tempo in cui la box è aperta.",
                    "L'USB si collega solo a box staccata: tutto ciò che sta dentro va considerato in tensione.",
                ],
            ),
            (
                "Ordine dei lavori",
                [
                    "Inserti nella parte inferiore (5) e nel coperchio (4); lasciarli raffreddare; la vite entra a mano.",  # noqa: E501
                    "Firmware sulla scheda via USB, prima di montarla nel coperchio.",
                    "Presa, portafusibile, sensore. Fase: spina - fusibile - IP+; IP- - presa. Neutro e terra diretti.",
                    "Parete. Partitore 10 k / 18 k. Convertitore esattamente a 5 V prima di collegarvi altro.",
                    "Scheda e pulsante nel coperchio. Batteria per ultima. Coperchio, quattro viti, quattro tappi.",
                ],
            ),
            (
                "Prove prima del primo uso (spina staccata, multimetro; annotare le letture)",
                [
                    "Terra della spina verso terra della presa:           ______ ohm   (meno di 0,5)",
                    "Fase della spina verso fase della presa, con fusibile: ______ ohm (meno di 0,5); senza: aperto",
                    "Neutro della spina verso neutro della presa:         ______ ohm   (meno di 0,5)",
                    "Fase-neutro, fase-terra, neutro-terra:               aperto (box alimentata: L-N non aperto)",
                    "Ogni polo di rete verso GND della scheda:            aperto, oltre 10 Mohm",
                    "Uscita convertitore: ______ V (4,9-5,1)    A0 verso GND senza carico: ______ V (1,5-1,7)",
                    "Tirare ogni filo. Nessun trefolo libero. Parete al suo posto. Tappi su ogni vite.",
                ],
            ),
            (
                "Primo uso",
                [
                    "Dietro un differenziale da 30 mA, prima con una lampada da 40-100 W per dieci minuti.",
                    "Poi l'elettrodomestico per un'ora, a vista. Staccare; attendere; nulla scotti alla mano.",
                    "Calibrare su http://192.168.1.2/calibra: senza carico, poi con un carico noto.",
                ],
            ),
            (
                "Mai",
                [
                    "oltre la marcatura (3,5 A o 10 A); stufe, forni, piani cottura, ricarica auto; prolunghe su prolunghe;",  # noqa: E501
                    "locali umidi, esterno, a portata di bambini; apparecchi medicali o di sicurezza;",
                    "un fusibile più grande della marcatura, o stagnola; una box con crepe, odore o macchie brune.",
                ],
            ),
        ],
    },
}


def safety_sheet(language: str) -> Sheet:
    """Return the A4 page in `en` or `it`."""
    page = _PAGE[language]
    sheet = Sheet(210.0, 297.0, page["title"])
    sheet.text(15, 20, page["title"], 5.0, bold=True)
    sheet.box(15, 25, 180, 12, 0.6, (180, 20, 20), (255, 232, 228))
    sheet.text(105, 32.8, page["warn"], 2.75, "middle", bold=True, colour=(150, 10, 10))
    y = 48.0
    for heading, lines in page["blocks"]:
        sheet.text(15, y, heading, 3.6, bold=True)
        y += 7.5
        for line in lines:
            sheet.box(16, y - 3.1, 3.4, 3.4, 0.25)
            sheet.text(22, y, line, 2.5)
            y += 7.2
        y += 4.0
    return sheet
