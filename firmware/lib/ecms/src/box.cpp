#include "box.h"

#include "form.h"

namespace ecms {
namespace {

constexpr uint32_t kPeriodMs = kPeriodS * 1000;
constexpr uint32_t kMaxJitterMs = 280;
// Sending just before a window would disturb the ADC.
constexpr uint32_t kQuietMs = 300;

constexpr uint32_t kJoinAfterPageMs = 1000;     // the confirmation page leaves first
constexpr uint32_t kJoinTimeoutMs = 25000;
constexpr uint32_t kJoinVerdictMs = 5000;       // the radio's first verdict may be about the network before
constexpr uint32_t kLingerMs = 8000;            // the phone reads "connected" before the access point closes
constexpr uint32_t kJoinPauseMs = 20000;
constexpr uint32_t kMaxJoinPauseMs = 60000;

constexpr uint32_t kSearchPauseMs = 5000;
constexpr uint32_t kMaxSearchPauseMs = 60000;
constexpr uint32_t kSearchTakesMs = 2500;       // a resolver may block this long
constexpr uint32_t kHubSilentMs = 90000;

constexpr uint32_t kLongPressMs = 5000;
constexpr uint64_t kSafeModeLastsMs = 15 * 60 * 1000;
constexpr int64_t kClosestReadingsS = 5;

constexpr uint32_t kSmallestLoadW = 1, kLargestLoadW = 9999;
constexpr char kService[] = "ecms";

bool parse_number(Text text, uint32_t highest, uint32_t& value) {
    if (text.size == 0 || text.size > 10) return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; ++i) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        sum = sum * 10 + static_cast<unsigned>(text.data[i] - '0');
    }
    value = static_cast<uint32_t>(sum);
    return sum <= highest;
}

bool hexadecimal(Text text) {
    for (size_t i = 0; i < text.size; ++i) {
        const char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
    }
    return true;
}

bool holds_nul(Text text) { return text.size > 0 && memchr(text.data, 0, text.size) != nullptr; }

}  // namespace

Box::Box(Board& board, const Settings& settings)
    : board_(board), settings_(settings), store_(board), journal_(board), meter_(settings.part) {}

void Box::begin() {
    board_.mac(mac_);
    token_ = board_.random();
    // The same part of every ten seconds for one box, another for the next one.
    jitter_ms_ = crc32(mac_, sizeof mac_) % kMaxJitterMs;
    clock_.advance(board_.millis());
    store_.load(config_);
    hub_address_ = config_.hub_address;
    hub_port_ = config_.hub_port;
    if (config_.configured()) {
        phase_ = Phase::kRunning;
    } else {
        open_setup();
    }
    // A crash may come again before the first second is over; only power-ons have to last that long to count.
    if (board_.start_cause() != StartCause::kPower) note_start();
}

void Box::note_start() {
    journal_begun_ = true;
    journal_.begin(board_.start_cause());
    if (journal_.short_power_ons() >= StartJournal::kForgetAfter) {
        forget();
    } else if (journal_.crashes() >= StartJournal::kSafeModeAfter) {
        safe_mode_ = true;
        if (!access_point_open_) {
            access_point_open_ = true;
            board_.open_access_point(settings_);
        }
    }
}

void Box::open_setup() {
    phase_ = Phase::kSetup;
    access_point_open_ = true;
    board_.leave();
    board_.open_access_point(settings_);
    board_.start_scan();
    scanning_ = true;
}

void Box::forget() {
    store_.forget();
    board_.restart();
}

void Box::tick() {
    const uint64_t now = clock_.advance(board_.millis());
    check_journal(now);
    check_button(now);
    if (access_point_open_) check_scan();
    if (phase_ == Phase::kRunning) {
        run_network(now);
    } else {
        run_setup(now);
    }
    take_time();
    if (!safe_mode_) {
        take_acknowledgements(now);
        if (calibrator_.busy()) {
            calibrate();
        } else if (phase_ == Phase::kRunning) {
            measure();
        }
        transmit(clock_.advance(board_.millis()));
    }
    board_.led(led_on(light(), clock_.uptime_ms(), acknowledged_ms_));
}

void Box::check_journal(uint64_t now) {
    if (!journal_begun_ && now >= StartJournal::kBeginMs) note_start();
    if (!settled_ && now >= StartJournal::kSettledMs) {
        settled_ = true;
        journal_.settled();
    }
    if (!safe_ && now >= StartJournal::kSafeMs) {
        safe_ = true;
        journal_.safe();
    }
    if (safe_mode_ && now >= kSafeModeLastsMs) board_.restart();
}

