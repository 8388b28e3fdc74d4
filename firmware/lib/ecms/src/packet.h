// The datagrams between box and hub, and the only place that knows their layout.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ecms {

constexpr uint8_t kFirmwareVersion[3] = {0, 1, 0};

constexpr size_t kMacSize = 6;
constexpr size_t kKeySize = 32;
constexpr size_t kTagSize = 8;

namespace v1 {
constexpr size_t kMac = 0, kTime = 6, kDevice = 10, kAmpere = 11, kSize = 12;
}

namespace v2 {
constexpr size_t kMagic = 0, kVersion = 2, kFlags = 3, kMac = 4, kDevice = 10, kRssi = 11, kTime = 12, kSequence = 16,
                 kCurrent = 20, kFirmware = 24, kSpare = 27, kTag = 28, kSize = 36;
static_assert(kTag + kTagSize == kSize);
}  // namespace v2

namespace ack {
constexpr size_t kMagic = 0, kVersion = 2, kFlags = 3, kMac = 4, kSpare = 10, kSequence = 12, kTag = 16, kSize = 24;
static_assert(kTag + kTagSize == kSize);
}  // namespace ack

enum Flag : uint8_t {
    kBackdated = 1,   // measured before the clock was set
    kResent = 2,
    kCalibrated = 4,
    kClipped = 8,     // the current was larger than the sensor can show
    kBoot = 16,       // first reading after a start
};

struct Reading {
    uint8_t device = 0;
    uint8_t flags = 0;
    int8_t rssi = 0;             // dBm
    uint32_t time = 0;           // Unix time, s
    uint32_t sequence = 0;
    uint32_t current_ma = 0;     // RMS
    uint8_t firmware[3] = {kFirmwareVersion[0], kFirmwareVersion[1], kFirmwareVersion[2]};
};

void encode_v1(const Reading& reading, const uint8_t mac[kMacSize], uint8_t out[v1::kSize]);
void encode_v2(const Reading& reading, const uint8_t mac[kMacSize], const uint8_t key[kKeySize],
               uint8_t out[v2::kSize]);

enum class Verdict : uint8_t { kForeign, kAccepted, kRefused };

// Which reading the bytes speak of; false if they are no acknowledgement for this box.
bool acknowledged_sequence(const uint8_t* data, size_t size, const uint8_t mac[kMacSize], uint32_t& sequence);

// What they say of exactly this reading; kForeign if the tag is not the hub's.
Verdict judge_acknowledgement(const uint8_t data[ack::kSize], const Reading& reading, const uint8_t key[kKeySize]);

}  // namespace ecms
