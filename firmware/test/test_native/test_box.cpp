// Whole lives of a box, in simulated time.
#include "support.h"

using namespace ecms;

namespace {

std::vector<uint32_t> stored_times(const FakeBoard& board) {
    std::vector<uint32_t> times;
    for (const auto& [sequence, bytes] : board.stored) times.push_back(get_u32(bytes.data() + v2::kTime));
    return times;
}

uint8_t flags_of(const FakeBoard& board, uint32_t sequence) { return board.stored.at(sequence)[v2::kFlags]; }

}  // namespace

TEST_CASE("a new box opens its access point, is set up, joins, closes it and reports") {
    FakeFlash flash;
    Run run(flash);
    run.board.amps = 2;
    run.start();
    run.pass(500);
    CHECK(run.board.access_point);
    const std::string page = run.get("/");
    CHECK(contains(page, "200 OK"));
    CHECK(contains(page, "<option value=200>Caff\u00e8 &lt;&amp;&gt; &quot;forno&quot;"));
    CHECK(contains(page, "action=/save"));
    CHECK_FALSE(contains(page, "<script"));
    const std::string saved = run.get("/save?ssid=Casa&password=password&device=2");
    CHECK(contains(saved, "Ricevuto"));
    CHECK(contains(saved, "Frigorifero"));
    run.pass(800);
    CHECK(run.board.joins == 0);   // the page leaves before the radio changes its channel
    run.until([&] { return run.board.joins > 0; }, 5000);
    run.until([&] { return !run.board.access_point; }, 20000);
    CHECK_FALSE(run.board.access_point);
    CHECK(run.board.resolves == 0);
    run.pass(60000);
    CHECK(run.board.stored.size() >= 4);
    const auto& first = run.board.stored.begin()->second;
    CHECK(first[v2::kDevice] == 2);
    CHECK(get_u32(first.data() + v2::kCurrent) == doctest::Approx(2000).epsilon(0.01));
    CHECK(contains(run.get("/save?ssid=Altra&password=password&device=2"), "403 Forbidden"));
}

TEST_CASE("the page says why joining failed and keeps the access point") {
    FakeFlash flash;
    Run run(flash);
    run.start();
    run.pass(500);
    run.get("/save?ssid=Casa&password=sbagliata&device=1");
    CHECK(contains(run.get("/"), "in corso"));
    run.pass(15000);
    CHECK(contains(run.get("/"), "password \u00e8 sbagliata"));
    CHECK(contains(run.get("/?lang=en"), "the password is wrong"));
    CHECK(contains(run.get("/"), "value=\"Casa\""));
    run.get("/save?ssid=Nessuna&password=password&device=1");
    run.pass(15000);
    CHECK(contains(run.get("/?lang=en"), "was not found"));
    CHECK(run.board.access_point);
    // Nothing of it was stored.
    Run again(flash);
    again.start();
    CHECK(again.board.access_point);
}

TEST_CASE("a router that never answers ends in a timeout") {
    FakeFlash flash;
    Run run(flash);
    run.board.networks["Muta"] = "password";
    run.start();
    run.get("/save?ssid=Muta&password=password&device=1");
    run.until([&] { return run.board.joins > 0; }, 5000);
    run.board.leave();
    run.pass(30000);
    CHECK(contains(run.get("/?lang=en"), "no answer from the router"));
}

TEST_CASE("the form refuses what cannot be a network, a password or an appliance of this home") {
    FakeFlash flash;
    Run run(flash);
    run.start();
    const std::string a33(33, 'a');
    const std::string a64(64, 'g');
    const std::string hex64(64, 'F');
    for (const std::string& target :
         {std::string("/save?device=1"), std::string("/save?ssid=&password=&device=1"), "/save?ssid=" + a33 + "&device=1",
          std::string("/save?ssid=a%00b&device=1")}) {
        CAPTURE(target);
        CHECK(contains(run.get(target + "&lang=en"), "1 to 32 bytes"));
    }
    for (const std::string& password : {std::string("1234567"), a64, a64 + "a", std::string("1234567%00")}) {
        CAPTURE(password);
        CHECK(contains(run.get("/save?ssid=x&device=1&lang=en&password=" + password), "8 to 63 characters"));
    }
    for (const char* device : {"", "3", "999", "0002", "-1", "1x", "256"}) {
        CAPTURE(device);
        CHECK(contains(run.get(std::string("/save?ssid=x&password=&lang=en&device=") + device), "from the list"));
    }
    CHECK(run.board.joins == 0);
    CHECK(contains(run.get("/save?ssid=x&lang=en&device=1&password=" + hex64), "Received"));
}

