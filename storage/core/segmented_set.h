// SegmentedSet: the one container behind keyspace slots, big hashes, a SKU's holds and its buyers.
//
// Extendible hashing (R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong: "Extendible Hashing - A
// Fast Access Method for Dynamic Files", ACM TODS 4(3), 1979): a directory indexed by the top bits
// of the hash points at segments; a segment of depth d holds the hashes that share d top bits, and
// 2^(D-d) neighbouring places of a directory of depth D point at it.
//
//   hash = 10 110...            directory, D = 2          segments
//          '- top D bits ---->  00 ---------------------> depth 2: 00...
//                               01 ---------------------> depth 2: 01...
//                               10 --.------------------> depth 1: 1...
//                               11 --'
//
// Why segments: one flat table of five million keys stops for hundreds of milliseconds when it
// grows; here the longest piece of work is one segment of at most kSegmentEntriesMax entries. A
// segment is also the unit of everything that walks the data in pieces, and its memory comes back
// when entries go.
//
// An empty set owns no memory; one of up to kSegmentEntriesMax entries is a single segment that
// lies in the set itself, without a directory: a look-up in one of a keyspace's 16,384 sets is a
// cache miss less. Not thread-safe: owned by the shard that owns what is in it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "storage/base/invariant.h"
#include "storage/core/hashed_key.h"

namespace holdfast {

// What a flat set of 511 places holds before it would grow: a segment splits instead. To split a
// segment of cold entries takes some 0.2 ms; of twice as many, twice that.
inline constexpr size_t kSegmentEntriesMax = 448;
// Two halves of a segment come together again at half of that, so that a set whose size swings
// around a border does not split and merge all the time.
inline constexpr size_t kMergedEntriesMax = kSegmentEntriesMax / 2;
// The directory doubles only while it has this many entries for each place. Random hashes never
// come near the limit; hashes that share many top bits would otherwise double it for ever. Such a
// segment outgrows kSegmentEntriesMax instead.
inline constexpr size_t kEntriesPerPlaceMin = 64;
// A scan stops only between hashes that differ in these top bits, so a cursor needs no more of a
// hash: with the 14 bits of a slot it stays below 2^53, and clients that keep cursors in a double
// lose none of it. Among a million entries about one pair shares that much.
inline constexpr int kScanPrefixBits = 39;

// Entry:  a movable owning handle of one element (like unique_ptr).
// Traits: static std::string_view KeyOf(const Entry&), stable while the entry is in the set.
// kHash:  the hash; another than HashKey only in tests.
template <typename Entry, typename Traits, HashedKey (*kHash)(HashSeed, std::string_view) = HashKey>
class SegmentedSet {
 public:
  explicit SegmentedSet(HashSeed seed) : only_(seed, 0, 0) {}
  SegmentedSet(SegmentedSet&&) noexcept = default;
  SegmentedSet& operator=(SegmentedSet&&) noexcept = default;

  size_t size() const { return directory_ ? directory_->size : only_.entries.size(); }
  bool empty() const { return size() == 0; }

  HashedKey Hash(std::string_view key) const { return kHash(seed(), key); }

  // Null if absent. Valid until the next Insert or Erase. The caller may change or replace the
  // entry, but not its key.
  Entry* Find(const HashedKey& key) {
    auto& entries = SegmentOf(key.hash).entries;
    const auto found = entries.find(key, key.hash);
    return found == entries.end() ? nullptr : &Mutable(*found);
  }
  const Entry* Find(const HashedKey& key) const {
    return const_cast<SegmentedSet*>(this)->Find(key);
  }

