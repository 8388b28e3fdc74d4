#include "ring.h"

namespace ecms {
namespace {

constexpr uint8_t kSettled = 0x80;
constexpr uint8_t kUndated = 0x40;
constexpr uint8_t kSentMask = 0x07;

}  // namespace

uint32_t Ring::push(const Reading& reading, bool dated) {
    if (count_ == kCapacity) drop_oldest();
    Entry& entry = at(count_);
    entry.time = reading.time;
    entry.sent_s = 0;
    entry.current_ma = static_cast<uint16_t>(reading.current_ma < UINT16_MAX ? reading.current_ma : UINT16_MAX);
    entry.flags = reading.flags;
    entry.rssi = reading.rssi;
    entry.device = reading.device;
    entry.state = dated ? 0 : kUndated;
    ++count_;
    ++pending_;
    if (!dated) ++undated_;
    return first_sequence_ + static_cast<uint32_t>(count_) - 1;
}

void Ring::drop_oldest() {
    const Entry& oldest = at(0);
    if (!(oldest.state & kSettled)) {
        ++lost_;
        --pending_;
        if (oldest.state & kUndated) --undated_;
    }
    head_ = (head_ + 1) % kCapacity;
    ++first_sequence_;
    --count_;
}

void Ring::date(const Clock& clock) {
    for (size_t i = 0; undated_ > 0 && i < count_; ++i) {
        Entry& entry = at(i);
        if (!(entry.state & kUndated)) continue;
        entry.time = static_cast<uint32_t>((clock.unix_ms(uint64_t{entry.time} * 1000) + 500) / 1000);
        entry.state &= static_cast<uint8_t>(~kUndated);
        --undated_;
    }
}

Reading Ring::reading_of(size_t index) const {
    const Entry& entry = at(index);
    Reading reading;
    reading.device = entry.device;
    reading.flags = entry.flags;
    reading.rssi = entry.rssi;
    reading.time = entry.time;
    reading.sequence = first_sequence_ + static_cast<uint32_t>(index);
    reading.current_ma = entry.current_ma;
    return reading;
}

bool Ring::find(uint32_t sequence, Reading& reading) const {
    const uint32_t index = sequence - first_sequence_;
    if (index >= count_ || at(index).state & (kSettled | kUndated)) return false;
    reading = reading_of(index);
    return true;
}

void Ring::settle(uint32_t sequence) {
    const uint32_t index = sequence - first_sequence_;
    if (index >= count_ || at(index).state & kSettled) return;
    if (at(index).state & kUndated) --undated_;
    at(index).state = kSettled;
    --pending_;
    while (count_ > 0 && at(0).state & kSettled) drop_oldest();
}

bool Ring::due(const Entry& entry, uint16_t now_s) const {
    if (entry.state & (kSettled | kUndated)) return false;
    const unsigned sent = entry.state & kSentMask;
    if (sent == 0) return true;
    uint32_t wait = kFirstRetryS << (sent - 1);
    if (wait > kLastRetryS) wait = kLastRetryS;
    // Both are rounded down, so one more second makes the pause never too short.
    return static_cast<uint16_t>(now_s - entry.sent_s) > wait;
}

void Ring::send(size_t index, uint64_t uptime_ms, Reading& reading) {
    Entry& entry = at(index);
    const uint8_t sent = entry.state & kSentMask;
    if (sent > 0) entry.flags |= kResent;
    if (sent < kSentMask) ++entry.state;
    entry.sent_s = static_cast<uint16_t>(uptime_ms / 1000);
    next_send_ms_ = uptime_ms + kPaceMs;
    reading = reading_of(index);
}

bool Ring::next(uint64_t uptime_ms, Reading& reading) {
    if (pending_ == undated_ || uptime_ms < next_send_ms_) return false;
    const auto now_s = static_cast<uint16_t>(uptime_ms / 1000);
    const bool alive = hub_alive(uptime_ms);
    for (size_t i = 0; i < count_; ++i) {
        if (due(at(i), now_s)) {
            send(i, uptime_ms, reading);
            return true;
        }
        if (!alive && !(at(i).state & (kSettled | kUndated))) return false;
    }
    return false;
}

bool Ring::newest(uint64_t uptime_ms, Reading& reading) {
    if (count_ == 0 || at(count_ - 1).state & (kSettled | kUndated)) return false;
    send(count_ - 1, uptime_ms, reading);
    return true;
}

}  // namespace ecms
