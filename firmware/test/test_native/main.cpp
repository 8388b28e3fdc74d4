#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "support.h"

#include <stdio.h>

namespace {

// One line per test, which is what test_custom_runner.py reads.
struct OneLineEach final : doctest::IReporter {
    const doctest::TestCaseData* current = nullptr;

    explicit OneLineEach(const doctest::ContextOptions&) {}
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_start(const doctest::TestCaseData& data) override { current = &data; }
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        printf("[%s] %s\n", stats.testCaseSuccess ? "PASSED" : "FAILED", current->m_name);
    }
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("one_line_each", 1, OneLineEach);

}  // namespace
