// A node takes another one's state, and is as that one from then on.
#include <gtest/gtest.h>

#include "storage/backups.h"
#include "storage/check/inspection.h"
#include "tests/unit/storage/full_sync_test_support.h"

namespace holdfast {
namespace {

TEST_F(FullSyncTest, TheTakerHasTheSendersStateAndItsLog) {
  ASSERT_TRUE(TakeAll(transfer_));
  EXPECT_EQ(BytesOf(RecordsBehind(*taker_, transfer_.head.last.index)), BytesOf(transfer_.records));
  for (int start = 0; start < 2; ++start) {
    ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
    ExpectSame();
  }
  EXPECT_EQ(taker_->snapshots().current().cuts, transfer_.head.mark.cuts);
  EXPECT_EQ(taker_->snapshots().current().server_time, transfer_.head.mark.server_time);
  EXPECT_EQ(taker_->snapshots().current().bytes, transfer_.head.mark.bytes);
}

TEST_F(FullSyncTest, ItIsLoadedWithoutARestart) {
  ASSERT_TRUE(TakeAll(transfer_));
  EXPECT_EQ(RowsIn(*taker_), rows_);
  Heard heard;
  const Cuts cuts = taker_->snapshots().current().cuts;
  ASSERT_TRUE(taker_->ReplayAgain(cuts, taker_->Durable(), heard.Listener()).ok());
  EXPECT_EQ(heard.texts, (Texts{"c", "e", "g", "h", "i", "j"}));
}

TEST_F(FullSyncTest, WhatWasHereIsGivenUpFromTheBeginning) {
  EXPECT_FALSE(taker_->Installing());
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  EXPECT_TRUE(taker_->Installing());
  EXPECT_EQ(taker_->LastPushed(), 0U);
  EXPECT_EQ(taker_->Durable(), 0U);
  EXPECT_TRUE(taker_->epochs().empty());
  EXPECT_TRUE(RowsIn(*taker_).empty());
  EXPECT_EQ(taker_->Push({.mutations = Mutations("mine")}), kNeverDurable);
}

TEST_F(FullSyncTest, TheLogGoesOnBehindTheSendersPlace) {
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  ASSERT_TRUE(BringRows(transfer_).ok());
  ASSERT_TRUE(taker_->FinishInstall().ok());
  const LogPlace last = transfer_.head.last;
  EXPECT_EQ(last.epoch, 4U);
  EXPECT_EQ(taker_->LastPushed(), last.index);
  EXPECT_EQ(taker_->Durable(), last.index);
  EXPECT_EQ(taker_->epochs(), transfer_.head.epochs);
  EXPECT_EQ(RowsIn(*taker_), rows_);
  WitnessSlots slots;
  ASSERT_TRUE(ReadWitness(taker_dir_ + "/witness", slots).ok());
  for (const auto& slot : slots) {
    ASSERT_TRUE(slot.has_value());
    EXPECT_EQ(slot->mark.history, transfer_.head.history.id);
    EXPECT_EQ(slot->mark.epoch, last.epoch);
    EXPECT_EQ(slot->mark.index, last.index);
  }
  EXPECT_EQ(transfer_.records.front().header.first, last.index + 1);
  EXPECT_TRUE(BringLog(transfer_));
}

TEST_F(FullSyncTest, ItIsCompleteWhenTheLogReachesTheNewestCut) {
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  ASSERT_TRUE(BringRows(transfer_).ok());
  ASSERT_TRUE(taker_->FinishInstall().ok());
  const Index newest = transfer_.head.mark.cuts.back();
  for (const SealedRecord& record : transfer_.records) {
    const bool reaches = taker_->Durable() >= newest;
    EXPECT_EQ(taker_->Installing(), true);
    if (reaches) break;
    EXPECT_EQ(taker_->CompleteInstall().code(), Status::Code::kInvalid);
    ASSERT_TRUE(taker_->Store(record.bytes).ok());
    ASSERT_TRUE(AwaitTaker(record.header.last()));
  }
  EXPECT_EQ(taker_->Durable(), newest);
  EXPECT_TRUE(taker_->CompleteInstall().ok());
  EXPECT_FALSE(taker_->Installing());
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  EXPECT_EQ(found_.heard.texts, (Texts{"c", "e", "g"}));
}

TEST_F(FullSyncTest, WithoutASnapshotTheWholeLogComes) {
  PushToPrimary({"more"});
  const Transfer transfer = TransferFrom(*primary_);
  EXPECT_TRUE(transfer.pieces.empty());
  EXPECT_TRUE(TakeAll(transfer));
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  EXPECT_FALSE(found_.anew);
  EXPECT_EQ(found_.heard.texts, (Texts{"base", "more"}));
  EXPECT_EQ(taker_->epochs(), primary_->epochs());
  EXPECT_EQ(taker_->snapshots().current().number, 0U);
}

TEST_F(FullSyncTest, ANewerSnapshotOfTheSenderDoesNotDisturb) {
  auto reader = StateOf(*log_);
  ASSERT_TRUE(taker_->BeginInstall(reader->head()).ok());
  int pieces = 0;
  for (std::string piece; reader->Read(1000, piece).ok() && !piece.empty(); ++pieces) {
    ASSERT_TRUE(taker_->InstallRows(piece).ok());
    const Index end = StoreRecord({"meanwhile"});
    if (pieces % 4 == 0) TakeAt(*log_, MakeRows("newer", 20), CutsAt(end, end));
    log_->Trim(end + 1);
  }
  EXPECT_GT(pieces, 10);
  ASSERT_TRUE(taker_->FinishInstall().ok());
  const Transfer rest{.records = RecordsBehind(*log_, reader->head().last.index)};
  ASSERT_TRUE(BringLog(rest));
  ASSERT_TRUE(taker_->CompleteInstall().ok());
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  EXPECT_EQ(found_.rows, rows_);
  EXPECT_EQ(found_.replayed.last, log_->LastPushed());
  EXPECT_EQ(found_.heard.texts.size(), 6U + static_cast<size_t>(pieces));
}

TEST_F(FullSyncTest, TheTakerIsALogLikeAnyOther) {
  ASSERT_TRUE(TakeAll(transfer_));
  ASSERT_TRUE(taker_->KeepPromise({.epoch = 11, .primary = taker_->node()}).ok());
  const Index last = taker_->LastPushed();
  EXPECT_EQ(taker_->OpenEpoch(11, GroupOfBoth(), FromUnixMs(1)), last + 1);
  PushToTaker("mine", 4);
  taker_->Follow();
  ASSERT_TRUE(taker_->CutTo(last).ok());
  const Rows mine = MakeRows("mine", 30);
  TakeAt(*taker_, mine, CutsAt(last, last));
  taker_->Trim(last + 1);
  const auto reader = StateOf(*taker_);
  EXPECT_EQ(RowsOf(*reader), mine);
  EXPECT_EQ(reader->head().last.epoch, 6U);
}

TEST_F(FullSyncTest, WhereTheOldLogWasTrimmedSaysNothingOfTheNewOne) {
  taker_->Trim(1'000'000);
  ASSERT_TRUE(TakeAll(transfer_));
  ASSERT_TRUE(taker_->KeepPromise({.epoch = 11, .primary = taker_->node()}).ok());
  taker_->OpenEpoch(11, GroupOfBoth(), FromUnixMs(1));
  // More than a segment each; the housekeeper is woken, and would drop one if it might.
  for (int i = 0; i < 30; ++i) {
    const std::string batch = Mutations(std::string(9 << 10, 'x'));
    Await(*taker_, taker_->Push({.mutations = batch, .gated = true}));
  }
  const Records kept = RecordsBehind(*taker_, transfer_.head.last.index);
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(*kept.front().bytes, *transfer_.records.front().bytes);
}

TEST_F(FullSyncTest, ItMayBeginAgainAtAnyTime) {
  const auto& [head, pieces, records] = transfer_;
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  ASSERT_TRUE(taker_->InstallRows(pieces.front()).ok());
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  ASSERT_TRUE(BringRows(transfer_).ok());
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  ASSERT_TRUE(BringRows(transfer_).ok());
  ASSERT_TRUE(taker_->FinishInstall().ok());
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  ASSERT_TRUE(BringRows(transfer_).ok());
  ASSERT_TRUE(taker_->FinishInstall().ok());
  ASSERT_TRUE(taker_->Store(records.front().bytes).ok());
  ASSERT_TRUE(TakeAll(transfer_));
  ASSERT_TRUE(TakeAll(transfer_)) << "and when it was complete";
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  ExpectSame();
  taker_.reset();
  dir_ = taker_dir_;
  EXPECT_TRUE(StrayTables().empty());
  EXPECT_EQ(FamilyNames().size(), 3U) << "meta, a segment, a snapshot";
}

// ---- a link that goes down half way

TEST_F(FullSyncTest, ItGoesOnWhereItWasInterrupted) {
  const auto& [head, pieces, records] = transfer_;
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  const auto reader = StateOf(*log_);
  uint64_t links = 0;
  for (std::string piece;; ++links) {
    StateHead again = head;
    again.history.epoch += links;
    const auto place = taker_->GoOnInstalling(again);
    EXPECT_EQ(place.has_value(), links > 0);
    reader->SeekBehind(place ? place->key : "");
    ASSERT_TRUE(reader->Read(3000, piece).ok());
    if (piece.empty()) break;
    ASSERT_TRUE(taker_->InstallRows(piece).ok());
  }
  EXPECT_GT(links, 5U);
  EXPECT_EQ(taker_->GoOnInstalling(head)->rows, rows_.size());
  EXPECT_EQ(taker_->GoOnInstalling(head)->key, rows_.rbegin()->first);
  ASSERT_TRUE(taker_->FinishInstall().ok());
  EXPECT_FALSE(taker_->GoOnInstalling(head)) << "it is here";
  ASSERT_TRUE(BringLog(transfer_));
  ASSERT_TRUE(taker_->CompleteInstall().ok());
  EXPECT_FALSE(taker_->GoOnInstalling(head));
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  ExpectSame();
}

TEST_F(FullSyncTest, ARowTooFewOrTooManyWhereItGoesOnIsFound) {
  const auto& [head, pieces, records] = transfer_;
  const auto reader = StateOf(*log_);
  std::string rest;
  for (const bool is_late : {true, false}) {
    ASSERT_TRUE(taker_->BeginInstall(head).ok());
    ASSERT_TRUE(taker_->InstallRows(pieces.front()).ok());
    auto next = rows_.find(taker_->GoOnInstalling(head)->key);
    reader->SeekBehind((is_late ? std::next(next) : std::prev(next))->first);
    ASSERT_TRUE(reader->Read(kEverything, rest).ok());
    const Status installed = taker_->InstallRows(rest);
    EXPECT_EQ(installed.ok(), is_late);
    EXPECT_EQ(taker_->FinishInstall().code(), Status::Code::kDamaged);
    EXPECT_FALSE(taker_->GoOnInstalling(head)) << "it begins anew";
  }
  ASSERT_TRUE(TakeAll(transfer_));
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  ExpectSame();
}

TEST_F(FullSyncTest, ItGoesOnWithTheSameStateOnly) {
  const StateHead head = transfer_.head;
  EXPECT_FALSE(taker_->GoOnInstalling(head)) << "nothing has begun";
  ASSERT_TRUE(taker_->BeginInstall(head).ok());
  ASSERT_TRUE(taker_->InstallRows(transfer_.pieces.front()).ok());
  std::vector<StateHead> others(7, head);
  others[0].history.id.bytes.fill('x');
  ++others[1].history.hash_seed.value;
  others[2].epochs.Begin({.epoch = 5, .first = head.last.index + 1});
  --others[3].last.index;
  ++others[4].mark.number;
  ++others[5].mark.cuts.back();
  ++others[6].mark.rows;
  for (const StateHead& other : others) EXPECT_FALSE(taker_->GoOnInstalling(other));
  EXPECT_TRUE(taker_->GoOnInstalling(head));
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  EXPECT_FALSE(taker_->GoOnInstalling(head)) << "what a start finds half is gone";
  ASSERT_NO_FATAL_FAILURE(ExpectEmpty());
}

TEST_F(FullSyncTest, MeanwhileThereIsNoStateToSendOrToCopy) {
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  const auto expect_none = [&] {
    std::unique_ptr<StateReader> reader;
    EXPECT_EQ(taker_->ReadState(reader).code(), Status::Code::kBusy);
    Backups backups(*taker_, {.now = [] { return FromUnixMs(1); }, .tell = [](const auto&) {}});
    const auto job = backups.Begin({.directory = temp_ / "backups"});
    while (!job->done()) std::this_thread::yield();
    EXPECT_EQ(job->status().code(), Status::Code::kBusy);
  };
  expect_none();
  ASSERT_TRUE(BringRows(transfer_).ok());
  ASSERT_TRUE(taker_->FinishInstall().ok());
  expect_none();
  ASSERT_TRUE(BringLog(transfer_));
  ASSERT_TRUE(taker_->CompleteInstall().ok());
  EXPECT_EQ(RowsOf(*StateOf(*taker_)), rows_);
}

TEST_F(FullSyncTest, TheCheckTellsThatOneWasUnderWay) {
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  ASSERT_TRUE(BringRows(transfer_).ok());
  taker_.reset();
  DataDirectory directory;
  ASSERT_TRUE(directory.OpenExisting(taker_dir_, false).ok());
  Progress progress([](const std::string&) {});
  CheckReport report;
  ASSERT_TRUE(Check(directory, {}, progress, report).ok());
  EXPECT_TRUE(report.sound());
  const std::string text = ReportText(report);
  EXPECT_NE(text.find("a full sync was under way"), std::string::npos) << text;
  EXPECT_NE(text.find(transfer_.head.history.id.Hex()), std::string::npos) << text;
}

// ---- hostile bytes

using Row = std::pair<std::string, std::string>;
std::string Packed(const std::vector<Row>& rows) {
  std::string packed;
  for (const auto& [key, value] : rows) {
    AppendWord(packed, key);
    AppendWord(packed, value);
  }
  return packed;
}

TEST_F(FullSyncTest, RowsThatAreNoneOfASnapshotAreRefused) {
  transfer_.head.mark.rows = 2;
  const std::string whole = Packed({{"\x01k", "v"}});
  const std::string partition(1, static_cast<char>(kPartitions));
  const Texts hostile = {
      Packed({{"", "without a key"}}),
      Packed({{partition, "v"}}),
      Packed({{"\xff", "v"}}),
      Packed({{"\x01k", "v"}, {"\x01k", "again"}}),
      Packed({{"\x02k", "v"}, {"\x01k", "not in order"}}),
      Packed({{"\x01k", "v"}, {"\x02k", "v"}, {"\x03k", "one too many"}}),
      whole.substr(0, whole.size() - 1),
      whole.substr(0, 5),
      whole + "x",
      std::string("\xff\xff\xff\xff", 4),
  };
  for (const std::string& packed : hostile) {
    SCOPED_TRACE(testing::PrintToString(packed));
    ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
    EXPECT_EQ(taker_->InstallRows(packed).code(), Status::Code::kDamaged);
  }
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  ASSERT_TRUE(taker_->InstallRows(Packed({{"\x02k", "v"}})).ok());
  EXPECT_EQ(taker_->InstallRows(whole).code(), Status::Code::kDamaged) << "also over two pieces";
  EXPECT_TRUE(Fatal().empty());
}

TEST_F(FullSyncTest, MissingRowsAreFoundAndItBeginsAgain) {
  ASSERT_TRUE(taker_->BeginInstall(transfer_.head).ok());
  for (size_t i = 0; i + 1 < transfer_.pieces.size(); ++i) {
    ASSERT_TRUE(taker_->InstallRows(transfer_.pieces[i]).ok());
  }
  EXPECT_EQ(taker_->FinishInstall().code(), Status::Code::kDamaged);
  EXPECT_TRUE(Fatal().empty());
  ASSERT_TRUE(TakeAll(transfer_));
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  ExpectSame();
}

TEST_F(FullSyncTest, AHeadThatMakesNoSenseDestroysNothing) {
  const StateHead sound = transfer_.head;
  std::vector<StateHead> heads(7, sound);
  heads[0].last.index = sound.mark.cuts.front();  // the log would begin behind a cut
  heads[1].last.epoch = 1;                        // not that of the epochs
  heads[2].epochs.Begin({.epoch = 5, .first = sound.last.index + 1});
  heads[3].history.epoch = 3;      // below the log's
  heads[4].mark.cuts.front() = 0;  // then all of the log is needed
  heads[5].mark.number = 0;
  heads[6] = {.history = sound.history};
  heads[6].mark.rows = 1;
  for (const StateHead& head : heads) {
    EXPECT_EQ(taker_->BeginInstall(head).code(), Status::Code::kDamaged);
  }
  EXPECT_FALSE(taker_->Installing());
  ASSERT_NO_FATAL_FAILURE(OpenTaker(TakerOptions()));
  ExpectOld();
  EXPECT_TRUE(TakeAll(transfer_));
}

}  // namespace
}  // namespace holdfast
