#include "packet.h"
#include "support.h"
#include "vectors.h"

using namespace ecms;

namespace {

std::string hex(const uint8_t* bytes, size_t size) {
    std::string out;
    for (size_t i = 0; i < size; ++i) {
        out += "0123456789abcdef"[bytes[i] >> 4];
        out += "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
}

Reading reading_of(const GoldenVector& vector) {
    Reading reading;
    reading.device = static_cast<uint8_t>(vector.device);
    reading.flags = static_cast<uint8_t>(vector.flags);
    reading.rssi = static_cast<int8_t>(vector.rssi);
    reading.time = vector.time;
    reading.sequence = vector.sequence;
    reading.current_ma = vector.current_ma;
    memcpy(reading.firmware, vector.firmware, sizeof reading.firmware);
    return reading;
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
    const auto digest_of = [](const std::string& text) {
        Sha256 sha;
        sha.update(text.data(), text.size());
        uint8_t digest[kDigestSize];
        sha.finish(digest);
        return hex(digest, sizeof digest);
    };
    CHECK(digest_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest_of(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC-SHA256 gives the tag of RFC 4231, test case 2, in one part or two") {
    const uint8_t key[] = {'J', 'e', 'f', 'e'};
    const std::string text = "what do ya want for nothing?";
    for (size_t split = 0; split <= text.size(); ++split) {
        uint8_t digest[kDigestSize];
        hmac_sha256(key, sizeof key, {text.data(), split}, {text.data() + split, text.size() - split}, digest);
        CHECK(hex(digest, sizeof digest) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}

TEST_CASE("every golden vector is what the box sends, and its acknowledgements are understood") {
    unsigned checked = 0;
    for (const GoldenVector& vector : kGoldenVectors) {
        CAPTURE(vector.name);
        const Reading reading = reading_of(vector);
        ++checked;
        if (vector.version == 1) {
            uint8_t out[v1::kSize];
            encode_v1(reading, vector.mac, out);
            CHECK(hex(out, sizeof out) == hex(vector.datagram, sizeof out));
            continue;
        }
        uint8_t out[v2::kSize];
        encode_v2(reading, vector.mac, kGoldenKey, out);
        CHECK(hex(out, sizeof out) == hex(vector.datagram, sizeof out));
        uint32_t sequence = 0;
        REQUIRE(acknowledged_sequence(vector.ack, sizeof vector.ack, vector.mac, sequence));
        CHECK(sequence == vector.sequence);
        CHECK(judge_acknowledgement(vector.ack, reading, kGoldenKey) == Verdict::kAccepted);
        CHECK(judge_acknowledgement(vector.refused, reading, kGoldenKey) == Verdict::kRefused);
    }
    CHECK(checked >= 30);
}

TEST_CASE("an acknowledgement with any bit changed frees nothing") {
    const GoldenVector& vector = kGoldenVectors[0];
    const Reading reading = reading_of(vector);
    for (size_t bit = 0; bit < sizeof vector.ack * 8; ++bit) {
        uint8_t changed[ack::kSize];
        memcpy(changed, vector.ack, sizeof changed);
        changed[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
        CAPTURE(bit);
        CHECK(judge_acknowledgement(changed, reading, kGoldenKey) == Verdict::kForeign);
    }
}

TEST_CASE("an acknowledgement is bound to time, sequence and current of one reading") {
    const GoldenVector& vector = kGoldenVectors[0];
    Reading other = reading_of(vector);
    ++other.time;
    CHECK(judge_acknowledgement(vector.ack, other, kGoldenKey) == Verdict::kForeign);
    other = reading_of(vector);
    ++other.current_ma;
    CHECK(judge_acknowledgement(vector.ack, other, kGoldenKey) == Verdict::kForeign);
    other = reading_of(vector);
    ++other.sequence;
    CHECK(judge_acknowledgement(vector.ack, other, kGoldenKey) == Verdict::kForeign);
}

TEST_CASE("an acknowledgement for another box or of another size is none") {
    const GoldenVector& vector = kGoldenVectors[0];
    uint32_t sequence = 0;
    uint8_t other[kMacSize] = {1, 2, 3, 4, 5, 6};
    CHECK_FALSE(acknowledged_sequence(vector.ack, ack::kSize, other, sequence));
    CHECK_FALSE(acknowledged_sequence(vector.ack, ack::kSize - 1, vector.mac, sequence));
    CHECK_FALSE(acknowledged_sequence(vector.ack, ack::kSize + 1, vector.mac, sequence));
    CHECK_FALSE(acknowledged_sequence(vector.datagram, ack::kSize, vector.mac, sequence));
}

TEST_CASE("version 1 rounds to whole ampere and ends at 255") {
    const uint8_t mac[kMacSize] = {};
    uint8_t out[v1::kSize];
    const auto ampere = [&](uint32_t ma) {
        Reading reading;
        reading.current_ma = ma;
        encode_v1(reading, mac, out);
        return out[v1::kAmpere];
    };
    CHECK(ampere(0) == 0);
    CHECK(ampere(499) == 0);
    CHECK(ampere(500) == 1);
    CHECK(ampere(254499) == 254);
    CHECK(ampere(300000) == 255);
    CHECK(ampere(UINT32_MAX) == 255);
}
