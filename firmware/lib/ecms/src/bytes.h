// Big-endian integers, as in every datagram and record.
#pragma once

#include <stdint.h>

namespace ecms {

inline void put_u16(uint8_t* at, uint16_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

inline void put_u32(uint8_t* at, uint32_t value) {
    put_u16(at, static_cast<uint16_t>(value >> 16));
    put_u16(at + 2, static_cast<uint16_t>(value));
}

inline uint16_t get_u16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

inline uint32_t get_u32(const uint8_t* at) {
    return static_cast<uint32_t>(get_u16(at)) << 16 | get_u16(at + 2);
}

}  // namespace ecms
