#pragma once

#include "config/fleet_files.hpp"
#include "config/provenance.hpp"
#include "config/spec.hpp"

#include <memory>

namespace troupe::config {

/// Where the values of a fleet that was made of these files come from.
std::shared_ptr<const provenance> make_provenance(std::shared_ptr<const fleet_files> files,
                                                  spec_ptr spec);

} // namespace troupe::config
