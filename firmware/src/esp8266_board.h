// ecms::Board over the Arduino core of the ESP8266: every line is about the core, none about what a box does.
#pragma once

#include <Arduino.h>
#include <ESP8266WiFi.h>
#include <ESP8266mDNS.h>
#include <WiFiUdp.h>
#include <coredecls.h>
#include <flash_hal.h>
#include <sys/time.h>
#include <user_interface.h>

#include "box.h"
#include "dns.h"

constexpr uint8_t kButtonPin = 0;   // FLASH on both boards
constexpr uint16_t kDnsPort = 53;
constexpr uint32_t kResolveMs = 2000, kYieldUs = 10000;

inline volatile bool time_told = false;

inline uint32_t number(const IPAddress& ip) { return uint32_t{ip[0]} << 24 | uint32_t{ip[1]} << 16 | ip[2] << 8 | ip[3]; }
inline IPAddress address_of(uint32_t ip) {
    return IPAddress(uint8_t(ip >> 24), uint8_t(ip >> 16), uint8_t(ip >> 8), uint8_t(ip));
}

class Esp8266 final : public ecms::Board {
  public:
    void begin(uint16_t udp_port) {
        pinMode(LED_BUILTIN, OUTPUT);
        pinMode(kButtonPin, INPUT_PULLUP);
        WiFi.persistent(false);   // the settings have one home: ours
        WiFi.setAutoReconnect(false);
        WiFi.setSleepMode(WIFI_NONE_SLEEP);
        WiFi.mode(WIFI_STA);
        settimeofday_cb([]() { time_told = true; });
        readings_.begin(udp_port);
    }
    // While the access point is open every name leads to the box.
    void serve_names() {
        if (names_.parsePacket() <= 0) return;
        const int size = names_.read(query_, sizeof query_);
        const IPAddress own = address_of(ecms::kAccessPointAddress);
        const uint8_t address[] = {own[0], own[1], own[2], own[3]};
        const size_t answered = ecms::answer_dns(query_, size_t(size > 0 ? size : 0), address, answer_);
        if (answered == 0) return;
        names_.beginPacket(names_.remoteIP(), names_.remotePort());
        names_.write(answer_, answered);
        names_.endPacket();
    }

    uint32_t millis() override { return ::millis(); }
    uint32_t random() override { return ESP.random(); }
    void mac(uint8_t out[ecms::kMacSize]) override { WiFi.macAddress(out); }
    bool button_pressed() override { return digitalRead(kButtonPin) == LOW; }
    void led(bool on) override { digitalWrite(LED_BUILTIN, on ? LOW : HIGH); }
    void restart() override { ESP.restart(); }
    ecms::StartCause start_cause() override {
        switch (ESP.getResetInfoPtr()->reason) {
            case REASON_DEFAULT_RST: case REASON_EXT_SYS_RST: return ecms::StartCause::kPower;
            case REASON_WDT_RST: case REASON_EXCEPTION_RST: case REASON_SOFT_WDT_RST: return ecms::StartCause::kCrash;
            default: return ecms::StartCause::kOther;
        }
    }
    void sample(ecms::Window& window) override {
        const uint32_t begin = micros();
        uint32_t due = 0;
        for (uint32_t now = 0; now < ecms::kWindowUs; now = micros() - begin) {
            if (now < due) {
                optimistic_yield(kYieldUs);
                continue;
            }
            window.add(analogRead(A0));
            // What the radio delayed is left out: taken all at once it would weigh one moment too much.
            due = (now / ecms::kSampleUs + 1) * ecms::kSampleUs;
        }
    }

    bool read(unsigned sector, size_t offset, uint8_t* data, size_t size) override {
        return ESP.flashRead(place(sector) + offset, data, size);
    }
    bool write(unsigned sector, size_t offset, const uint8_t* data, size_t size) override {
        return ESP.flashWrite(place(sector) + offset, data, size);
    }
    bool erase(unsigned sector) override { return ESP.flashEraseSector(place(sector) / ecms::kSectorSize); }

