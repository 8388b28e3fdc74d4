#include "rms.h"
#include "support.h"

using namespace ecms;

namespace {

struct Wave {
    double amps = 0;           // RMS of the fundamental
    double hertz = 50;
    double noise = 1.2;        // counts
    double zero = 514;
    double third = 0, fifth = 0;   // share of the fundamental's amplitude
    double phase_cut = 0;      // of every half wave, 0..1
    bool half = false;         // only the positive half waves
    double drift = 0;          // counts over one window
    double offset_amps = 0;
    double phase = 0.3;
};

std::mt19937 generator(7);

double ampere_at(const Wave& wave, double t) {
    const double angle = 2 * M_PI * wave.hertz * t + wave.phase;
    double amps = wave.amps * M_SQRT2 * (sin(angle) + wave.third * sin(3 * angle) + wave.fifth * sin(5 * angle));
    if (fmod(angle / M_PI, 1.0) < wave.phase_cut) amps = 0;
    if (wave.half && fmod(angle / M_PI, 2.0) >= 1) amps = 0;
    return amps + wave.offset_amps;
}

// The wave as the ADC sees it, and its true RMS between the samples too, A.
Window sampled(const Wave& wave, Part part, double* truth = nullptr) {
    Window window;
    std::normal_distribution<double> noise(0, wave.noise > 0 ? wave.noise : 1e-9);
    std::uniform_real_distribution<double> jitter(0, 20e-6);
    for (uint32_t us = 0; us < kWindowUs; us += kSampleUs) {
        const double counts = wave.zero + wave.drift * us / kWindowUs +
                              ampere_at(wave, us / 1e6 + jitter(generator)) * part_data(part).sensitivity_mv / 2500.0 *
                                  wave.zero +
                              noise(generator);
        window.add(static_cast<int>(lround(counts < 0 ? 0 : counts > 1023 ? 1023 : counts)));
    }
    if (truth != nullptr) {
        constexpr int kDense = 40000;
        double squares = 0;
        for (int i = 0; i < kDense; ++i) {
            const double amps = ampere_at(wave, i * (kWindowUs / 1e6) / kDense);
            squares += amps * amps;
        }
        *truth = sqrt(squares / kDense);
    }
    return window;
}

Calibration calibrated(Part part, double noise) {
    Calibration calibration;
    Calibrator calibrator;
    Meter meter(part);
    Wave idle;
    idle.noise = noise;
    calibrator.start(Calibrator::Step::kZero, 0);
    while (calibrator.busy()) calibrator.add(meter.measure(sampled(idle, part), calibration), part, calibration);
    REQUIRE(calibrator.outcome() == Calibrator::Outcome::kDone);
    return calibration;
}

constexpr Part kAll[] = {Part::k05B, Part::k20A, Part::k30A};

// Over some windows, in %: mean error, its standard deviation, and the largest of one window.
struct Errors {
    double mean = 0, deviation = 0, worst = 0;
};

Errors errors(Part part, const Wave& wave, const Calibration& calibration) {
    Meter meter(part);
    Wave idle = wave;
    idle.amps = 0;
    idle.offset_amps = 0;
    idle.drift = 0;
    meter.measure(sampled(idle, part), calibration);   // learns the zero
    Errors result;
    constexpr int kRepeats = 100;
    double truth = 0;
    sampled(wave, part, &truth);
    for (int i = 0; i < kRepeats; ++i) {
        Wave shifted = wave;
        shifted.phase = i * 0.37;
        const Window window = sampled(shifted, part);
        const double error = (meter.measure(window, calibration).current_ma / 1000.0 / truth - 1) * 100;
        result.mean += error / kRepeats;
        result.deviation += error * error / kRepeats;
        result.worst = fmax(result.worst, fabs(error));
    }
    result.deviation = sqrt(fmax(0, result.deviation - result.mean * result.mean));
    return result;
}

}  // namespace

