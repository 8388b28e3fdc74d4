// A board without hardware: time, flash, radio and hub are what the test says.
#pragma once

#define DOCTEST_CONFIG_NO_EXCEPTIONS_BUT_WITH_ALL_ASSERTS
#include <doctest/doctest.h>
#include <math.h>

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "box.h"
#include "bytes.h"
#include "form.h"
#include "sha256.h"

struct StringSink final : ecms::Sink {
    std::string text;
    void write(const char* data, size_t size) override { text.append(data, size); }
};

// Flash that can lose its power after any number of bytes.
class FakeFlash {
  public:
    std::vector<uint8_t> content = std::vector<uint8_t>(ecms::kSectors * ecms::kSectorSize, 0xFF);
    long bytes_until_cut = -1;
    bool broken = false;

    bool read(unsigned sector, size_t offset, uint8_t* data, size_t size) const {
        memcpy(data, &content[sector * ecms::kSectorSize + offset], size);
        return true;
    }
    bool write(unsigned sector, size_t offset, const uint8_t* data, size_t size) {
        for (size_t i = 0; i < size; ++i) {
            if (!spend()) return false;
            content[sector * ecms::kSectorSize + offset + i] &= data[i];
        }
        return !broken;
    }
    bool erase(unsigned sector) {
        for (size_t i = 0; i < ecms::kSectorSize; ++i) {
            if (!spend()) return false;
            content[sector * ecms::kSectorSize + i] = 0xFF;
        }
        return true;
    }

  private:
    bool spend() {
        if (bytes_until_cut == 0) return false;
        if (bytes_until_cut > 0) --bytes_until_cut;
        return true;
    }
};

struct PlainFlash final : ecms::Flash {
    FakeFlash flash;
    bool read(unsigned s, size_t o, uint8_t* d, size_t n) override { return flash.read(s, o, d, n); }
    bool write(unsigned s, size_t o, const uint8_t* d, size_t n) override { return flash.write(s, o, d, n); }
    bool erase(unsigned s) override { return flash.erase(s); }
};

inline const ecms::Device kDevices[] = {{1, "Lavatrice"}, {2, "Frigorifero"}, {200, "Caff\u00e8 <&> \"forno\""}};

inline ecms::Settings test_settings() {
    ecms::Settings settings = {};
    settings.build = "0123abcd";
    settings.household = "Mario Rossi";
    settings.language = ecms::Language::kItalian;
    settings.access_point = "ECMS_device";
    settings.access_point_password = "";
    settings.access_point_channel = 1;
    settings.hub_host = "pi.local";
    settings.udp_port = 4210;
    settings.time_servers[0] = "pool.ntp.org";
    settings.time_servers[1] = "";
    settings.ota_password = "x";
    for (uint8_t i = 0; i < ecms::kKeySize; ++i) settings.key[i] = static_cast<uint8_t>(i * 7 + 1);
    settings.protocol = 2;
    settings.part = ecms::Part::k05B;
    settings.mains_voltage_v = 230;
    settings.devices = kDevices;
    settings.device_count = 3;
    return settings;
}

// A hub that checks nothing but answers as the real one does.
inline std::vector<uint8_t> acknowledge(const std::vector<uint8_t>& datagram, const uint8_t* key, bool refused = false) {
    std::vector<uint8_t> out = {'E', 'A', 2, static_cast<uint8_t>(refused ? 1 : 0)};
    out.insert(out.end(), datagram.begin() + 4, datagram.begin() + 10);
    out.insert(out.end(), 2, 0);
    out.insert(out.end(), datagram.begin() + 16, datagram.begin() + 20);
    uint8_t digest[ecms::kDigestSize];
    ecms::hmac_sha256(key, ecms::kKeySize, {out.data(), out.size()}, {datagram.data() + 12, 12}, digest);
    out.insert(out.end(), digest, digest + ecms::kTagSize);
    return out;
}

class FakeBoard final : public ecms::Board {
  public:
    struct Sent {
        uint64_t at_ms;
        uint32_t address;
        uint16_t port;
        std::vector<uint8_t> data;
    };

    uint64_t now_ms = 0;
    FakeFlash* flash = nullptr;
    std::map<std::string, std::string> networks = {{"Casa", "password"}};
    std::map<std::string, uint32_t> hosts = {{"pi.local", 0xC0A80132}};
    uint32_t service_address = 0;
    uint16_t service_port = 0;
    uint64_t epoch_ms = 1767265200000;   // Unix time at the board's start
    bool radio = true, time_server = true, hub = true, hub_refuses = false;
    bool button = false;
    ecms::StartCause cause = ecms::StartCause::kOther;
    double amps = 0;
    double zero = 514;
    uint64_t acknowledge_after_ms = 20;

    bool access_point = false, lit = false, restarted = false;
    int joins = 0, resolves = 0, samples = 0, clock_starts = 0;
    std::vector<Sent> sent;
    std::map<uint32_t, std::vector<uint8_t>> stored;   // by sequence
    std::vector<ecms::Network> air;

