// Settings of a household that does not exist, in the form playbooks/flash.yml renders; a test may give its own in the
// environment (sim/README.md). Never on a chip: the key is public.
#pragma once

#include <stdlib.h>

#include <list>
#include <string>
#include <vector>

#include "form.h"
#include "settings.h"

inline const char* sim_setting(const char* name, const char* fallback) {
    const char* value = getenv(name);
    return value != nullptr ? value : fallback;
}

inline ecms::Settings sim_settings() {
    ecms::Settings settings = {};
    settings.build = "simulator";
    settings.household = sim_setting("ECMS_SIM_HOUSEHOLD", "Casa d'Esempio");
    settings.language = std::string(sim_setting("ECMS_SIM_LANGUAGE", "it")) == "en" ? ecms::Language::kEnglish
                                                                                  : ecms::Language::kItalian;
    settings.access_point = "ECMS_device";
    settings.access_point_password = sim_setting("ECMS_SIM_ACCESS_POINT_PASSWORD", "");
    settings.access_point_channel = 1;
    settings.hub_host = sim_setting("ECMS_SIM_HUB_HOST", "pi.local");
    settings.udp_port = static_cast<uint16_t>(atoi(sim_setting("ECMS_SIM_UDP_PORT", "4210")));
    settings.time_servers[0] = "pool.ntp.org";
    settings.time_servers[1] = "";
    settings.ota_password = "only-for-tests";
    const std::string key = sim_setting("ECMS_SIM_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    for (size_t i = 0; i < ecms::kKeySize && 2 * i + 1 < key.size(); ++i) {
        settings.key[i] = static_cast<uint8_t>(strtoul(key.substr(2 * i, 2).c_str(), nullptr, 16));
    }
    settings.protocol = static_cast<uint8_t>(atoi(sim_setting("ECMS_SIM_PROTOCOL", "2")));
    settings.part = ecms::Part::k05B;
    settings.mains_voltage_v = 230;

    static std::list<std::string> names;
    static std::vector<ecms::Device> devices;
    const std::string listed = sim_setting("ECMS_SIM_DEVICES",
                                           "1=Lavatrice&2=Frigorifero&3=Lavastoviglie&4=Asciugatrice&5=Condizionatore"
                                           "&6=Forno&7=Microonde");
    for (size_t at = 0; at < listed.size();) {
        const size_t end = listed.find('&', at) == std::string::npos ? listed.size() : listed.find('&', at);
        const size_t equals = listed.find('=', at);
        std::string name(end - equals - 1, '\0');
        name.resize(ecms::decode_form(ecms::Text(listed.data() + equals + 1, name.size()), name.data(), name.size()));
        names.push_back(name);
        devices.push_back({static_cast<uint8_t>(atoi(listed.c_str() + at)), names.back().c_str()});
        at = end + 1;
    }
    settings.devices = devices.data();
    settings.device_count = devices.size();
    return settings;
}

inline const ecms::Settings ecms_settings = sim_settings();
