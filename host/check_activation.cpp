// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/custom_activation.hpp"

namespace idl {
namespace {

constexpr double k_usual_range = 20.0;
constexpr double k_largest = 1e4;
constexpr int k_points = 20000;
/// Half the width of a difference quotient.
constexpr double k_h = 1e-5;
/// Change of φ' between neighbours, as a part of L, from which on a jump is looked for.
constexpr double k_suspicious = 0.02;

/// k_points of the usual range, in ascending order, with a kink at a round number inside an
/// interval; those beyond it on both sides.
std::vector<double> usual_points() {
  std::vector<double> points;
  points.reserve(k_points);
  for (int k = 0; k < k_points; ++k)
    points.push_back(-k_usual_range + 2.0 * k_usual_range * (k + 0.37) / k_points);
  return points;
}
std::vector<double> far_points() {
  std::vector<double> points = {-k_largest, k_largest};
  for (double x = k_usual_range; x < k_largest; x *= 1.1) {
    points.push_back(x);
    points.push_back(-x);
  }
  return points;
}

template <class T>
class Evaluated {
 public:
  Evaluated(const CustomActivation& custom, double alpha)
      : loops_(loops_of<T>(custom)), alpha_(alpha) {}
  double value(double x) const {
    return static_cast<double>(one_entry(loops_.value[0], alpha_, static_cast<T>(x)));
  }
  double derivative(double x) const {
    return static_cast<double>(one_entry(loops_.derivative[0], alpha_, static_cast<T>(x)));
  }

 private:
  const ActivationLoops<T>& loops_;
  double alpha_;
};

class Check {
 public:
  Check(const CustomActivation& custom, double alpha)
      : L_(checked_lipschitz(custom, alpha)),
        scale_(std::max(1.0, std::abs(alpha))),
        at_zero_(custom.at_zero),
        usual_alpha_(alpha == custom.usual_alpha),
        phi_(custom, alpha),
        phi_float_(custom, alpha) {}

  ActivationReport run() {
    check_nan(phi_, "double");
    check_nan(phi_float_, "float");
    const bool finite = check_finite(phi_, "double") && check_finite(phi_float_, "float");
    if (finite) {
      if (usual_alpha_) check_at_zero();
      const std::vector<double> points = usual_points();
      find_kinks(points);
      std::vector<double> all = far_points();
      all.insert(all.end(), points.begin(), points.end());
      std::ranges::sort(all);
      check_derivative(all);
      check_lipschitz(all);
      check_float(all);
    }
    return report_;
  }

 private:
  void fault(const std::string& text) { report_.faults.push_back(text); }

  template <class T>
  bool check_finite(const Evaluated<T>& phi, const std::string& type) {
    std::vector<double> points = usual_points();
    for (const double x : far_points()) points.push_back(x);
    for (const double x : points) {
      const double value = phi.value(x);
      const double slope = phi.derivative(x);
      if (std::isfinite(value) && std::isfinite(slope)) continue;
      fault("at x = " + number_text(x) + ", in " + type + ", the value is " + number_text(value) +
            " and the derivative " + number_text(slope) + "; both have to be finite up to 1e4");
      return false;
    }
    return true;
  }

  template <class T>
  void check_nan(const Evaluated<T>& phi, const std::string& type) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (!std::isnan(phi.value(nan)))
      fault("of NaN, in " + type + ", the value is " + number_text(phi.value(nan)) +
            "; it has to be NaN, or spoiled samples go unseen");
    if (!std::isnan(phi.derivative(nan)))
      fault("of NaN, in " + type + ", the derivative is " + number_text(phi.derivative(nan)) +
            "; it has to be NaN");
  }

  void check_at_zero() {
    const double value = phi_.value(0.0);
    if (std::abs(value - at_zero_) <= 0x1p-50 * (1.0 + std::abs(value))) return;
    fault("at x = 0 the value is " + number_text(value) + ", but k_at_zero is " +
          number_text(at_zero_));
  }

  /// Where φ' still jumps between neighbours that bisection has brought together.
  void find_kinks(const std::vector<double>& points) {
    const double least = k_suspicious * L_;
    for (std::size_t k = 0; k + 1 < points.size(); ++k) {
      double low = points[k], high = points[k + 1];
      double at_low = phi_.derivative(low), at_high = phi_.derivative(high);
      for (int i = 0; i < 60 && std::abs(at_high - at_low) > least; ++i) {
        const double middle = low + (high - low) / 2.0;
        const double at_middle = phi_.derivative(middle);
        const bool left = std::abs(at_middle - at_low) > std::abs(at_high - at_middle);
        (left ? high : low) = middle;
        (left ? at_high : at_low) = at_middle;
      }
      if (std::abs(at_high - at_low) > least) report_.kinks.push_back(high);
    }
  }