void Box::check_button(uint64_t now) {
    const bool down = board_.button_pressed();
    // A button that is down since the start may be a shorted pin; only a press seen to begin counts.
    if (!down) button_armed_ = true;
    if (down && !button_down_) button_since_ms_ = now;
    button_down_ = down;
    if (down && button_armed_ && now - button_since_ms_ >= kLongPressMs) forget();
}

void Box::check_scan() {
    if (!scanning_) return;
    const int found = board_.scan_count();
    if (found < 0) return;
    scanning_ = false;
    network_count_ = 0;
    for (int i = 0; i < found; ++i) {
        Network network = {};
        board_.scanned(i, network);
        if (network.ssid[0] != 0) keep(network);
    }
    board_.end_scan();
}

// Strongest first, every name once: a home with repeaters has the same name many times.
void Box::keep(const Network& network) {
    size_t same = 0;
    while (same < network_count_ && strcmp(networks_[same].ssid, network.ssid) != 0) ++same;
    if (same < network_count_) {
        if (networks_[same].rssi >= network.rssi) return;
    } else if (network_count_ < kMaxNetworks) {
        ++network_count_;
    } else if (networks_[--same].rssi >= network.rssi) {
        return;
    }
    for (; same > 0 && networks_[same - 1].rssi < network.rssi; --same) networks_[same] = networks_[same - 1];
    networks_[same] = network;
}

void Box::run_setup(uint64_t now) {
    if (phase_ == Phase::kTrying) {
        const uint64_t since = now - phase_began_ms_;
        if (!join_begun_) {
            if (since < kJoinAfterPageMs) return;
            join_begun_ = true;
            board_.join(tried_.ssid, tried_.password);
        }
        const Link link = board_.link();
        if (link == Link::kUp) {
            joined_ = true;
            if (store_.save(tried_)) {
                config_ = tried_;
                hub_address_ = 0;
                phase_ = Phase::kLingering;
                phase_began_ms_ = now;
                return;
            }
            join_error_ = JoinError::kNotStored;
        } else if (link == Link::kWrongPassword && since >= kJoinVerdictMs) {
            join_error_ = JoinError::kWrongPassword;
        } else if (link == Link::kNotFound && since >= kJoinVerdictMs) {
            join_error_ = JoinError::kNotFound;
        } else if (since >= kJoinTimeoutMs) {
            join_error_ = JoinError::kTimeout;
        } else {
            return;
        }
        joined_ = false;
        phase_ = Phase::kSetup;
        board_.leave();
    } else if (phase_ == Phase::kLingering && now - phase_began_ms_ >= kLingerMs) {
        phase_ = Phase::kRunning;
        joined_ = false;
        if (!safe_mode_) {
            access_point_open_ = false;
            board_.close_access_point();
        }
    }
}

void Box::run_network(uint64_t now) {
    if (board_.link() == Link::kUp) {
        if (!joined_) {
            joined_ = true;
            join_pause_ms_ = 0;
            hub_known_ = false;
            search_step_ = 0;
            search_pause_ms_ = 0;
            next_search_ms_ = now;
            board_.start_clock(hub_address_, settings_);
        }
        if (!safe_mode_) find_hub(now);
        return;
    }
    if (joined_) {
        joined_ = false;
        next_join_ms_ = now;
    }
    if (now < next_join_ms_) return;
    board_.join(config_.ssid, config_.password);
    join_pause_ms_ = join_pause_ms_ == 0 ? kJoinPauseMs : join_pause_ms_ * 2;
    if (join_pause_ms_ > kMaxJoinPauseMs) join_pause_ms_ = kMaxJoinPauseMs;
    next_join_ms_ = now + join_pause_ms_;
}