TEST_CASE("the longest name and password join and survive") {
    FakeFlash flash;
    const std::string name(32, 'n');
    const std::string password(63, 'p');
    {
        Run run(flash);
        run.board.networks[name] = password;
        run.start();
        CHECK(contains(run.get("/save?ssid=" + name + "&device=1&password=" + password), "Ricevuto"));
        run.until([&] { return !run.board.access_point; }, 30000);
        CHECK_FALSE(run.board.access_point);
    }
    Run run(flash);
    run.board.networks[name] = password;
    run.start();
    run.pass(30000);
    CHECK(run.board.stored.size() >= 1);
}

TEST_CASE("names with accents, emoji and markup arrive exactly and are shown harmlessly") {
    FakeFlash flash;
    Run run(flash);
    const std::string name = "Caff\u00e8 \U0001F3E0 <b>&\"";
    run.board.networks[name] = "p+%&= \u00e8!x";
    run.start();
    run.get("/save?ssid=Caff%C3%A8%20%F0%9F%8F%A0+%3Cb%3E%26%22&password=p%2B%25%26%3D+%C3%A8!x&device=200");
    run.until([&] { return !run.board.access_point; }, 30000);
    CHECK_FALSE(run.board.access_point);
    run.pass(100);
    const std::string page = run.get("/stato");
    CHECK(contains(page, "Caff\u00e8 \U0001F3E0 &lt;b&gt;&amp;&quot;"));
    CHECK(contains(run.get("/stato.json"), "\"ssid\":\"Caff\u00e8 \U0001F3E0 <b>&\\\"\""));
}

TEST_CASE("phones are led to the page, and the list shows every network once, the strongest first") {
    FakeFlash flash;
    Run run(flash);
    for (int i = 0; i < 20; ++i) {
        Network network = {};
        snprintf(network.ssid, sizeof network.ssid, "rete-%02d", i);
        network.rssi = static_cast<int8_t>(-90 + i);
        network.open = i == 19;
        run.board.air.push_back(network);
        run.board.air.push_back({"doppia", static_cast<int8_t>(-80 + i), false});
        run.board.air.push_back({"", -20, true});
    }
    run.start();
    run.pass(100);
    CHECK(contains(run.get("/generate_204", "connectivitycheck.gstatic.com"), "Location: http://192.168.1.2/\r\n"));
    CHECK(contains(run.get("/hotspot-detect.html"), "302 Found"));
    const std::string page = run.get("/");
    size_t listed = 0;
    for (size_t at = page.find("<li>"); at != std::string::npos; at = page.find("<li>", at + 1)) ++listed;
    CHECK(listed == 16);
    CHECK(page.find("doppia") < page.find("rete-19"));
    CHECK(page.find("rete-19") < page.find("rete-18"));
    CHECK(page.find("doppia", page.find("rete-19")) == std::string::npos);
    CHECK(contains(page, "aperta"));
    CHECK(contains(run.get("/?ssid=due+parole%21"), "value=\"due parole!\""));
}

TEST_CASE("readings fall on multiples of ten seconds, one each, with one jitter below 300 ms") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.board.epoch_ms = 1767265203456;
    run.start();
    run.pass(600000);
    const auto times = stored_times(run.board);
    CHECK(times.size() >= 58);
    std::set<uint64_t> jitters;
    for (const auto& sent : run.board.sent) {
        const uint32_t time = get_u32(sent.data.data() + v2::kTime);
        if (sent.data[v2::kFlags] & kBackdated) continue;
        CHECK(time % 10 == 0);
        jitters.insert((run.board.epoch_ms + sent.at_ms - uint64_t{time} * 1000) / 20);
    }
    CHECK(jitters.size() <= 3);
    CHECK(*jitters.rbegin() * 20 < 300 + 220);
    for (size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] >= 5);
    for (size_t i = 3; i < times.size(); ++i) CHECK(times[i] - times[i - 1] == 10);
    CHECK((flags_of(run.board, 0) & kBoot) != 0);
    CHECK((flags_of(run.board, 1) & kBoot) == 0);
}