  bool is_near_kink(double x) const {
    return std::any_of(report_.kinks.begin(), report_.kinks.end(),
                       [x](double kink) { return std::abs(x - kink) <= 3.0 * k_h; });
  }

  double quotient(double x, double h) const {
    return (phi_.value(x + h) - phi_.value(x - h)) / (2.0 * h);
  }

  void check_derivative(const std::vector<double>& points) {
    for (const double x : points) {
      const double slope = phi_.derivative(x);
      const double difference = quotient(x, k_h);
      // Of double the width: three times the error that is due to the width.
      const double error = std::abs(difference - quotient(x, 2.0 * k_h));
      const double rounding = 8.0 * 0x1p-53 * (std::abs(phi_.value(x)) + scale_) / k_h;
      if (std::abs(slope - difference) <= error + 4.0 * rounding + 1e-9 * L_ || is_near_kink(x))
        continue;
      fault("at x = " + number_text(x) + " the derivative is " + number_text(slope) +
            ", but the central difference of the values is " + number_text(difference));
      return;
    }
  }

  /// The largest slope about a point, where there is one.
  double refined(double x, double width) const {
    double low = x - width, high = x + width;
    for (int i = 0; i < 100; ++i) {
      const double a = low + (high - low) / 3.0, b = high - (high - low) / 3.0;
      if (std::abs(phi_.derivative(a)) < std::abs(phi_.derivative(b)))
        low = a;
      else
        high = b;
    }
    const double best = low + (high - low) / 2.0;
    return std::abs(phi_.derivative(best)) > std::abs(phi_.derivative(x)) ? best : x;
  }

  void check_lipschitz(std::vector<double> points) {
    double steepest = points.front();
    const auto slope = [this](double x) { return std::abs(phi_.derivative(x)); };
    for (const double x : points)
      if (slope(x) > slope(steepest)) steepest = x;
    report_.at = refined(steepest, 2.0 * k_usual_range / k_points);
    for (const double kink : report_.kinks)
      for (const double x : {kink - 1e-9, kink, kink + 1e-9})
        if (slope(x) > slope(report_.at)) report_.at = x;
    report_.steepest = slope(report_.at);
    if (report_.steepest > L_ * (1.0 + 0x1p-49))
      return fault("at x = " + number_text(report_.at) + " the derivative is " +
                   number_text(phi_.derivative(report_.at)) +
                   ", more than the Lipschitz constant of " + number_text(L_));
    for (std::size_t k = 0; k + 1 < points.size(); ++k) {
      const double a = points[k], b = points[k + 1];
      const double change = std::abs(phi_.value(b) - phi_.value(a));
      if (change <= L_ * (b - a) * (1.0 + 1e-9) + 0x1p-49 * (std::abs(phi_.value(a)) + scale_))
        continue;
      return fault("between x = " + number_text(a) + " and " + number_text(b) +
                   " the value changes by " + number_text(change) +
                   ", more than the Lipschitz constant of " + number_text(L_) + " allows");
    }
  }

  void check_float(const std::vector<double>& points) {
    constexpr double k_u = 0x1p-24;
    for (const double point : points) {
      const double x = static_cast<double>(static_cast<float>(point));
      const double value = phi_.value(x);
      const double in_float = phi_float_.value(x);
      if (std::abs(in_float - value) > 8.0 * k_u * (std::abs(value) + scale_))
        return fault("at x = " + number_text(x) + " the value is " + number_text(in_float) +
                     " in float and " + number_text(value) + " in double");
      const double slope = phi_float_.derivative(x);
      const double in_double = phi_.derivative(x);
      if (std::abs(slope - in_double) > 1e-3 * std::max(L_, std::abs(in_double)) &&
          !is_near_kink(x))
        return fault("at x = " + number_text(x) + " the derivative is " + number_text(slope) +
                     " in float and " + number_text(in_double) + " in double");
      if (std::abs(slope) > L_ * (1.0 + 16.0 * k_u))
        return fault("at x = " + number_text(x) + " the derivative in float is " +
                     number_text(slope) + ", more than the Lipschitz constant of " +
                     number_text(L_));
    }
  }

  double L_;
  double scale_;
  double at_zero_;
  bool usual_alpha_;
  Evaluated<double> phi_;
  Evaluated<float> phi_float_;
  ActivationReport report_;
};

}  // namespace

ActivationReport check_activation(const CustomActivation& custom, double alpha) {
  return Check(custom, alpha).run();
}

}  // namespace idl