void Box::find_hub(uint64_t now) {
    if (hub_known_) {
        const uint64_t since = ring_.heard_ms() > hub_since_ms_ ? ring_.heard_ms() : hub_since_ms_;
        if (ring_.pending() == 0 || now - since < kHubSilentMs) return;
        // The address stays in use until a better one is found; the search goes on where it stopped.
    }
    if (now < next_search_ms_ || until_slot_ms() < kSearchTakesMs) return;
    uint32_t address = 0;
    uint16_t port = settings_.udp_port;
    bool found = false;
    switch (search_step_) {
        case 0: found = board_.resolve(settings_.hub_host, address); break;
        case 1: found = board_.discover(kService, address, port); break;
        case 2:
            address = config_.hub_address;
            port = config_.hub_port;
            found = address != 0;
            break;
        default:
            address = settings_.hub_address;
            found = address != 0;
    }
    search_step_ = static_cast<uint8_t>((search_step_ + 1) % 4);
    now = clock_.advance(board_.millis());
    if (found) {
        const bool news = !hub_known_ || address != hub_address_ || port != hub_port_;
        hub_known_ = true;
        hub_address_ = address;
        hub_port_ = port;
        hub_since_ms_ = now;
        search_pause_ms_ = 0;
        if (news) board_.start_clock(address, settings_);
    }
    if (search_step_ != 0) return;
    search_pause_ms_ = search_pause_ms_ == 0 ? kSearchPauseMs : search_pause_ms_ * 2;
    if (search_pause_ms_ > kMaxSearchPauseMs) search_pause_ms_ = kMaxSearchPauseMs;
    next_search_ms_ = now + search_pause_ms_;
}

void Box::store_hub() {
    if (config_.hub_address == hub_address_ && config_.hub_port == hub_port_) return;
    config_.hub_address = hub_address_;
    config_.hub_port = hub_port_;
    store_.save(config_);
}

void Box::take_acknowledgements(uint64_t now) {
    uint8_t data[ack::kSize + 1];
    while (const size_t size = board_.receive(data, sizeof data)) {
        uint32_t sequence = 0;
        Reading reading;
        if (!acknowledged_sequence(data, size, mac_, sequence)) {
            ++foreign_;
            continue;
        }
        if (!ring_.find(sequence, reading)) continue;   // a second acknowledgement of a reading sent twice
        const Verdict verdict = judge_acknowledgement(data, reading, settings_.key);
        if (verdict == Verdict::kForeign) {
            ++foreign_;
            continue;
        }
        ring_.settle(sequence);
        ring_.heard(now);
        acknowledged_ms_ = now;
        if (verdict == Verdict::kAccepted) {
            ++accepted_;
        } else {
            ++refused_;
        }
        store_hub();
    }
}

void Box::take_time() {
    uint64_t unix_ms = 0;
    if (!board_.clock_told(unix_ms)) return;
    const bool first = !clock_.is_set();
    clock_.set(unix_ms);
    if (!first) return;
    ring_.date(clock_);
    // The slot that is under way began on the other grid.
    last_slot_ = (clock_.grid_ms() - jitter_ms_) / kPeriodMs;
    if (last_time_s_ != INT64_MIN) {
        last_time_s_ = (clock_.unix_ms(static_cast<uint64_t>(last_time_s_) * 1000) + 500) / 1000;
    }
}

uint32_t Box::until_slot_ms() const {
    const int64_t into = (clock_.grid_ms() - jitter_ms_) % kPeriodMs;
    return static_cast<uint32_t>(kPeriodMs - (into + kPeriodMs) % kPeriodMs);
}

void Box::measure() {
    const int64_t grid = clock_.grid_ms() - jitter_ms_;
    const int64_t slot = grid / kPeriodMs;
    if (grid < 0 || slot == last_slot_) return;
    const bool on_time = grid % kPeriodMs < kPeriodMs / 2;
    last_slot_ = slot;
    // After a jump of the clock the slot may be almost over, or too close to the reading before.
    const int64_t time_s = slot * kPeriodS;
    const int64_t apart = time_s - last_time_s_;
    if (!on_time || (last_time_s_ != INT64_MIN && apart > -kClosestReadingsS && apart < kClosestReadingsS)) return;
    Window window;
    board_.sample(window);
    last_ = meter_.measure(window, calibration());
    measured_ = true;
    if (!last_.valid) {
        ++faults_;
        return;
    }
    last_time_s_ = time_s;
    Reading reading;
    reading.device = config_.device;
    reading.rssi = joined_ ? board_.rssi() : 0;
    reading.time = static_cast<uint32_t>(time_s);
    reading.current_ma = last_.current_ma;
    reading.flags = static_cast<uint8_t>((clock_.is_set() ? 0 : kBackdated) | (calibrated() ? kCalibrated : 0) |
                                         (last_.clipped ? kClipped : 0) | (first_reading_ ? kBoot : 0));
    first_reading_ = false;
    ++taken_;
    ring_.push(reading, clock_.is_set());
    if (can_send() && ring_.newest(clock_.advance(board_.millis()), reading)) send(reading);
}

bool Box::can_send() const { return joined_ && hub_known_ && !access_point_open_; }

