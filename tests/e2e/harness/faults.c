/* Disk faults and clock steps for one process, which is started with this library in LD_PRELOAD.
 *
 *     FAULTS_FILE      what to do, read again whenever it was replaced; one line each:
 *                          spool write ENOSPC          every such call fails
 *                          objects fsync delay 5000    it takes this many milliseconds longer, or until the file is replaced
 *                          spool write room 100000     so many bytes are still taken, then ENOSPC
 *                          clock -7200                 the wall clock is seen so many seconds later, here earlier
 *     FAULTS_FOLDER    the first word of a line is the beginning of a path below this folder; * is all of it
 *
 * The second word of a line is `open` (of a file, for writing), `create` (of a file or folder), `write`, `fsync`,
 * `truncate`, `name` (rename, link), `remove`, or `any` of them. A line that is not understood ends the process.
 *
 * Calls go on to the kernel by number, so that nothing here depends on what else the process has loaded. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, CREATE = 2, WRITE = 4, FSYNC = 8, TRUNCATE = 16, NAME = 32, REMOVE = 64, ANY = 127 };
enum { RULES_MAX = 16, BYTES_MAX = 4096, PATH_BYTES_MAX = 4096, DELAY_STEP_MS = 10 };

struct rule {
    char part[256];
    int calls;
    int error;
    long delay_ms;
    long room; /* -1: not bounded */
};

static const struct { const char *name; int value; }
    CALLS[] = {{"open", OPEN}, {"create", CREATE}, {"write", WRITE}, {"fsync", FSYNC}, {"truncate", TRUNCATE},
               {"name", NAME}, {"remove", REMOVE}, {"any", ANY}, {NULL, 0}},
    ERRORS[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"EDQUOT", EDQUOT}, {NULL, 0}};

/* Held while the file is read or a rule is looked up, never during a call or a delay. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static int rule_count;
static long clock_offset_s;
static struct stat seen;
static long version;

static void not_understood(const char *line) {
    dprintf(STDERR_FILENO, "faults: not understood: %s\n", line);
    _exit(112);
}

static int value_of(const char *name, const void *table, const char *line) {
    for (const typeof(CALLS[0]) *entry = table; entry->name; entry++)
        if (!strcmp(entry->name, name)) return entry->value;
    not_understood(line);
    return 0;
}

static void read_line(const char *line) {
    char part[256], call[16], effect[16];
    long amount = -1;
    if (sscanf(line, "clock %ld", &clock_offset_s) == 1) return;
    int words = sscanf(line, "%255s %15s %15s %ld", part, call, effect, &amount);
    if (words < 3 || rule_count == RULES_MAX) not_understood(line);
    struct rule *rule = &rules[rule_count++];
    *rule = (struct rule){.calls = value_of(call, CALLS, line), .room = -1};
    strcpy(rule->part, strcmp(part, "*") ? part : "");
    if (!strcmp(effect, "delay") && words == 4) rule->delay_ms = amount;
    else if (!strcmp(effect, "room") && words == 4) rule->room = amount, rule->error = ENOSPC;
    else rule->error = value_of(effect, ERRORS, line);
}

/* The file is replaced by renaming, so what is read is whole. */
static void refresh(void) {
    const char *file = getenv("FAULTS_FILE");
    struct stat now;
    if (!file || stat(file, &now)) return;
    if (now.st_ino == seen.st_ino && !memcmp(&now.st_mtim, &seen.st_mtim, sizeof now.st_mtim)) return;
    char text[BYTES_MAX], *rest = text;
    int fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length < 0) not_understood(file);
    close(fd);
    text[length] = 0;
    seen = now;
    version++;
    rule_count = 0;
    clock_offset_s = 0;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line) read_line(line);
}

/* Where below the folder a path is; NULL when it is elsewhere. */
static const char *below(const char *path) {
    const char *folder = getenv("FAULTS_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    return length && path && !strncmp(path, folder, length) && path[length] == '/' ? path + length + 1 : NULL;
}

/* How many of `length` bytes the call may go on with, once its delay is over; -1 and errno when it fails. */
static ssize_t permitted(int call, const char *path, ssize_t length) {
    long delay_ms = 0;
    int error = 0;
    const char *part = below(path);
    if (!part) return length;
    pthread_mutex_lock(&lock);
    refresh();
    for (struct rule *rule = rules; rule < rules + rule_count; rule++) {
        if (!(rule->calls & call) || strncmp(part, rule->part, strlen(rule->part))) continue;
        delay_ms += rule->delay_ms;
        if (rule->room > 0) {
            length = length < rule->room ? length : rule->room;
            rule->room -= length;
        } else if (rule->error) {
            error = rule->error;
        }
    }
    long begun = version;
    pthread_mutex_unlock(&lock);
    for (; delay_ms > 0 && begun == version; delay_ms -= DELAY_STEP_MS) {
        nanosleep(&(struct timespec){.tv_nsec = DELAY_STEP_MS * 1000000}, NULL);
        pthread_mutex_lock(&lock);
        refresh();
        pthread_mutex_unlock(&lock);
    }
    if (!error) return length;
    errno = error;
    return -1;
}

static ssize_t permitted_fd(int call, int fd, ssize_t length) {
    char link[32], path[PATH_BYTES_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t found = readlink(link, path, sizeof path - 1);
    if (found < 0) return length;
    path[found] = 0;
    return permitted(call, path, length);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    ssize_t taken = permitted_fd(WRITE, fd, length);
    return taken < 0 ? -1 : syscall(SYS_write, fd, bytes, taken);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    ssize_t taken = permitted_fd(WRITE, fd, length);
    return taken < 0 ? -1 : syscall(SYS_pwrite64, fd, bytes, taken, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    return permitted_fd(WRITE, fd, 0) < 0 ? -1 : syscall(SYS_writev, fd, pieces, count);
}

int ftruncate64(int fd, off64_t length) { return permitted_fd(TRUNCATE, fd, 0) < 0 ? -1 : syscall(SYS_ftruncate, fd, length); }
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int fsync(int fd) { return permitted_fd(FSYNC, fd, 0) < 0 ? -1 : syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return permitted_fd(FSYNC, fd, 0) < 0 ? -1 : syscall(SYS_fdatasync, fd); }

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    int call = (flags & O_ACCMODE) == O_RDONLY ? 0 : OPEN;
    if (flags & O_CREAT && faccessat(folder, path, F_OK, 0)) call |= CREATE;
    return permitted(call, path, 0) < 0 ? -1 : syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE(flags)                                                          \
    va_list rest;                                                            \
    va_start(rest, flags);                                                   \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;  \
    va_end(rest)

int open(const char *path, int flags, ...) { MODE(flags); return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags); return open_at(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags); return open_at(folder, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int mkdir(const char *path, mode_t mode) { return permitted(CREATE, path, 0) < 0 ? -1 : syscall(SYS_mkdirat, AT_FDCWD, path, mode); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return permitted(NAME, to, 0) < 0 ? -1 : syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int rename(const char *from, const char *to) {
    return permitted(NAME, to, 0) < 0 ? -1 : syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags) {
    return permitted(REMOVE, path, 0) < 0 ? -1 : syscall(SYS_unlinkat, folder, path, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int clock_gettime(clockid_t id, struct timespec *time) {
    int outcome = syscall(SYS_clock_gettime, id, time);
    if (outcome || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return outcome;
    pthread_mutex_lock(&lock);
    refresh();
    time->tv_sec += clock_offset_s;
    pthread_mutex_unlock(&lock);
    return 0;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
