// The three flash sectors a box writes, as the chip behaves: erased to 0xFF, writing only clears bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ecms {

constexpr size_t kSectorSize = 4096;
constexpr unsigned kConfigSlots = 2;
constexpr unsigned kJournalSector = kConfigSlots;
constexpr unsigned kSectors = kConfigSlots + 1;

// Offsets and sizes are multiples of 4, buffers are aligned to 4.
class Flash {
  public:
    virtual bool read(unsigned sector, size_t offset, uint8_t* data, size_t size) = 0;
    virtual bool write(unsigned sector, size_t offset, const uint8_t* data, size_t size) = 0;
    virtual bool erase(unsigned sector) = 0;

  protected:
    ~Flash() = default;
};

}  // namespace ecms
