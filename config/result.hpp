#pragma once

#include <cassert>
#include <utility>
#include <variant>

namespace troupe::config {

/// Wraps the error of an `expected`, so that both sides may have the same type.
template <class E>
struct unexpected {
  E error;
};

template <class E>
unexpected(E) -> unexpected<E>;

/// A value or the reason why there is none. Reading the side that is not there is a bug.
template <class T, class E>
class [[nodiscard]] expected {
public:
  expected(T value)
      : state_{std::in_place_index<0>, std::move(value)} {}
  expected(unexpected<E> why)
      : state_{std::in_place_index<1>, std::move(why.error)} {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& operator*() & noexcept {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& operator*() const& noexcept {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  /// By value, so that a loop over what a call returned does not outlive it.
  T operator*() && noexcept {
    assert(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  T* operator->() noexcept { return &**this; }
  const T* operator->() const noexcept { return &**this; }

  const E& error() const noexcept {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

private:
  std::variant<T, E> state_;
};

} // namespace troupe::config