TEST_CASE("before the clock is set readings are kept by uptime and back-dated, in their true order") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.board.time_server = false;
    run.start();
    run.pass(300000);
    CHECK(run.board.sent.empty());
    CHECK(contains(run.get("/stato.json"), "\"pending\":30"));
    run.board.time_server = true;
    run.pass(60000);
    REQUIRE(run.board.stored.size() >= 34);
    const uint64_t start_s = run.board.epoch_ms / 1000;
    for (uint32_t i = 0; i < 30; ++i) {
        CHECK((flags_of(run.board, i) & kBackdated) != 0);
        const uint32_t time = get_u32(run.board.stored.at(i).data() + v2::kTime);
        CHECK(time == start_s + i * 10);
    }
    CHECK((flags_of(run.board, 31) & kBackdated) == 0);
    const auto times = stored_times(run.board);
    for (size_t i = 1; i < times.size(); ++i) {
        CHECK(times[i] - times[i - 1] >= 5);
        CHECK(times[i] - times[i - 1] <= 20);
    }
}

TEST_CASE("a clock set in the middle of a slot does not make a late reading of it") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.board.epoch_ms = 1767265203000;
    run.board.time_server = false;
    run.start();
    run.pass(28800);
    run.board.time_server = true;   // two seconds after a multiple of ten, nine after the last reading
    run.pass(60000);
    unsigned on_grid = 0;
    for (const auto& sent : run.board.sent) {
        if (sent.data[v2::kFlags] & (kBackdated | kResent)) continue;
        CHECK(run.board.epoch_ms + sent.at_ms - uint64_t{get_u32(sent.data.data() + v2::kTime)} * 1000 < 600);
        ++on_grid;
    }
    CHECK(on_grid >= 5);
}

TEST_CASE("an hour without the hub loses nothing and does not flood it after") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(120000);
    const size_t before = run.board.stored.size();
    CHECK(before >= 10);
    run.board.hub = false;
    run.pass(3600000);
    CHECK(run.board.stored.size() == before);
    run.board.hub = true;
    const uint64_t back = run.board.now_ms;
    run.until([&] { return contains(run.get("/stato.json"), "\"pending\":0,"); }, 300000);
    CHECK(run.board.now_ms - back < 180000);
    const auto times = stored_times(run.board);
    CHECK(times.size() >= before + 360);
    for (size_t i = 1; i < run.board.stored.size(); ++i) CHECK(run.board.stored.count(static_cast<uint32_t>(i)) == 1);
    for (size_t i = 3; i < times.size(); ++i) CHECK(times[i] - times[i - 1] == 10);
    std::deque<uint64_t> second;
    for (const auto& sent : run.board.sent) {
        second.push_back(sent.at_ms);
        while (sent.at_ms - second.front() >= 1000) second.pop_front();
        CHECK(second.size() <= 5);
    }
    CHECK(contains(run.get("/stato.json"), "\"lost\":0"));
    // The radio is quiet before a window is sampled.
    uint64_t first_into_slot = 10000;
    for (const auto& sent : run.board.sent) {
        if (!(sent.data[v2::kFlags] & kResent)) {
            const uint64_t into = (run.board.epoch_ms + sent.at_ms) % 10000;
            if (into < first_into_slot) first_into_slot = into;
        }
    }
    const uint64_t jitter = first_into_slot - 200;
    unsigned resent = 0;
    for (const auto& sent : run.board.sent) {
        if (!(sent.data[v2::kFlags] & kResent)) continue;
        ++resent;
        CHECK((run.board.epoch_ms + sent.at_ms + 10000 - jitter) % 10000 <= 9710);
    }
    CHECK(resent >= 60);
}

