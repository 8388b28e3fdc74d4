// While the set-up page is open every name leads to the box, so that phones show the page by themselves (RFC 1035).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ecms {

constexpr size_t kMaxDnsSize = 512;
constexpr size_t kDnsAnswerSize = 16;

// Writes the answer to `query` (the address for A, no record for other types) and returns its size; 0 if the
// query deserves none. `out` holds kMaxDnsSize + kDnsAnswerSize bytes.
size_t answer_dns(const uint8_t* query, size_t size, const uint8_t address[4], uint8_t* out);

}  // namespace ecms
