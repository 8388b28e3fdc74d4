// Settings of a household that does not exist, in the form playbooks/flash.yml renders. For tests only: its key is public.
#pragma once

#include "settings.h"

inline constexpr ecms::Device ecms_devices[] = {
    {1, "Lavatrice"}, {2, "Frigorifero"}, {3, "Lavastoviglie"}, {4, "Asciugatrice"},
    {5, "Condizionatore"}, {6, "Forno"}, {7, "Caff\u00e8 & <microonde>"},
};

inline constexpr ecms::Settings ecms_settings = {
    "Casa d'Esempio", ecms::Language::kItalian, "ECMS_device", "", 1, "pi.local", 0, 4210,
    {"2.pool.ntp.org", "time.example.net"}, "only-for-tests",
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
    2, ecms::Part::k05B, 230, {1500, 2500, 1000000}, false, ecms_devices, 7,
};
