// Values of an HTML form in a query string (application/x-www-form-urlencoded).
#pragma once

#include "text.h"

namespace ecms {

// Decodes `encoded` into at most `capacity` bytes: '+' is a space, %XX a byte, a broken escape stays as typed.
// Returns the decoded length, which exceeds `capacity` when it did not fit (the surplus is not written).
size_t decode_form(Text encoded, char* out, size_t capacity);

// The still encoded value of the first parameter called `name` (compared after decoding); false if there is none.
bool find_parameter(Text query, Text name, Text& value);

// Fixed room for one decoded value.
template <size_t N>
struct Value {
    char data[N];
    size_t size = 0;
    bool present = false;
    bool fits = true;

    void read(Text query, Text name) {
        Text encoded;
        present = find_parameter(query, name, encoded);
        size = present ? decode_form(encoded, data, N) : 0;
        fits = size <= N;
        if (!fits) size = N;
    }
    Text text() const { return Text(data, size); }
};

}  // namespace ecms
