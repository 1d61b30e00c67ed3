# Debian's packages only; scripts/setup.sh installs them. Some bring a CMake file, the others pkg-config.
# All are imported targets: CMake takes their headers for system headers, which do not warn under our flags.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(RocksDB REQUIRED)
if(HOLDFAST_TESTS)  # who only runs the server needs neither
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
  set(Python3_EXECUTABLE /usr/bin/python3)  # another one, first in PATH, has none of Debian's modules
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
if(HOLDFAST_JEMALLOC)
  pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
endif()
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

# RocksDB's own target drags static libraries that Debian does not ship: only the shared one is wanted.
add_library(holdfast_rocksdb INTERFACE)
target_link_libraries(holdfast_rocksdb INTERFACE rocksdb)
