"""How PlatformIO runs the native tests: with the system's doctest if there is one, else with its own package."""

import re
from pathlib import Path

from platformio.public import (  # type: ignore[import-not-found]
    DoctestTestRunner,
    TestCase,
    TestRunnerBase,
    TestStatus,
)

HAVE_SYSTEM_DOCTEST = Path("/usr/include/doctest/doctest.h").exists()
RESULT = re.compile(r"\[(PASSED|FAILED)\] (.+)")


class CustomTestRunner(TestRunnerBase):  # type: ignore[misc]
    NAME = "custom"
    EXTRA_LIB_DEPS = None if HAVE_SYSTEM_DOCTEST else DoctestTestRunner.EXTRA_LIB_DEPS

    def on_testing_line_output(self, line: str) -> None:
        result = RESULT.match(line.strip())
        if result:
            case = TestCase(name=result[2], status=TestStatus.from_string(result[1]))
            self.test_suite.add_case(case)
        elif "ERROR:" in line or "[doctest] Status:" in line or self.options.verbose:
            print(line, end="")
        if "[doctest] Status:" in line:
            self.test_suite.on_finish()
