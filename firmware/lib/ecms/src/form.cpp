#include "form.h"

namespace ecms {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr size_t kLongestName = 16;

}  // namespace

size_t decode_form(Text encoded, char* out, size_t capacity) {
    size_t length = 0;
    for (size_t i = 0; i < encoded.size; ++i) {
        char byte = encoded.data[i];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%' && encoded.size - i > 2) {
            const int high = hex_digit(encoded.data[i + 1]);
            const int low = hex_digit(encoded.data[i + 2]);
            if (high >= 0 && low >= 0) {
                byte = static_cast<char>(high << 4 | low);
                i += 2;
            }
        }
        if (length < capacity) out[length] = byte;
        ++length;
    }
    return length;
}

bool find_parameter(Text query, Text name, Text& value) {
    while (query.size > 0) {
        const auto* end = static_cast<const char*>(memchr(query.data, '&', query.size));
        const size_t length = end != nullptr ? static_cast<size_t>(end - query.data) : query.size;
        const auto* equals = static_cast<const char*>(memchr(query.data, '=', length));
        const size_t name_length = equals != nullptr ? static_cast<size_t>(equals - query.data) : length;
        char decoded[kLongestName];
        const size_t decoded_length = decode_form(Text(query.data, name_length), decoded, sizeof decoded);
        if (decoded_length <= sizeof decoded && Text(decoded, decoded_length) == name) {
            value = equals != nullptr ? Text(equals + 1, length - name_length - 1) : Text();
            return true;
        }
        query = query.from(length + 1);
    }
    return false;
}

}  // namespace ecms
