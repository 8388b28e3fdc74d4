// Readings nobody has acknowledged yet, and when to send which.
#pragma once

#include "clock.h"
#include "packet.h"

namespace ecms {

constexpr uint32_t kPeriodS = 10;

class Ring {
  public:
    static constexpr size_t kCapacity = 800;
    static_assert(kCapacity * kPeriodS >= 2 * 3600, "a box bridges two hours without its hub");

    static constexpr uint32_t kFirstRetryS = 5;
    static constexpr uint32_t kLastRetryS = 60;
    // Four resent and one fresh reading make the five a second a hub must bear.
    static constexpr uint32_t kPaceMs = 250;
    // A hub may wait 60 s for the database before it acknowledges.
    static constexpr uint32_t kHubAliveMs = 70000;

    // `reading.time` is Unix s, or the uptime in s if `dated` is false. The ring numbers it.
    uint32_t push(const Reading& reading, bool dated);
    // Gives the readings taken before the clock was set their time.
    void date(const Clock& clock);

    bool find(uint32_t sequence, Reading& reading) const;
    void settle(uint32_t sequence);   // acknowledged: it need not be kept
    void heard(uint64_t uptime_ms) {
        heard_ms_ = uptime_ms;
        ever_heard_ = true;
    }

    // The next reading to send now, oldest first; false if nothing is due. `newest` gives the one just
    // taken, which leaves at once. Without a living hub only the oldest is tried again.
    bool next(uint64_t uptime_ms, Reading& reading);
    bool newest(uint64_t uptime_ms, Reading& reading);

    size_t pending() const { return pending_; }
    uint32_t lost() const { return lost_; }
    bool hub_alive(uint64_t uptime_ms) const { return ever_heard_ && uptime_ms - heard_ms_ < kHubAliveMs; }
    uint64_t heard_ms() const { return heard_ms_; }
    bool ever_heard() const { return ever_heard_; }

  private:
    struct Entry {
        uint32_t time;
        uint16_t sent_s;       // uptime, modulo 2^16
        uint16_t current_ma;   // the largest part ends at 38 A
        uint8_t flags;
        int8_t rssi;
        uint8_t device;
        uint8_t state;         // times sent, and the bits below
    };
    static_assert(sizeof(Entry) == 12);

    Entry& at(size_t index) { return entries_[(head_ + index) % kCapacity]; }
    const Entry& at(size_t index) const { return entries_[(head_ + index) % kCapacity]; }
    Reading reading_of(size_t index) const;
    bool due(const Entry& entry, uint16_t now_s) const;
    void send(size_t index, uint64_t uptime_ms, Reading& reading);
    void drop_oldest();

    Entry entries_[kCapacity];
    size_t head_ = 0;
    size_t count_ = 0;
    size_t pending_ = 0;
    size_t undated_ = 0;
    uint32_t first_sequence_ = 0;
    uint32_t lost_ = 0;
    uint64_t next_send_ms_ = 0;
    uint64_t heard_ms_ = 0;
    bool ever_heard_ = false;
};

}  // namespace ecms
