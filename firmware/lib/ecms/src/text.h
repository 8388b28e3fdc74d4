// Bytes with a length, and where pages are written. Nothing here allocates.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// On the ESP8266 every constant lives in RAM unless it is placed in the flash's code region.
#if defined(__XTENSA__)
#define ECMS_FLASH(name) __attribute__((section(".irom.text.ecms." #name), aligned(4)))
#else
#define ECMS_FLASH(name)
#endif

namespace ecms {

struct Text {
    const char* data = "";
    size_t size = 0;

    constexpr Text() = default;
    constexpr Text(const char* bytes, size_t length) : data(bytes), size(length) {}
    Text(const char* terminated) : data(terminated), size(strlen(terminated)) {}

    bool operator==(const Text& other) const {
        return size == other.size && (size == 0 || memcmp(data, other.data, size) == 0);
    }
    bool operator!=(const Text& other) const { return !(*this == other); }
    bool starts_with(const Text& other) const {
        return size >= other.size && memcmp(data, other.data, other.size) == 0;
    }
    Text from(size_t offset) const { return offset < size ? Text(data + offset, size - offset) : Text(); }
};

// Text in flash, which the ESP8266 reads by aligned words only.
struct FlashText {
    const char* data;
};

class Sink {
  public:
    virtual void write(const char* data, size_t size) = 0;

  protected:
    ~Sink() = default;
};

// Collects small pieces, so that a page leaves in few TCP segments.
class Page {
  public:
    explicit Page(Sink& sink) : sink_(sink) {}
    ~Page() { flush(); }
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;

    Page& raw(Text text);
    Page& raw(FlashText text);
    Page& html(Text text);    // escaped for text and attribute values
    Page& url(Text text);     // percent-encoded for a query
    Page& json(Text text);    // escaped for a JSON string, invalid UTF-8 replaced
    Page& number(int64_t value);
    Page& milli(uint32_t thousandths, unsigned decimals = 3);
    void flush();

  private:
    void put(char byte);

    Sink& sink_;
    size_t used_ = 0;
    char buffer_[256];
};

}  // namespace ecms
