#include "runtime/keeper/launch.hpp"

#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace troupe::keeper {

int launch::open(datagram& from) {
  request = reinterpret_cast<const spawn_message*>(from.bytes);
  const uint32_t wanted = request->fds;
  if (from.cut) {
    return EMFILE; // the kernel drops fds that do not fit in our table
  }
  if ((wanted & ~fd_flag::all) != 0 || (request->flags & ~spawn_flag::all) != 0
      || static_cast<uint32_t>(__builtin_popcount(wanted)) != from.fd_count) {
    return EINVAL;
  }
  int payload_fd = -1;
  int* const places[max_message_fds] = {&in,      &out,     &err,    &kept[0],
                                        &kept[1], &kept[2], &cgroup, &payload_fd};
  uint32_t position = 0;
  for (uint32_t bit = 0; bit < max_message_fds; ++bit) {
    if ((wanted & (1U << bit)) != 0) {
      *places[bit] = from.take_fd(position++);
    }
  }
  int error = 0;
  const size_t inline_size = from.size - sizeof(spawn_message);
  if (request->sender_error != 0) {
    error = request->sender_error;
  } else if (request->payload_size > max_payload || request->blob_size > max_blob
             || request->argument_count > max_strings || request->environment_count > max_strings
             || request->group_count > max_groups || request->limit_count > max_limits) {
    error = E2BIG;
  } else if (request->argument_count == 0) {
    error = EINVAL;
  } else if (payload_fd >= 0) {
    error = inline_size == 0 ? map_payload(payload_fd) : EINVAL;
  } else if (inline_size == request->payload_size) {
    payload_ = reinterpret_cast<const char*>(request + 1);
  } else {
    error = EINVAL;
  }
  close_fd(payload_fd);
  return error != 0 ? error : take_apart();
}

int launch::map_payload(int payload_fd) {
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const int sealed = fcntl(payload_fd, F_GET_SEALS);
  struct stat file {};
  if (sealed < 0 || (sealed & seals) != seals || fstat(payload_fd, &file) != 0
      || file.st_size != static_cast<off_t>(request->payload_size) || file.st_size == 0) {
    return EINVAL;
  }
  void* place = mmap(nullptr, request->payload_size, PROT_READ, MAP_PRIVATE, payload_fd, 0);
  if (place == MAP_FAILED) {
    return errno;
  }
  mapped_ = place;
  payload_ = static_cast<const char*>(place);
  return 0;
}

int launch::take_apart() {
  const uint64_t numbers = static_cast<uint64_t>(request->limit_count) * sizeof(limit_entry)
                           + static_cast<uint64_t>(request->group_count) * sizeof(uint32_t);
  if (numbers + request->blob_size > request->payload_size) {
    return EINVAL;
  }
  limits = reinterpret_cast<const limit_entry*>(payload_);
  groups = reinterpret_cast<const uint32_t*>(payload_ + request->limit_count * sizeof(limit_entry));
  blob = payload_ + request->payload_size - request->blob_size;

  const size_t pointers = size_t{request->argument_count} + request->environment_count + 2;
  arguments = static_cast<char**>(malloc(pointers * sizeof(char*)));
  if (arguments == nullptr) {
    return ENOMEM;
  }
  environment = arguments + request->argument_count + 1;
  const char* text = payload_ + numbers;
  const auto next = [&text, this]() -> char* {
    const char* start = text;
    const void* nul = memchr(start, 0, static_cast<size_t>(blob - start));
    if (nul == nullptr) {
      return nullptr;
    }
    text = static_cast<const char*>(nul) + 1;
    return const_cast<char*>(start);
  };
  for (uint32_t i = 0; i < request->argument_count; ++i) {
    if ((arguments[i] = next()) == nullptr) {
      return EINVAL;
    }
  }
  for (uint32_t i = 0; i < request->environment_count; ++i) {
    if ((environment[i] = next()) == nullptr) {
      return EINVAL;
    }
  }
  arguments[request->argument_count] = nullptr;
  environment[request->environment_count] = nullptr;
  directory = next();
  // A string with a NUL inside would have shifted all that follows: then the count is wrong.
  return directory != nullptr && text == blob ? 0 : EINVAL;
}

void launch::close() {
  close_fd(in);
  close_fd(out);
  close_fd(err);
  close_fd(cgroup);
  for (int& fd : kept) {
    close_fd(fd);
  }
  free(arguments);
  arguments = nullptr;
  if (mapped_ != nullptr) {
    munmap(mapped_, request->payload_size);
    mapped_ = nullptr;
  }
}

} // namespace troupe::keeper
