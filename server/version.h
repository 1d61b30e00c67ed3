#pragma once

namespace holdfast {

inline constexpr char kHoldfastVersion[] = "0.1.0";
// What ordinary commands are compatible with; clients look at INFO's redis_version.
inline constexpr char kRedisVersion[] = "7.0.15";

}  // namespace holdfast
