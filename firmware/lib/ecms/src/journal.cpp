#include "journal.h"

namespace ecms {
namespace {

// Every later state of an entry only clears bits of the one before, so no erase is needed until the sector is full.
constexpr uint32_t kEmpty = 0xFFFFFFFF;
constexpr uint32_t kPowerBegun = 0x00FFFF0F;
constexpr uint32_t kCrashBegun = 0x00FFFFF0;
constexpr uint32_t kOtherBegun = 0x00FFFF00;
constexpr uint32_t kCrashSettled = 0x00FF00F0;
constexpr uint32_t kSettled = 0x00FF0000;
constexpr uint32_t kSafe = 0;
constexpr size_t kEntries = kSectorSize / sizeof(uint32_t);

}  // namespace

void StartJournal::mark(uint32_t word) {
    open_ = open_ && flash_.write(kJournalSector, entry_ * sizeof word,
                                   reinterpret_cast<const uint8_t*>(&word), sizeof word);
}

void StartJournal::begin(StartCause cause) {
    unsigned power_run = 0;
    unsigned crash_run = 0;
    entry_ = 0;
    for (; entry_ < kEntries; ++entry_) {
        uint32_t word = kEmpty;
        if (!flash_.read(kJournalSector, entry_ * sizeof word, reinterpret_cast<uint8_t*>(&word), sizeof word)) return;
        if (word == kEmpty) break;
        power_run = word == kPowerBegun ? power_run + 1 : 0;
        crash_run = word == kCrashBegun || word == kCrashSettled ? crash_run + 1 : 0;
    }
    open_ = true;
    if (entry_ == kEntries) {
        open_ = flash_.erase(kJournalSector);
        entry_ = 0;
    }
    short_power_ons_ = cause == StartCause::kPower ? power_run : 0;
    crashes_ = cause == StartCause::kCrash ? crash_run + 1 : 0;
    if (short_power_ons_ >= kForgetAfter) {
        // The pattern is complete: this start must not count towards a second one.
        mark(kSettled);
    } else {
        mark(cause == StartCause::kPower ? kPowerBegun : cause == StartCause::kCrash ? kCrashBegun : kOtherBegun);
    }
}

void StartJournal::settled() {
    mark(crashes_ > 0 ? kCrashSettled : kSettled);
}

void StartJournal::safe() { mark(kSafe); }

}  // namespace ecms
