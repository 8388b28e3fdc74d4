#include "text.h"

namespace ecms {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

char flash_byte(const char* at) {
#if defined(__XTENSA__)
    const auto address = reinterpret_cast<uintptr_t>(at);
    const uint32_t word = *reinterpret_cast<const volatile uint32_t*>(address & ~uintptr_t{3});
    return static_cast<char>(word >> (8 * (address & 3)));
#else
    return *at;
#endif
}

// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0 if there is none.
size_t utf8_length(Text text) {
    const auto* p = reinterpret_cast<const uint8_t*>(text.data);
    const uint8_t lead = p[0];
    if (lead < 0x80) return 1;
    size_t length = 0;
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    }
    if (length == 0 || text.size < length || p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; ++i) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    return length;
}

}  // namespace

void Page::put(char byte) {
    if (used_ == sizeof buffer_) flush();
    buffer_[used_++] = byte;
}

void Page::flush() {
    if (used_ > 0) sink_.write(buffer_, used_);
    used_ = 0;
}

Page& Page::raw(Text text) {
    for (size_t i = 0; i < text.size; ++i) put(text.data[i]);
    return *this;
}

Page& Page::raw(FlashText text) {
    for (const char* at = text.data; char byte = flash_byte(at); ++at) put(byte);
    return *this;
}

Page& Page::html(Text text) {
    for (size_t i = 0; i < text.size; ++i) {
        switch (text.data[i]) {
            case '&': raw("&amp;"); break;
            case '<': raw("&lt;"); break;
            case '>': raw("&gt;"); break;
            case '"': raw("&quot;"); break;
            case '\'': raw("&#39;"); break;
            default: put(text.data[i]);
        }
    }
    return *this;
}

Page& Page::url(Text text) {
    for (size_t i = 0; i < text.size; ++i) {
        const auto byte = static_cast<uint8_t>(text.data[i]);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                           (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_' || byte == '.' || byte == '~';
        if (plain) {
            put(text.data[i]);
        } else {
            put('%');
            put(kHex[byte >> 4]);
            put(kHex[byte & 15]);
        }
    }
    return *this;
}

Page& Page::json(Text text) {
    while (text.size > 0) {
        const auto byte = static_cast<uint8_t>(text.data[0]);
        const size_t length = utf8_length(text);
        if (length == 0) {
            raw("\xEF\xBF\xBD");
        } else if (byte == '"' || byte == '\\') {
            put('\\');
            put(text.data[0]);
        } else if (byte < 0x20) {
            raw("\\u00");
            put(kHex[byte >> 4]);
            put(kHex[byte & 15]);
        } else {
            raw(Text(text.data, length));
        }
        text = text.from(length == 0 ? 1 : length);
    }
    return *this;
}

Page& Page::number(int64_t value) {
    char digits[20];
    size_t used = 0;
    auto rest = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
    do {
        digits[used++] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) put('-');
    while (used > 0) put(digits[--used]);
    return *this;
}

Page& Page::milli(uint32_t thousandths, unsigned decimals) {
    uint32_t unit = 1000;
    uint64_t shown = thousandths;
    for (unsigned i = decimals; i < 3; ++i) {
        unit /= 10;
        shown = (shown + 5) / 10;
    }
    number(static_cast<int64_t>(shown / unit));
    if (decimals == 0) return *this;
    put('.');
    for (uint32_t digit = unit / 10; digit > 0; digit /= 10) put(static_cast<char>('0' + shown / digit % 10));
    return *this;
}

}  // namespace ecms
