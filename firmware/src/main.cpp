#include <ArduinoOTA.h>

#include "esp8266_board.h"
#if __has_include("ecms_settings.h")
#include "ecms_settings.h"
#else
#error "No settings of a household: flash with playbooks/flash.yml, which renders ecms_settings.h (docs/firmware.md)"
#endif

namespace {

constexpr uint32_t kHttpPatienceMs = 3000;

WiFiServer server(80);
Esp8266 board;
ecms::Box box(board, ecms_settings);

struct ClientSink final : ecms::Sink {
    explicit ClientSink(WiFiClient& to) : client(to) {}
    void write(const char* data, size_t size) override { client.write(reinterpret_cast<const uint8_t*>(data), size); }
    WiFiClient& client;
};

// Several, since browsers open connections ahead of need and leave them idle.
struct Visitor {
    WiFiClient client;
    ecms::HttpRequest request;
    uint32_t since = 0;
} visitors[3];

void serve(Visitor& visitor) {
    if (!visitor.client) {
        visitor.client = server.accept();
        visitor.request.reset();
        visitor.since = millis();
    }
    if (!visitor.client) return;
    while (visitor.client.available() > 0 && !visitor.request.finished()) visitor.request.feed(char(visitor.client.read()));
    const bool finished = visitor.request.finished();
    if (!finished && visitor.client.connected() && millis() - visitor.since < kHttpPatienceMs) return;
    if (finished) {
        ClientSink sink(visitor.client);
        box.answer(visitor.request, sink);
    }
    visitor.client.stop();
    visitor.client = WiFiClient();
}

}  // namespace

void setup() {
    Serial.begin(115200);
    const auto* version = ecms::kFirmwareVersion;
    Serial.printf("\nECMS firmware %d.%d.%d build %s MAC %s\n", version[0], version[1], version[2], ecms_settings.build,
                  WiFi.macAddress().c_str());
    board.begin(ecms_settings.udp_port);
    box.begin();
    server.begin();
    ArduinoOTA.setPassword(ecms_settings.ota_password);
    ArduinoOTA.begin();
}

void loop() {
    box.tick();
    for (Visitor& visitor : visitors) serve(visitor);
    if (box.access_point_open()) board.serve_names();
    ArduinoOTA.handle();
    delay(1);
}
