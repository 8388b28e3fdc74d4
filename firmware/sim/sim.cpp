// A box as a Linux process: the fake Arduino API under the unmodified src/. sim/README.md lists its settings.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <random>
#include <sstream>

#include "ArduinoOTA.h"
#include "ESP8266WiFi.h"
#include "ESP8266mDNS.h"
#include "WiFiUdp.h"
#include "coredecls.h"
#include "user_interface.h"
#include "form.h"

#undef gettimeofday
#undef strlcpy

void setup();
void loop();

namespace {

constexpr size_t kFlashSize = 3 * 4096;
constexpr int64_t kLargestStepUs = 100;
constexpr int64_t kJoinUs = 1500000, kScanUs = 2000000, kSntpUs = 500000;

std::string setting(const char* name, const char* fallback = "") {
    const char* value = getenv((std::string("ECMS_SIM_") + name).c_str());
    return value != nullptr ? value : fallback;
}

int64_t real_us() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1000000 + now.tv_nsec / 1000;
}

struct Network {
    std::string ssid, password;
};

struct World {
    int64_t started_us = real_us();
    double speed = atof(setting("SPEED", "1").c_str());
    std::string bind = setting("BIND", "127.0.0.1");
    std::string hosts = setting("HOSTS");
    std::string service = setting("SERVICE");
    std::vector<Network> networks;
    bool wifi = true, time_server = true, uplink = true, button = false;
    int rssi = -58;
    double amps = atof(setting("AMPS", "0").c_str());
    double noise = atof(setting("NOISE", "1").c_str());
    double sensitivity = atof(setting("SENSITIVITY", "185").c_str());
    double zero = atof(setting("ZERO", "514").c_str());
    double hertz = 50;
    std::mt19937 random{std::random_device{}()};

    bool joining = false, joined = false;
    wl_status_t status = WL_IDLE_STATUS;
    Network wanted;
    int64_t join_at = 0, scan_at = 0, sntp_at = -1, epoch_us = 0;
    bool wall_set = false;
    std::function<void()> told;
    int control = -1;

    // While the box samples, its time goes on in small steps: a chip is not held up by other processes.
    bool sampling = false;
    int64_t last_us = 0, held_us = 0;

    int64_t now_us() {
        int64_t now = static_cast<int64_t>(static_cast<double>(real_us() - started_us) * speed) - held_us;
        if (sampling && now > last_us + kLargestStepUs) {
            held_us += now - last_us - kLargestStepUs;
            now = last_us + kLargestStepUs;
        }
        last_us = now;
        return now;
    }
    int64_t wall_us() { return epoch_us + now_us(); }

    World() {
        const std::string given = setting("EPOCH");
        timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        epoch_us = given.empty() ? int64_t{wall.tv_sec} * 1000000 + wall.tv_nsec / 1000
                                 : static_cast<int64_t>(atof(given.c_str()) * 1e6);
        std::istringstream list(setting("NETWORKS"));
        for (std::string pair; std::getline(list, pair, '&');) {
            const size_t equals = pair.find('=');
            networks.push_back({decoded(pair.substr(0, equals)), decoded(pair.substr(equals + 1))});
        }
    }
    static std::string decoded(const std::string& text) {
        std::string out(text.size(), '\0');
        out.resize(ecms::decode_form(ecms::Text(text.data(), text.size()), out.data(), out.size()));
        return out;
    }
} world;

std::string flash_path() { return setting("FLASH", "flash.bin"); }

uint16_t mapped(uint16_t port) {
    return static_cast<uint16_t>(atoi(setting(("PORT_" + std::to_string(port)).c_str(), "0").c_str()));
}

int bound_socket(int type, uint16_t port) {
    const int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(mapped(port));
    inet_pton(AF_INET, world.bind.c_str(), &address.sin_addr);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        perror("ecms-box-sim: bind");
        exit(1);
    }
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    printf("sim: port %u is %u\n", port, ntohs(address.sin_port));
    return fd;
}

[[noreturn]] void start_again(uint32_t reason) {
    setenv("ECMS_SIM_RESET", std::to_string(reason).c_str(), 1);
    setenv("ECMS_SIM_EPOCH", std::to_string(static_cast<double>(world.wall_us()) / 1e6).c_str(), 1);
    setenv("ECMS_SIM_AMPS", std::to_string(world.amps).c_str(), 1);
    char self[] = "/proc/self/exe";
    char* arguments[] = {self, nullptr};
    fflush(nullptr);
    execv(self, arguments);
    perror("ecms-box-sim: exec");
    exit(1);
}

