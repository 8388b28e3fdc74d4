#pragma once

#include <functional>

void settimeofday_cb(const std::function<void()>& callback);
