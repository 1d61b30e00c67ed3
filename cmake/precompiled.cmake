# Standard, abseil and GoogleTest headers, compiled once: without this they are two thirds of the time that a
# unit takes. The release preset does without (CMAKE_DISABLE_PRECOMPILE_HEADERS), so a file that forgets an
# include does not build there. (And gcc's optimiser takes what comes from a precompiled header for code of ours,
# where it warns of abseil.)
#
# gcc checks its precompiled header by what the preprocessor saw; ccache must be told to believe it.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")

function(holdfast_precompiled name)
  cmake_parse_arguments(ARG "" "" "LIBS;HEADERS" ${ARGN})
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(${name} PRIVATE holdfast_options ${ARG_LIBS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

set(common
  <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <deque> <functional> <map> <memory>
  <mutex> <optional> <span> <string> <string_view> <tuple> <unordered_map> <utility> <variant> <vector>
  <absl/container/btree_map.h> <absl/container/btree_set.h> <absl/container/flat_hash_map.h>
  <absl/container/flat_hash_set.h> <absl/container/inlined_vector.h>)
holdfast_precompiled(holdfast_precompiled_common HEADERS ${common}
  LIBS absl::btree absl::flat_hash_map absl::flat_hash_set absl::inlined_vector)
if(HOLDFAST_TESTS)
  holdfast_precompiled(holdfast_precompiled_tests HEADERS ${common} <gtest/gtest.h>
    LIBS absl::btree absl::flat_hash_map absl::flat_hash_set absl::inlined_vector GTest::gtest)
endif()
