#pragma once

// Updates over the air need a chip; the simulator only accepts the calls.
struct ArduinoOTAClass {
    void setPassword(const char*) {}
    void begin() {}
    void handle() {}
};
extern ArduinoOTAClass ArduinoOTA;