TEST_CASE("an hour without Wi-Fi loses nothing; the box joins again by itself and never restarts") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(60000);
    run.board.radio = false;
    run.pass(3600000);
    CHECK(run.board.joins < 80);
    run.board.radio = true;
    run.pass(240000);
    const auto times = stored_times(run.board);
    CHECK(times.size() >= 385);
    for (size_t i = 3; i < times.size(); ++i) CHECK(times[i] - times[i - 1] == 10);
    CHECK_FALSE(run.board.restarted);
}

TEST_CASE("a hub that acknowledges only after a minute gets every reading, none lost, at a bearable rate") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.board.acknowledge_after_ms = 60000;
    run.start();
    run.pass(1800000);
    CHECK(run.board.stored.size() >= 170);
    CHECK(run.board.sent.size() < 5 * run.board.stored.size());
    CHECK(contains(run.get("/stato.json"), "\"lost\":0"));
    CHECK((run.board.sent.back().data[v2::kFlags] & ~31) == 0);
}

TEST_CASE("a refusal for good frees the reading and is counted") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.board.hub_refuses = true;
    run.start();
    run.pass(60000);
    const std::string json = run.get("/stato.json");
    CHECK(contains(json, "\"pending\":0"));
    CHECK(contains(json, "\"accepted\":0"));
    CHECK_FALSE(contains(json, "\"refused\":0"));
}

TEST_CASE("forged and foreign acknowledgements free nothing") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(60000);
    run.board.hub = false;
    run.until([&, count = run.board.sent.size()] { return run.board.sent.size() > count; }, 20000);
    auto key = test_settings();
    key.key[0] ^= 1;
    run.board.inject(acknowledge(run.board.sent.back().data, key.key));
    run.board.inject({1, 2, 3});
    run.board.inject(std::vector<uint8_t>(200, 'E'));
    run.pass(200);
    CHECK(contains(run.get("/stato.json"), "\"pending\":1,"));
    CHECK(contains(run.get("/stato.json"), "\"foreign_acks\":3"));
}

TEST_CASE("the hub is found by name, else by service, else where it was, else at the fixed address") {
    FakeFlash flash;
    configure(flash);
    {
        Run run(flash);
        run.start();
        run.pass(60000);
        REQUIRE(!run.board.sent.empty());
        CHECK(run.board.sent.back().address == 0xC0A80132);
        CHECK(run.board.sent.back().port == 4210);
    }
    {
        Run run(flash);
        run.board.hosts.clear();
        run.board.service_address = 0xC0A80133;
        run.board.service_port = 5000;
        run.start();
        run.pass(60000);
        REQUIRE(!run.board.sent.empty());
        CHECK(run.board.sent.back().address == 0xC0A80133);
        CHECK(run.board.sent.back().port == 5000);
    }
    {
        Run run(flash);   // the last good one was stored by the run before
        run.board.hosts.clear();
        run.start();
        run.pass(60000);
        REQUIRE(!run.board.sent.empty());
        CHECK(run.board.sent.back().address == 0xC0A80133);
        CHECK(run.board.sent.back().port == 5000);
    }
    FakeFlash fresh;
    configure(fresh);
    Run run(fresh);
    run.board.hosts.clear();
    run.settings.hub_address = 0x0A000001;
    run.start();
    run.pass(60000);
    REQUIRE(!run.board.sent.empty());
    CHECK(run.board.sent.back().address == 0x0A000001);
}

TEST_CASE("a hub that moved is found again") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(60000);
    run.board.hosts["pi.local"] = 0xC0A80140;
    run.board.hub = false;
    run.until([&] { return run.board.sent.back().address == 0xC0A80140; }, 900000);
    CHECK(run.board.sent.back().address == 0xC0A80140);
    run.board.hub = true;
    run.until([&] { return contains(run.get("/stato.json"), "\"pending\":0,"); }, 120000);
    CHECK(contains(run.get("/stato.json"), "\"lost\":0"));
    CHECK(contains(run.get("/stato.json"), "\"pending\":0,"));
}

