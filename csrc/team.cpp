#include "team.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace elman {
namespace {

std::atomic<TeamFork> host_fork{nullptr};
std::atomic<TeamSize> host_size{nullptr};

struct Call {
    Call(const std::function<void(int, int)>& run, TeamSize count) : body(run), size(count) {}

    const std::function<void(int, int)>& body;
    TeamSize size;
    std::atomic<int> ticket{0};
    std::mutex lock;
    std::exception_ptr error;

    void enter(int threads) noexcept {
        try {
            body(ticket.fetch_add(1), threads);
        } catch (...) {
            std::lock_guard<std::mutex> guard(lock);
            if (!error) error = std::current_exception();
        }
    }
};

void enter_from_host(void* data) {
    Call& call = *static_cast<Call*>(data);
    call.enter(call.size());
}

// The size of the team is known only when every thread has started, so they wait for it.
void own_threads(Call& call, int threads) {
    std::atomic<int> size{0};
    std::vector<std::thread> others;
    others.reserve(static_cast<size_t>(threads - 1));
    try {
        for (int i = 1; i < threads; ++i)
            others.emplace_back([&] {
                while (size.load() == 0) std::this_thread::yield();
                call.enter(size.load());
            });
    } catch (const std::system_error&) {
        // The machine gives no more threads: the team is as large as it got.
    }
    const int got = static_cast<int>(others.size()) + 1;
    size.store(got);
    call.enter(got);
    for (std::thread& other : others) other.join();
}

}  // namespace

void use_team(TeamFork fork, TeamSize size) {
    const bool both = fork != nullptr && size != nullptr;
    host_size.store(both ? size : nullptr);
    host_fork.store(both ? fork : nullptr);
}

void on_team(int threads, const std::function<void(int, int)>& body) {
    if (threads <= 1) return body(0, 1);
    const TeamFork fork = host_fork.load();
    Call call(body, host_size.load());
    if (fork != nullptr && call.size != nullptr)
        fork(enter_from_host, &call, static_cast<unsigned>(threads), 0);
    else
        own_threads(call, threads);
    if (call.error) std::rethrow_exception(call.error);
}

}  // namespace elman
