// What the light says. Documented in docs/firmware.md.
#pragma once

#include <stdint.h>

namespace ecms {

enum class Light : uint8_t {
    kSetup,       // even blink, once a second: the access point is open
    kJoining,     // fast blink
    kNoNetwork,   // one short flash every two seconds
    kNoClock,     // two
    kNoHub,       // three
    kNoSensor,    // four
    kRunning,     // dark, a short flash for every acknowledged reading
    kSafeMode,    // on, with a short gap every second
};

constexpr uint32_t kFlashMs = 60;

inline bool led_on(Light light, uint64_t uptime_ms, uint64_t last_acknowledged_ms) {
    const auto blink = [uptime_ms](uint32_t flashes) {
        const auto at = static_cast<uint32_t>(uptime_ms % 2000);
        return at < flashes * 250 && at % 250 < kFlashMs;
    };
    switch (light) {
        case Light::kSetup: return uptime_ms % 1000 < 500;
        case Light::kJoining: return uptime_ms % 200 < 100;
        case Light::kNoNetwork: return blink(1);
        case Light::kNoClock: return blink(2);
        case Light::kNoHub: return blink(3);
        case Light::kNoSensor: return blink(4);
        case Light::kSafeMode: return uptime_ms % 1000 >= 100;
        case Light::kRunning: break;
    }
    return last_acknowledged_ms != 0 && uptime_ms - last_acknowledged_ms < kFlashMs;
}

}  // namespace ecms
