#include "dns.h"

#include <string.h>

#include "bytes.h"

namespace ecms {
namespace {

constexpr size_t kHeader = 12;
constexpr size_t kLongestName = 255;
constexpr uint16_t kTypeA = 1, kClassIn = 1;
constexpr uint8_t kResponse = 0x80, kOpcode = 0x78, kAuthoritative = 0x04, kRecursion = 0x01;
// Short, since the same phone asks for real addresses a minute later.
constexpr uint32_t kTtlSeconds = 10;

}  // namespace

size_t answer_dns(const uint8_t* query, size_t size, const uint8_t address[4], uint8_t* out) {
    if (size < kHeader || size > kMaxDnsSize || (query[2] & (kResponse | kOpcode)) != 0 || get_u16(query + 4) != 1) {
        return 0;
    }
    size_t end = kHeader;
    while (end < size && query[end] != 0) {
        if (query[end] > 63) return 0;
        end += query[end] + 1u;
    }
    if (end - kHeader >= kLongestName || end + 5 > size) return 0;
    const uint16_t type = get_u16(query + end + 1);
    const bool internet = get_u16(query + end + 3) == kClassIn;
    end += 5;

    memcpy(out, query, end);
    out[2] = static_cast<uint8_t>(kResponse | kAuthoritative | (query[2] & kRecursion));
    out[3] = 0;
    memset(out + 6, 0, kHeader - 6);
    if (type != kTypeA || !internet) return end;
    out[7] = 1;
    uint8_t* answer = out + end;
    put_u16(answer, 0xC000 | kHeader);
    put_u16(answer + 2, kTypeA);
    put_u16(answer + 4, kClassIn);
    put_u32(answer + 6, kTtlSeconds);
    put_u16(answer + 10, 4);
    memcpy(answer + 12, address, 4);
    return end + kDnsAnswerSize;
}

}  // namespace ecms
