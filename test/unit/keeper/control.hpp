#pragma once

#include <cstdint>

/// In place of an exit code: use all the CPU that there is, for ever.
inline constexpr int spin_order = -1;

/// What fake_runtime tells the test about itself; its end of the line to the keeper is attached.
struct introduction {
  std::int32_t pid;
  std::int32_t keeper_pid;
  std::int32_t line; ///< the number at which it found that end
  std::int32_t session;
  std::uint64_t epoch;
  std::uint64_t soft_files;
  std::uint64_t hard_files;
  std::int32_t input_is_null;
  std::int32_t reserved;
};
