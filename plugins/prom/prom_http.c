/* The HTTP server is libmicrohttpd's. The library is loaded when the server is started: it brings
 * others with it, which nobody shall pay for who does not use it.
 *
 * The thread is ours, not the library's: that one is told to stop while it works, and what the
 * library then answers to a malformed request of that moment crashes it (0.9.75). */
#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/listen.h"
#include "plugins/prom/prom.h"

#define CONNECTIONS_MAX 32u /* of clients: who comes then takes the place of who is slowest, */
#define LEAVING_MAX 32u     /* which needs one until the library has closed it */
#define REQUEST_SEC_MAX                                                                            \
    30u /* from one request's answer to the next one's, or from the connection */
#define CONNECTION_BYTES (16u << 10)
#define IDLE_SEC_MAX 10u
#define STACK_BYTES ((size_t)256 << 10)
#define BACKLOG 32

struct library {
    void *handle;
    __typeof__(&MHD_start_daemon) start_daemon;
    __typeof__(&MHD_stop_daemon) stop_daemon;
    __typeof__(&MHD_get_daemon_info) get_daemon_info;
    __typeof__(&MHD_get_connection_info) get_connection_info;
    __typeof__(&MHD_get_timeout) get_timeout;
    __typeof__(&MHD_run) run;
    __typeof__(&MHD_create_response_from_buffer) create_response_from_buffer;
    __typeof__(&MHD_add_response_header) add_response_header;
    __typeof__(&MHD_queue_response) queue_response;
    __typeof__(&MHD_destroy_response) destroy_response;
};

/* A connection. */
struct prom_client {
    int fd; /* the library's */
    u64 since_ns;
    bool leaves; /* it is being closed */
};

struct prom_server {
    struct library mhd;
    struct MHD_Daemon *daemon;
    struct prom_source *source;
    pthread_t thread;
    int stop_fd; /* readable: the thread shall end */
    /* the HTTP thread's: the last page */
    struct text page;
    u64 page_ns;
    u32 page_generation;
    bool has_page;
    VEC(struct prom_client *) clients; /* the HTTP thread's, in no order */
    u32 n_leaving;
};

static int library_load(struct library *l, struct error *e)
{
    static const char *const files[] = {"libmicrohttpd.so.12", "libmicrohttpd.so"};
    const struct {
        const char *name;
        void *to;
    } symbols[] = {
        {"MHD_start_daemon", &l->start_daemon},
        {"MHD_stop_daemon", &l->stop_daemon},
        {"MHD_get_daemon_info", &l->get_daemon_info},
        {"MHD_get_connection_info", &l->get_connection_info},
        {"MHD_get_timeout", &l->get_timeout},
        {"MHD_run", &l->run},
        {"MHD_create_response_from_buffer", &l->create_response_from_buffer},
        {"MHD_add_response_header", &l->add_response_header},
        {"MHD_queue_response", &l->queue_response},
        {"MHD_destroy_response", &l->destroy_response},
    };
    for (size_t i = 0; !l->handle && i < array_len(files); i++)
        l->handle = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    if (!l->handle)
        return error_set(e, ENOENT, "libmicrohttpd is not installed");
    for (size_t i = 0; i < array_len(symbols); i++) {
        void *found = dlsym(l->handle, symbols[i].name);
        if (!found) {
            dlclose(l->handle);
            return error_set(e, ENOENT, "libmicrohttpd has no %s", symbols[i].name);
        }
        memcpy(symbols[i].to, &found, sizeof(found));
    }
    return 0;
}

/* --- in the HTTP thread --- */

/* Looks at the segment, if the last look was not just now. */
static int prom_http_renew(struct prom_server *s, struct error *e)
{
    struct prom_settings settings;
    pthread_mutex_lock(&s->source->lock);
    prom_settings_copy(&settings, &s->source->settings);
    u32 generation = s->source->generation;
    pthread_mutex_unlock(&s->source->lock);
    u64 now = clock_ns(), age = now - s->page_ns;
    int rc = 0;
    if (!s->has_page || s->page_generation != generation ||
        age >= settings.min_interval_sec * NS_PER_SEC) {
        text_clear(&s->page);
        rc = prom_render(s->source->segment_fd, &settings, &s->page, e);
        s->has_page = !rc;
        s->page_ns = now;
        s->page_generation = generation;
    }
    prom_settings_free(&settings);
    return rc;
}

