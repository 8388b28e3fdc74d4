// The library as plain C functions, for the Python tests (ctypes).
#include <string.h>

#include "config.h"
#include "dns.h"
#include "form.h"
#include "http.h"
#include "packet.h"
#include "rms.h"
#include "sha256.h"

using namespace ecms;

namespace {

struct BufferSink final : Sink {
    char* out;
    size_t capacity, used = 0;
    BufferSink(char* buffer, size_t size) : out(buffer), capacity(size) {}
    void write(const char* data, size_t size) override {
        for (size_t i = 0; i < size; ++i, ++used) {
            if (used < capacity) out[used] = data[i];
        }
    }
};

Reading reading_of(uint8_t device, uint8_t flags, int8_t rssi, uint32_t time, uint32_t sequence, uint32_t current_ma) {
    Reading reading;
    reading.device = device;
    reading.flags = flags;
    reading.rssi = rssi;
    reading.time = time;
    reading.sequence = sequence;
    reading.current_ma = current_ma;
    return reading;
}

}  // namespace

extern "C" {

void c_sha256(const uint8_t* data, size_t size, uint8_t* digest) {
    Sha256 sha;
    sha.update(data, size);
    sha.finish(digest);
}

void c_hmac(const uint8_t* key, size_t key_size, const uint8_t* data, size_t split, size_t size, uint8_t* digest) {
    hmac_sha256(key, key_size, {data, split}, {data + split, size - split}, digest);
}

void c_encode(int version, uint8_t device, uint8_t flags, int8_t rssi, uint32_t time, uint32_t sequence,
              uint32_t current_ma, const uint8_t* mac, const uint8_t* key, uint8_t* out) {
    const Reading reading = reading_of(device, flags, rssi, time, sequence, current_ma);
    if (version == 1) {
        encode_v1(reading, mac, out);
    } else {
        encode_v2(reading, mac, key, out);
    }
}

int c_judge(const uint8_t* data, uint32_t time, uint32_t sequence, uint32_t current_ma, const uint8_t* key) {
    return static_cast<int>(judge_acknowledgement(data, reading_of(0, 0, 0, time, sequence, current_ma), key));
}

size_t c_decode(const char* encoded, size_t size, char* out, size_t capacity) {
    return decode_form(Text(encoded, size), out, capacity);
}

int c_parameter(const char* query, size_t size, const char* name, size_t name_size, char* out, size_t capacity) {
    Text value;
    if (!find_parameter(Text(query, size), Text(name, name_size), value)) return -1;
    return static_cast<int>(decode_form(value, out, capacity));
}

uint32_t c_crc32(const uint8_t* data, size_t size) { return crc32(data, size); }

size_t c_escape(int kind, const char* text, size_t size, char* out, size_t capacity) {
    BufferSink sink(out, capacity);
    {
        Page page(sink);
        if (kind == 0) page.html(Text(text, size));
        if (kind == 1) page.url(Text(text, size));
        if (kind == 2) page.json(Text(text, size));
    }
    return sink.used;
}

size_t c_answer_dns(const uint8_t* query, size_t size, uint8_t* out) {
    const uint8_t own[] = {192, 168, 1, 2};
    return answer_dns(query, size, own, out);
}

int c_request(const char* bytes, size_t size, char* path, size_t capacity) {
    HttpRequest request;
    request.reset();
    for (size_t i = 0; i < size; ++i) request.feed(bytes[i]);
    const Text text = request.path();
    const size_t copied = text.size < capacity - 1 ? text.size : capacity - 1;
    memcpy(path, text.data, copied);
    path[copied] = 0;
    return static_cast<int>(request.state());
}

// Counts of one window -> mean and standard deviation in counts, current in mA; returns bit 0 valid, bit 1 clipped.
int c_measure(int part, const int* counts, size_t size, uint32_t floor_mcounts, uint32_t cut_mcounts, uint32_t gain_ppm,
              double* mean, double* deviation, uint32_t* current_ma) {
    Window window;
    for (size_t i = 0; i < size; ++i) window.add(counts[i]);
    Meter meter(static_cast<Part>(part));
    const Measurement result = meter.measure(window, {floor_mcounts, cut_mcounts, gain_ppm});
    *mean = window.mean();
    *deviation = result.rms_counts;
    *current_ma = result.current_ma;
    return (result.valid ? 1 : 0) | (result.clipped ? 2 : 0);
}

}  // extern "C"