  // A look-up is a chain of reads, each of which tells where the next one is: the set, a segment,
  // its places, the place, the entry. Whoever has many look-ups ahead takes all of them one step
  // further at a time, so that their cache misses overlap: each step reads what the one before has
  // asked the processor for, and asks for the next.
  void PrefetchSegment(uint64_t hash) const {
    if (directory_) __builtin_prefetch(&SegmentOf(hash));
  }
  void PrefetchPlaces(const HashedKey& key) const { SegmentOf(key.hash).entries.prefetch(key); }
  // The place that Find(key) will compare first, nearly always the one it finds; null if it will
  // find none. Not read, but asked for.
  const Entry* FirstCandidate(uint64_t hash) const {
    const auto& entries = SegmentOf(hash).entries;
    const auto found = entries.find(Candidate{hash}, hash);
    if (found == entries.end()) return nullptr;
    __builtin_prefetch(&*found);
    return &*found;
  }

  // Requires: no entry of this key. The reference is valid until the next Insert or Erase. What was
  // empty counts as taken by `snapshot` (see below).
  Entry& Insert(const HashedKey& key, Entry entry, uint32_t snapshot = 0) {
    if (empty()) only_.taken_by = snapshot;
    while (SegmentOf(key.hash).entries.size() >= kSegmentEntriesMax && Split(key.hash)) {
    }
    Segment& segment = SegmentOf(key.hash);
    if (segment.IsFull()) segment.PrefetchEntries();
    const size_t bytes_before = segment.MemoryBytes();
    bool fresh = false;
    const auto place = segment.entries.lazy_emplace(key, [&](const auto& construct) {
      construct(std::move(entry));
      fresh = true;
    });
    Invariant(fresh);
    if (directory_) {
      ++directory_->size;
      directory_->segment_bytes += segment.MemoryBytes() - bytes_before;
    }
    return Mutable(*place);
  }

  // Destroys the entry; false if absent. `key` may point into it: it is not read afterwards.
  // `keep_segments`: none may end or come together with another, since a snapshot is still taking
  // them one by one.
  bool Erase(const HashedKey& key, bool keep_segments = false) {
    Segment& segment = SegmentOf(key.hash);
    const auto found = segment.entries.find(key, key.hash);
    if (found == segment.entries.end()) return false;
    const size_t bytes_before = segment.MemoryBytes();
    segment.entries.erase(found);
    segment.GiveBackMemory();
    if (directory_) {
      --directory_->size;
      directory_->segment_bytes += segment.MemoryBytes() - bytes_before;
      while (!keep_segments && directory_ && MergeWithBuddy(key.hash)) {
      }
    }
    return true;
  }

  void Clear() {
    only_.Clear();
    directory_.reset();
  }

  // For a set that is being thrown away: visits and destroys a segment's entries. False when the
  // set is empty; until then nothing else may be asked of it but size and MemoryBytes.
  template <typename F>
  bool DropSegment(F&& visit) {
    if (!directory_) {
      for (const Entry& entry : only_.entries) visit(entry);
      only_.Clear();
      return false;
    }
    Directory& directory = *directory_;
    const std::unique_ptr<Segment> last(directory.places.back());
    for (const Entry& entry : last->entries) visit(entry);
    directory.size -= last->entries.size();
    directory.segment_bytes -= last->MemoryBytes();
    directory.places.resize(directory.places.size() - directory.PlacesOf(*last));
    if (directory.places.empty()) directory_.reset();
    return directory_ != nullptr;
  }

  // visit(const Entry&) for each, in no order. The set must not change meanwhile.
  template <typename F>
  void ForEach(F&& visit) const {
    ForEachSegment([&](const Segment& segment) {
      segment.PrefetchEntries();
      for (const Entry& entry : segment.entries) visit(entry);
    });
  }

