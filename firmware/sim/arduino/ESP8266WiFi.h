#pragma once

#include <memory>
#include <vector>

#include "Arduino.h"

enum wl_status_t {
    WL_IDLE_STATUS = 0,
    WL_NO_SSID_AVAIL = 1,
    WL_SCAN_COMPLETED = 2,
    WL_CONNECTED = 3,
    WL_CONNECT_FAILED = 4,
    WL_CONNECTION_LOST = 5,
    WL_WRONG_PASSWORD = 6,
    WL_DISCONNECTED = 7
};
enum WiFiMode_t { WIFI_OFF = 0, WIFI_STA = 1, WIFI_AP = 2, WIFI_AP_STA = 3 };
enum WiFiSleepType_t { WIFI_NONE_SLEEP = 0, WIFI_LIGHT_SLEEP = 1, WIFI_MODEM_SLEEP = 2 };
enum wl_enc_type { ENC_TYPE_TKIP = 2, ENC_TYPE_CCMP = 4, ENC_TYPE_NONE = 7 };
constexpr int WIFI_SCAN_RUNNING = -1, WIFI_SCAN_FAILED = -2;

class WiFiClass {
  public:
    static void persistent(bool) {}
    bool setAutoReconnect(bool) { return true; }
    bool setSleepMode(WiFiSleepType_t) { return true; }
    bool mode(WiFiMode_t) { return true; }
    bool softAPConfig(IPAddress, IPAddress, IPAddress) { return true; }
    bool softAP(const char* ssid, const char* password, int channel);
    bool softAPdisconnect(bool);
    wl_status_t begin(const char* ssid, const char* password);
    bool disconnect(bool);
    wl_status_t status();
    IPAddress localIP();
    int32_t RSSI();
    int32_t RSSI(uint8_t index);
    uint8_t* macAddress(uint8_t* mac);
    String macAddress();
    int8_t scanNetworks(bool async);
    int8_t scanComplete();
    void scanDelete() {}
    String SSID(uint8_t index);
    uint8_t encryptionType(uint8_t index);
    int hostByName(const char* host, IPAddress& result, uint32_t timeout_ms);
};
extern WiFiClass WiFi;

class WiFiClient {
  public:
    WiFiClient() = default;
    explicit WiFiClient(int socket);
    int available();
    int read();
    size_t write(const uint8_t* data, size_t size);
    uint8_t connected();
    operator bool() { return available() > 0 || connected() != 0; }
    void stop();

  private:
    struct Connection;
    void fill();
    std::shared_ptr<Connection> connection_;
};

class WiFiServer {
  public:
    explicit WiFiServer(uint16_t port) : port_(port) {}
    void begin();
    WiFiClient accept();

  private:
    uint16_t port_;
    int socket_ = -1;
};
