#pragma once

// The crash reports of a state directory: crash-TIME-PID.txt, 0600, ten at most.

#include <string>

namespace troupe::blackbox {

inline constexpr std::size_t crash_files_kept = 10;

/// Makes room for one more report: the oldest go. Other files are left alone.
void make_room_for_report(const std::string& state_directory);

/// What became of the runtime whose ring stands behind `ring_fd` (-1: there is none), for the
/// log: empty when it ended in order. Writes a report of one that was killed, which could not
/// write one itself.
std::string report_of_the_dead(const std::string& state_directory, int ring_fd);

} // namespace troupe::blackbox
