# Debian's packages only; scripts/setup.sh installs them. Some bring a CMake file, the others pkg-config.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(RocksDB REQUIRED)
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

# RocksDB's own target drags static libraries that Debian does not ship: only the shared one is wanted.
add_library(holdfast_rocksdb INTERFACE)
target_link_libraries(holdfast_rocksdb INTERFACE rocksdb)

# absl's and GoogleTest's headers warn under our flags; as system headers they do not.
