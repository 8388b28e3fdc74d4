#include "rms.h"

#include <math.h>

namespace ecms {
namespace {

constexpr PartData kParts[] = {{"05B", 5, 185}, {"20A", 20, 100}, {"30A", 30, 66}};

// At zero current the sensor's output is half its supply.
constexpr double kZeroMillivolt = 2500;

// Where the mean of a window can lie with the 10k/18k divider (514 counts), its tolerances and a rectified load.
constexpr double kLowestZero = 300;
constexpr double kHighestZero = 730;

// The output of the sensor ends a quarter volt from its rails, a tenth of the zero.
constexpr double kOutputReach = 0.9;
constexpr int kAdcMargin = 2;

// A direct component this large, against the alternating part and in counts, is a rectified load and not drift.
constexpr double kDirectShare = 0.25;
constexpr double kDirectCounts = 4;
constexpr double kZeroLearning = 0.1;

// The floor of a sound sensor is 1 to 3 counts; more is a load that is still on.
constexpr double kHighestFloor = 8;
constexpr double kCutOverFloor = 1.3;
constexpr double kCutOverLargest = 1.15;
// With less load than this the noise would decide the gain.
constexpr double kSmallestLoad = 15;

double ampere(double rms_counts, double zero_counts, Part part) {
    return rms_counts / zero_counts * kZeroMillivolt / part_data(part).sensitivity_mv;
}

uint32_t rounded(double value) { return value > 0 ? static_cast<uint32_t>(value + 0.5) : 0; }

}  // namespace

const PartData& part_data(Part part) { return kParts[static_cast<size_t>(part)]; }

void Window::add(int counts) {
    if (counts < 0) counts = 0;
    if (counts > kAdcMax) counts = kAdcMax;
    ++count_;
    sum_ += static_cast<unsigned>(counts);
    squares_ += static_cast<uint64_t>(counts) * static_cast<unsigned>(counts);
    if (counts < min_) min_ = counts;
    if (counts > max_) max_ = counts;
}

double Window::mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / count_; }

double Window::variance() const {
    if (count_ == 0) return 0;
    // Exact in integers up to the division: subtracting two large doubles would lose the small currents.
    const uint64_t scaled = squares_ * count_ - sum_ * sum_;
    return static_cast<double>(scaled) / count_ / count_;
}

Measurement Meter::measure(const Window& window, const Calibration& calibration) {
    Measurement result;
    const double mean = window.mean();
    if (window.count() == 0 || mean < kLowestZero || mean > kHighestZero) return result;
    result.valid = true;
    double square = window.variance();
    result.zero_counts = mean;

    const double floor = calibration.floor_mcounts / 1000.0;
    const double cut = calibration.cut_mcounts / 1000.0;
    const double direct = mean - zero_;
    if (zero_ > 0 && fabs(direct) > kDirectCounts && direct * direct > kDirectShare * kDirectShare * square &&
        square >= cut * cut) {
        square += direct * direct;
        result.zero_counts = zero_;
    }
    result.rms_counts = sqrt(square);
    result.clipped = window.max() >= kAdcMax - kAdcMargin || window.min() <= kAdcMargin ||
                     window.max() > result.zero_counts * (1 + kOutputReach) ||
                     window.min() < result.zero_counts * (1 - kOutputReach);
    if (square < cut * cut || square <= floor * floor) {
        zero_ = zero_ > 0 ? zero_ + kZeroLearning * (mean - zero_) : mean;
        return result;
    }
    const double net = sqrt(square - floor * floor);
    result.current_ma = rounded(ampere(net, result.zero_counts, part_) * calibration.gain_ppm / 1000.0);
    return result;
}

void Calibrator::start(Step step, uint32_t load_ma) {
    *this = Calibrator();
    step_ = step;
    load_ma_ = load_ma;
}

bool Calibrator::add(const Measurement& measurement, Part part, Calibration& calibration) {
    if (!busy()) return false;
    if (!measurement.valid) {
        step_ = Step::kIdle;
        outcome_ = Outcome::kNoSensor;
        return false;
    }
    squares_ += measurement.rms_counts * measurement.rms_counts;
    zero_sum_ += measurement.zero_counts;
    if (measurement.rms_counts > largest_) largest_ = measurement.rms_counts;
    if (++windows_ < kWindows) return false;
    const bool done = finish(part, calibration);
    step_ = Step::kIdle;
    return done;
}

bool Calibrator::finish(Part part, Calibration& calibration) {
    const double rms = sqrt(squares_ / windows_);
    if (step_ == Step::kZero) {
        if (largest_ > kHighestFloor) {
            outcome_ = Outcome::kNotIdle;
            return false;
        }
        const double by_floor = rms * kCutOverFloor;
        const double by_largest = largest_ * kCutOverLargest;
        calibration.floor_mcounts = rounded(rms * 1000);
        calibration.cut_mcounts = rounded((by_floor > by_largest ? by_floor : by_largest) * 1000);
        outcome_ = Outcome::kDone;
        return true;
    }
    const double floor = calibration.floor_mcounts / 1000.0;
    if (rms < kSmallestLoad || rms <= floor) {
        outcome_ = Outcome::kNoLoad;
        return false;
    }
    const double shown = ampere(sqrt(rms * rms - floor * floor), zero_sum_ / windows_, part);
    const double gain_ppm = load_ma_ * 1000.0 / shown;
    if (gain_ppm < kMinGainPpm || gain_ppm > kMaxGainPpm) {
        outcome_ = Outcome::kImplausible;
        return false;
    }
    calibration.gain_ppm = rounded(gain_ppm);
    outcome_ = Outcome::kDone;
    return true;
}

}  // namespace ecms
