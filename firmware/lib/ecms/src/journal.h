// Counts starts in flash, to see a box that crashes over and over and a user who switches it on five times.
#pragma once

#include "flash.h"

namespace ecms {

enum class StartCause : uint8_t { kPower, kCrash, kOther };

class StartJournal {
  public:
    // A start counts as short until kSettledMs, as unsafe until kSafeMs after it.
    static constexpr uint32_t kBeginMs = 1000;    // flicker of the mains is no power-on
    static constexpr uint32_t kSettledMs = 10000;
    static constexpr uint32_t kSafeMs = 300000;
    static constexpr unsigned kForgetAfter = 5;
    static constexpr unsigned kSafeModeAfter = 5;

    explicit StartJournal(Flash& flash) : flash_(flash) {}

    void begin(StartCause cause);        // reads what came before and notes this start
    void settled();                      // alive for kSettledMs
    void safe();                         // alive for kSafeMs
    unsigned short_power_ons() const { return short_power_ons_; }   // in a row before this one
    unsigned crashes() const { return crashes_; }                   // in a row, this one included

  private:
    void mark(uint32_t word);

    Flash& flash_;
    size_t entry_ = 0;
    bool open_ = false;
    unsigned short_power_ons_ = 0;
    unsigned crashes_ = 0;
};

}  // namespace ecms
