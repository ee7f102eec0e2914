/*
 * Faults of a disk for one process (LD_PRELOAD): see faulty_disk.ts. Without headers and libraries, so that it needs a
 * compiler only; what it calls is in the process already.
 */

typedef unsigned long size_t;
typedef long ssize_t;
typedef long off_t;

extern void *dlsym(void *handle, const char *name);
extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern int close(int fd);
extern ssize_t read(int fd, void *buffer, size_t octets);
extern ssize_t readlink(const char *path, char *target, size_t octets);
extern int snprintf(char *text, size_t octets, const char *format, ...);
extern int strncmp(const char *a, const char *b, size_t octets);
extern size_t strlen(const char *text);
extern int usleep(unsigned microseconds);
extern int *__errno_location(void);

#define WRITES 3 /* O_WRONLY, O_RDWR */
#define CREATES 0100
#define NEXT ((void *)-1L)
#define HANGS 'h'
#define POLL_MICROSECONDS 10000

/* Whether a path is below FAULTY_DISK_FOLDER. */
static int is_below(const char *path) {
  const char *folder = getenv("FAULTY_DISK_FOLDER");
  return folder != 0 && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_on_disk(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t octets = readlink(link, path, sizeof path - 1);
  if (octets <= 0) return 0;
  path[octets] = 0;
  return is_below(path);
}

/* What FAULTY_DISK_ORDER says about a call: `s` (sync) or `w` (write), then an error number, or HANGS. */
static int order_for(char call) {
  char text[16];
  const char *path = getenv("FAULTY_DISK_ORDER");
  int fd = path == 0 ? -1 : open(path, 0);
  if (fd < 0) return 0;
  ssize_t octets = read(fd, text, sizeof text - 1);
  close(fd);
  if (octets < 2 || text[0] != call) return 0;
  if (text[1] == HANGS) return -1;
  int number = 0;
  for (ssize_t at = 1; at < octets && text[at] >= '0' && text[at] <= '9'; at++) number = 10 * number + text[at] - '0';
  return number;
}

/* Hangs as long as it is ordered to; whether the call has to fail, with `errno` set. */
static int fails(int on_disk, char call) {
  int order = on_disk ? order_for(call) : 0;
  while (order < 0) {
    usleep(POLL_MICROSECONDS);
    order = order_for(call);
  }
  if (order == 0) return 0;
  *__errno_location() = order;
  return 1;
}

int fsync(int fd) {
  static int (*next)(int);
  if (next == 0) next = dlsym(NEXT, "fsync");
  return fails(is_on_disk(fd), 's') ? -1 : next(fd);
}

int fdatasync(int fd) {
  static int (*next)(int);
  if (next == 0) next = dlsym(NEXT, "fdatasync");
  return fails(is_on_disk(fd), 's') ? -1 : next(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t octets, off_t at) {
  static ssize_t (*next)(int, const void *, size_t, off_t);
  if (next == 0) next = dlsym(NEXT, "pwrite64");
  return fails(is_on_disk(fd), 'w') ? -1 : next(fd, data, octets, at);
}

/* A read-only file system opens nothing for writing either. */
int open64(const char *path, int flags, unsigned mode) {
  static int (*next)(const char *, int, unsigned);
  if (next == 0) next = dlsym(NEXT, "open64");
  return fails((flags & (WRITES | CREATES)) != 0 && is_below(path), 'w') ? -1 : next(path, flags, mode);
}
