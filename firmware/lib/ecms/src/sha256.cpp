#include "sha256.h"

#include <string.h>

#include "bytes.h"

namespace ecms {
namespace {

constexpr size_t kBlock = 64;

constexpr uint32_t kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

constexpr uint32_t rotate(uint32_t value, unsigned by) { return (value >> by) | (value << (32 - by)); }

}  // namespace

Sha256::Sha256() { memcpy(state_, kInitial, sizeof state_); }

void Sha256::block(const uint8_t* bytes) {
    // A sliding window of 16 words instead of the whole schedule of 64: the box has 4 kB of stack.
    uint32_t w[16];
    for (unsigned i = 0; i < 16; ++i) w[i] = get_u32(bytes + 4 * i);
    uint32_t s[8];
    memcpy(s, state_, sizeof s);
    for (unsigned i = 0; i < 64; ++i) {
        if (i >= 16) {
            const uint32_t near = w[(i - 2) & 15];
            const uint32_t far = w[(i - 15) & 15];
            w[i & 15] += (rotate(near, 17) ^ rotate(near, 19) ^ (near >> 10)) + w[(i - 7) & 15] +
                         (rotate(far, 7) ^ rotate(far, 18) ^ (far >> 3));
        }
        const uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                            ((s[4] & s[5]) ^ (~s[4] & s[6])) + kRound[i] + w[i & 15];
        const uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                            ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; ++i) state_[i] += s[i];
}

void Sha256::update(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < size; ++i) {
        buffer_[length_++ % kBlock] = bytes[i];
        if (length_ % kBlock == 0) block(buffer_);
    }
}

void Sha256::finish(uint8_t digest[kDigestSize]) {
    const uint64_t bits = length_ * 8;
    const uint8_t one = 0x80;
    const uint8_t zero = 0;
    update(&one, 1);
    while (length_ % kBlock != kBlock - 8) update(&zero, 1);
    uint8_t tail[8];
    put_u32(tail, static_cast<uint32_t>(bits >> 32));
    put_u32(tail + 4, static_cast<uint32_t>(bits));
    update(tail, sizeof tail);
    for (unsigned i = 0; i < 8; ++i) put_u32(digest + 4 * i, state_[i]);
}

void hmac_sha256(const uint8_t* key, size_t key_size, Bytes first, Bytes second, uint8_t digest[kDigestSize]) {
    uint8_t pad[kBlock] = {};
    memcpy(pad, key, key_size < kBlock ? key_size : kBlock);
    for (uint8_t& byte : pad) byte ^= 0x36;
    Sha256 inner;
    inner.update(pad, kBlock);
    inner.update(first.data, first.size);
    inner.update(second.data, second.size);
    inner.finish(digest);
    for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
    Sha256 outer;
    outer.update(pad, kBlock);
    outer.update(digest, kDigestSize);
    outer.finish(digest);
}

bool equal_constant_time(const uint8_t* a, const uint8_t* b, size_t size) {
    uint8_t difference = 0;
    for (size_t i = 0; i < size; ++i) difference |= a[i] ^ b[i];
    return difference == 0;
}

}  // namespace ecms
