#pragma once

// A map from names that is cheap to copy and to change a little: copies share the parts that
// are equal, so a table of 10 000 names with one other value costs microseconds, and what
// differs between two of them is found by looking at the parts that they do not share.

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
  using part = string_map<Value>;
  static constexpr std::size_t parts = 256;

public:
  using value_type = typename part::value_type;

  class const_iterator {
  public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = typename part::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;

    reference operator*() const { return *at_; }
    pointer operator->() const { return &*at_; }

    const_iterator& operator++() {
      if (++at_ == of_->parts_[index_]->end())
        seek(index_ + 1);
      return *this;
    }
    const_iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator& other) const {
      return index_ == other.index_ && (index_ == parts || at_ == other.at_);
    }

  private:
    friend class shared_map;

    void seek(std::size_t index) {
      for (; index < parts; ++index)
        if (const auto& each = of_->parts_[index]; each && !each->empty()) {
          at_ = each->begin();
          break;
        }
      index_ = index;
    }

    const shared_map* of_ = nullptr;
    std::size_t index_ = parts;
    typename part::const_iterator at_{};
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  const_iterator begin() const {
    const_iterator result;
    result.of_ = this;
    result.seek(0);
    return result;
  }
  const_iterator end() const { return {}; }

  const_iterator find(std::string_view key) const {
    const auto index = index_of(key);
    if (const auto& in = parts_[index])
      if (const auto at = in->find(key); at != in->end()) {
        const_iterator result;
        result.of_ = this;
        result.index_ = index;
        result.at_ = at;
        return result;
      }
    return end();
  }
  /// The value, or null.
  const Value* get(std::string_view key) const {
    const auto at = find(key);
    return at == end() ? nullptr : &at->second;
  }
  bool contains(std::string_view key) const { return get(key) != nullptr; }

  /// For changes; copies the part first when it is shared.
  Value& operator[](const std::string& key) {
    auto& in = own(index_of(key));
    const auto [at, is_new] = in.try_emplace(key);
    size_ += is_new;
    return at->second;
  }

  /// Whether there was one.
  bool erase(std::string_view key) {
    if (!contains(key))
      return false;
    auto& in = own(index_of(key));
    in.erase(in.find(key));
    --size_;
    return true;
  }

  /// Calls `f(key, before, after)` with pointers to the values, null where there is none, for
  /// every key whose value is another one now.
  template <class F>
  static void differences(const shared_map& before, const shared_map& after, F&& f) {
    for (std::size_t i = 0; i < parts; ++i) {
      const auto &a = before.parts_[i], &b = after.parts_[i];
      if (a == b)
        continue;
      if (b)
        for (const auto& [key, value] : *b) {
          const Value* old = nullptr;
          if (a)
            if (const auto at = a->find(key); at != a->end())
              old = &at->second;
          if (!old || !(*old == value))
            f(key, old, &value);
        }
      if (a)
        for (const auto& [key, value] : *a)
          if (!b || !b->contains(key))
            f(key, &value, static_cast<const Value*>(nullptr));
    }
  }

private:
  /// The high bits: a part's own map goes by the low ones.
  static std::size_t index_of(std::string_view key) {
    return string_hash{}(key) >> (8 * sizeof(std::size_t) - 8);
  }

  part& own(std::size_t index) {
    auto& here = parts_[index];
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