    void open_access_point(const ecms::Settings& settings) override {
        const IPAddress own = address_of(ecms::kAccessPointAddress);
        WiFi.mode(WIFI_AP_STA);
        WiFi.softAPConfig(own, own, IPAddress(255, 255, 255, 0));
        const char* password = settings.access_point_password;
        WiFi.softAP(settings.access_point, *password ? password : nullptr, settings.access_point_channel);
        names_.begin(kDnsPort);
    }
    void close_access_point() override {
        names_.stop();
        WiFi.softAPdisconnect(true);
        WiFi.mode(WIFI_STA);
    }
    void join(const char* ssid, const char* password) override { WiFi.begin(ssid, *password ? password : nullptr); }
    void leave() override { WiFi.disconnect(false); }
    ecms::Link link() override {
        switch (WiFi.status()) {
            case WL_CONNECTED: return ecms::Link::kUp;
            case WL_WRONG_PASSWORD: return ecms::Link::kWrongPassword;
            case WL_NO_SSID_AVAIL: return ecms::Link::kNotFound;
            default: return ecms::Link::kDown;
        }
    }
    uint32_t address() override { return number(WiFi.localIP()); }
    int8_t rssi() override { return int8_t(WiFi.RSSI()); }
    void start_scan() override { WiFi.scanNetworks(true); }
    int scan_count() override {
        const int found = WiFi.scanComplete();
        return found == WIFI_SCAN_RUNNING ? -1 : found < 0 ? 0 : found;
    }
    void scanned(int index, ecms::Network& network) override {
        strlcpy(network.ssid, WiFi.SSID(uint8_t(index)).c_str(), sizeof network.ssid);
        network.rssi = int8_t(WiFi.RSSI(uint8_t(index)));
        network.open = WiFi.encryptionType(uint8_t(index)) == ENC_TYPE_NONE;
    }
    void end_scan() override { WiFi.scanDelete(); }

    bool resolve(const char* host, uint32_t& address) override {
        IPAddress ip;
        if (WiFi.hostByName(host, ip, kResolveMs) != 1) return false;
        address = number(ip);
        return address != 0;
    }
    bool discover(const char* service, uint32_t& address, uint16_t& port) override {
        const bool found = MDNS.queryService(service, "udp") > 0;
        if (found) {
            address = number(MDNS.IP(0));
            port = MDNS.port(0);
        }
        MDNS.removeQuery();
        return found && address != 0 && port != 0;
    }
    void start_clock(uint32_t hub_address, const ecms::Settings& settings) override {
        if (hub_address != 0) strlcpy(hub_, address_of(hub_address).toString().c_str(), sizeof hub_);
        configTime(0, 0, hub_address != 0 ? hub_ : settings.hub_host, settings.time_servers[0], settings.time_servers[1]);
    }
    bool clock_told(uint64_t& unix_ms) override {
        if (!time_told) return false;
        time_told = false;
        timeval now;
        gettimeofday(&now, nullptr);
        unix_ms = uint64_t(now.tv_sec) * 1000 + uint64_t(now.tv_usec) / 1000;
        return true;
    }
    void send(uint32_t address, uint16_t port, const uint8_t* data, size_t size) override {
        readings_.beginPacket(address_of(address), port);
        readings_.write(data, size);
        readings_.endPacket();
    }
    size_t receive(uint8_t* data, size_t capacity) override {
        return readings_.parsePacket() > 0 ? size_t(readings_.read(data, capacity)) : 0;
    }

  private:
    // The file system's area is ours: no file system is used.
    static uint32_t place(unsigned sector) { return FS_PHYS_ADDR + sector * ecms::kSectorSize; }

    WiFiUDP readings_, names_;
    char hub_[16] = "";   // the time client keeps the pointer
    uint8_t query_[ecms::kMaxDnsSize], answer_[ecms::kMaxDnsSize + ecms::kDnsAnswerSize];
};
