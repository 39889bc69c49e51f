/* Calls on packet sockets that wait in the kernel, made aside (control/aside.h). */
#pragma once

struct piste;

/* aside_run for whoever needs host; the switch waits for it when it ends. */
void host_aside(struct piste *p, void (*work)(void *arg), void (*done)(void *arg), void *arg);
/* Closes fd, which is -1 or open and is taken over. Its maps are the caller's, who unmaps them
 * before. */
void host_close(struct piste *p, int fd);
