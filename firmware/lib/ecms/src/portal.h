// The pages of a box, in Italian and English. No script is needed to use them.
#pragma once

#include "config.h"
#include "led.h"
#include "settings.h"
#include "text.h"

namespace ecms {

enum class JoinError : uint8_t { kNone, kWrongPassword, kNotFound, kTimeout, kNotStored };
enum class FormError : uint8_t { kNone, kSsid, kPassword, kDevice };

struct Network {
    char ssid[kMaxSsid + 1];
    int8_t rssi;   // dBm
    bool open;
};

struct Status {
    uint8_t mac[kMacSize];
    Light light;
    bool safe_mode;
    bool joined;
    uint32_t address;         // own, first byte highest
    int8_t rssi;              // dBm
    const char* ssid;
    uint8_t device;
    bool measured;            // a window was taken
    Measurement last;
    bool clock_set;
    int64_t unix_s;
    uint64_t uptime_s;
    uint32_t hub_address;     // 0 = not found
    uint16_t hub_port;
    bool hub_alive;
    uint32_t taken, accepted, refused, foreign, lost, faults;
    size_t pending;
    unsigned crashes;
    Calibration calibration;
    bool calibrated;
    Calibrator::Outcome calibration_outcome;
    uint32_t token;           // proves that a calibration form came from this box
};

struct SetupView {
    const Network* networks;
    size_t network_count;
    bool scanning;
    Text ssid;                // chosen or tried
    int device;               // -1: none yet
    bool joining;
    bool joined;
    uint32_t address;         // once joined
    JoinError join_error;
    FormError form_error;
};

class Portal {
  public:
    Portal(const Settings& settings, Sink& sink, Language language);

    void setup(const SetupView& view);
    void saved(const SetupView& view);
    void status(const Status& status);
    void status_json(const Status& status);
    void calibration(const Status& status);
    void redirect(Text location);
    void closed();        // set-up is over
    void forbidden();     // the form is not ours
    void not_found();
    void bad_request(bool too_long);

  private:
    void head(FlashText state, FlashText title, unsigned refresh_s);
    void foot(Text path);
    void message(FlashText state, FlashText title, FlashText text);
    void row(FlashText name);
    void address(uint32_t address);
    void calibration_form(Text action, uint32_t token, FlashText text, FlashText button, bool asks_watt);
    FlashText text(unsigned index) const;

    const Settings& settings_;
    Page page_;
    Language language_;
};

// The current as power at the household's voltage, W.
uint32_t watt(uint32_t current_ma, uint16_t voltage_v);

}  // namespace ecms
