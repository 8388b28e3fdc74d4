// SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ecms {

constexpr size_t kDigestSize = 32;

class Sha256 {
  public:
    Sha256();
    void update(const void* data, size_t size);
    void finish(uint8_t digest[kDigestSize]);

  private:
    void block(const uint8_t* bytes);

    uint32_t state_[8];
    uint64_t length_ = 0;
    uint8_t buffer_[64];
};

struct Bytes {
    const void* data;
    size_t size;
};

// Of the two parts one after the other; keys longer than a block are not used here and not supported.
void hmac_sha256(const uint8_t* key, size_t key_size, Bytes first, Bytes second, uint8_t digest[kDigestSize]);

// In a time that does not depend on where the bytes differ.
bool equal_constant_time(const uint8_t* a, const uint8_t* b, size_t size);

}  // namespace ecms