TEST_CASE("the three parts convert as their data sheet says") {
    for (Part part : kAll) {
        const PartData& data = part_data(part);
        CAPTURE(data.name);
        Wave wave;
        wave.noise = 0;
        wave.amps = data.range_a / M_SQRT2;
        Calibration none;
        none.floor_mcounts = 0;
        none.cut_mcounts = 500;
        Meter meter(part);
        double truth = 0;
        const Measurement result = meter.measure(sampled(wave, part, &truth), none);
        CHECK(result.valid);
        CHECK(result.current_ma / 1000.0 == doctest::Approx(truth).epsilon(0.002));
    }
}

TEST_CASE("at most 1 % off above a tenth of the range in 95 of 100 windows: 50 and 60 Hz, harmonics, dimmer, noise, drift") {
    for (Part part : kAll) {
        const Calibration calibration = calibrated(part, 1.2);
        const double full = part_data(part).range_a / M_SQRT2;
        for (double share : {0.10, 0.15, 0.25, 0.5, 1.0}) {
            for (double hertz : {50.0, 60.0}) {
                Wave waves[6];
                waves[1].third = 0.3;
                waves[1].fifth = 0.15;
                waves[2].phase_cut = 0.5;
                waves[3].drift = 0.5;
                waves[4].zero = 480;
                waves[5].third = -0.6;
                for (Wave& wave : waves) {
                    // A tenth of the range in RMS, whatever the wave's form.
                    wave.amps = 1;
                    wave.hertz = hertz;
                    double truth = 0;
                    Wave quiet = wave;
                    quiet.noise = 0;
                    sampled(quiet, part, &truth);
                    wave.amps = full * share / truth * (wave.phase_cut > 0 || wave.third != 0 ? 0.7 : 1);
                    if (wave.amps * truth < part_data(part).range_a * 0.1) wave.amps = part_data(part).range_a * 0.1 / truth;
                    const Errors seen = errors(part, wave, calibration);
                    CAPTURE(std::string(part_data(part).name));
                    CAPTURE(share);
                    CAPTURE(hertz);
                    CAPTURE(&wave - waves);
                    CHECK(fabs(seen.mean) <= 0.3);
                    CHECK(fabs(seen.mean) + 2 * seen.deviation <= 1.0);
                    CHECK(seen.worst <= 1.5);
                }
            }
        }
    }
}

TEST_CASE("half waves count in full, as soon as the zero is known") {
    for (Part part : kAll) {
        const Calibration calibration = calibrated(part, 1.2);
        Wave wave;
        wave.half = true;
        wave.amps = part_data(part).range_a * 0.5;
        CHECK(errors(part, wave, calibration).worst <= 1.0);
    }
}

TEST_CASE("no load is 0.000 A, whatever the noise it was calibrated with, in ten thousand windows over a drifting zero") {
    for (double noise : {0.0, 0.4, 1.2, 3.0}) {
        const Calibration calibration = calibrated(Part::k05B, noise);
        Meter meter(Part::k05B);
        Wave idle;
        idle.noise = noise;
        unsigned invented = 0;
        for (int i = 0; i < 2500; ++i) {
            idle.zero = 514 + 8 * sin(i / 300.0);   // a day of warming and cooling
            invented += meter.measure(sampled(idle, Part::k05B), calibration).current_ma;
        }
        CAPTURE(noise);
        CHECK(invented == 0);
    }
}

TEST_CASE("an uncalibrated box invents nothing either with the noise of a sound sensor") {
    Meter meter(Part::k05B);
    Wave idle;
    idle.noise = 1.5;
    for (int i = 0; i < 2000; ++i) CHECK(meter.measure(sampled(idle, Part::k05B), Calibration()).current_ma == 0);
}

TEST_CASE("the floor is taken off in quadrature: small currents are not lifted by noise") {
    const Calibration calibration = calibrated(Part::k05B, 2.0);
    Wave wave;
    wave.noise = 2.0;
    wave.amps = 0.25;
    CHECK(fabs(errors(Part::k05B, wave, calibration).mean) < 1.0);
}