void change(const std::string& line) {
    std::istringstream in(line);
    std::string word, value;
    in >> word;
    std::getline(in >> std::ws, value);
    const bool on = value == "on";
    if (word == "amps") world.amps = atof(value.c_str());
    if (word == "noise") world.noise = atof(value.c_str());
    if (word == "zero") world.zero = atof(value.c_str());
    if (word == "hosts") world.hosts = value;
    if (word == "service") world.service = value;
    if (word == "button") world.button = on;
    if (word == "uplink") world.uplink = on;
    if (word == "speed") {
        const int64_t now = world.now_us();
        world.speed = atof(value.c_str());
        world.started_us = real_us() - static_cast<int64_t>(static_cast<double>(now) / world.speed);
        world.held_us = 0;
    }
    if (word == "wifi") {
        world.wifi = on;
        if (!on && world.joined) {
            world.joined = false;
            world.status = WL_CONNECTION_LOST;
        }
    }
    if (word == "time") world.time_server = on;
    if (word == "power") start_again(REASON_DEFAULT_RST);
    if (word == "crash") start_again(REASON_EXCEPTION_RST);
    if (word == "quit") exit(0);
}

void take_control() {
    if (world.control < 0) return;
    char line[256];
    sockaddr_un from = {};
    socklen_t length = sizeof from;
    const ssize_t size =
        recvfrom(world.control, line, sizeof line, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0) return;
    if (length > sizeof(sa_family_t)) sendto(world.control, "ok", 2, 0, reinterpret_cast<sockaddr*>(&from), length);
    change(std::string(line, static_cast<size_t>(size)));
}

void advance_network() {
    const int64_t now = world.now_us();
    if (world.joining && now >= world.join_at) {
        world.joining = false;
        world.status = WL_NO_SSID_AVAIL;
        for (const Network& network : world.networks) {
            if (!world.wifi || network.ssid != world.wanted.ssid) continue;
            world.joined = network.password == world.wanted.password;
            world.status = world.joined ? WL_CONNECTED : WL_WRONG_PASSWORD;
        }
    }
    if (world.sntp_at >= 0 && now >= world.sntp_at && world.joined && world.time_server) {
        world.sntp_at = -1;
        world.wall_set = true;
        if (world.told) world.told();
    }
}

}  // namespace

SerialPort Serial;
EspClass ESP;
WiFiClass WiFi;
MDNSResponder MDNS;
ArduinoOTAClass ArduinoOTA;

String IPAddress::toString() const {
    std::string out;
    for (int i = 0; i < 4; ++i) out += (i > 0 ? "." : "") + std::to_string(bytes_[i]);
    return String(out);
}

unsigned long millis() { return static_cast<uint32_t>(world.now_us() / 1000); }
unsigned long micros() { return static_cast<uint32_t>(world.now_us()); }
void optimistic_yield(uint32_t) {}
void pinMode(uint8_t, uint8_t) {}
void digitalWrite(uint8_t, uint8_t) {}
int digitalRead(uint8_t) { return world.button ? LOW : HIGH; }

void delay(unsigned long ms) {
    world.sampling = false;
    const double real = static_cast<double>(ms) * 1000 / world.speed;
    // Below this the process would only burn a core.
    usleep(static_cast<useconds_t>(real < 200 ? 200 : real));
}

int analogRead(uint8_t) {
    world.sampling = true;
    const double seconds = static_cast<double>(world.now_us()) / 1e6;
    const double peak = world.amps * M_SQRT2 * world.sensitivity / 2500 * world.zero;
    std::normal_distribution<double> noise(0, world.noise);
    const double counts = world.zero + peak * sin(2 * M_PI * world.hertz * seconds) + noise(world.random);
    return counts < 0 ? 0 : counts > 1023 ? 1023 : static_cast<int>(lround(counts));
}

void configTime(int, int, const char*, const char*, const char*) { world.sntp_at = world.now_us() + kSntpUs; }
void settimeofday_cb(const std::function<void()>& callback) { world.told = callback; }

int sim_gettimeofday(timeval* now, void*) {
    const int64_t us = world.wall_set ? world.wall_us() : world.now_us();
    now->tv_sec = us / 1000000;
    now->tv_usec = us % 1000000;
    return 0;
}

size_t sim_strlcpy(char* to, const char* from, size_t capacity) {
    snprintf(to, capacity, "%s", from);
    return strlen(from);
}

