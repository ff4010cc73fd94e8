#pragma once

// Actors in a custom bot: supervision trees, prioritized mailboxes and addresses of their own.
// docs/sdk-cpp.md, «Actors».

#include "actors/bot/actors/hosted_fleet.hpp"
#include "actors/bot/actors/letters.hpp"
