// What a box keeps without power. Two slots: a cut during a write leaves the older one.
#pragma once

#include "flash.h"
#include "rms.h"
#include "text.h"

namespace ecms {

constexpr size_t kMaxSsid = 32;       // IEEE 802.11
constexpr size_t kMaxPassword = 64;   // 8..63 characters, or a key of 64 hex digits
constexpr size_t kMinPassword = 8;

struct Config {
    char ssid[kMaxSsid + 1] = {};
    char password[kMaxPassword + 1] = {};
    uint8_t device = 0;
    bool calibrated = false;   // `calibration` was measured on the set-up page
    Calibration calibration;
    uint32_t hub_address = 0;  // the last good one, first byte highest; 0 = none
    uint16_t hub_port = 0;

    bool configured() const { return ssid[0] != 0; }
};

// Layout of a record.
namespace record {
constexpr size_t kMagic = 0, kVersion = 4, kLength = 6, kGeneration = 8, kSsid = 12, kPassword = kSsid + kMaxSsid,
                 kDevice = kPassword + kMaxPassword, kFlags = kDevice + 1, kHubPort = kDevice + 2, kFloor = kDevice + 4,
                 kCut = kFloor + 4, kGain = kCut + 4, kHubAddress = kGain + 4, kCrc = kHubAddress + 4, kSize = kCrc + 4;
static_assert(kSize % 4 == 0 && kFloor % 4 == 0);
}  // namespace record

void encode_record(const Config& config, uint32_t generation, uint8_t out[record::kSize]);
bool decode_record(const uint8_t data[record::kSize], Config& config, uint32_t& generation);

class ConfigStore {
  public:
    explicit ConfigStore(Flash& flash) : flash_(flash) {}

    bool load(Config& config);          // false: nothing valid is stored, `config` is untouched
    bool save(const Config& config);    // false: the flash did not take it; the previous settings stand
    bool forget();

  private:
    Flash& flash_;
    unsigned current_ = kConfigSlots - 1;
    uint32_t generation_ = 0;
};

uint32_t crc32(const uint8_t* data, size_t size);   // IEEE 802.3

}  // namespace ecms
