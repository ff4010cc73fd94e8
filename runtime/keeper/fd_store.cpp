#include "runtime/keeper/fd_store.hpp"

#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace troupe::keeper {

fd_store::stored* fd_store::find(const char* name, uint32_t length) const {
  for (uint32_t i = 0; i < count_; ++i) {
    if (entries_[i].length == length && memcmp(entries_[i].name, name, length) == 0) {
      return &entries_[i];
    }
  }
  return nullptr;
}

int fd_store::put(const char* name, uint32_t length, int fd) {
  if (stored* known = find(name, length)) {
    close_fd(known->fd);
    known->fd = fd;
    return 0;
  }
  if (count_ == max_stored_fds) {
    return ENOSPC;
  }
  if (count_ == capacity_) {
    const uint32_t wanted = capacity_ == 0 ? 16 : capacity_ * 2;
    auto* more = static_cast<stored*>(realloc(entries_, wanted * sizeof(stored)));
    if (more == nullptr) {
      return ENOMEM;
    }
    entries_ = more;
    capacity_ = wanted;
  }
  auto* copy = static_cast<char*>(malloc(length));
  if (copy == nullptr) {
    return ENOMEM;
  }
  memcpy(copy, name, length);
  entries_[count_++] = {copy, length, fd};
  return 0;
}

int fd_store::get(const char* name, uint32_t length) const {
  const stored* known = find(name, length);
  return known == nullptr ? -1 : known->fd;
}

void fd_store::drop(const char* name, uint32_t length) {
  stored* known = find(name, length);
  if (known == nullptr) {
    return;
  }
  close_fd(known->fd);
  free(known->name);
  *known = entries_[--count_];
}

int fd_store::entry(uint32_t position, key& name) const {
  const stored& it = entries_[position];
  name = {};
  name.length = static_cast<uint16_t>(it.length);
  memcpy(name.text, it.name, it.length);
  return it.fd;
}

} // namespace troupe::keeper
