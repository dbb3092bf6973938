#include "regatta/space/config.hpp"

#include <gtest/gtest.h>

namespace regatta::space {
namespace {

TEST(Value, ReadsAsPeopleWriteIt) {
  EXPECT_EQ(to_text(Value{std::int64_t{5}}), "5");
  EXPECT_EQ(to_text(Value{0.01}), "0.01");
  EXPECT_EQ(to_text(Value{std::string("relu")}), "relu");
}

TEST(Value, IsEmptyWhenInactive) { EXPECT_EQ(to_text(Value{}), ""); }

}  // namespace
}  // namespace regatta::space
