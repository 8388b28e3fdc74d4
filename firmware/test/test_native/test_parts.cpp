// Form, HTTP, DNS, settings, start journal, clock and text.
#include "dns.h"
#include "journal.h"
#include "support.h"

using namespace ecms;

namespace {

std::string decoded(const std::string& encoded) {
    char out[256];
    const size_t size = decode_form(Text(encoded.data(), encoded.size()), out, sizeof out);
    return std::string(out, size);
}

std::string written(const std::function<void(Page&)>& write) {
    StringSink sink;
    {
        Page page(sink);
        write(page);
    }
    return sink.text;
}

HttpRequest requested(const std::string& bytes) {
    HttpRequest request;
    request.reset();
    for (char byte : bytes) request.feed(byte);
    return request;
}

Config sample_config(char letter) {
    Config config;
    memset(config.ssid, letter, kMaxSsid);
    memset(config.password, letter, kMaxPassword);
    config.device = static_cast<uint8_t>(letter);
    config.calibrated = true;
    config.calibration = {1234, 2345, 987654};
    config.hub_address = 0xC0A80101;
    config.hub_port = 4210;
    return config;
}

}  // namespace

TEST_CASE("form values are decoded exactly") {
    CHECK(decoded("Casa%20Rossi+2") == "Casa Rossi 2");
    CHECK(decoded("a%3Ab%40c%26d%3De%3Ff%2B") == "a:b@c&d=e?f+");
    CHECK(decoded("%") == "%");
    CHECK(decoded("%4") == "%4");
    CHECK(decoded("%zz%4g%g4") == "%zz%4g%g4");
    CHECK(decoded("%%41") == "%A");
    CHECK(decoded("%00x") == std::string("\0x", 2));
    CHECK(decoded("%F0%9F%8F%A0") == "\U0001F3E0");
}

TEST_CASE("a value that does not fit is measured and never written past its room") {
    char out[5] = {1, 1, 1, 1, 1};
    CHECK(decode_form("abcdefgh", out, 4) == 8);
    CHECK(out[4] == 1);
    Value<4> value;
    value.read("x=abcd", "x");
    CHECK(value.fits);
    value.read("x=abcde", "x");
    CHECK_FALSE(value.fits);
    CHECK(value.size == 4);
}

TEST_CASE("parameters are found by their decoded name, the first one wins") {
    Text value;
    CHECK(find_parameter("a=1&b=2&a=3", "a", value));
    CHECK(value == "1");
    CHECK(find_parameter("xa=1&s%73id=x=y&z", "ssid", value));
    CHECK(value == "x=y");
    CHECK(find_parameter("&&z&", "z", value));
    CHECK(value.size == 0);
    CHECK_FALSE(find_parameter("ab=1", "a", value));
    CHECK_FALSE(find_parameter("", "a", value));
}

TEST_CASE("requests: path, query and host, fed byte by byte") {
    const auto request = requested("GET /save?ssid=a%20b&x=1 HTTP/1.1\r\nAccept: */*\r\nHOST:  Box.Local:80\r\n\r\n");
    REQUIRE(request.state() == HttpRequest::State::kDone);
    CHECK(request.path() == "/save");
    CHECK(request.query() == "ssid=a%20b&x=1");
    CHECK(request.host() == "box.local");
    CHECK(requested("GET / HTTP/1.0\n\n").path() == "/");
    CHECK_FALSE(requested("GET / HTTP/1.1\r\nHost: x\r\n").finished());
}

TEST_CASE("requests that are no GET of a path, or too long, are told apart") {
    CHECK(requested("POST / HTTP/1.1\r\n\r\n").state() == HttpRequest::State::kBadMethod);
    CHECK(requested("GET x HTTP/1.1\r\n\r\n").state() == HttpRequest::State::kMalformed);
    CHECK(requested("GET /\r\n\r\n").state() == HttpRequest::State::kMalformed);
    CHECK(requested("\r\n\r\n").state() == HttpRequest::State::kBadMethod);
    CHECK(requested("GET /" + std::string(600, 'a') + " HTTP/1.1\r\n\r\n").state() == HttpRequest::State::kTooLong);
    CHECK(requested("GET / HTTP/1.1\r\nCookie: " + std::string(5000, 'c') + "\r\n\r\n").state() == HttpRequest::State::kDone);
}

TEST_CASE("the longest set-up request fits: every byte of name and password escaped") {
    std::string target = "/save?lang=it&ssid=";
    for (size_t i = 0; i < kMaxSsid; ++i) target += "%C3";
    target += "&password=";
    for (size_t i = 0; i < kMaxPassword; ++i) target += "%41";
    CHECK(requested("GET " + target + "&device=200 HTTP/1.1\r\n\r\n").state() == HttpRequest::State::kDone);
}