TEST_CASE("clipping is told: the ADC's ends and the sensor's") {
    const Calibration calibration;
    Wave wave;
    wave.amps = part_data(Part::k05B).range_a;
    Meter meter(Part::k05B);
    CHECK_FALSE(meter.measure(sampled(wave, Part::k05B), calibration).clipped);
    wave.amps = 12;
    CHECK(meter.measure(sampled(wave, Part::k05B), calibration).clipped);
    wave.amps = 1;
    wave.zero = 720;
    Window window = sampled(wave, Part::k05B);
    window.add(1023);
    CHECK(meter.measure(window, calibration).clipped);
    Window low = sampled(wave, Part::k05B);
    low.add(0);
    CHECK(meter.measure(low, calibration).clipped);
}

TEST_CASE("nothing that could be a sensor gives no reading instead of a wrong one") {
    Meter meter(Part::k20A);
    for (double zero : {0.0, 5.0, 120.0, 290.0, 740.0, 1023.0}) {
        Wave wave;
        wave.zero = zero;
        wave.amps = 0;
        CAPTURE(zero);
        CHECK_FALSE(meter.measure(sampled(wave, Part::k20A), Calibration()).valid);
    }
    CHECK_FALSE(meter.measure(Window(), Calibration()).valid);
}

TEST_CASE("two-point calibration takes out a sensor that is 12 % off") {
    Calibration calibration = calibrated(Part::k20A, 1.2);
    Meter meter(Part::k20A);
    Calibrator calibrator;
    Wave wave;
    wave.amps = 8.7 * 0.88;   // what the sensor makes of 8.7 A
    calibrator.start(Calibrator::Step::kLoad, 8700);
    unsigned windows = 0;
    while (calibrator.busy()) {
        calibrator.add(meter.measure(sampled(wave, Part::k20A), calibration), Part::k20A, calibration);
        ++windows;
    }
    CHECK(windows == Calibrator::kWindows);
    CHECK(calibrator.outcome() == Calibrator::Outcome::kDone);
    CHECK(meter.measure(sampled(wave, Part::k20A), calibration).current_ma == doctest::Approx(8700).epsilon(0.005));
    wave.amps = 2.2 * 0.88;
    CHECK(meter.measure(sampled(wave, Part::k20A), calibration).current_ma == doctest::Approx(2200).epsilon(0.01));
}

TEST_CASE("a calibration that cannot be right changes nothing and says why") {
    const auto outcome = [](Calibrator::Step step, uint32_t load_ma, const Wave& wave, Part part) {
        Calibration calibration;
        Calibrator calibrator;
        Meter meter(part);
        calibrator.start(step, load_ma);
        while (calibrator.busy()) calibrator.add(meter.measure(sampled(wave, part), calibration), part, calibration);
        CHECK(calibration.floor_mcounts == Calibration().floor_mcounts);
        CHECK(calibration.cut_mcounts == Calibration().cut_mcounts);
        CHECK(calibration.gain_ppm == Calibration().gain_ppm);
        return calibrator.outcome();
    };
    Wave wave;
    wave.amps = 2;
    CHECK(outcome(Calibrator::Step::kZero, 0, wave, Part::k05B) == Calibrator::Outcome::kNotIdle);
    CHECK(outcome(Calibrator::Step::kLoad, 4000, wave, Part::k05B) == Calibrator::Outcome::kImplausible);
    CHECK(outcome(Calibrator::Step::kLoad, 1000, wave, Part::k05B) == Calibrator::Outcome::kImplausible);
    wave.amps = 0.05;
    CHECK(outcome(Calibrator::Step::kLoad, 50, wave, Part::k05B) == Calibrator::Outcome::kNoLoad);
    wave.zero = 3;
    CHECK(outcome(Calibrator::Step::kZero, 0, wave, Part::k05B) == Calibrator::Outcome::kNoSensor);
}

TEST_CASE("a window keeps exact sums for the largest counts and the most samples") {
    Window window;
    for (int i = 0; i < 1000; ++i) window.add(i % 2 == 0 ? 0 : 1023);
    CHECK(window.mean() == 511.5);
    CHECK(window.variance() == 511.5 * 511.5);
    window.add(-7);
    window.add(5000);
    CHECK(window.min() == 0);
    CHECK(window.max() == 1023);
}