TEST_CASE("no sensor: no reading, a light, and a word on the page") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.board.zero = 2;
    run.start();
    run.pass(60000);
    CHECK(run.board.sent.empty());
    CHECK(contains(run.get("/stato.json"), "\"amps\":null"));
    CHECK(contains(run.get("/stato.json"), "\"state\":\"no_sensor\""));
    CHECK(contains(run.get("/stato"), "non collegato"));
    run.board.zero = 514;
    run.pass(30000);
    CHECK(run.board.stored.size() >= 2);
    CHECK(run.board.stored.count(0) == 1);   // no number was spent on what was not measured
}

TEST_CASE("version 1: 12 bytes, sent once, held while there is nowhere to send") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.settings.protocol = 1;
    run.board.amps = 3;
    run.board.time_server = false;
    run.start();
    run.pass(60000);
    CHECK(run.board.sent.empty());
    run.board.time_server = true;
    run.pass(60000);
    CHECK(run.board.sent.size() >= 11);
    std::set<uint32_t> times;
    for (const auto& sent : run.board.sent) {
        REQUIRE(sent.data.size() == v1::kSize);
        CHECK(sent.data[v1::kAmpere] == 3);
        CHECK(sent.data[v1::kDevice] == 2);
        times.insert(get_u32(sent.data.data() + v1::kTime));
    }
    CHECK(times.size() == run.board.sent.size());
    CHECK(contains(run.get("/stato.json"), "\"state\":\"running\""));
}

TEST_CASE("holding the button for five seconds forgets the network; a stuck pin or a short press does not") {
    FakeFlash flash;
    configure(flash);
    {
        Run stuck(flash);
        stuck.board.button = true;
        stuck.start();
        stuck.pass(30000);
        CHECK_FALSE(stuck.board.restarted);
    }
    Run run(flash);
    run.start();
    run.pass(15000);
    run.board.button = true;
    run.pass(4000);
    run.board.button = false;
    run.pass(4000);
    CHECK_FALSE(run.board.restarted);
    run.board.button = true;
    run.pass(6000);
    CHECK(run.board.restarted);
    Run after(flash);
    after.start();
    CHECK(after.board.access_point);
}

TEST_CASE("five short power-ons forget the network; four, or a flickering mains, do not") {
    FakeFlash flash;
    configure(flash);
    const auto power_on = [&](uint64_t ms) {
        Run run(flash);
        run.board.cause = StartCause::kPower;
        run.start();
        run.pass(ms);
        return run.board.restarted;
    };
    for (int i = 0; i < 20; ++i) CHECK_FALSE(power_on(500));
    for (int i = 0; i < 4; ++i) CHECK_FALSE(power_on(4000));
    CHECK_FALSE(power_on(20000));
    for (int i = 0; i < 5; ++i) CHECK_FALSE(power_on(4000));
    CHECK(power_on(4000));
    Run after(flash);
    after.start();
    CHECK(after.board.access_point);
}

TEST_CASE("crashes within the first moment count too") {
    FakeFlash flash;
    configure(flash);
    for (int i = 0; i < 5; ++i) {
        Run run(flash);
        run.board.cause = StartCause::kCrash;
        run.start();
        CHECK(run.board.access_point == (i == 4));
    }
}

TEST_CASE("five crashes lead to the safe mode: set-up and status live, no measuring, and a new try later") {
    FakeFlash flash;
    configure(flash);
    for (int i = 0; i < 5; ++i) {
        Run run(flash);
        run.board.cause = StartCause::kCrash;
        run.start();
        run.pass(3000);
        CHECK(run.board.access_point == (i == 4));
    }
    Run run(flash);
    run.board.cause = StartCause::kCrash;
    run.start();
    run.pass(60000);
    CHECK(run.board.access_point);
    CHECK(run.board.samples == 0);
    CHECK(run.board.sent.empty());
    CHECK(contains(run.get("/stato.json"), "\"safe_mode\":true"));
    CHECK(contains(run.get("/stato"), "Modo sicuro"));
    CHECK(contains(run.get("/"), "action=/save"));
    CHECK(contains(run.get("/stato.json"), "\"joined\":true"));
    run.pass(15 * 60000);
    CHECK(run.board.restarted);
    Run next(flash);
    next.start();
    next.pass(60000);
    CHECK(next.board.stored.size() >= 3);
}

