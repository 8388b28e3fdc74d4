#include "http.h"

namespace ecms {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

void HttpRequest::reset() {
    line_size_ = header_size_ = host_size_ = 0;
    line_overflow_ = have_request_line_ = false;
    path_ = query_ = Text();
    state_ = State::kReading;
}

void HttpRequest::feed(char byte) {
    if (finished()) return;
    if (byte == '\n') {
        end_line();
    } else if (!have_request_line_) {
        if (line_size_ < sizeof line_) {
            line_[line_size_++] = byte;
        } else {
            line_overflow_ = true;
        }
    } else {
        // Longer headers are of no interest, but must not look like the empty line that ends the request.
        if (header_size_ < sizeof header_) header_[header_size_++] = byte;
    }
}

void HttpRequest::end_line() {
    if (!have_request_line_) {
        have_request_line_ = true;
        if (line_size_ > 0 && line_[line_size_ - 1] == '\r') --line_size_;
        return;
    }
    if (header_size_ > 0 && header_[header_size_ - 1] == '\r') --header_size_;
    if (header_size_ > 0) {
        parse_header();
        header_size_ = 0;
        return;
    }
    state_ = State::kDone;
    if (line_overflow_) {
        state_ = State::kTooLong;
    } else {
        parse_request_line();
    }
}

void HttpRequest::parse_request_line() {
    const Text line(line_, line_size_);
    if (!line.starts_with("GET ")) {
        state_ = State::kBadMethod;
        return;
    }
    Text target = line.from(4);
    const auto* space = static_cast<const char*>(memchr(target.data, ' ', target.size));
    if (space == nullptr || target.data[0] != '/' || !Text(space, line.data + line.size - space).starts_with(" HTTP/")) {
        state_ = State::kMalformed;
        return;
    }
    target.size = static_cast<size_t>(space - target.data);
    const auto* mark = static_cast<const char*>(memchr(target.data, '?', target.size));
    const size_t path_size = mark != nullptr ? static_cast<size_t>(mark - target.data) : target.size;
    path_ = Text(target.data, path_size);
    query_ = target.from(path_size + 1);
}

void HttpRequest::parse_header() {
    static constexpr char kHost[] = "host:";
    constexpr size_t kNameSize = sizeof kHost - 1;
    if (header_size_ < kNameSize) return;
    for (size_t i = 0; i < kNameSize; ++i) {
        if (lower(header_[i]) != kHost[i]) return;
    }
    size_t begin = kNameSize;
    while (begin < header_size_ && header_[begin] == ' ') ++begin;
    host_size_ = 0;
    for (; begin < header_size_ && header_[begin] != ':' && header_[begin] != ' ' && host_size_ < sizeof host_; ++begin) {
        host_[host_size_++] = lower(header_[begin]);
    }
}

}  // namespace ecms
