// The little of HTTP/1.1 (RFC 9112) a box needs: GET with a query, one request per connection.
#pragma once

#include "text.h"

namespace ecms {

class HttpRequest {
  public:
    enum class State : uint8_t { kReading, kDone, kTooLong, kBadMethod, kMalformed };

    void reset();
    void feed(char byte);
    bool finished() const { return state_ != State::kReading; }
    State state() const { return state_; }

    Text path() const { return path_; }
    Text query() const { return query_; }
    Text host() const { return Text(host_, host_size_); }

  private:
    void end_line();
    void parse_request_line();
    void parse_header();

    // Room for an SSID of 32 and a password of 64 bytes, every one of them percent-encoded, and some headers' names.
    char line_[512];
    size_t line_size_ = 0;
    bool line_overflow_ = false;
    char header_[80];
    size_t header_size_ = 0;
    char host_[64];
    size_t host_size_ = 0;
    Text path_;
    Text query_;
    bool have_request_line_ = false;
    State state_ = State::kReading;
};

}  // namespace ecms