static enum MHD_Result prom_http_reply(struct prom_server *s, struct MHD_Connection *c,
                                       unsigned status, const char *type, const char *body,
                                       size_t n)
{
    const struct library *l = &s->mhd;
    struct MHD_Response *r =
        l->create_response_from_buffer(n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    l->add_response_header(r, "Content-Type", type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        l->add_response_header(r, "Allow", "GET, HEAD");
    enum MHD_Result rc = l->queue_response(c, status, r);
    l->destroy_response(r);
    return rc;
}

static enum MHD_Result reply_text(struct prom_server *s, struct MHD_Connection *c, unsigned status,
                                  const char *text)
{
    return prom_http_reply(s, c, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result prom_http_answer(void *arg, struct MHD_Connection *c, const char *url,
                                        const char *method, const char *version, const char *upload,
                                        size_t *upload_bytes, void **state)
{
    struct prom_server *s = arg;
    struct error e;
    if (!*state) { /* so far only the head of the request has come */
        *state = s;
        return MHD_YES;
    }
    if (*upload_bytes) { /* nobody asked for it */
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return reply_text(s, c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD are allowed\n");
    if (strcmp(url, "/metrics") != 0 && strcmp(url, "/stats.prom") != 0)
        return reply_text(s, c, MHD_HTTP_NOT_FOUND, "counters are at /metrics\n");
    if (prom_http_renew(s, &e))
        return reply_text(s, c, MHD_HTTP_SERVICE_UNAVAILABLE, e.text);
    return prom_http_reply(s, c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                           text_str(&s->page), s->page.len);
}

/* --- slow clients: one that sends a byte now and then is never idle --- */

static void prom_http_send_away(struct prom_server *s, struct prom_client *x)
{
    shutdown(x->fd, SHUT_RDWR); /* which the library hears of */
    x->leaves = true;
    s->n_leaving++;
}

static struct prom_client *prom_http_slowest(const struct prom_server *s)
{
    struct prom_client *slowest = NULL;
    for (u32 i = 0; i < s->clients.n; i++) {
        struct prom_client *x = s->clients.v[i];
        if (!x->leaves && (!slowest || x->since_ns < slowest->since_ns))
            slowest = x;
    }
    return slowest;
}

static void prom_http_connected(struct prom_server *s, struct MHD_Connection *c, void **context)
{
    struct prom_client *x = mem_alloc(sizeof(*x));
    x->fd = s->mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    x->since_ns = clock_ns();
    *context = x;
    if (s->clients.n - s->n_leaving >= CONNECTIONS_MAX)
        prom_http_send_away(s, prom_http_slowest(s));
    vec_add(&s->clients, x);
}

static void prom_http_closed(struct prom_server *s, struct prom_client *x)
{
    for (u32 i = 0; i < s->clients.n; i++)
        if (s->clients.v[i] == x) {
            vec_del(&s->clients, i);
            break;
        }
    s->n_leaving -= x->leaves;
    free(x);
}

static void prom_http_on_connection(void *arg, struct MHD_Connection *c, void **context,
                                    enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        prom_http_connected(arg, c, context);
    else if (*context)
        prom_http_closed(arg, *context);
}

static void prom_http_on_answered(void *arg, struct MHD_Connection *c, void **state,
                                  enum MHD_RequestTerminationCode code)
{
    struct prom_server *s = arg;
    int fd = s->mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    for (u32 i = 0; i < s->clients.n; i++)
        if (s->clients.v[i]->fd == fd)
            s->clients.v[i]->since_ns = clock_ns();
}

static void prom_http_limit_time(struct prom_server *s)
{
    struct prom_client *slowest = prom_http_slowest(s);
    if (slowest && clock_ns() - slowest->since_ns > REQUEST_SEC_MAX * NS_PER_SEC)
        prom_http_send_away(s, slowest);
}

static void *prom_http_serve(void *arg)
{
    struct prom_server *s = arg;
    const struct library *l = &s->mhd;
    struct pollfd fds[] = {
        {.fd = l->get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
        {.fd = s->stop_fd, .events = POLLIN},
    };
    while (!fds[1].revents) {
        MHD_UNSIGNED_LONG_LONG ms;
        int timeout = l->get_timeout(s->daemon, &ms) == MHD_YES ? (int)min_u64(ms, 1000) : -1;
        if (timeout < 0 && s->clients.n)
            timeout = 1000;
        prom_http_limit_time(s);
        if (poll(fds, array_len(fds), timeout) >= 0)
            l->run(s->daemon);
    }
    return NULL;
}

/* --- control thread --- */

static int start_thread(struct prom_server *s, struct error *e)
{
    pthread_attr_t attr;
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->stop_fd < 0)
        return error_errno(e, errno, "eventfd");
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&s->thread, &attr, prom_http_serve, s);
    pthread_attr_destroy(&attr);
    if (!rc)
        return 0;
    close(s->stop_fd);
    return error_errno(e, rc, "cannot make a thread");
}

static int prom_http_start(struct prom_server *s, const char *address, struct error *e)
{
    bool local;
    int fd = listen_open(address, SOCK_STREAM, BACKLOG, &local, e);
    if (fd < 0)
        return fd;
    s->daemon = s->mhd.start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, prom_http_answer, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX + LEAVING_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SEC_MAX, MHD_OPTION_NOTIFY_CONNECTION, prom_http_on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, prom_http_on_answered, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (!s->daemon) {
        close(fd);
        return error_set(e, EIO, "libmicrohttpd cannot serve %s", address);
    }
    int rc = start_thread(s, e);
    if (rc)
        s->mhd.stop_daemon(s->daemon); /* closes the socket */
    return rc;
}

struct prom_server *prom_server_new(struct prom_source *source, const char *address,
                                    struct error *e)
{
    struct prom_server *s = mem_alloc(sizeof(*s));
    s->source = source;
    if (library_load(&s->mhd, e)) {
        free(s);
        return NULL;
    }
    if (prom_http_start(s, address, e)) {
        dlclose(s->mhd.handle);
        free(s);
        return NULL;
    }
    return s;
}

/* The library stays loaded: others that it brought do not all like to go. */
void prom_server_free(struct prom_server *s)
{
    u64 one = 1;
    if (!s)
        return;
    if (write(s->stop_fd, &one, sizeof(one)) != sizeof(one))
        panic("cannot end the thread of prom");
    pthread_join(s->thread, NULL);
    s->mhd.stop_daemon(s->daemon); /* closes the socket */
    vec_free(&s->clients);
    close(s->stop_fd);
    text_free(&s->page);
    free(s);
}