void SerialPort::printf(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

uint32_t EspClass::random() { return static_cast<uint32_t>(world.random()); }
void EspClass::restart() { start_again(REASON_SOFT_RESTART); }
rst_info* EspClass::getResetInfoPtr() {
    static rst_info info = {static_cast<uint32_t>(atoi(setting("RESET", "0").c_str()))};
    return &info;
}

namespace {

// In place, byte by byte as on the chip: killing the process is a power cut and must not harm other sectors.
int flash_file() {
    static const int file = [] {
        const int opened = open(flash_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        const std::vector<uint8_t> erased(kFlashSize, 0xFF);
        if (opened >= 0 && lseek(opened, 0, SEEK_END) < static_cast<off_t>(kFlashSize) &&
            pwrite(opened, erased.data(), erased.size(), 0) < 0) {
            perror("ecms-box-sim: flash");
        }
        return opened;
    }();
    return file;
}

bool put_flash(uint32_t address, const std::vector<uint8_t>& data) {
    return pwrite(flash_file(), data.data(), data.size(), address) == static_cast<ssize_t>(data.size());
}

}  // namespace

bool EspClass::flashRead(uint32_t address, uint8_t* data, size_t size) {
    return pread(flash_file(), data, size, address) == static_cast<ssize_t>(size);
}

bool EspClass::flashWrite(uint32_t address, const uint8_t* data, size_t size) {
    std::vector<uint8_t> content(size);
    if (!flashRead(address, content.data(), size)) return false;
    for (size_t i = 0; i < size; ++i) content[i] &= data[i];
    return put_flash(address, content);
}

bool EspClass::flashEraseSector(uint32_t sector) { return put_flash(sector * 4096, std::vector<uint8_t>(4096, 0xFF)); }

bool WiFiClass::softAP(const char* ssid, const char* password, int channel) {
    printf("sim: access point %s, %s, channel %d\n", ssid, password != nullptr ? "WPA2" : "open", channel);
    return true;
}
bool WiFiClass::softAPdisconnect(bool) {
    printf("sim: access point closed\n");
    return true;
}
wl_status_t WiFiClass::begin(const char* ssid, const char* password) {
    world.wanted = {ssid, password != nullptr ? password : ""};
    world.joining = true;
    world.joined = false;
    world.status = WL_DISCONNECTED;
    world.join_at = world.now_us() + kJoinUs;
    return world.status;
}
bool WiFiClass::disconnect(bool) {
    world.joining = world.joined = false;
    world.status = WL_DISCONNECTED;
    return true;
}
wl_status_t WiFiClass::status() { return world.status; }
IPAddress WiFiClass::localIP() { return world.joined ? IPAddress(192, 0, 2, 77) : IPAddress(); }
int32_t WiFiClass::RSSI() { return world.rssi; }
int32_t WiFiClass::RSSI(uint8_t index) { return world.rssi - 7 * index; }
uint8_t* WiFiClass::macAddress(uint8_t* mac) {
    unsigned bytes[6] = {0x5C, 0xCF, 0x7F, 0x00, 0x00, 0x01};
    sscanf(setting("MAC").c_str(), "%x:%x:%x:%x:%x:%x", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5]);
    for (int i = 0; i < 6; ++i) mac[i] = static_cast<uint8_t>(bytes[i]);
    return mac;
}
String WiFiClass::macAddress() {
    uint8_t mac[6];
    macAddress(mac);
    char text[18];
    snprintf(text, sizeof text, "%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return String(text);
}
int8_t WiFiClass::scanNetworks(bool) {
    world.scan_at = world.now_us() + kScanUs;
    return WIFI_SCAN_RUNNING;
}
int8_t WiFiClass::scanComplete() {
    return world.now_us() < world.scan_at ? int8_t{WIFI_SCAN_RUNNING} : static_cast<int8_t>(world.networks.size());
}
String WiFiClass::SSID(uint8_t index) { return String(world.networks[index].ssid); }
uint8_t WiFiClass::encryptionType(uint8_t index) {
    return world.networks[index].password.empty() ? ENC_TYPE_NONE : ENC_TYPE_CCMP;
}

namespace {

bool parse_address(const std::string& text, IPAddress& result) {
    uint8_t bytes[4];
    if (inet_pton(AF_INET, text.c_str(), bytes) != 1) return false;
    result = IPAddress(bytes[0], bytes[1], bytes[2], bytes[3]);
    return true;
}

}  // namespace

int WiFiClass::hostByName(const char* host, IPAddress& result, uint32_t) {
    ecms::Text found;
    if (ecms::find_parameter(ecms::Text(world.hosts.data(), world.hosts.size()), host, found)) {
        return parse_address(std::string(found.data, found.size), result) ? 1 : 0;
    }
    if (setting("RESOLVE") != "system") return 0;
    addrinfo hints = {};
    hints.ai_family = AF_INET;
    addrinfo* list = nullptr;
    if (getaddrinfo(host, nullptr, &hints, &list) != 0) return 0;
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(list->ai_addr)->sin_addr, text, sizeof text);
    freeaddrinfo(list);
    return parse_address(text, result) ? 1 : 0;
}

uint32_t MDNSResponder::queryService(const char*, const char*) { return world.service.empty() ? 0 : 1; }
IPAddress MDNSResponder::IP(uint32_t) {
    IPAddress result;
    parse_address(world.service.substr(0, world.service.find(':')), result);
    return result;
}
uint16_t MDNSResponder::port(uint32_t) {
    return static_cast<uint16_t>(atoi(world.service.substr(world.service.find(':') + 1).c_str()));
}

uint8_t WiFiUDP::begin(uint16_t port) {
    socket_ = bound_socket(SOCK_DGRAM, port);
    return 1;
}
void WiFiUDP::stop() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
}
int WiFiUDP::beginPacket(IPAddress to, uint16_t port) {
    to_ = to;
    to_port_ = port;
    out_.clear();
    return 1;
}
size_t WiFiUDP::write(const uint8_t* data, size_t size) {
    out_.insert(out_.end(), data, data + size);
    return size;
}
int WiFiUDP::endPacket() {
    if (socket_ < 0 || !world.uplink) return 0;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(to_port_);
    const uint8_t bytes[] = {to_[0], to_[1], to_[2], to_[3]};
    memcpy(&address.sin_addr, bytes, sizeof bytes);
    return sendto(socket_, out_.data(), out_.size(), 0, reinterpret_cast<sockaddr*>(&address), sizeof address) >= 0;
}
int WiFiUDP::parsePacket() {
    uint8_t data[2048];
    sockaddr_in from = {};
    socklen_t length = sizeof from;
    const ssize_t size = socket_ < 0 ? -1
                                     : recvfrom(socket_, data, sizeof data, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0) return 0;
    in_.assign(data, data + size);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&from.sin_addr);
    from_ = IPAddress(bytes[0], bytes[1], bytes[2], bytes[3]);
    from_port_ = ntohs(from.sin_port);
    return static_cast<int>(size);
}
int WiFiUDP::read(unsigned char* data, size_t capacity) {
    const size_t size = in_.size() < capacity ? in_.size() : capacity;
    memcpy(data, in_.data(), size);
    return static_cast<int>(size);
}

