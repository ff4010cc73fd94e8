#pragma once

// A map from names that is cheap to copy and to change a little: copies share the parts that
// are equal, so a table of 10 000 names with one other value costs microseconds, and what
// differs between two of them is found by looking at the parts that they do not share.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::messaging {

/// Lets maps with string keys be asked with a string_view, without a copy.
struct string_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

template <class Value>
using string_map = std::unordered_map<std::string, Value, string_hash, std::equal_to<>>;

/// Reads like a map. A copy costs 256 pointers; a change copies the part that it is in unless
/// nobody else has it. Copies may be read in other threads; one map itself is for one thread.
template <class Value>
class shared_map {
  struct entry {
    std::size_t hash;
    std::pair<std::string, Value> both;
  };
  /// By hash: a lookup compares numbers, and one text.
  using part = std::vector<entry>;
  static constexpr std::size_t parts = 256;

public:
  using value_type = std::pair<std::string, Value>;

  class const_iterator {
  public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = std::pair<std::string, Value>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;

    reference operator*() const { return (*of_->parts_[part_])[at_].both; }
    pointer operator->() const { return &**this; }

    const_iterator& operator++() {
      if (++at_ == of_->parts_[part_]->size())
        seek(part_ + 1);
      return *this;
    }
    const_iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator& other) const {
      return part_ == other.part_ && at_ == other.at_;
    }

  private:
    friend class shared_map;

    const_iterator(const shared_map* of, std::size_t part_number, std::size_t at)
        : of_{of}
        , part_{part_number}
        , at_{at} {
      // nop
    }

    void seek(std::size_t number) {
      while (number < parts && (!of_->parts_[number] || of_->parts_[number]->empty()))
        ++number;
      part_ = number;
      at_ = 0;
    }

    const shared_map* of_ = nullptr;
    std::size_t part_ = parts;
    std::size_t at_ = 0;
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  const_iterator begin() const {
    const_iterator result{this, 0, 0};
    result.seek(0);
    return result;
  }
  const_iterator end() const { return {}; }

  const_iterator find(std::string_view key) const {
    const auto hash = string_hash{}(key);
    const auto& in = parts_[number_of(hash)];
    const auto at = in ? position(*in, hash, key) : none;
    return at == none ? end() : const_iterator{this, number_of(hash), at};
  }
  /// The value, or null.
  const Value* get(std::string_view key) const {
    const auto hash = string_hash{}(key);
    const auto& in = parts_[number_of(hash)];
    const auto at = in ? position(*in, hash, key) : none;
    return at == none ? nullptr : &(*in)[at].both.second;
  }
  bool contains(std::string_view key) const { return get(key) != nullptr; }

  /// For changes; copies the part first when it is shared.
  Value& operator[](const std::string& key) {
    const auto hash = string_hash{}(key);
    auto& in = own(number_of(hash));
    if (const auto at = position(in, hash, key); at != none)
      return in[at].both.second;
    ++size_;
    return in.insert(lower_bound(in, hash), entry{hash, {key, Value{}}})->both.second;
  }

  /// Whether there was one.
  bool erase(std::string_view key) {
    if (!contains(key))
      return false;
    const auto hash = string_hash{}(key);
    auto& in = own(number_of(hash));
    in.erase(in.begin() + static_cast<std::ptrdiff_t>(position(in, hash, key)));
    --size_;
    return true;
  }

  /// Calls `f(key, before, after)` with pointers to the values, null where there is none, for
  /// every key whose value is another one now.
  template <class F>
  static void differences(const shared_map& before, const shared_map& after, F&& f) {
    static const part nothing;
    for (std::size_t i = 0; i < parts; ++i) {
      if (before.parts_[i] == after.parts_[i])
        continue;
      const auto& a = before.parts_[i] ? *before.parts_[i] : nothing;
      const auto& b = after.parts_[i] ? *after.parts_[i] : nothing;
      for (const auto& [hash, both] : b) {
        const auto at = position(a, hash, both.first);
        const Value* old = at == none ? nullptr : &a[at].both.second;
        if (!old || !(*old == both.second))
          f(both.first, old, &both.second);
      }
      for (const auto& [hash, both] : a)
        if (position(b, hash, both.first) == none)
          f(both.first, &both.second, static_cast<const Value*>(nullptr));
    }
  }

private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  static std::size_t number_of(std::size_t hash) { return hash >> (8 * sizeof(std::size_t) - 8); }

  template <class Part>
  static auto lower_bound(Part& in, std::size_t hash) {
    return std::lower_bound(in.begin(), in.end(), hash,
                            [](const entry& x, std::size_t y) { return x.hash < y; });
  }

  static std::size_t position(const part& in, std::size_t hash, std::string_view key) {
    for (auto at = lower_bound(in, hash); at != in.end() && at->hash == hash; ++at)
      if (at->both.first == key)
        return static_cast<std::size_t>(at - in.begin());
    return none;
  }

  part& own(std::size_t number) {
    auto& here = parts_[number];
    if (!here)
      here = std::make_shared<part>();
    else if (here.use_count() > 1)
      here = std::make_shared<part>(*here);
    else // another thread may just have let go of it
      std::atomic_thread_fence(std::memory_order_acquire);
    return *here;
  }

  std::array<std::shared_ptr<part>, parts> parts_;
  std::size_t size_ = 0;
};

} // namespace troupe::messaging
