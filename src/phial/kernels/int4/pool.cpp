// A thread that has nothing to do looks for work for some microseconds, which is how long the gaps between the products
// of a token last, and then sleeps on a condition variable. A thread that wakes up late finds the work gone and does
// not hold up the caller, who waits only for ranges that were begun.

#include "int4.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "vector.h"

namespace {

constexpr int LOOKS = 1500;  // 10 to 50 microseconds with a pause each

std::atomic<long> forks{0};  // how often this process is a child of a fork

void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }

INLINE void rest() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

struct Job {
    void (*body)(void*, long, long);
    void* context;
    long count, grain;
    std::atomic<long> next{0};

    void work() {
        for (;;) {
            const long first = next.fetch_add(grain, std::memory_order_relaxed);
            if (first >= count) return;
            body(context, first, first + grain < count ? first + grain : count);
        }
    }
};

}  // namespace

struct Pool {
    std::mutex busy;  // held by the caller whose work it is
    std::mutex guard;  // of what follows
    std::condition_variable wake, done;
    std::atomic<long> turn{0};  // written under the guard, looked at without
    std::atomic<int> joined{0};  // likewise: helpers inside the job
    Job* job = nullptr;
    bool closing = false;
    long born = forks.load();
    std::vector<std::thread> helpers;

    void help() {
        long seen = 0;
        std::unique_lock<std::mutex> lock(guard);
        for (;;) {
            lock.unlock();
            for (int look = 0; look < LOOKS && turn.load(std::memory_order_relaxed) == seen; ++look) rest();
            lock.lock();
            wake.wait(lock, [&] { return closing || turn.load() != seen; });
            if (closing) return;
            seen = turn.load();
            if (!job) continue;
            Job* mine = job;
            joined.fetch_add(1);
            lock.unlock();
            mine->work();
            lock.lock();
            if (joined.fetch_sub(1) == 1) done.notify_one();
        }
    }

    void run(Job& work) {
        {
            std::lock_guard<std::mutex> lock(guard);
            job = &work;
            turn.fetch_add(1);
        }
        wake.notify_all();
        work.work();
        for (int look = 0; look < LOOKS && joined.load(std::memory_order_relaxed); ++look) rest();
        std::unique_lock<std::mutex> lock(guard);
        job = nullptr;
        done.wait(lock, [&] { return joined.load() == 0; });
    }
};

void share(Pool* pool, long count, long grain, void (*body)(void*, long, long), void* context) {
    if (count <= 0) return;
    grain = grain < 1 ? 1 : grain;
    const bool alone = !pool || count <= grain || pool->born != forks.load(std::memory_order_relaxed);
    if (alone || !pool->busy.try_lock()) return body(context, 0, count);
    std::lock_guard<std::mutex> mine(pool->busy, std::adopt_lock);
    Job job{body, context, count, grain};
    pool->run(job);
}

long threads_of(const Pool* pool) { return pool ? static_cast<long>(pool->helpers.size()) + 1 : 1; }

// A pool of `threads`, the caller among them; null if the system grants none, which is a pool of one.
EXPORT Pool* pool_open(long threads) {
    static const int registered = pthread_atfork(nullptr, nullptr, count_fork);
    if (registered != 0 || threads < 2) return nullptr;
    Pool* pool = new (std::nothrow) Pool;
    if (!pool) return nullptr;
    try {
        for (long i = 1; i < threads; ++i) pool->helpers.emplace_back([pool] { pool->help(); });
    } catch (const std::exception&) {
        // fewer helpers than wished for: right, only slower
    }
    return pool;
}

EXPORT long pool_threads(const Pool* pool) { return threads_of(pool); }

// Ends the threads. No call may be using the pool. In a child of fork there are none, and the memory is left behind.
EXPORT void pool_close(Pool* pool) {
    if (!pool || pool->born != forks.load()) return;
    {
        std::lock_guard<std::mutex> lock(pool->guard);
        pool->closing = true;
    }
    pool->wake.notify_all();
    for (std::thread& helper : pool->helpers) helper.join();
    delete pool;
}
