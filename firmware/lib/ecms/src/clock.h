// Time since start that does not wrap, and the Unix time once somebody told it.
#pragma once

#include <stdint.h>

namespace ecms {

class Clock {
  public:
    // `millis` wraps after 49.7 days; call at least once in that time.
    uint64_t advance(uint32_t millis) {
        uptime_ms_ += static_cast<uint32_t>(millis - last_);
        last_ = millis;
        return uptime_ms_;
    }
    uint64_t uptime_ms() const { return uptime_ms_; }

    void set(uint64_t unix_ms) {
        offset_ms_ = static_cast<int64_t>(unix_ms) - static_cast<int64_t>(uptime_ms_);
        set_ = true;
    }
    bool is_set() const { return set_; }
    // Of a moment given by uptime; only meaningful once the clock is set.
    int64_t unix_ms(uint64_t uptime_ms) const { return static_cast<int64_t>(uptime_ms) + offset_ms_; }
    // Wall time once set, uptime before: what the ten-second grid is laid over.
    int64_t grid_ms() const { return static_cast<int64_t>(uptime_ms_) + (set_ ? offset_ms_ : 0); }

  private:
    uint64_t uptime_ms_ = 0;
    uint32_t last_ = 0;
    int64_t offset_ms_ = 0;
    bool set_ = false;
};

}  // namespace ecms