    uint32_t millis() override { return static_cast<uint32_t>(now_ms); }
    uint32_t random() override { return 4242; }
    void mac(uint8_t out[ecms::kMacSize]) override { memcpy(out, "\x5C\xCF\x7F\x01\x02\x03", 6); }
    ecms::StartCause start_cause() override { return cause; }
    bool button_pressed() override { return button; }
    void led(bool on) override { lit = on; }
    void restart() override { restarted = true; }
    void sample(ecms::Window& window) override {
        ++samples;
        for (uint32_t us = 0; us < ecms::kWindowUs; us += ecms::kSampleUs) {
            const double t = us / 1e6;
            window.add(static_cast<int>(lround(zero + amps * M_SQRT2 * 185 / 2500 * zero * sin(2 * M_PI * 50 * t))));
        }
        now_ms += 200;
    }

    bool read(unsigned s, size_t o, uint8_t* d, size_t n) override { return flash->read(s, o, d, n); }
    bool write(unsigned s, size_t o, const uint8_t* d, size_t n) override { return flash->write(s, o, d, n); }
    bool erase(unsigned s) override { return flash->erase(s); }

    void open_access_point(const ecms::Settings&) override { access_point = true; }
    void close_access_point() override { access_point = false; }
    void join(const char* ssid, const char* password) override {
        ++joins;
        joined_at_ = now_ms + 1500;
        ssid_ = ssid;
        password_ = password;
    }
    void leave() override { ssid_.clear(); }
    ecms::Link link() override {
        if (ssid_.empty() || now_ms < joined_at_) return ecms::Link::kDown;
        const auto network = networks.find(ssid_);
        if (!radio || network == networks.end()) return ecms::Link::kNotFound;
        return network->second == password_ ? ecms::Link::kUp : ecms::Link::kWrongPassword;
    }
    uint32_t address() override { return 0xC0A8014D; }
    int8_t rssi() override { return -61; }
    void start_scan() override {}
    int scan_count() override { return static_cast<int>(air.size()); }
    void scanned(int index, ecms::Network& network) override { network = air[static_cast<size_t>(index)]; }
    void end_scan() override {}

    bool resolve(const char* host, uint32_t& address) override {
        ++resolves;
        const auto found = hosts.find(host);
        if (found == hosts.end()) {
            now_ms += 2000;
            return false;
        }
        address = found->second;
        return true;
    }
    bool discover(const char*, uint32_t& address, uint16_t& port) override {
        address = service_address;
        port = service_port;
        return service_address != 0;
    }
    void start_clock(uint32_t, const ecms::Settings&) override {
        ++clock_starts;
        clock_at_ = now_ms + 400;
    }
    bool clock_told(uint64_t& unix_ms) override {
        if (clock_at_ == 0 || now_ms < clock_at_ || !time_server) return false;
        clock_at_ = 0;
        unix_ms = epoch_ms + now_ms;
        return true;
    }
    void send(uint32_t address, uint16_t port, const uint8_t* data, size_t size) override {
        const std::vector<uint8_t> bytes(data, data + size);
        sent.push_back({now_ms, address, port, bytes});
        if (!hub || size != ecms::v2::kSize) return;
        stored[ecms::get_u32(data + ecms::v2::kSequence)] = bytes;
        answers_.push_back({now_ms + acknowledge_after_ms, acknowledge(bytes, test_settings().key, hub_refuses)});
    }
    size_t receive(uint8_t* data, size_t capacity) override {
        if (answers_.empty() || answers_.front().first > now_ms) return 0;
        const auto bytes = answers_.front().second;
        answers_.pop_front();
        const size_t size = bytes.size() < capacity ? bytes.size() : capacity;
        memcpy(data, bytes.data(), size);
        return size;
    }
    void inject(const std::vector<uint8_t>& bytes) { answers_.push_front({0, bytes}); }

  private:
    std::string ssid_, password_;
    uint64_t joined_at_ = 0;
    uint64_t clock_at_ = 0;
    std::deque<std::pair<uint64_t, std::vector<uint8_t>>> answers_;
};

// One start of a box: `flash` outlives it.
struct Run {
    ecms::Settings settings = test_settings();
    FakeBoard board;
    ecms::Box box{board, settings};

    explicit Run(FakeFlash& flash) { board.flash = &flash; }

    void start() { box.begin(); }
    void until(const std::function<bool()>& done, uint64_t limit_ms) {
        const uint64_t end = board.now_ms + limit_ms;
        while (board.now_ms < end && !board.restarted && !done()) {
            board.now_ms += 10;
            box.tick();
        }
    }
    void pass(uint64_t ms) {
        until([] { return false; }, ms);
    }
    std::string get(const std::string& target, const std::string& host = "192.168.1.2") {
        ecms::HttpRequest request;
        request.reset();
        for (char byte : "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: */*\r\n\r\n") request.feed(byte);
        StringSink sink;
        box.answer(request, sink);
        return sink.text;
    }
};

inline void configure(FakeFlash& flash) {
    PlainFlash plain;
    plain.flash = flash;
    ecms::ConfigStore store(plain);
    ecms::Config config;
    strcpy(config.ssid, "Casa");
    strcpy(config.password, "password");
    config.device = 2;
    REQUIRE(store.save(config));
    flash = plain.flash;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
