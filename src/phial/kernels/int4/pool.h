// A small pool of threads that share the parts of one piece of work.
#pragma once

struct Pool;

// body(context, first, last) for ranges that together are [0, count), each `grain` long but the last one. The caller
// works too. Without a pool, where the pool is at work for another caller, and in a child of fork, the caller does it
// all. Results must not depend on who does which range.
void share(Pool* pool, long count, long grain, void (*body)(void*, long, long), void* context);

template <class Body>
void share(Pool* pool, long count, long grain, Body body) {
    share(pool, count, grain, [](void* at, long first, long last) { (*static_cast<Body*>(at))(first, last); }, &body);
}

long threads_of(const Pool* pool);  // the caller included