struct WiFiClient::Connection {
    int socket;
    bool closed = false;
    std::string input;
    size_t taken = 0;
    ~Connection() {
        if (socket >= 0) close(socket);
    }
};

WiFiClient::WiFiClient(int socket) : connection_(std::make_shared<Connection>()) { connection_->socket = socket; }

void WiFiClient::fill() {
    char data[1024];
    while (!connection_->closed) {
        const ssize_t size = recv(connection_->socket, data, sizeof data, 0);
        if (size > 0) {
            connection_->input.append(data, static_cast<size_t>(size));
            continue;
        }
        connection_->closed = size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        break;
    }
}
int WiFiClient::available() {
    if (!connection_) return 0;
    fill();
    return static_cast<int>(connection_->input.size() - connection_->taken);
}
int WiFiClient::read() { return available() > 0 ? static_cast<uint8_t>(connection_->input[connection_->taken++]) : -1; }
uint8_t WiFiClient::connected() {
    if (!connection_) return 0;
    fill();
    return !connection_->closed;
}
size_t WiFiClient::write(const uint8_t* data, size_t size) {
    if (!connection_) return 0;
    size_t sent = 0;
    while (sent < size) {
        const ssize_t done = send(connection_->socket, data + sent, size - sent, MSG_NOSIGNAL);
        if (done > 0) {
            sent += static_cast<size_t>(done);
        } else if (errno == EAGAIN) {
            usleep(1000);
        } else {
            break;
        }
    }
    return sent;
}
void WiFiClient::stop() {
    if (connection_) shutdown(connection_->socket, SHUT_WR);
}

void WiFiServer::begin() {
    socket_ = bound_socket(SOCK_STREAM, port_);
    listen(socket_, 8);
}
WiFiClient WiFiServer::accept() {
    const int fd = accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd >= 0 ? WiFiClient(fd) : WiFiClient();
}

int main() {
    setvbuf(stdout, nullptr, _IOLBF, 0);
    const std::string path = setting("CONTROL");
    if (!path.empty()) {
        world.control = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
        unlink(path.c_str());
        if (bind(world.control, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            perror("ecms-box-sim: control");
            return 1;
        }
    }
    setup();
    for (;;) {
        take_control();
        advance_network();
        loop();
    }
}
