#pragma once

#include <vector>

#include "Arduino.h"

class WiFiUDP {
  public:
    uint8_t begin(uint16_t port);
    void stop();
    int beginPacket(IPAddress to, uint16_t port);
    size_t write(const uint8_t* data, size_t size);
    int endPacket();
    int parsePacket();
    int read(unsigned char* data, size_t capacity);
    IPAddress remoteIP() const { return from_; }
    uint16_t remotePort() const { return from_port_; }

  private:
    int socket_ = -1;
    std::vector<uint8_t> out_, in_;
    IPAddress to_, from_;
    uint16_t to_port_ = 0, from_port_ = 0;
};
