#include "ring.h"
#include "support.h"

using namespace ecms;

namespace {

Reading taken_at(uint32_t time, uint32_t ma = 1000) {
    Reading reading;
    reading.time = time;
    reading.current_ma = ma;
    return reading;
}

}  // namespace

TEST_CASE("a reading alone is sent at once, then after 5, 10, 20, 40, 60, 60 s, marked as resent") {
    Ring ring;
    ring.push(taken_at(1000), true);
    std::vector<uint64_t> at;
    Reading reading;
    for (uint64_t now = 100000; now < 400000; now += 50) {
        if (!ring.next(now, reading)) continue;
        CHECK((reading.flags & kResent) == (at.empty() ? 0 : kResent));
        CHECK(reading.time == 1000);
        at.push_back(now);
    }
    REQUIRE(at.size() >= 7);
    const uint64_t pauses[] = {5, 10, 20, 40, 60, 60};
    for (size_t i = 0; i < 6; ++i) {
        CHECK(at[i + 1] - at[i] >= pauses[i] * 1000);
        CHECK(at[i + 1] - at[i] <= pauses[i] * 1000 + 1050);
    }
}

TEST_CASE("draining: oldest first, never more than five in any second, live readings among them") {
    Ring ring;
    for (uint32_t i = 0; i < 400; ++i) ring.push(taken_at(i), true);
    ring.heard(0);
    std::vector<uint64_t> at;
    uint32_t expected = 0;
    Reading reading;
    uint32_t fresh = 0;
    for (uint64_t now = 1; now < 300000 && ring.pending() > 0; ++now) {
        if (now % 10000 == 0) {
            ring.push(taken_at(100000 + fresh++), true);
            REQUIRE(ring.newest(now, reading));
            at.push_back(now);
            ring.settle(reading.sequence);
            continue;
        }
        if (!ring.next(now, reading)) continue;
        at.push_back(now);
        CHECK(reading.sequence == expected++);
        ring.settle(reading.sequence);
        ring.heard(now);
    }
    CHECK(ring.pending() == 0);
    for (size_t i = 5; i < at.size(); ++i) CHECK(at[i] - at[i - 5] >= 1000);
    CHECK(at.back() < 120000);
}

TEST_CASE("without a living hub only the oldest is tried, and all of them once it answers") {
    Ring ring;
    for (uint32_t i = 0; i < 50; ++i) ring.push(taken_at(i), true);
    Reading reading;
    unsigned sent = 0;
    for (uint64_t now = 0; now < 3600000; now += 100) {
        if (!ring.next(now, reading)) continue;
        ++sent;
        CHECK(reading.sequence == 0);
    }
    CHECK(sent < 70);
    ring.settle(0);
    ring.heard(3600000);
    sent = 0;
    for (uint64_t now = 3600000; now < 3604000; now += 50) sent += ring.next(now, reading) ? 1 : 0;
    CHECK(sent == 16);
}

TEST_CASE("the ring holds two hours and more; only then the oldest goes, counted") {
    Ring ring;
    const uint32_t two_hours = 2 * 3600 / kPeriodS;
    for (uint32_t i = 0; i < two_hours; ++i) ring.push(taken_at(i), true);
    CHECK(ring.lost() == 0);
    CHECK(ring.pending() == two_hours);
    for (uint32_t i = two_hours; i < Ring::kCapacity + 25; ++i) CHECK(ring.push(taken_at(i), true) == i);
    CHECK(ring.lost() == 25);
    Reading reading;
    CHECK_FALSE(ring.find(24, reading));
    REQUIRE(ring.find(25, reading));
    CHECK(reading.time == 25);
}

TEST_CASE("acknowledgements in any order, twice, and for what never was") {
    Ring ring;
    for (uint32_t i = 0; i < 300; ++i) ring.push(taken_at(i), true);
    std::vector<uint32_t> order(300);
    for (uint32_t i = 0; i < 300; ++i) order[i] = i;
    std::mt19937 random(3);
    std::shuffle(order.begin(), order.end(), random);
    for (uint32_t sequence : order) {
        ring.settle(sequence);
        ring.settle(sequence);
        ring.settle(sequence + 1000);
    }
    CHECK(ring.pending() == 0);
    CHECK(ring.lost() == 0);
    CHECK(ring.push(taken_at(1), true) == 300);
}

TEST_CASE("what is already acknowledged is not lost when the ring turns over") {
    Ring ring;
    for (uint32_t i = 0; i < Ring::kCapacity; ++i) ring.push(taken_at(i), true);
    for (uint32_t i = 1; i < Ring::kCapacity; ++i) ring.settle(i);
    CHECK(ring.pending() == 1);
    ring.push(taken_at(9), true);
    CHECK(ring.lost() == 1);
    CHECK(ring.pending() == 1);
}

TEST_CASE("readings before the clock was set wait, and get their time from the uptime") {
    Ring ring;
    Clock clock;
    Reading reading;
    ring.push(taken_at(10), false);
    ring.push(taken_at(20), false);
    ring.heard(0);
    CHECK_FALSE(ring.next(30000, reading));
    CHECK_FALSE(ring.find(0, reading));
    clock.advance(31000);
    clock.set(1767265231400);
    ring.date(clock);
    REQUIRE(ring.next(31000, reading));
    CHECK(reading.time == 1767265210);
    REQUIRE(ring.next(31300, reading));
    CHECK(reading.time == 1767265220);
    ring.push(taken_at(1767265240), true);
    ring.date(clock);
    REQUIRE(ring.find(2, reading));
    CHECK(reading.time == 1767265240);
}

TEST_CASE("currents beyond two bytes stay at the end instead of wrapping") {
    Ring ring;
    ring.push(taken_at(1, 70000), true);
    Reading reading;
    REQUIRE(ring.find(0, reading));
    CHECK(reading.current_ma == 65535);
}

TEST_CASE("a ring against a plain list, over thousands of random steps") {
    Ring ring;
    std::map<uint32_t, uint32_t> model;   // sequence -> time
    std::mt19937 random(5);
    uint32_t next = 0;
    uint64_t now = 0;
    for (int step = 0; step < 60000; ++step) {
        now += random() % 400;
        const auto choice = random() % 10;
        Reading reading;
        if (choice < 4) {
            const uint32_t sequence = ring.push(taken_at(next + 7), true);
            REQUIRE(sequence == next);
            model[next] = next + 7;
            ++next;
        } else if (choice < 8 && !model.empty()) {
            auto at = model.lower_bound(model.begin()->first + random() % 40);
            if (at == model.end()) at = model.begin();
            if (random() % 20 == 0) ring.heard(now);
            ring.settle(at->first);
            model.erase(at);
        } else if (ring.next(now, reading)) {
            const auto found = model.find(reading.sequence);
            REQUIRE(found != model.end());
            REQUIRE(found->second == reading.time);
        }
        while (!model.empty() && next - model.begin()->first > Ring::kCapacity) model.erase(model.begin());
        REQUIRE(ring.pending() == model.size());
    }
}