TEST_CASE("DNS: every A question leads to the box, other types to nothing, junk to silence") {
    const uint8_t own[] = {192, 168, 1, 2};
    std::vector<uint8_t> query = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 'a', 'b', 'c', 2, 'd', 'e', 0, 0, 1, 0, 1,
                                  0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};   // with an EDNS record after it
    uint8_t out[kMaxDnsSize + kDnsAnswerSize];
    const size_t size = answer_dns(query.data(), query.size(), own, out);
    REQUIRE(size == 12 + 12 + kDnsAnswerSize);
    CHECK(get_u16(out) == 0x1234);
    CHECK(out[2] == 0x85);
    CHECK(get_u16(out + 6) == 1);
    CHECK(get_u16(out + 10) == 0);
    CHECK(memcmp(out + size - 4, own, 4) == 0);
    query[21] = 28;   // AAAA
    CHECK(answer_dns(query.data(), query.size(), own, out) == 24);
    CHECK(get_u16(out + 6) == 0);
    query[2] = 0x81;   // a response
    CHECK(answer_dns(query.data(), query.size(), own, out) == 0);
    query[2] = 1;
    query[12] = 0xC0;   // a pointer in a question
    CHECK(answer_dns(query.data(), query.size(), own, out) == 0);
    std::vector<uint8_t> pointed(query.begin(), query.begin() + 12);
    pointed.push_back(0xC0);
    pointed.insert(pointed.end(), 192, 'a');
    pointed.insert(pointed.end(), {0, 0, 1, 0, 1});
    CHECK(answer_dns(pointed.data(), pointed.size(), own, out) == 0);
    for (size_t cut = 0; cut < 24; ++cut) CHECK(answer_dns(query.data(), cut, own, out) == 0);
}

TEST_CASE("random bytes neither crash the parsers nor make them write past their room") {
    std::mt19937 random(11);
    for (int round = 0; round < 20000; ++round) {
        std::vector<uint8_t> bytes(random() % 600);
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
        if (bytes.size() > 12) bytes[2] = 0, bytes[4] = 0, bytes[5] = 1;
        const uint8_t own[4] = {};
        uint8_t out[kMaxDnsSize + kDnsAnswerSize];
        CHECK(answer_dns(bytes.data(), bytes.size(), own, out) <= sizeof out);
        HttpRequest request;
        request.reset();
        for (uint8_t byte : bytes) request.feed(static_cast<char>(byte));
        uint32_t sequence = 0;
        acknowledged_sequence(bytes.data(), bytes.size(), own, sequence);
    }
}

TEST_CASE("settings survive, with the longest name and password") {
    PlainFlash flash;
    ConfigStore store(flash);
    Config config;
    CHECK_FALSE(store.load(config));
    CHECK(store.save(sample_config('a')));
    CHECK(store.save(sample_config('b')));
    ConfigStore again(flash);
    REQUIRE(again.load(config));
    const Config wanted = sample_config('b');
    CHECK(std::string(config.ssid) == wanted.ssid);
    CHECK(std::string(config.password) == wanted.password);
    CHECK(config.device == 'b');
    CHECK(config.calibrated);
    CHECK(config.calibration.gain_ppm == 987654);
    CHECK(config.hub_address == 0xC0A80101);
    CHECK(config.hub_port == 4210);
    CHECK(again.forget());
    CHECK_FALSE(ConfigStore(flash).load(config));
}

TEST_CASE("a power cut at any byte of any write leaves the settings before or after it, never others") {
    for (long cut = 0; cut < static_cast<long>(kSectorSize + record::kSize); ++cut) {
        PlainFlash flash;
        ConfigStore store(flash);
        REQUIRE(store.save(sample_config('a')));
        REQUIRE(store.save(sample_config('b')));
        flash.flash.bytes_until_cut = cut;
        const bool saved = store.save(sample_config('c'));
        flash.flash.bytes_until_cut = -1;
        Config config;
        ConfigStore after(flash);
        CAPTURE(cut);
        REQUIRE(after.load(config));
        CHECK(config.device == (saved ? 'c' : 'b'));
        // And the next write works again.
        REQUIRE(after.save(sample_config('d')));
        REQUIRE(ConfigStore(flash).load(config));
        CHECK(config.device == 'd');
    }
}