  // One step of a scan: visits about `count` entries whose hash is at least `from`, in hash order,
  // and returns where to go on, or 0 at the end. Start with 0. An entry that is there from the
  // first step to the last is visited exactly once, whatever comes, goes, splits or merges between
  // the steps: a place in a scan is a hash, and an entry's hash does not move. Entries that share
  // kScanPrefixBits come in one step. A visit may return false to end the step early. Requires:
  // count > 0. The set must not change during the step.
  template <typename F>
  uint64_t Scan(uint64_t from, size_t count, F&& visit) const {
    Invariant(count > 0);
    if (empty()) return 0;
    std::vector<ScanItem> items;
    size_t visited = 0;
    do {
      const Segment& segment = SegmentOf(from);
      segment.PrefetchEntries();
      items.clear();
      const Hasher hasher{seed()};
      for (const Entry& entry : segment.entries) {
        const uint64_t hash = hasher(entry);
        if (hash >= from) items.push_back({hash, &entry});
      }
      std::sort(items.begin(), items.end(),
                [](const ScanItem& a, const ScanItem& b) { return a.hash < b.hash; });
      for (size_t i = 0; i < items.size(); ++i) {
        if (visited >= count && ScanPrefix(items[i].hash) != ScanPrefix(items[i - 1].hash)) {
          return ScanPrefix(items[i].hash);
        }
        ++visited;
        if (!GoesOn(visit, *items[i].entry)) count = visited;
      }
      from = NextSegmentStart(from, segment.depth);
    } while (from != 0 && visited < count);
    return from;
  }

  // ---- Snapshots (partition_snapshot.h). A segment carries the number of the last snapshot that
  // took it: before it first changes after a snapshot's cut, and at the latest when the snapshot
  // comes by, it is taken. Its halves, should it split later, count as taken, too.

  // The segment around `hash` if snapshot `number` has yet to take it, else null. Only to be
  // compared.
  const void* Lacked(uint64_t hash, uint32_t number) const {
    const Segment& segment = SegmentOf(hash);
    return !empty() && segment.taken_by != number ? &segment : nullptr;
  }
  // Takes it, if it is still to be taken: visit(const Entry&) for each entry. Returns where the
  // next segment begins, or 0 at the end.
  template <typename F>
  uint64_t Take(uint64_t hash, uint32_t number, F&& visit) {
    Segment& segment = SegmentOf(hash);
    if (segment.taken_by != number) {
      for (const Entry& entry : segment.entries) visit(entry);
      segment.taken_by = number;
    }
    return NextSegmentStart(hash, segment.depth);
  }

  // One entry, as `chance` (64 random bits) has it; null if the set is empty. All entries of a
  // segment are equally likely, but a segment is taken by its share of the hashes, not of the
  // entries: hashes spread evenly, so from one segment on an entry's odds are off by some 5 %
  // (one over the root of a segment's size). Takes up to kSegmentEntriesMax cheap steps.
  const Entry* Sample(uint64_t chance) const {
    if (empty()) return nullptr;
    const Segment* segment = &SegmentOf(chance);
    // Empty ones are rare: buddies of segments that split further.
    for (uint64_t at = chance; segment->entries.empty(); segment = &SegmentOf(at)) {
      at = NextSegmentStart(at, segment->depth);
    }
    const auto skip = static_cast<std::ptrdiff_t>((chance & UINT32_MAX) % segment->entries.size());
    return &*std::next(segment->entries.begin(), skip);
  }

  // ---- Memory that comes back (sparse_walk.h)

