// The whole box as a state machine over a board. `tick` never waits except where the board's own calls do.
#pragma once

#include "clock.h"
#include "config.h"
#include "http.h"
#include "journal.h"
#include "led.h"
#include "portal.h"
#include "ring.h"
#include "settings.h"

namespace ecms {

enum class Link : uint8_t { kDown, kUp, kWrongPassword, kNotFound };

constexpr uint32_t kAccessPointAddress = 192u << 24 | 168u << 16 | 1u << 8 | 2u;

// What the hardware and its network offer. Addresses have their first byte highest.
class Board : public Flash {
  public:
    virtual uint32_t millis() = 0;
    virtual uint32_t random() = 0;
    virtual void mac(uint8_t out[kMacSize]) = 0;
    virtual StartCause start_cause() = 0;
    virtual bool button_pressed() = 0;
    virtual void led(bool on) = 0;
    virtual void sample(Window& window) = 0;   // takes kWindowUs
    virtual void restart() = 0;

    virtual void open_access_point(const Settings& settings) = 0;
    virtual void close_access_point() = 0;
    virtual void join(const char* ssid, const char* password) = 0;
    virtual void leave() = 0;
    virtual Link link() = 0;
    virtual uint32_t address() = 0;
    virtual int8_t rssi() = 0;
    virtual void start_scan() = 0;
    virtual int scan_count() = 0;   // -1 while it runs
    virtual void scanned(int index, Network& network) = 0;
    virtual void end_scan() = 0;

    virtual bool resolve(const char* host, uint32_t& address) = 0;
    virtual bool discover(const char* service, uint32_t& address, uint16_t& port) = 0;
    virtual void start_clock(uint32_t hub_address, const Settings& settings) = 0;
    virtual bool clock_told(uint64_t& unix_ms) = 0;   // true once for every synchronisation
    virtual void send(uint32_t address, uint16_t port, const uint8_t* data, size_t size) = 0;
    virtual size_t receive(uint8_t* data, size_t capacity) = 0;   // 0: nothing came

  protected:
    ~Board() = default;
};

class Box {
  public:
    Box(Board& board, const Settings& settings);

    void begin();
    void tick();
    void answer(const HttpRequest& request, Sink& sink);

    bool access_point_open() const { return access_point_open_; }
    Status status() const;

  private:
    enum class Phase : uint8_t { kSetup, kTrying, kLingering, kRunning };

    void open_setup();
    void forget();
    void store_hub();
    void check_button(uint64_t now);
    void note_start();
    void check_journal(uint64_t now);
    void check_scan();
    void keep(const Network& network);
    void run_setup(uint64_t now);
    void run_network(uint64_t now);
    void find_hub(uint64_t now);
    void take_acknowledgements(uint64_t now);
    void take_time();
    void measure();
    void transmit(uint64_t now);
    void send(const Reading& reading);
    void calibrate();
    Light light() const;
    bool can_send() const;
    uint32_t until_slot_ms() const;
    const Calibration& calibration() const;
    bool calibrated() const;
    void answer_setup(const HttpRequest& request, Portal& portal);
    void answer_save(const HttpRequest& request, Portal& portal);
    void answer_calibration(const HttpRequest& request, Portal& portal);
    bool addressed_to_us(Text host) const;
    SetupView setup_view() const;

    static constexpr size_t kMaxNetworks = 16;

    Board& board_;
    const Settings& settings_;
    ConfigStore store_;
    StartJournal journal_;
    Clock clock_;
    Ring ring_;
    Meter meter_;
    Calibrator calibrator_;
    Config config_;
    Config tried_;
    Measurement last_;
    uint8_t mac_[kMacSize] = {};
    uint32_t token_ = 0;
    uint32_t jitter_ms_ = 0;

    Phase phase_ = Phase::kSetup;
    bool safe_mode_ = false;
    bool journal_begun_ = false;
    bool settled_ = false;
    bool safe_ = false;
    bool access_point_open_ = false;
    bool joined_ = false;
    JoinError join_error_ = JoinError::kNone;
    uint64_t phase_began_ms_ = 0;
    bool join_begun_ = false;
    uint64_t next_join_ms_ = 0;
    uint32_t join_pause_ms_ = 0;

    Network networks_[kMaxNetworks];
    size_t network_count_ = 0;
    bool scanning_ = false;

    bool hub_known_ = false;
    uint32_t hub_address_ = 0;
    uint16_t hub_port_ = 0;
    uint8_t search_step_ = 0;
    uint64_t next_search_ms_ = 0;
    uint32_t search_pause_ms_ = 0;
    uint64_t hub_since_ms_ = 0;

    int64_t last_slot_ = INT64_MIN;
    int64_t last_time_s_ = INT64_MIN;
    bool measured_ = false;
    bool first_reading_ = true;
    uint64_t button_since_ms_ = 0;
    bool button_down_ = false;
    bool button_armed_ = false;
    uint64_t acknowledged_ms_ = 0;
    uint32_t taken_ = 0, accepted_ = 0, refused_ = 0, foreign_ = 0, faults_ = 0;
};

}  // namespace ecms