TEST_CASE("a record with any bit changed, or of another version, is not believed") {
    uint8_t data[record::kSize];
    encode_record(sample_config('a'), 5, data);
    Config config;
    uint32_t generation = 0;
    REQUIRE(decode_record(data, config, generation));
    CHECK(generation == 5);
    for (size_t bit = 0; bit < sizeof data * 8; ++bit) {
        data[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
        CHECK_FALSE(decode_record(data, config, generation));
        data[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    }
    put_u16(data + record::kVersion, 2);
    put_u32(data + record::kCrc, crc32(data, record::kCrc));
    CHECK_FALSE(decode_record(data, config, generation));
}

TEST_CASE("the newer slot wins when the counter wraps") {
    PlainFlash flash;
    alignas(4) uint8_t data[record::kSize];
    encode_record(sample_config('o'), 0xFFFFFFFF, data);
    flash.write(0, 0, data, sizeof data);
    encode_record(sample_config('n'), 0, data);
    flash.write(1, 0, data, sizeof data);
    Config config;
    REQUIRE(ConfigStore(flash).load(config));
    CHECK(config.device == 'n');
}

TEST_CASE("the journal counts short power-ons and crashes, and forgets both after a quiet while") {
    PlainFlash flash;
    const auto power_on = [&](bool long_enough) {
        StartJournal journal(flash);
        journal.begin(StartCause::kPower);
        if (long_enough) journal.settled();
        return journal.short_power_ons();
    };
    for (unsigned i = 0; i < 5; ++i) CHECK(power_on(false) == i);
    CHECK(power_on(false) == 5);
    CHECK(power_on(false) == 0);   // the pattern was complete
    CHECK(power_on(true) == 1);
    CHECK(power_on(true) == 0);
    for (unsigned i = 1; i <= 7; ++i) {
        StartJournal journal(flash);
        journal.begin(StartCause::kCrash);
        CHECK(journal.crashes() == i);
        if (i % 2 == 0) journal.settled();   // crashing after a minute is crashing too
    }
    StartJournal calm(flash);
    calm.begin(StartCause::kCrash);
    calm.settled();
    calm.safe();
    StartJournal last(flash);
    last.begin(StartCause::kCrash);
    CHECK(last.crashes() == 1);
}

TEST_CASE("a full journal starts over and goes on counting") {
    PlainFlash flash;
    for (unsigned i = 0; i < 2500; ++i) {
        StartJournal journal(flash);
        journal.begin(StartCause::kOther);
        journal.settled();
        journal.safe();
    }
    StartJournal journal(flash);
    journal.begin(StartCause::kCrash);
    CHECK(journal.crashes() == 1);
}

TEST_CASE("uptime does not wrap with millis") {
    Clock clock;
    clock.advance(0xFFFFFF00u);
    const uint64_t before = clock.uptime_ms();
    CHECK(clock.advance(0x100u) == before + 0x200);
    clock.set(1767265200000);
    CHECK(clock.unix_ms(clock.uptime_ms()) == 1767265200000);
    CHECK(clock.unix_ms(before) == 1767265200000 - 0x200);
}

TEST_CASE("text is escaped for where it stands") {
    CHECK(written([](Page& page) { page.html("<a href=\"x\">'&"); }) == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    CHECK(written([](Page& page) { page.url("a b&\u00e8~"); }) == "a%20b%26%C3%A8~");
    CHECK(written([](Page& page) { page.json(Text("q\"\\\n\xC3\xA8\xFF\xC3", 8)); }) == "q\\\"\\\\\\u000A\u00e8\uFFFD\uFFFD");
    CHECK(written([](Page& page) { page.json("\xED\xA0\x80"); }) == "\uFFFD\uFFFD\uFFFD");   // a surrogate
    CHECK(written([](Page& page) { page.number(-1234567).raw(" ").number(0); }) == "-1234567 0");
    CHECK(written([](Page& page) { page.number(INT64_MIN); }) == "-9223372036854775808");
    CHECK(written([](Page& page) { page.milli(12004); }) == "12.004");
    CHECK(written([](Page& page) { page.milli(1996, 2).raw(" ").milli(1500, 0); }) == "2.00 2");
    CHECK(written([](Page& page) { page.raw(std::string(1000, 'x').c_str()); }) == std::string(1000, 'x'));
}

TEST_CASE("the light's patterns can be told apart") {
    std::set<std::string> seen;
    for (Light light : {Light::kSetup, Light::kJoining, Light::kNoNetwork, Light::kNoClock, Light::kNoHub,
                        Light::kNoSensor, Light::kRunning, Light::kSafeMode}) {
        std::string pattern;
        for (uint64_t at = 100000; at < 102000; at += 20) pattern += led_on(light, at, 0) ? '#' : '.';
        seen.insert(pattern);
    }
    CHECK(seen.size() == 8);
    CHECK(led_on(Light::kRunning, 1030, 1000));
    CHECK_FALSE(led_on(Light::kRunning, 1100, 1000));
}
