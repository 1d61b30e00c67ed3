#include "storage/core/hashes.h"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

std::map<std::string, std::string> Everything(const FieldMap& map) {
  std::map<std::string, std::string> all;
  map.ForEach([&](std::string_view field, std::string_view value) {
    EXPECT_TRUE(all.emplace(field, value).second);
  });
  return all;
}

TEST(FieldMap, HoldsWhatAMapHolds) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    for (const unsigned fields : {5u, 40u, 3'000u}) {
      SCOPED_TRACE(std::to_string(seed) + " " + std::to_string(fields));
      std::mt19937 random(seed);
      FieldMap map(HashSeed{seed});
      std::map<std::string, std::string> model;
      for (int i = 0; i < 10'000; ++i) {
        const std::string field = "f" + std::to_string(random() % fields);
        if (random() % 3 != 0) {
          const std::string value(random() % 40, static_cast<char>('a' + random() % 26));
          ASSERT_EQ(map.Set(field, value), !model.contains(field));
          model[field] = value;
        } else {
          ASSERT_EQ(map.Delete(field), model.erase(field) == 1);
        }
        ASSERT_EQ(map.size(), model.size());
        const auto found = map.Get(field);
        ASSERT_EQ(found.has_value(), model.contains(field));
        if (found) {
          ASSERT_EQ(*found, model[field]);
        }
      }
      EXPECT_EQ(Everything(map), model);
    }
  }
}

TEST(FieldMap, StaysPackedWhileSmallAndKeepsTheOrderOfMaking) {
  FieldMap map(HashSeed{1});
  std::string expected;
  for (size_t i = 0; i < kPackedFieldsMax; ++i) {
    map.Set("f" + std::to_string(i), "v");
    expected += "f" + std::to_string(i) + " ";
  }
  map.Set("f3", "a longer value than before");
  EXPECT_TRUE(map.is_packed());
  std::string order;
  map.ForEach([&](std::string_view field, std::string_view) { order.append(field).append(" "); });
  EXPECT_EQ(order, expected);
}

TEST(FieldMap, LeavesThePackedFormAtEitherLimitAndLosesNothing) {
  FieldMap many(HashSeed{1});
  for (size_t i = 0; i <= kPackedFieldsMax; ++i) many.Set("f" + std::to_string(i), "v");
  EXPECT_FALSE(many.is_packed());
  EXPECT_EQ(Everything(many).size(), kPackedFieldsMax + 1);

  FieldMap big(HashSeed{1});
  big.Set("small", "v");
  big.Set("large", std::string(100'000, 'x'));
  EXPECT_FALSE(big.is_packed());
  EXPECT_EQ(big.Get("small"), "v");
  EXPECT_EQ(big.Get("large")->size(), 100'000u);
  EXPECT_FALSE(big.Set("large", "y"));
  EXPECT_EQ(big.Get("large"), "y");
}

TEST(FieldMap, MemoryReturnsToThatOfAnEmptyMap) {
  FieldMap map(HashSeed{1});
  const size_t empty = map.MemoryBytes();
  for (int i = 0; i < 5'000; ++i) map.Set(std::to_string(i), std::string(100, 'x'));
  EXPECT_GT(map.MemoryBytes(), 5'000u * 100);
  for (int i = 0; i < 5'000; ++i) map.Set(std::to_string(i), "");
  EXPECT_LT(map.MemoryBytes(), 5'000u * 100);
  for (int i = 0; i < 5'000; ++i) map.Delete(std::to_string(i));
  EXPECT_EQ(map.MemoryBytes(), empty);
}

TEST(FieldMap, OutgrowsAListpackAtTheLimitsOfRedisAndForGood) {
  const auto with = [](size_t fields, size_t name_bytes, size_t value_bytes) {
    auto map = std::make_unique<FieldMap>(HashSeed{1});
    for (size_t i = 1; i < fields; ++i) map->Set("f" + std::to_string(i), "v");
    map->Set(std::string(name_bytes, 'n'), std::string(value_bytes, 'v'));
    return map;
  };
  EXPECT_FALSE(with(128, 64, 64)->outgrew_listpack());
  EXPECT_TRUE(with(129, 1, 1)->outgrew_listpack());
  EXPECT_TRUE(with(1, 65, 1)->outgrew_listpack());
  EXPECT_TRUE(with(1, 1, 65)->outgrew_listpack());
  const auto map = with(2, 1, 65);
  map->Delete("n");
  EXPECT_EQ(map->size(), 1u);
  EXPECT_TRUE(map->outgrew_listpack());
}

TEST(FieldMap, WhatIsAListpackToRedisIsScannedInOneStep) {
  FieldMap map(HashSeed{1});
  for (int i = 0; i < 128; ++i) map.Set(std::to_string(i), "v");
  ASSERT_FALSE(map.is_packed());
  for (const uint64_t from : {uint64_t{0}, uint64_t{1} << 63}) {
    int seen = 0;
    EXPECT_EQ(map.Scan(from, 10, [&](std::string_view, std::string_view) { ++seen; }), 0u);
    EXPECT_EQ(seen, 128);
  }
  map.Set("one more", "v");
  EXPECT_NE(map.Scan(0, 10, [](std::string_view, std::string_view) {}), 0u);
}

TEST(FieldMap, ASampleIsAnyFieldAboutEquallyOften) {
  for (const int fields : {1, 20, 40, 2'000}) {
    SCOPED_TRACE(fields);
    FieldMap map(HashSeed{1});
    for (int i = 0; i < fields; ++i) map.Set(std::to_string(i), "v" + std::to_string(i));
    std::mt19937_64 random(5);
    std::map<std::string, int> times;
    for (int i = 0; i < fields * 100; ++i) {
      const auto [field, value] = map.Sample(random());
      ASSERT_EQ(value, "v" + std::string(field));
      ++times[std::string(field)];
    }
    EXPECT_EQ(times.size(), static_cast<size_t>(fields));
    for (const auto& [field, count] : times) {
      EXPECT_GT(count, 40) << field;
      EXPECT_LT(count, 180) << field;
    }
  }
}

TEST(FieldMap, ScanVisitsEveryFieldOnce) {
  for (const int fields : {0, 10, 2'000}) {
    FieldMap map(HashSeed{1});
    for (int i = 0; i < fields; ++i) map.Set(std::to_string(i), "v");
    std::multiset<std::string> seen;
    uint64_t from = 0;
    do {
      from = map.Scan(from, 10, [&](std::string_view field, std::string_view) {
        seen.insert(std::string(field));
      });
    } while (from != 0);
    EXPECT_EQ(seen.size(), static_cast<size_t>(fields));
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size());
  }
}

}  // namespace
}  // namespace holdfast