void Box::transmit(uint64_t now) {
    Reading reading;
    if (can_send() && until_slot_ms() > kQuietMs && ring_.next(now, reading)) send(reading);
}

void Box::send(const Reading& reading) {
    if (settings_.protocol == 1) {
        uint8_t data[v1::kSize];
        encode_v1(reading, mac_, data);
        board_.send(hub_address_, hub_port_, data, sizeof data);
        // Nobody acknowledges version 1: sent is all that can be known.
        ring_.settle(reading.sequence);
        acknowledged_ms_ = clock_.uptime_ms();
        return;
    }
    uint8_t data[v2::kSize];
    encode_v2(reading, mac_, settings_.key, data);
    board_.send(hub_address_, hub_port_, data, sizeof data);
}

const Calibration& Box::calibration() const {
    return config_.calibrated ? config_.calibration : settings_.calibration;
}

bool Box::calibrated() const { return config_.calibrated || settings_.calibrated; }

void Box::calibrate() {
    Window window;
    board_.sample(window);
    Calibration adjusted = calibration();
    last_ = meter_.measure(window, adjusted);
    measured_ = true;
    if (!calibrator_.add(last_, settings_.part, adjusted)) return;
    Config changed = config_;
    changed.calibrated = true;
    changed.calibration = adjusted;
    if (store_.save(changed)) {
        config_ = changed;
    } else {
        calibrator_.fail_to_store();
    }
}

Light Box::light() const {
    if (safe_mode_) return Light::kSafeMode;
    if (phase_ == Phase::kSetup) return Light::kSetup;
    if (phase_ != Phase::kRunning) return Light::kJoining;
    if (measured_ && !last_.valid) return Light::kNoSensor;
    if (!joined_) return Light::kNoNetwork;
    if (!clock_.is_set()) return Light::kNoClock;
    const bool alive = settings_.protocol == 1 ? hub_known_ : ring_.hub_alive(clock_.uptime_ms());
    return alive ? Light::kRunning : Light::kNoHub;
}

Status Box::status() const {
    Status status = {};
    memcpy(status.mac, mac_, sizeof mac_);
    status.light = light();
    status.safe_mode = safe_mode_;
    status.joined = joined_;
    status.address = joined_ ? board_.address() : 0;
    status.rssi = joined_ ? board_.rssi() : static_cast<int8_t>(0);
    status.ssid = config_.ssid;
    status.device = config_.device;
    status.measured = measured_;
    status.last = last_;
    status.clock_set = clock_.is_set();
    status.unix_s = clock_.is_set() ? clock_.unix_ms(clock_.uptime_ms()) / 1000 : 0;
    status.uptime_s = clock_.uptime_ms() / 1000;
    status.hub_address = hub_known_ ? hub_address_ : 0;
    status.hub_port = hub_known_ ? hub_port_ : static_cast<uint16_t>(0);
    status.hub_alive = ring_.hub_alive(clock_.uptime_ms());
    status.taken = taken_;
    status.accepted = accepted_;
    status.refused = refused_;
    status.foreign = foreign_;
    status.lost = ring_.lost();
    status.faults = faults_;
    status.pending = ring_.pending();
    status.crashes = journal_.crashes();
    status.calibration = calibration();
    status.calibrated = calibrated();
    status.calibration_outcome = calibrator_.outcome();
    status.token = token_;
    return status;
}

SetupView Box::setup_view() const {
    SetupView view = {};
    view.networks = networks_;
    view.network_count = network_count_;
    view.scanning = scanning_;
    view.ssid = tried_.ssid;
    view.device = tried_.configured() ? tried_.device : -1;
    view.joining = phase_ == Phase::kTrying;
    view.joined = phase_ == Phase::kLingering;
    view.address = view.joined ? board_.address() : 0;
    view.join_error = join_error_;
    return view;
}

void Box::answer(const HttpRequest& request, Sink& sink) {
    Value<2> code;
    code.read(request.query(), "lang");
    Language language = settings_.language;
    if (code.text() == "it") language = Language::kItalian;
    if (code.text() == "en") language = Language::kEnglish;
    Portal portal(settings_, sink, language);
    if (request.state() != HttpRequest::State::kDone) {
        return portal.bad_request(request.state() == HttpRequest::State::kTooLong);
    }
    const Text path = request.path();
    if (path == "/stato") return portal.status(status());
    if (path == "/stato.json") return portal.status_json(status());
    if (path == "/calibra") return answer_calibration(request, portal);
    if (path == "/save") return access_point_open_ ? answer_save(request, portal) : portal.closed();
    if (path == "/") {
        if (access_point_open_) return answer_setup(request, portal);
        return portal.status(status());
    }
    // Phones ask for an address of their own to see whether a page wants to be shown.
    if (access_point_open_) return portal.redirect("http://192.168.1.2/");
    portal.not_found();
}

