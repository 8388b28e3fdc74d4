#pragma once

#include <stdint.h>

constexpr uint32_t FS_PHYS_ADDR = 0;
