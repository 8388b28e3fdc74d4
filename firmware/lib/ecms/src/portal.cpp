#include "portal.h"

namespace ecms {
namespace {

#define ECMS_TEXTS(T)                                                                                              \
    T(Code, "it", "en")                                                                                            \
    T(Other, "English", "Italiano")                                                                                \
    T(OtherCode, "en", "it")                                                                                       \
    T(SetupTitle, "Collega la presa", "Connect the box")                                                           \
    T(Network, "Rete Wi-Fi (SSID)", "Wi-Fi network (SSID)")                                                        \
    T(Networks, "Reti trovate: tocca la tua", "Networks found: tap yours")                                         \
    T(Scanning, "Ricerca delle reti in corso, ricarica fra qualche secondo.",                                      \
      "Looking for networks, reload in a few seconds.")                                                            \
    T(Rescan, "Cerca di nuovo", "Search again")                                                                    \
    T(OpenNetwork, "aperta", "open")                                                                               \
    T(Password, "Password del Wi-Fi", "Wi-Fi password")                                                            \
    T(Appliance, "Elettrodomestico collegato", "Connected appliance")                                              \
    T(Choose, "scegli", "choose")                                                                                  \
    T(Save, "Salva", "Save")                                                                                       \
    T(ErrorSsid, "Scegli o scrivi il nome della rete: da 1 a 32 byte.",                                            \
      "Choose or type the network's name: 1 to 32 bytes.")                                                         \
    T(ErrorPassword, "La password ha da 8 a 63 caratteri, oppure 64 cifre esadecimali; vuota se la rete \u00e8 aperta.", \
      "The password has 8 to 63 characters, or 64 hex digits; empty if the network is open.")                      \
    T(ErrorDevice, "Scegli l'elettrodomestico dalla lista.", "Choose the appliance from the list.")                \
    T(JoinWrong, "Collegamento non riuscito: la password \u00e8 sbagliata. Riprova.",                              \
      "Could not connect: the password is wrong. Try again.")                                                      \
    T(JoinMissing, "Collegamento non riuscito: la rete non \u00e8 stata trovata. Il nome \u00e8 giusto? "          \
      "La presa usa solo i 2,4 GHz.",                                                                              \
      "Could not connect: the network was not found. Is the name right? The box uses 2.4 GHz only.")               \
    T(JoinTimeout, "Collegamento non riuscito: nessuna risposta dal router in tempo. Avvicina la presa e riprova.", \
      "Could not connect: no answer from the router in time. Move the box closer and try again.")                  \
    T(JoinStore, "La memoria della presa non ha accettato le impostazioni: riprova, poi sostituisci la scheda.",   \
      "The box's memory did not take the settings: try again, then replace the board.")                            \
    T(SavedTitle, "Ricevuto", "Received")                                                                          \
    T(SavedText, "La presa prova a collegarsi a:", "The box now tries to join:")                                   \
    T(SavedNext, "Se riesce, questa rete di configurazione scompare e la luce fa un breve lampo ogni 10 secondi. " \
      "Se invece resta, torna alla pagina: dir\u00e0 il motivo.",                                                  \
      "If it succeeds, this set-up network disappears and the light flashes briefly every 10 seconds. "            \
      "If the network stays, go back to the page: it says why.")                                                   \
    T(Back, "Torna alla pagina", "Back to the page")                                                               \
    T(JoiningText, "Collegamento in corso, la pagina si aggiorna da sola.", "Connecting, this page reloads by itself.") \
    T(JoinedText, "Collegata. Questa rete di configurazione si chiude; l'indirizzo della presa \u00e8",            \
      "Connected. This set-up network is closing; the box's address is")                                           \
    T(StatusTitle, "Stato della presa", "Status of the box")                                                       \
    T(Current, "Corrente", "Current")                                                                              \
    T(Power, "Potenza stimata", "Estimated power")                                                                 \
    T(Sensor, "Sensore", "Sensor")                                                                                 \
    T(SensorFault, "non collegato: controllare i fili (presa staccata!)", "not connected: check the wires (unplugged!)") \
    T(SensorClipped, "fuori scala: la corrente supera il sensore", "over range: the current exceeds the sensor")   \
    T(SensorOk, "a posto", "sound")                                                                                \
    T(NotYet, "non ancora", "not yet")                                                                             \
    T(Hub, "Centralina", "Hub")                                                                                    \
    T(HubMissing, "non trovata", "not found")                                                                      \
    T(HubSilent, "non risponde", "does not answer")                                                                \
    T(HubAlive, "risponde", "answers")                                                                             \
    T(ClockName, "Orologio", "Clock")                                                                              \
    T(ClockSet, "regolato", "set")                                                                                 \
    T(ClockUnset, "in attesa", "waiting")                                                                          \
    T(Waiting, "Letture da confermare", "Readings to be confirmed")                                                \
    T(Confirmed, "Letture confermate", "Confirmed readings")                                                       \
    T(Refused, "Letture rifiutate", "Refused readings")                                                            \
    T(Lost, "Letture perse", "Lost readings")                                                                      \
    T(Uptime, "Accesa da (s)", "On for (s)")                                                                       \
    T(SafeMode, "Modo sicuro: la presa si \u00e8 riavviata troppe volte e ora non misura. Aggiornare il firmware.", \
      "Safe mode: the box restarted too often and does not measure now. Update its firmware.")                     \
    T(CalibrationTitle, "Calibrazione", "Calibration")                                                             \
    T(CalibrationNow, "Ora mostra", "It shows now")                                                                \
    T(Floor, "Rumore a vuoto (conteggi)", "No-load noise (counts)")                                                \
    T(Gain, "Correzione", "Correction")                                                                            \
    T(ZeroText, "1. Spegni e scollega il carico dalla presa, poi:", "1. Switch the load off and unplug it from the box, then:") \
    T(ZeroButton, "Misura a vuoto", "Measure without load")                                                        \
    T(LoadText, "2. Collega un carico resistivo noto (stufa, bollitore), accendilo e scrivi la sua potenza in watt:", \
      "2. Connect a known resistive load (heater, kettle), switch it on and type its power in watts:")             \
    T(LoadButton, "Misura con il carico", "Measure with the load")                                                 \
    T(ResetText, "Torna ai valori dell'inventario:", "Back to the inventory's values:")                            \
    T(ResetButton, "Annulla la calibrazione", "Discard the calibration")                                           \
    T(OutcomeBusy, "Misura in corso, la pagina si aggiorna da sola.", "Measuring, this page reloads by itself.")   \
    T(OutcomeDone, "Fatto e memorizzato.", "Done and stored.")                                                     \
    T(OutcomeNoSensor, "Nessun sensore: controllare i fili, con la presa staccata.",                               \
      "No sensor: check the wires, with the box unplugged.")                                                       \
    T(OutcomeNotIdle, "Scorre ancora corrente: scollega il carico e ripeti.",                                      \
      "A current still flows: unplug the load and repeat.")                                                        \
    T(OutcomeNoLoad, "Il carico \u00e8 troppo piccolo: accendilo, o usane uno pi\u00f9 potente.",                  \
      "The load is too small: switch it on, or use a stronger one.")                                               \
    T(OutcomeImplausible, "Il valore dista pi\u00f9 del 30-40 %: controlla i watt, il modello del sensore e il partitore.", \
      "The value is 30 to 40 % off: check the watts, the sensor's model and the divider.")                         \
    T(ClosedTitle, "Configurazione chiusa", "Set-up is closed")                                                    \
    T(ClosedText, "La presa \u00e8 gi\u00e0 configurata. Per ricominciare tieni premuto il pulsante per 5 secondi, " \
      "oppure accendila e spegnila cinque volte, per 2-8 secondi ogni volta.",                                     \
      "The box is already set up. To start again hold its button for 5 seconds, or switch it on and off "          \
      "five times, 2 to 8 seconds each.")                                                                          \
    T(ForbiddenText, "Il modulo non viene da questa pagina: riaprila e ripeti.",                                   \
      "The form does not come from this page: open it again and repeat.")                                          \
    T(NotFoundText, "Questa pagina non esiste.", "There is no such page.")                                         \
    T(BadRequestText, "Richiesta non comprensibile.", "The request cannot be understood.")                         \
    T(TooLongText, "Richiesta troppo lunga.", "The request is too long.")

#define ECMS_DEFINE(name, italian, english)                             \
    const char kIt##name[] ECMS_FLASH(it_##name) = italian;             \
    const char kEn##name[] ECMS_FLASH(en_##name) = english;
ECMS_TEXTS(ECMS_DEFINE)
#undef ECMS_DEFINE

#define ECMS_ENUM(name, italian, english) k##name,
enum TextIndex : unsigned { ECMS_TEXTS(ECMS_ENUM) };
#undef ECMS_ENUM

#define ECMS_POINTERS(name, italian, english) {kIt##name, kEn##name},
const char* const kTexts[][2] = {ECMS_TEXTS(ECMS_POINTERS)};
#undef ECMS_POINTERS

constexpr unsigned kStatusRefreshS = 10;

#define ECMS_PIECE(name, text) const char name[] ECMS_FLASH(name) = text
ECMS_PIECE(kStatusOk, "200 OK");
ECMS_PIECE(kStatusBad, "400 Bad Request");
ECMS_PIECE(kStatusForbidden, "403 Forbidden");
ECMS_PIECE(kStatusNotFound, "404 Not Found");
ECMS_PIECE(kStatusTooLong, "414 URI Too Long");
ECMS_PIECE(kWifi, "Wi-Fi");
// The set-up address carries the Wi-Fi password: no cache keeps it and no other site learns it.
ECMS_PIECE(kHeaders,
           "\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n"
           "Connection: close\r\n\r\n");
ECMS_PIECE(kHtmlType, "\r\nContent-Type: text/html; charset=utf-8");
ECMS_PIECE(kJsonType, "\r\nContent-Type: application/json");
ECMS_PIECE(kStyle,
           "<meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\"><style>"
           "body{font:17px/1.45 system-ui,sans-serif;max-width:32em;margin:0 auto;padding:1em;color:#1c2430;"
           "background:#f5f7fa}h1{font-size:1.35em}label{display:block;margin:1em 0 .3em;font-weight:600}"
           "input,select,button{font:inherit;width:100%;box-sizing:border-box;padding:.6em;border:1px solid #8b98a9;"
           "border-radius:.4em;background:#fff;color:inherit}button{background:#0b5cad;color:#fff;border:0;"
           "margin-top:1.2em;font-weight:600}.n{margin:0;padding:0;list-style:none}.n a{display:flex;"
           "justify-content:space-between;padding:.55em .7em;background:#fff;border:1px solid #d5dce5;"
           "margin-top:-1px;color:#0b5cad;text-decoration:none;overflow-wrap:anywhere}.e,.o{padding:.7em;border-radius:.4em}"
           ".e{background:#fde4e1;color:#8a1509}.o{background:#e1f2e4;color:#14562a}table{width:100%;"
           "border-collapse:collapse;background:#fff}td{padding:.5em .7em;border:1px solid #d5dce5}"
           "td:last-child{text-align:right;overflow-wrap:anywhere}small,footer{color:#4a5666}footer{margin-top:2em}</style>");
#undef ECMS_PIECE

const char* light_name(Light light) {
    switch (light) {
        case Light::kSetup: return "setup";
        case Light::kJoining: return "joining";
        case Light::kNoNetwork: return "no_network";
        case Light::kNoClock: return "no_clock";
        case Light::kNoHub: return "no_hub";
        case Light::kNoSensor: return "no_sensor";
        case Light::kSafeMode: return "safe_mode";
        case Light::kRunning: break;
    }
    return "running";
}

}  // namespace

uint32_t watt(uint32_t current_ma, uint16_t voltage_v) {
    return static_cast<uint32_t>((uint64_t{current_ma} * voltage_v + 500) / 1000);
}

Portal::Portal(const Settings& settings, Sink& sink, Language language)
    : settings_(settings), page_(sink), language_(language) {}

FlashText Portal::text(unsigned index) const {
    return {kTexts[index][language_ == Language::kItalian ? 0 : 1]};
}

void Portal::head(FlashText state, FlashText title, unsigned refresh_s) {
    page_.raw("HTTP/1.1 ").raw(state).raw(FlashText{kHtmlType}).raw(FlashText{kHeaders});
    page_.raw("<!doctype html><html lang=").raw(text(kCode)).raw(">").raw(FlashText{kStyle});
    if (refresh_s > 0) page_.raw("<meta http-equiv=refresh content=").number(refresh_s).raw(">");
    page_.raw("<title>").raw(title).raw(" - ECMS</title><h1>").raw(title).raw("</h1>");
}

void Portal::foot(Text path) {
    page_.raw("<footer><small>").html(settings_.household).raw(" &middot; ECMS ");
    for (unsigned i = 0; i < 3; ++i) page_.raw(i > 0 ? "." : "").number(kFirmwareVersion[i]);
    page_.raw(" &middot; <a href=\"").raw(path).raw("?lang=").raw(text(kOtherCode)).raw("\">").raw(text(kOther));
    page_.raw("</a></small></footer></html>");
}

void Portal::address(uint32_t address) {
    for (int shift = 24; shift >= 0; shift -= 8) page_.number((address >> shift) & 0xFF).raw(shift > 0 ? "." : "");
}

void Portal::row(FlashText name) { page_.raw("<tr><td>").raw(name).raw("<td>"); }

void Portal::message(FlashText state, FlashText title, FlashText body) {
    head(state, title, 0);
    page_.raw("<p>").raw(body).raw("</p>");
    foot("/");
}

void Portal::setup(const SetupView& view) {
    head({kStatusOk}, text(kSetupTitle), view.joining || view.joined ? 4 : 0);
    if (view.joined) {
        page_.raw("<p class=o>").raw(text(kJoinedText)).raw(" ");
        address(view.address);
        page_.raw(".</p>");
    } else if (view.joining) {
        page_.raw("<p class=o>").raw(text(kJoiningText)).raw(" <b>").html(view.ssid).raw("</b></p>");
    }
    if (view.joined || view.joining) return foot("/");

    static constexpr unsigned kJoinTexts[] = {kJoinWrong, kJoinMissing, kJoinTimeout, kJoinStore};
    static constexpr unsigned kFormTexts[] = {kErrorSsid, kErrorPassword, kErrorDevice};
    if (view.form_error != FormError::kNone) {
        page_.raw("<p class=e>").raw(text(kFormTexts[static_cast<unsigned>(view.form_error) - 1])).raw("</p>");
    } else if (view.join_error != JoinError::kNone) {
        page_.raw("<p class=e>").raw(text(kJoinTexts[static_cast<unsigned>(view.join_error) - 1])).raw(" <b>");
        page_.html(view.ssid).raw("</b></p>");
    }

    page_.raw("<p>").raw(text(kNetworks)).raw("</p><ul class=n>");
    for (size_t i = 0; i < view.network_count; ++i) {
        const Network& network = view.networks[i];
        page_.raw("<li><a href=\"/?lang=").raw(text(kCode)).raw("&amp;ssid=").url(network.ssid).raw("\"><span>");
        page_.html(network.ssid).raw("</span><small>");
        if (network.open) page_.raw(text(kOpenNetwork)).raw(" ");
        page_.number(network.rssi).raw("&nbsp;dBm</small></a>");
    }
    page_.raw("</ul><p>");
    if (view.scanning) page_.raw(text(kScanning)).raw(" ");
    page_.raw("<a href=\"/?scan=1&amp;lang=").raw(text(kCode)).raw("\">").raw(text(kRescan)).raw("</a></p>");

    page_.raw("<form action=/save accept-charset=utf-8><input type=hidden name=lang value=").raw(text(kCode));
    page_.raw("><label for=s>").raw(text(kNetwork)).raw("</label><input id=s name=ssid required autocapitalize=none "
              "autocorrect=off spellcheck=false value=\"").html(view.ssid).raw("\"><label for=p>");
    page_.raw(text(kPassword)).raw("</label><input id=p name=password type=password autocomplete=off><label for=d>");
    page_.raw(text(kAppliance)).raw("</label><select id=d name=device required><option value=\"\">").raw(text(kChoose));
    for (size_t i = 0; i < settings_.device_count; ++i) {
        const Device& device = settings_.devices[i];
        page_.raw("<option value=").number(device.id).raw(device.id == view.device ? " selected>" : ">").html(device.name);
    }
    page_.raw("</select><button>").raw(text(kSave)).raw("</button></form>");
    foot("/");
}

void Portal::saved(const SetupView& view) {
    head({kStatusOk}, text(kSavedTitle), 0);
    page_.raw("<p class=o>").raw(text(kSavedText)).raw(" <b>").html(view.ssid).raw("</b> &middot; ");
    const char* device = settings_.device_name(static_cast<uint8_t>(view.device));
    page_.html(device != nullptr ? device : "").raw("</p><p>").raw(text(kSavedNext)).raw("</p><p><a href=\"/?lang=");
    page_.raw(text(kCode)).raw("\">").raw(text(kBack)).raw("</a></p>");
    foot("/");
}

void Portal::status(const Status& status) {
    head({kStatusOk}, text(kStatusTitle), kStatusRefreshS);
    if (status.safe_mode) page_.raw("<p class=e>").raw(text(kSafeMode)).raw("</p>");
    page_.raw("<table>");
    row(text(kAppliance));
    const char* device = settings_.device_name(status.device);
    if (device != nullptr) {
        page_.html(device);
    } else {
        page_.number(status.device);
    }
    row(text(kCurrent));
    if (status.measured && status.last.valid) {
        page_.milli(status.last.current_ma).raw(" A");
        row(text(kPower));
        page_.number(watt(status.last.current_ma, settings_.mains_voltage_v)).raw(" W");
    } else {
        page_.raw(text(kNotYet));
    }
    row(text(kSensor));
    page_.raw("ACS712 ").raw(part_data(settings_.part).name).raw(", ");
    page_.raw(text(!status.measured           ? kNotYet
                   : !status.last.valid       ? kSensorFault
                   : status.last.clipped      ? kSensorClipped
                                              : kSensorOk));
    row({kWifi});
    if (status.joined) {
        page_.html(status.ssid).raw(", ").number(status.rssi).raw(" dBm, ");
        address(status.address);
    } else {
        page_.raw(text(kNotYet));
    }
    row(text(kHub));
    if (status.hub_address == 0) {
        page_.raw(text(kHubMissing));
    } else {
        address(status.hub_address);
        page_.raw(", ").raw(text(status.hub_alive ? kHubAlive : kHubSilent));
    }
    row(text(kClockName));
    page_.raw(text(status.clock_set ? kClockSet : kClockUnset));
    row(text(kConfirmed));
    page_.number(status.accepted);
    row(text(kWaiting));
    page_.number(static_cast<int64_t>(status.pending));
    row(text(kRefused));
    page_.number(status.refused);
    row(text(kLost));
    page_.number(status.lost);
    row(text(kUptime));
    page_.number(static_cast<int64_t>(status.uptime_s)).raw("</table><p><a href=\"/calibra?lang=");
    page_.raw(text(kCode)).raw("\">").raw(text(kCalibrationTitle)).raw("</a></p>");
    foot("/stato");
}

void Portal::status_json(const Status& status) {
    const auto boolean = [](bool value) { return value ? "true" : "false"; };
    page_.raw("HTTP/1.1 ").raw(FlashText{kStatusOk}).raw(FlashText{kJsonType}).raw(FlashText{kHeaders});
    page_.raw("{\"firmware\":\"");
    for (unsigned i = 0; i < 3; ++i) page_.raw(i > 0 ? "." : "").number(kFirmwareVersion[i]);
    page_.raw("\",\"build\":\"").json(settings_.build).raw("\",\"household\":\"").json(settings_.household).raw("\",\"mac\":\"");
    static constexpr char kDigits[] = "0123456789ABCDEF";
    for (unsigned i = 0; i < kMacSize; ++i) {
        const char pair[] = {kDigits[status.mac[i] >> 4], kDigits[status.mac[i] & 15]};
        page_.raw(i > 0 ? ":" : "").raw(Text(pair, sizeof pair));
    }
    page_.raw("\",\"state\":\"").raw(light_name(status.light)).raw("\",\"safe_mode\":").raw(boolean(status.safe_mode));
    page_.raw(",\"crashes\":").number(status.crashes);
    page_.raw(",\"device\":").number(status.device).raw(",\"device_name\":");
    const char* device = settings_.device_name(status.device);
    if (device != nullptr) {
        page_.raw("\"").json(device).raw("\"");
    } else {
        page_.raw("null");
    }
    page_.raw(",\"part\":\"").raw(part_data(settings_.part).name).raw("\",\"amps\":");
    if (status.measured && status.last.valid) {
        page_.milli(status.last.current_ma).raw(",\"watts\":");
        page_.number(watt(status.last.current_ma, settings_.mains_voltage_v));
    } else {
        page_.raw("null,\"watts\":null");
    }
    page_.raw(",\"sensor\":\"").raw(!status.measured ? "unknown" : status.last.valid ? "ok" : "fault");
    page_.raw("\",\"clipped\":").raw(boolean(status.last.clipped)).raw(",\"rms_counts\":");
    page_.milli(static_cast<uint32_t>(status.last.rms_counts * 1000)).raw(",\"zero_counts\":");
    page_.milli(static_cast<uint32_t>(status.last.zero_counts * 1000));
    page_.raw(",\"wifi\":{\"joined\":").raw(boolean(status.joined)).raw(",\"ssid\":\"").json(status.ssid);
    page_.raw("\",\"rssi\":").number(status.rssi).raw(",\"address\":\"");
    address(status.address);
    page_.raw("\"},\"hub\":{\"address\":\"");
    address(status.hub_address);
    page_.raw("\",\"port\":").number(status.hub_port).raw(",\"alive\":").raw(boolean(status.hub_alive));
    page_.raw("},\"clock\":{\"set\":").raw(boolean(status.clock_set)).raw(",\"unix\":").number(status.unix_s);
    page_.raw("},\"uptime\":").number(static_cast<int64_t>(status.uptime_s));
    page_.raw(",\"readings\":{\"taken\":").number(status.taken).raw(",\"accepted\":").number(status.accepted);
    page_.raw(",\"refused\":").number(status.refused).raw(",\"pending\":").number(static_cast<int64_t>(status.pending));
    page_.raw(",\"lost\":").number(status.lost).raw(",\"sensor_faults\":").number(status.faults);
    page_.raw(",\"foreign_acks\":").number(status.foreign);
    page_.raw("},\"calibration\":{\"done\":").raw(boolean(status.calibrated)).raw(",\"floor_counts\":");
    page_.milli(status.calibration.floor_mcounts).raw(",\"cut_counts\":").milli(status.calibration.cut_mcounts);
    page_.raw(",\"gain\":").milli((status.calibration.gain_ppm + 500) / 1000).raw("}}\n");
}

void Portal::calibration_form(Text action, uint32_t token, FlashText body, FlashText button, bool asks_watt) {
    page_.raw("<form action=/calibra><p>").raw(body).raw("</p><input type=hidden name=do value=").raw(action);
    page_.raw("><input type=hidden name=lang value=").raw(text(kCode));
    page_.raw("><input type=hidden name=k value=").number(token).raw(">");
    if (asks_watt) page_.raw("<input name=watt type=number min=1 max=9999 required placeholder=W>");
    page_.raw("<button>").raw(button).raw("</button></form>");
}

void Portal::calibration(const Status& status) {
    const auto outcome = status.calibration_outcome;
    const bool busy = outcome == Calibrator::Outcome::kBusy;
    head({kStatusOk}, text(kCalibrationTitle), busy ? 2 : 0);
    static constexpr unsigned kOutcomes[] = {kOutcomeBusy,   kOutcomeDone,        kOutcomeNoSensor, kOutcomeNotIdle,
                                             kOutcomeNoLoad, kOutcomeImplausible, kJoinStore};
    if (outcome != Calibrator::Outcome::kNone) {
        const bool good = busy || outcome == Calibrator::Outcome::kDone;
        page_.raw(good ? "<p class=o>" : "<p class=e>").raw(text(kOutcomes[static_cast<unsigned>(outcome) - 1]));
        page_.raw("</p>");
    }
    page_.raw("<table>");
    row(text(kCalibrationNow));
    page_.milli(status.last.current_ma).raw(" A, ");
    page_.number(watt(status.last.current_ma, settings_.mains_voltage_v)).raw(" W");
    row(text(kFloor));
    page_.milli(status.calibration.floor_mcounts, 2);
    row(text(kGain));
    page_.milli((status.calibration.gain_ppm + 500) / 1000).raw("</table>");
    if (!busy) {
        calibration_form("zero", status.token, text(kZeroText), text(kZeroButton), false);
        calibration_form("load", status.token, text(kLoadText), text(kLoadButton), true);
        calibration_form("reset", status.token, text(kResetText), text(kResetButton), false);
    }
    page_.raw("<p><a href=\"/stato?lang=").raw(text(kCode)).raw("\">").raw(text(kStatusTitle)).raw("</a></p>");
    foot("/calibra");
}

void Portal::redirect(Text location) {
    page_.raw("HTTP/1.1 302 Found\r\nLocation: ").raw(location).raw(FlashText{kHeaders});
}

void Portal::closed() { message({kStatusForbidden}, text(kClosedTitle), text(kClosedText)); }
void Portal::forbidden() { message({kStatusForbidden}, text(kCalibrationTitle), text(kForbiddenText)); }
void Portal::not_found() { message({kStatusNotFound}, text(kStatusTitle), text(kNotFoundText)); }

void Portal::bad_request(bool too_long) {
    message({too_long ? kStatusTooLong : kStatusBad}, text(kStatusTitle), text(too_long ? kTooLongText : kBadRequestText));
}

}  // namespace ecms