void Box::answer_setup(const HttpRequest& request, Portal& portal) {
    Value<kMaxSsid> ssid;
    Value<1> scan;
    ssid.read(request.query(), "ssid");
    scan.read(request.query(), "scan");
    if (scan.present && !scanning_ && phase_ == Phase::kSetup) {
        scanning_ = true;
        board_.start_scan();
    }
    SetupView view = setup_view();
    if (ssid.present && ssid.fits) {
        view.ssid = ssid.text();
        view.join_error = JoinError::kNone;
    }
    portal.setup(view);
}

void Box::answer_save(const HttpRequest& request, Portal& portal) {
    SetupView view = setup_view();
    if (view.joining || view.joined) return portal.setup(view);
    Value<kMaxSsid> ssid;
    Value<kMaxPassword> password;
    Value<3> device;
    ssid.read(request.query(), "ssid");
    password.read(request.query(), "password");
    device.read(request.query(), "device");
    uint32_t id = 0;
    const bool known = device.fits && parse_number(device.text(), UINT8_MAX, id) &&
                       settings_.device_name(static_cast<uint8_t>(id)) != nullptr;
    view.ssid = ssid.text();
    view.device = known ? static_cast<int>(id) : -1;
    if (!ssid.fits || ssid.size == 0 || holds_nul(ssid.text())) {
        view.form_error = FormError::kSsid;
    } else if (!password.fits || (password.size > 0 && password.size < kMinPassword) || holds_nul(password.text()) ||
               (password.size == kMaxPassword && !hexadecimal(password.text()))) {
        view.form_error = FormError::kPassword;
    } else if (!known) {
        view.form_error = FormError::kDevice;
    }
    if (view.form_error != FormError::kNone) return portal.setup(view);

    tried_ = config_;
    memset(tried_.ssid, 0, sizeof tried_.ssid);
    memset(tried_.password, 0, sizeof tried_.password);
    memcpy(tried_.ssid, ssid.data, ssid.size);
    memcpy(tried_.password, password.data, password.size);
    tried_.device = static_cast<uint8_t>(id);
    tried_.hub_address = 0;
    phase_ = Phase::kTrying;
    phase_began_ms_ = clock_.uptime_ms();
    join_begun_ = false;
    join_error_ = JoinError::kNone;
    portal.saved(setup_view());
}

bool Box::addressed_to_us(Text host) const {
    // Not by a name somebody else controls: a page elsewhere could otherwise read the token (DNS rebinding).
    if (host.size == 0) return false;
    for (size_t i = 0; i < host.size; ++i) {
        const char c = host.data[i];
        if (c != '.' && (c < '0' || c > '9')) {
            return host.size > 6 && Text(host.data + host.size - 6, 6) == ".local";
        }
    }
    return true;
}

void Box::answer_calibration(const HttpRequest& request, Portal& portal) {
    if (!addressed_to_us(request.host())) return portal.forbidden();
    Value<5> action;
    Value<10> token;
    Value<4> load;
    action.read(request.query(), "do");
    if (action.present && !calibrator_.busy() && !safe_mode_) {
        token.read(request.query(), "k");
        load.read(request.query(), "watt");
        uint32_t given = 0;
        uint32_t load_w = 0;
        if (!token.fits || !parse_number(token.text(), UINT32_MAX, given) || given != token_) return portal.forbidden();
        if (action.text() == "zero") {
            calibrator_.start(Calibrator::Step::kZero, 0);
        } else if (action.text() == "load" && load.fits && parse_number(load.text(), kLargestLoadW, load_w) &&
                   load_w >= kSmallestLoadW) {
            calibrator_.start(Calibrator::Step::kLoad, load_w * 1000 / settings_.mains_voltage_v);
        } else if (action.text() == "reset") {
            Config changed = config_;
            changed.calibrated = false;
            if (store_.save(changed)) config_ = changed;
            calibrator_ = Calibrator();
        } else {
            return portal.bad_request(false);
        }
        // So that a reload does not measure again.
        return portal.redirect("/calibra");
    }
    portal.calibration(status());
}

}  // namespace ecms
