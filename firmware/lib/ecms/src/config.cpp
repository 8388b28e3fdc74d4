#include "config.h"

#include "bytes.h"

namespace ecms {
namespace {

constexpr uint32_t kMagic = 0x45434D53;   // ECMS
constexpr uint16_t kVersion = 1;
constexpr uint8_t kFlagCalibrated = 1;

}  // namespace

uint32_t crc32(const uint8_t* data, size_t size) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; ++i) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

void encode_record(const Config& config, uint32_t generation, uint8_t out[record::kSize]) {
    memset(out, 0, record::kSize);
    put_u32(out + record::kMagic, kMagic);
    put_u16(out + record::kVersion, kVersion);
    put_u16(out + record::kLength, record::kSize);
    put_u32(out + record::kGeneration, generation);
    memcpy(out + record::kSsid, config.ssid, kMaxSsid);
    memcpy(out + record::kPassword, config.password, kMaxPassword);
    out[record::kDevice] = config.device;
    out[record::kFlags] = config.calibrated ? kFlagCalibrated : 0;
    put_u16(out + record::kHubPort, config.hub_port);
    put_u32(out + record::kFloor, config.calibration.floor_mcounts);
    put_u32(out + record::kCut, config.calibration.cut_mcounts);
    put_u32(out + record::kGain, config.calibration.gain_ppm);
    put_u32(out + record::kHubAddress, config.hub_address);
    put_u32(out + record::kCrc, crc32(out, record::kCrc));
}

bool decode_record(const uint8_t data[record::kSize], Config& config, uint32_t& generation) {
    if (get_u32(data + record::kMagic) != kMagic || get_u16(data + record::kVersion) != kVersion ||
        get_u16(data + record::kLength) != record::kSize ||
        get_u32(data + record::kCrc) != crc32(data, record::kCrc)) {
        return false;
    }
    generation = get_u32(data + record::kGeneration);
    config = Config();
    memcpy(config.ssid, data + record::kSsid, kMaxSsid);
    memcpy(config.password, data + record::kPassword, kMaxPassword);
    config.device = data[record::kDevice];
    config.calibrated = (data[record::kFlags] & kFlagCalibrated) != 0;
    config.hub_port = get_u16(data + record::kHubPort);
    config.calibration.floor_mcounts = get_u32(data + record::kFloor);
    config.calibration.cut_mcounts = get_u32(data + record::kCut);
    config.calibration.gain_ppm = get_u32(data + record::kGain);
    config.hub_address = get_u32(data + record::kHubAddress);
    return true;
}

bool ConfigStore::load(Config& config) {
    bool found = false;
    alignas(4) uint8_t data[record::kSize];
    for (unsigned slot = 0; slot < kConfigSlots; ++slot) {
        Config candidate;
        uint32_t generation = 0;
        if (!flash_.read(slot, 0, data, sizeof data) || !decode_record(data, candidate, generation)) continue;
        // Serial number arithmetic, so that the counter may wrap.
        if (found && static_cast<int32_t>(generation - generation_) < 0) continue;
        found = true;
        config = candidate;
        current_ = slot;
        generation_ = generation;
    }
    return found;
}

bool ConfigStore::save(const Config& config) {
    const unsigned slot = (current_ + 1) % kConfigSlots;
    alignas(4) uint8_t data[record::kSize];
    alignas(4) uint8_t back[record::kSize];
    encode_record(config, generation_ + 1, data);
    if (!flash_.erase(slot) || !flash_.write(slot, 0, data, sizeof data) ||
        !flash_.read(slot, 0, back, sizeof back) || memcmp(data, back, sizeof data) != 0) {
        return false;
    }
    current_ = slot;
    ++generation_;
    return true;
}

bool ConfigStore::forget() {
    bool erased = true;
    for (unsigned slot = 0; slot < kConfigSlots; ++slot) erased = flash_.erase(slot) && erased;
    return erased;
}

}  // namespace ecms