  // Of a walk over all entries: a segment's first hash, and how many of its entries are behind.
  struct WalkPlace {
    uint64_t hash = 0;
    size_t skip = 0;
  };
  // visit(Entry&) for up to `count` entries of the segment at `place`, which moves on; false when
  // it has come to the end. A visit may put another handle of the same key in its place, then or
  // later, until the set changes otherwise. What comes to or goes from the segment between two
  // steps may make the walk miss an entry or meet one twice.
  template <typename F>
  bool Walk(WalkPlace& place, size_t count, F&& visit) {
    Segment& segment = SegmentOf(place.hash);
    const size_t size = segment.entries.size();
    const size_t first = std::min(place.skip, size);
    const size_t end = std::min(first + count, size);
    auto entry = std::next(segment.entries.begin(), static_cast<std::ptrdiff_t>(first));
    for (size_t i = first; i < end; ++i, ++entry) visit(Mutable(*entry));
    place.skip = end;
    if (end == size) place = {.hash = NextSegmentStart(place.hash, segment.depth), .skip = 0};
    return place.hash != 0 || place.skip != 0;
  }
  // The segment around `hash` has far more places than it needs, if not yet as many as Erase would
  // take from it: that must not happen again and again to a segment that is just being filled.
  bool IsLoose(uint64_t hash) const {
    const auto& entries = SegmentOf(hash).entries;
    return entries.size() * 4 < entries.capacity();
  }
  // The blocks that it lies in; null where it has none.
  std::array<const void*, 2> BlocksOf(uint64_t hash) const {
    const Segment& segment = SegmentOf(hash);
    const void* const places = segment.entries.empty() ? nullptr : &*segment.entries.begin();
    return {directory_ ? &segment : nullptr, places};
  }
  // Makes it anew, with no more places than it needs, and returns what is left of the old one: as
  // long as that stays, the allocator cannot give its memory to the next.
  auto Remake(uint64_t hash) {
    std::unique_ptr<Segment> old(directory_ ? &SegmentOf(hash) : new Segment(std::move(only_)));
    Segment fresh(seed(), old->depth, old->taken_by);
    fresh.entries.reserve(old->entries.size());
    const size_t bytes_before = old->MemoryBytes();
    const Hasher hasher{seed()};
    for (const Entry& entry : old->entries) MoveInto(fresh, Mutable(entry), hasher(entry));
    if (directory_) {
      directory_->segment_bytes += fresh.MemoryBytes() - bytes_before;
      directory_->Point(hash, new Segment(std::move(fresh)));
    } else {
      only_ = std::move(fresh);
    }
    return old;
  }

  // Bytes of the set itself, without what its entries own.
  size_t MemoryBytes() const {
    if (directory_) {
      return sizeof(Directory) + directory_->places.capacity() * sizeof(Segment*) +
             directory_->segment_bytes;
    }
    return only_.MemoryBytes() - sizeof(Segment);
  }

  // For tests and INFO.
  size_t segment_count() const {
    size_t count = 0;
    ForEachSegment([&](const Segment&) { ++count; });
    return count;
  }
  size_t largest_segment() const {
    size_t largest = 0;
    ForEachSegment(
        [&](const Segment& segment) { largest = std::max(largest, segment.entries.size()); });
    return largest;
  }
  size_t directory_places() const { return directory_ ? directory_->places.size() : 0; }

 private:
  // Any entry whose hash looks like this one.
  struct Candidate {
    uint64_t hash;
  };
  // A key that comes with its hash is never hashed again; growth inside a segment hashes the keys
  // in it.
  struct Hasher {
    using is_transparent = void;
    HashSeed seed;
    size_t operator()(const Candidate& candidate) const { return candidate.hash; }
    size_t operator()(const HashedKey& key) const { return key.hash; }
    size_t operator()(const Entry& entry) const { return kHash(seed, Traits::KeyOf(entry)).hash; }
  };
  struct SameKey {
    using is_transparent = void;
    bool operator()(const Entry&, const Candidate&) const { return true; }
    bool operator()(const Entry& a, const HashedKey& b) const { return Traits::KeyOf(a) == b.key; }
    bool operator()(const HashedKey& a, const Entry& b) const { return a.key == Traits::KeyOf(b); }
    bool operator()(const Entry& a, const Entry& b) const {
      return Traits::KeyOf(a) == Traits::KeyOf(b);
    }
  };

  struct Segment {
    Segment(HashSeed seed, int segment_depth, uint32_t snapshot)
        : entries(0, Hasher{seed}, SameKey{}), depth(segment_depth), taken_by(snapshot) {}

    // Absl keeps a byte of control for each place, and one group of them more.
    size_t MemoryBytes() const {
      const size_t places = entries.capacity();
      return sizeof(Segment) + (places == 0 ? 0 : places * (sizeof(Entry) + 1) + 16);
    }