TEST_CASE("calibration from its page: no load, then a load in watts, stored, shown, marked, discarded") {
    FakeFlash flash;
    configure(flash);
    {
        Run run(flash);
        run.start();
        run.pass(30000);
        CHECK(contains(run.get("/calibra?do=zero&k=4242"), "302 Found"));
        CHECK(contains(run.get("/calibra"), "in corso"));
        run.pass(6000);
        CHECK(contains(run.get("/calibra?lang=en"), "Done and stored"));
        run.board.amps = 2;
        CHECK(contains(run.get("/calibra?do=load&watt=506&k=4242"), "302 Found"));   // 2.2 A at 230 V
        run.pass(6000);
        CHECK(contains(run.get("/calibra?lang=en"), "Done and stored"));
        run.pass(30000);
        CHECK(get_u32(run.board.stored.rbegin()->second.data() + v2::kCurrent) == doctest::Approx(2200).epsilon(0.005));
        CHECK((run.board.stored.rbegin()->second[v2::kFlags] & kCalibrated) != 0);
    }
    Run run(flash);
    run.board.amps = 2;
    run.start();
    run.pass(30000);
    CHECK(get_u32(run.board.stored.rbegin()->second.data() + v2::kCurrent) == doctest::Approx(2200).epsilon(0.005));
    CHECK(contains(run.get("/stato.json"), "\"gain\":1.1"));
    run.get("/calibra?do=reset&k=4242");
    CHECK(contains(run.get("/stato.json"), "\"done\":false"));
}

TEST_CASE("calibration is not taken from another site's page") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(30000);
    for (const char* target : {"/calibra?do=zero", "/calibra?do=zero&k=1", "/calibra?do=zero&k=42429999999999"}) {
        CAPTURE(target);
        CHECK(contains(run.get(target), "403 Forbidden"));
    }
    CHECK(contains(run.get("/calibra?do=zero&k=4242", "evil.example"), "403 Forbidden"));
    CHECK(contains(run.get("/calibra", "evil.example"), "403 Forbidden"));
    CHECK_FALSE(contains(run.get("/calibra", "evil.example"), "4242"));
    CHECK(contains(run.get("/calibra", "esp8266-010203.local"), "200 OK"));
    for (const char* watt : {"", "0", "abc", "10000", "-5"}) {
        CHECK(contains(run.get(std::string("/calibra?do=load&k=4242&watt=") + watt), "400 Bad Request"));
    }
    CHECK(contains(run.get("/calibra?do=other&k=4242"), "400 Bad Request"));
}

TEST_CASE("a flash that takes nothing is told on the page and does not stop the box") {
    FakeFlash flash;
    flash.broken = true;
    Run run(flash);
    run.start();
    run.get("/save?ssid=Casa&password=password&device=1");
    run.pass(20000);
    CHECK(contains(run.get("/?lang=en"), "did not take the settings"));
    CHECK(run.board.access_point);
}

TEST_CASE("pages in both languages; unknown pages and broken requests have their answer") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(1000);
    CHECK(contains(run.get("/stato"), "Stato della presa"));
    CHECK(contains(run.get("/stato?lang=en"), "Status of the box"));
    run.settings.language = Language::kEnglish;
    CHECK(contains(run.get("/stato"), "Status of the box"));
    CHECK(contains(run.get("/nothing"), "404 Not Found"));
    CHECK(contains(run.get("/?x=" + std::string(600, 'a')), "414 URI Too Long"));
    CHECK(contains(run.get("/stato"), "Cache-Control: no-store"));
}

TEST_CASE("a clock that jumps back does not make two readings of one moment") {
    FakeFlash flash;
    configure(flash);
    Run run(flash);
    run.start();
    run.pass(100000);
    for (int i = 0; i < 10; ++i) {
        run.board.epoch_ms -= 1700;
        run.board.start_clock(0, run.settings);
        run.pass(37000);
    }
    auto times = stored_times(run.board);
    const size_t count = times.size();
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
    CHECK(times.size() == count);
}

TEST_CASE("the box fits: its memory is known") {
    CHECK(sizeof(Ring) <= 11000);
    CHECK(sizeof(Box) <= 14000);
    CHECK(sizeof(HttpRequest) <= 800);
}
