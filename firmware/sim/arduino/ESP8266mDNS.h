#pragma once

#include "Arduino.h"

struct MDNSResponder {
    uint32_t queryService(const char* service, const char* protocol);
    IPAddress IP(uint32_t index);
    uint16_t port(uint32_t index);
    bool removeQuery() { return true; }
};
extern MDNSResponder MDNS;