    // The next entry makes it grow: absl fills seven of eight places.
    bool IsFull() const {
      const size_t places = entries.capacity();
      return places > 15 && entries.size() == places - places / 8;
    }
    // Whoever looks at all entries pays a cache miss for each: they come in the time of a few if
    // all are asked for first.
    void PrefetchEntries() const {
      for (const Entry& entry : entries) __builtin_prefetch(entry.get());
    }

    void GiveBackMemory() {
      const bool sparse = entries.capacity() > 15 && entries.size() * 8 < entries.capacity();
      if (sparse || entries.empty()) entries.rehash(0);
    }
    void Clear() {
      entries.clear();
      GiveBackMemory();
    }

    absl::flat_hash_set<Entry, Hasher, SameKey> entries;
    int depth;
    uint32_t taken_by;  // the last snapshot that has it
  };

  struct Directory {
    explicit Directory(std::unique_ptr<Segment> first)
        : size(first->entries.size()), segment_bytes(first->MemoryBytes()), deepest(1) {
      places.push_back(first.release());
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() {
      for (size_t i = 0; i < places.size();) {
        Segment* const segment = places[i];
        i += PlacesOf(*segment);
        delete segment;
      }
    }

    size_t PlacesOf(const Segment& segment) const { return size_t{1} << (depth - segment.depth); }
    size_t PlaceOf(uint64_t hash) const { return TopBits(hash, depth); }
    // The places of the segment of this depth around `hash`.
    void Point(uint64_t hash, Segment* segment) {
      const size_t count = PlacesOf(*segment);
      const size_t first = TopBits(hash, segment->depth) * count;
      std::fill_n(places.begin() + static_cast<std::ptrdiff_t>(first), count, segment);
    }

    std::vector<Segment*> places;  // owned; each segment stands at all its places
    size_t size;                   // entries
    size_t segment_bytes;          // sum of the segments' MemoryBytes
    size_t deepest;                // segments whose depth is the directory's
    int depth = 0;                 // above 0 between calls: else the set needs no directory
  };

  struct ScanItem {
    uint64_t hash;
    const Entry* entry;
  };

  static uint64_t TopBits(uint64_t hash, int bits) { return bits == 0 ? 0 : hash >> (64 - bits); }
  static uint64_t ScanPrefix(uint64_t hash) { return hash & ~(~uint64_t{0} >> kScanPrefixBits); }
  // The first hash behind the segment of this depth around `hash`; 0 behind the last one.
  static uint64_t NextSegmentStart(uint64_t hash, int depth) {
    return depth == 0 ? 0 : (TopBits(hash, depth) + 1) << (64 - depth);
  }
  static Entry& Mutable(const Entry& entry) { return const_cast<Entry&>(entry); }
  template <typename F>
  static bool GoesOn(F& visit, const Entry& entry) {
    if constexpr (std::is_void_v<decltype(visit(entry))>) {
      visit(entry);
      return true;
    } else {
      return visit(entry);
    }
  }

  HashSeed seed() const { return only_.entries.hash_function().seed; }

  const Segment& SegmentOf(uint64_t hash) const {
    return directory_ ? *directory_->places[directory_->PlaceOf(hash)] : only_;
  }
  Segment& SegmentOf(uint64_t hash) {
    return const_cast<Segment&>(static_cast<const SegmentedSet*>(this)->SegmentOf(hash));
  }

  template <typename F>
  void ForEachSegment(F&& visit) const {
    if (!directory_) return visit(only_);
    for (size_t i = 0; i < directory_->places.size();) {
      const Segment& segment = *directory_->places[i];
      visit(segment);
      i += directory_->PlacesOf(segment);
    }
  }

  static void MoveInto(Segment& target, Entry& entry, uint64_t hash) {
    const HashedKey key{Traits::KeyOf(entry), hash};
    target.entries.lazy_emplace(key, [&](const auto& construct) { construct(std::move(entry)); });
  }

