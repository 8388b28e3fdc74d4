// From ADC counts to milliampere.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ecms {

constexpr uint32_t kWindowUs = 200000;   // ten periods of 50 Hz, twelve of 60 Hz
// 367 samples: a prime, so none falls on the phase of another and steep edges average out.
constexpr uint32_t kSampleUs = 545;
constexpr int kAdcMax = 1023;

enum class Part : uint8_t { k05B, k20A, k30A };

// Full scale of the ACS712 part, A (peak), and its sensitivity, mV/A at 5 V.
struct PartData {
    const char* name;
    uint32_t range_a;
    uint32_t sensitivity_mv;
};
const PartData& part_data(Part part);

// Measured values of one box; counts are thousandths of an ADC count.
struct Calibration {
    uint32_t floor_mcounts = 1500;     // RMS at no load
    uint32_t cut_mcounts = 2500;       // below this RMS nothing is flowing
    uint32_t gain_ppm = 1000000;
};
constexpr uint32_t kMinGainPpm = 700000;
constexpr uint32_t kMaxGainPpm = 1400000;

class Window {
  public:
    void add(int counts);
    uint32_t count() const { return count_; }
    double mean() const;
    double variance() const;
    int min() const { return min_; }
    int max() const { return max_; }

  private:
    uint32_t count_ = 0;
    uint64_t sum_ = 0;
    uint64_t squares_ = 0;
    int min_ = kAdcMax;
    int max_ = 0;
};

struct Measurement {
    bool valid = false;            // false: nothing that could be a sensor is connected
    bool clipped = false;
    uint32_t current_ma = 0;
    double rms_counts = 0;         // before the floor is taken off
    double zero_counts = 0;
};

class Meter {
  public:
    explicit Meter(Part part) : part_(part) {}
    Measurement measure(const Window& window, const Calibration& calibration);

  private:
    Part part_;
    double zero_ = 0;   // mean of the last windows without load; 0 = not learned yet
};

// Collects windows for one calibration step.
class Calibrator {
  public:
    static constexpr unsigned kWindows = 25;
    enum class Step : uint8_t { kIdle, kZero, kLoad };
    enum class Outcome : uint8_t { kNone, kBusy, kDone, kNoSensor, kNotIdle, kNoLoad, kImplausible, kNotStored };

    void start(Step step, uint32_t load_ma);
    bool busy() const { return step_ != Step::kIdle; }
    Outcome outcome() const { return busy() ? Outcome::kBusy : outcome_; }
    void fail_to_store() { outcome_ = Outcome::kNotStored; }
    // Returns true when the step ended well and `calibration` was changed.
    bool add(const Measurement& measurement, Part part, Calibration& calibration);

  private:
    bool finish(Part part, Calibration& calibration);

    Step step_ = Step::kIdle;
    Outcome outcome_ = Outcome::kNone;
    unsigned windows_ = 0;
    uint32_t load_ma_ = 0;
    double squares_ = 0;
    double largest_ = 0;
    double zero_sum_ = 0;
};

}  // namespace ecms
