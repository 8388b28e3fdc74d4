// The part of the Arduino core for the ESP8266 that src/ uses, over Linux. Written for the simulator; see sim/README.md.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <functional>
#include <string>

constexpr int HIGH = 1, LOW = 0, INPUT_PULLUP = 2, OUTPUT = 1, LED_BUILTIN = 2, A0 = 17;

class String {
  public:
    String(const char* text = "") : text_(text) {}
    explicit String(std::string text) : text_(std::move(text)) {}
    const char* c_str() const { return text_.c_str(); }

  private:
    std::string text_;
};

class IPAddress {
  public:
    IPAddress(uint8_t a = 0, uint8_t b = 0, uint8_t c = 0, uint8_t d = 0) : bytes_{a, b, c, d} {}
    uint8_t operator[](int index) const { return bytes_[index]; }
    String toString() const;

  private:
    uint8_t bytes_[4];
};

unsigned long millis();
unsigned long micros();
void delay(unsigned long ms);
void optimistic_yield(uint32_t interval_us);
void pinMode(uint8_t pin, uint8_t mode);
int digitalRead(uint8_t pin);
void digitalWrite(uint8_t pin, uint8_t value);
int analogRead(uint8_t pin);
void configTime(int timezone_s, int daylight_s, const char* server1, const char* server2, const char* server3);
size_t sim_strlcpy(char* to, const char* from, size_t capacity);
int sim_gettimeofday(timeval* now, void* zone);
#define strlcpy sim_strlcpy
#define gettimeofday sim_gettimeofday

struct SerialPort {
    void begin(unsigned long) {}
    void printf(const char* format, ...) __attribute__((format(printf, 2, 3)));
};
extern SerialPort Serial;

struct rst_info {
    uint32_t reason;
};

struct EspClass {
    uint32_t random();
    [[noreturn]] void restart();
    rst_info* getResetInfoPtr();
    bool flashRead(uint32_t address, uint8_t* data, size_t size);
    bool flashWrite(uint32_t address, const uint8_t* data, size_t size);
    bool flashEraseSector(uint32_t sector);
};
extern EspClass ESP;