  // Splits the segment around `hash` in two; false if the directory would grow out of proportion.
  bool Split(uint64_t hash) {
    if (!directory_) {
      directory_ = std::make_unique<Directory>(std::make_unique<Segment>(std::move(only_)));
      only_ = Segment(seed(), 0, 0);
    }
    Directory& directory = *directory_;
    if (SegmentOf(hash).depth == directory.depth && !DoubleDirectory()) return false;
    const std::unique_ptr<Segment> full(&SegmentOf(hash));
    full->PrefetchEntries();
    const int depth = full->depth + 1;
    const uint64_t bit = uint64_t{1} << (64 - depth);
    auto lower = std::make_unique<Segment>(seed(), depth, full->taken_by);
    auto upper = std::make_unique<Segment>(seed(), depth, full->taken_by);
    // Each gets about half, after which it would grow with the next few entries: at once, then.
    lower->entries.reserve(kSegmentEntriesMax);
    upper->entries.reserve(kSegmentEntriesMax);
    const Hasher hasher{seed()};
    for (const Entry& entry : full->entries) {
      const uint64_t entry_hash = hasher(entry);
      MoveInto((entry_hash & bit) != 0 ? *upper : *lower, Mutable(entry), entry_hash);
    }
    directory.segment_bytes += lower->MemoryBytes() + upper->MemoryBytes() - full->MemoryBytes();
    if (depth == directory.depth) directory.deepest += 2;
    directory.Point(hash & ~bit, lower.release());
    directory.Point(hash | bit, upper.release());
    return true;
  }

  bool DoubleDirectory() {
    Directory& directory = *directory_;
    const size_t places = directory.places.size() * 2;
    if (places * kEntriesPerPlaceMin > directory.size) return false;
    std::vector<Segment*> doubled(places);
    for (size_t i = 0; i < places; ++i) doubled[i] = directory.places[i / 2];
    directory.places = std::move(doubled);
    ++directory.depth;
    directory.deepest = 0;
    return true;
  }

  // Undoes a split around `hash` when both halves became small; false if there was nothing to undo.
  bool MergeWithBuddy(uint64_t hash) {
    Directory& directory = *directory_;
    Segment* kept = &SegmentOf(hash);
    const int depth = kept->depth;
    const uint64_t bit = uint64_t{1} << (64 - depth);
    Segment* gone = &SegmentOf(hash ^ bit);
    if (gone->depth != depth) return false;
    if (kept->entries.size() + gone->entries.size() > kMergedEntriesMax) return false;
    if (kept->entries.size() < gone->entries.size()) std::swap(kept, gone);
    const size_t bytes_before = kept->MemoryBytes() + gone->MemoryBytes();
    const Hasher hasher{seed()};
    for (const Entry& entry : gone->entries) MoveInto(*kept, Mutable(entry), hasher(entry));
    delete gone;
    directory.segment_bytes += kept->MemoryBytes() - bytes_before;
    if (depth == directory.depth) directory.deepest -= 2;
    --kept->depth;
    directory.Point(hash, kept);
    while (directory_ && directory_->deepest == 0) HalveDirectory();
    return true;
  }

  void HalveDirectory() {
    Directory& directory = *directory_;
    std::vector<Segment*> halved(directory.places.size() / 2);
    for (size_t i = 0; i < halved.size(); ++i) halved[i] = directory.places[i * 2];
    directory.places = std::move(halved);
    --directory.depth;
    ForEachSegment([&](const Segment& segment) {
      if (segment.depth == directory.depth) ++directory.deepest;
    });
    if (directory.depth > 0) return;
    const std::unique_ptr<Segment> last(directory.places[0]);
    only_ = std::move(*last);
    directory.places.clear();
    directory_.reset();
  }

  Segment only_;                          // all entries, while they fit one segment
  std::unique_ptr<Directory> directory_;  // instead of it from then on
};

}  // namespace holdfast
