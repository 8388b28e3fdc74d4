// What the household's inventory decides. One constant of this type is rendered per build.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "rms.h"

namespace ecms {

struct Device {
    uint8_t id;
    const char* name;
};

enum class Language : uint8_t { kItalian, kEnglish };

struct Settings {
    const char* build;                   // names sources and settings together
    const char* household;
    Language language;
    const char* access_point;
    const char* access_point_password;   // empty: open
    uint8_t access_point_channel;
    const char* hub_host;                // as mDNS knows it: "pi.local"
    uint32_t hub_address;                // fixed address, first byte highest; 0 = none
    uint16_t udp_port;
    const char* time_servers[2];         // after the hub itself
    const char* ota_password;
    uint8_t key[kKeySize];
    uint8_t protocol;                    // 1 or 2
    Part part;
    uint16_t mains_voltage_v;
    Calibration calibration;             // until the box has its own
    bool calibrated;
    const Device* devices;
    size_t device_count;

    const char* device_name(uint8_t id) const {
        for (size_t i = 0; i < device_count; ++i) {
            if (devices[i].id == id) return devices[i].name;
        }
        return nullptr;
    }
};

}  // namespace ecms
