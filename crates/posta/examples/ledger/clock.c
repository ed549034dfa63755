/*
 * Shows a process another time of day than the machine's: later by as many seconds as a file says,
 * which may change while the process runs. What is measured, not told, goes on as it does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static volatile const int64_t *ahead;
static int (*original)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LEDGER_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        abort();
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        abort();
    ahead = page;
}

int clock_gettime(clockid_t which, struct timespec *now)
{
    if (!original)
        original = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = original(which, now);
    if (!failed && which == CLOCK_REALTIME && ahead)
        now->tv_sec += *ahead;
    return failed;
}
