#include "runtime/keeper/slots.hpp"

#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace troupe::keeper {

bool slot_table::open(uint32_t max_slots) {
  max_ = max_slots;
  const uint32_t chunks = (max_slots + chunk_size - 1) / chunk_size;
  chunks_ = static_cast<slot**>(calloc(chunks, sizeof(slot*)));
  return chunks_ != nullptr && grow_index();
}

bool slot_table::grow_index() {
  const uint32_t wanted = buckets_ == 0 ? 128 : buckets_ * 2;
  auto* keys = static_cast<uint32_t*>(malloc(wanted * sizeof(uint32_t)));
  auto* pids = static_cast<uint32_t*>(malloc(wanted * sizeof(uint32_t)));
  if (keys == nullptr || pids == nullptr) {
    free(keys);
    free(pids);
    return false;
  }
  memset(keys, 0xff, wanted * sizeof(uint32_t));
  memset(pids, 0xff, wanted * sizeof(uint32_t));
  free(by_key_);
  free(by_pid_);
  by_key_ = keys;
  by_pid_ = pids;
  buckets_ = wanted;
  for (uint32_t i = 0; i < used_end_; ++i) {
    slot& it = raw(i);
    if (it.at == stage::unused) {
      continue;
    }
    uint32_t& key_head = key_bucket(it.text, it.name_length, it.incarnation);
    it.next_by_key = key_head;
    key_head = i;
    if (it.pid > 0) {
      uint32_t& pid_head = pid_bucket(it.pid);
      it.next_by_pid = pid_head;
      pid_head = i;
    }
  }
  return true;
}

uint32_t& slot_table::key_bucket(const char* name, uint32_t length, uint64_t incarnation) const {
  uint64_t hash = 14695981039346656037U ^ incarnation;
  for (uint32_t i = 0; i < length; ++i) {
    hash = (hash ^ static_cast<unsigned char>(name[i])) * 1099511628211U;
  }
  hash ^= hash >> 32;
  return by_key_[hash & (buckets_ - 1)];
}

uint32_t& slot_table::pid_bucket(pid_t pid) const {
  return by_pid_[static_cast<uint32_t>(pid) & (buckets_ - 1)];
}

slot* slot_table::add(const key& of, const char* blob, uint32_t blob_size) {
  if (count_ >= max_) {
    errno = ENOSPC;
    return nullptr;
  }
  if (count_ >= buckets_ && !grow_index()) {
    return nullptr;
  }
  if (free_ == no_slot && used_end_ % chunk_size == 0
      && chunks_[used_end_ / chunk_size] == nullptr) {
    auto* chunk = static_cast<slot*>(calloc(chunk_size, sizeof(slot)));
    if (chunk == nullptr) {
      return nullptr;
    }
    chunks_[used_end_ / chunk_size] = chunk;
  }
  auto* text = static_cast<char*>(malloc(of.length + blob_size + 1));
  if (text == nullptr) {
    return nullptr;
  }
  memcpy(text, of.text, of.length);
  if (blob_size > 0) {
    memcpy(text + of.length, blob, blob_size);
  }
  const uint32_t index = free_ == no_slot ? used_end_++ : free_;
  slot& made = raw(index);
  if (index == free_) {
    free_ = made.next_by_key;
  }
  const uint32_t generation = made.generation + 1;
  made = slot{};
  made.index = index;
  made.generation = generation;
  made.incarnation = of.incarnation;
  made.text = text;
  made.name_length = of.length;
  made.blob_size = static_cast<uint16_t>(blob_size);
  made.pidfd = made.status_pipe = made.cgroup = -1;
  for (int& fd : made.kept) {
    fd = -1;
  }
  made.next_by_pid = made.previous_untold = made.next_untold = no_slot;
  made.at = stage::pending;
  uint32_t& head = key_bucket(text, made.name_length, made.incarnation);
  made.next_by_key = head;
  head = index;
  ++count_;
  return &made;
}

slot* slot_table::find(const key& of) const {
  for (uint32_t i = key_bucket(of.text, of.length, of.incarnation); i != no_slot;) {
    slot& it = raw(i);
    if (it.incarnation == of.incarnation && it.name_length == of.length
        && memcmp(it.text, of.text, of.length) == 0) {
      return &it;
    }
    i = it.next_by_key;
  }
  return nullptr;
}

slot* slot_table::find_pid(pid_t pid) const {
  for (uint32_t i = pid_bucket(pid); i != no_slot;) {
    slot& it = raw(i);
    if (it.pid == pid) {
      return &it;
    }
    i = it.next_by_pid;
  }
  return nullptr;
}

void slot_table::set_pid(slot& of, pid_t pid) {
  of.pid = pid;
  uint32_t& head = pid_bucket(pid);
  of.next_by_pid = head;
  head = of.index;
}

void slot_table::forget_pid(slot& of) {
  if (of.pid <= 0) {
    return;
  }
  uint32_t* link = &pid_bucket(of.pid);
  while (*link != of.index) {
    link = &raw(*link).next_by_pid;
  }
  *link = of.next_by_pid;
  of.pid = 0;
}

void slot_table::remove(slot& of) {
  forget_pid(of);
  uint32_t* link = &key_bucket(of.text, of.name_length, of.incarnation);
  while (*link != of.index) {
    link = &raw(*link).next_by_key;
  }
  *link = of.next_by_key;
  unlist(of);
  close_fd(of.pidfd);
  close_fd(of.status_pipe);
  close_fd(of.cgroup);
  for (int& fd : of.kept) {
    close_fd(fd);
  }
  free(of.text);
  of.text = nullptr;
  of.at = stage::unused;
  of.next_by_key = free_;
  free_ = of.index;
  --count_;
}

slot* slot_table::at(uint32_t index) const {
  if (index >= used_end_ || raw(index).at == stage::unused) {
    return nullptr;
  }
  return &raw(index);
}

void slot_table::note(slot& of, uint8_t flags) {
  of.untold |= flags;
  if (of.listed) {
    return;
  }
  of.listed = true;
  of.next_untold = no_slot;
  of.previous_untold = last_untold_;
  if (last_untold_ == no_slot) {
    first_untold_ = of.index;
  } else {
    raw(last_untold_).next_untold = of.index;
  }
  last_untold_ = of.index;
}

void slot_table::told(slot& of, uint8_t flags) {
  of.untold = static_cast<uint8_t>(of.untold & ~flags);
  if (of.untold == 0) {
    unlist(of);
  }
}

void slot_table::unlist(slot& of) {
  if (!of.listed) {
    return;
  }
  of.listed = false;
  (of.previous_untold == no_slot ? first_untold_ : raw(of.previous_untold).next_untold) =
      of.next_untold;
  (of.next_untold == no_slot ? last_untold_ : raw(of.next_untold).previous_untold) =
      of.previous_untold;
  of.previous_untold = of.next_untold = no_slot;
}

slot* slot_table::first_untold() const {
  return first_untold_ == no_slot ? nullptr : &raw(first_untold_);
}

void fill_key(const slot& of, key& out) {
  out.incarnation = of.incarnation;
  out.length = of.name_length;
  memcpy(out.text, of.text, of.name_length);
  memset(out.text + of.name_length, 0, sizeof out.text - of.name_length);
}

} // namespace troupe::keeper
