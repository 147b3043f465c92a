/* Request threads: as many at work as were asked for, more while some wait for something outside, and fewer again. */
#include "http/workers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CROWD = 40 };

struct piece {
    struct work work;
    bool waits_outside;
};

static struct workers *pool;
static struct piece pieces[CROWD];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned inside;
static unsigned done;
static bool is_open;

static void stay_until_open(struct work *work)
{
    const struct piece *piece = (const struct piece *)(const void *)work;
    if (piece->waits_outside) {
        workers_wait_begin();
        workers_wait_begin();
        workers_wait_end();
    }
    pthread_mutex_lock(&lock);
    inside++;
    pthread_cond_broadcast(&changed);
    while (!is_open)
        pthread_cond_wait(&changed, &lock);
    inside--;
    done++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (piece->waits_outside)
        workers_wait_end();
}

static void await(const unsigned *number, unsigned wanted)
{
    pthread_mutex_lock(&lock);
    while (*number < wanted)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void submit(unsigned count, bool waits_outside)
{
    static unsigned next;
    for (unsigned i = 0; i < count; i++) {
        struct piece *piece = &pieces[next++ % CROWD];
        *piece = (struct piece){.work = {.run = stay_until_open}, .waits_outside = waits_outside};
        assert_true(workers_reserve(pool));
        workers_submit(pool, &piece->work);
    }
}

static void open_gate(bool opens)
{
    pthread_mutex_lock(&lock);
    is_open = opens;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int enter(void **state)
{
    (void)state;
    pool =
        workers_start(&(struct workers_limits){.threads = 2, .waiting = 30, .queue = CROWD, .linger_ms = 1});
    inside = done = 0;
    is_open = false;
    return pool == NULL ? -1 : 0;
}

static int leave(void **state)
{
    (void)state;
    workers_stop(&pool);
    return 0;
}

static void as_many_are_worked_on_as_were_asked_for(void **state)
{
    (void)state;
    submit(6, false);
    await(&inside, 2);
    assert_int_equal(workers_threads(pool), 2);
    open_gate(true);
    await(&done, 6);
}

static void who_waits_outside_keeps_nobody_from_work(void **state)
{
    (void)state;
    submit(20, true);
    await(&inside, 20);
    submit(2, false);
    await(&inside, 22);
    assert_true(workers_threads(pool) <= 22);
    open_gate(true);
    await(&done, 22);
}

static void only_so_many_may_wait_outside(void **state)
{
    (void)state;
    submit(CROWD, true);
    await(&inside, 32);
    assert_int_equal(workers_threads(pool), 32);
    assert_int_equal(workers_waiting(pool), CROWD - 32);
    open_gate(true);
    await(&done, CROWD);
}

static void threads_that_are_too_many_end(void **state)
{
    (void)state;
    submit(20, true);
    await(&inside, 20);
    open_gate(true);
    await(&done, 20);
    while (workers_threads(pool) > 2)
        sched_yield();
    open_gate(false);
    done = 0;
    submit(2, false);
    await(&inside, 2);
    open_gate(true);
    await(&done, 2);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    unsigned taken = 0;
    while (workers_reserve(pool))
        taken++;
    assert_int_equal(taken, CROWD);
    /* What was reserved must be submitted before the pool may end. */
    for (unsigned i = 0; i < taken; i++) {
        pieces[i] = (struct piece){.work = {.run = stay_until_open}};
        workers_submit(pool, &pieces[i].work);
    }
    open_gate(true);
    await(&done, taken);
}

static void waiting_on_a_thread_of_no_pool_is_fine(void **state)
{
    (void)state;
    workers_wait_begin();
    workers_wait_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_many_are_worked_on_as_were_asked_for, enter, leave),
        cmocka_unit_test_setup_teardown(who_waits_outside_keeps_nobody_from_work, enter, leave),
        cmocka_unit_test_setup_teardown(only_so_many_may_wait_outside, enter, leave),
        cmocka_unit_test_setup_teardown(threads_that_are_too_many_end, enter, leave),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded, enter, leave),
        cmocka_unit_test(waiting_on_a_thread_of_no_pool_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
