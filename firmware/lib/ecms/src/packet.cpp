#include "packet.h"

#include <string.h>

#include "bytes.h"
#include "sha256.h"

namespace ecms {
namespace {

constexpr uint8_t kVersion = 2;
constexpr uint8_t kReadingMagic[2] = {'E', 'C'};
constexpr uint8_t kAckMagic[2] = {'E', 'A'};
constexpr uint8_t kAckRefused = 1;
constexpr uint32_t kMaxWholeAmpere = 255;

// Bytes 12..23 of the datagram: what an acknowledgement is bound to.
constexpr size_t kBoundSize = v2::kFirmware - v2::kTime;

void put_bound(const Reading& reading, uint8_t* at) {
    put_u32(at, reading.time);
    put_u32(at + (v2::kSequence - v2::kTime), reading.sequence);
    put_u32(at + (v2::kCurrent - v2::kTime), reading.current_ma);
}

}  // namespace

void encode_v1(const Reading& reading, const uint8_t mac[kMacSize], uint8_t out[v1::kSize]) {
    memcpy(out + v1::kMac, mac, kMacSize);
    put_u32(out + v1::kTime, reading.time);
    out[v1::kDevice] = reading.device;
    const uint32_t ampere = reading.current_ma / 1000 + (reading.current_ma % 1000 >= 500 ? 1 : 0);
    out[v1::kAmpere] = static_cast<uint8_t>(ampere < kMaxWholeAmpere ? ampere : kMaxWholeAmpere);
}

void encode_v2(const Reading& reading, const uint8_t mac[kMacSize], const uint8_t key[kKeySize],
               uint8_t out[v2::kSize]) {
    memcpy(out + v2::kMagic, kReadingMagic, sizeof kReadingMagic);
    out[v2::kVersion] = kVersion;
    out[v2::kFlags] = reading.flags;
    memcpy(out + v2::kMac, mac, kMacSize);
    out[v2::kDevice] = reading.device;
    out[v2::kRssi] = static_cast<uint8_t>(reading.rssi);
    put_bound(reading, out + v2::kTime);
    memcpy(out + v2::kFirmware, reading.firmware, sizeof reading.firmware);
    out[v2::kSpare] = 0;
    uint8_t digest[kDigestSize];
    hmac_sha256(key, kKeySize, {out, v2::kTag}, {nullptr, 0}, digest);
    memcpy(out + v2::kTag, digest, kTagSize);
}

bool acknowledged_sequence(const uint8_t* data, size_t size, const uint8_t mac[kMacSize], uint32_t& sequence) {
    if (size != ack::kSize || memcmp(data + ack::kMagic, kAckMagic, sizeof kAckMagic) != 0 ||
        data[ack::kVersion] != kVersion || memcmp(data + ack::kMac, mac, kMacSize) != 0) {
        return false;
    }
    sequence = get_u32(data + ack::kSequence);
    return true;
}

Verdict judge_acknowledgement(const uint8_t data[ack::kSize], const Reading& reading, const uint8_t key[kKeySize]) {
    uint8_t bound[kBoundSize];
    put_bound(reading, bound);
    uint8_t digest[kDigestSize];
    hmac_sha256(key, kKeySize, {data, ack::kTag}, {bound, sizeof bound}, digest);
    if (get_u32(data + ack::kSequence) != reading.sequence ||
        !equal_constant_time(digest, data + ack::kTag, kTagSize)) {
        return Verdict::kForeign;
    }
    return data[ack::kFlags] & kAckRefused ? Verdict::kRefused : Verdict::kAccepted;
}

}  // namespace ecms
