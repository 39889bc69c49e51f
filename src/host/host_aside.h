/* Calls that wait in the kernel, made aside: a packet socket waits for a grace period of RCU, some
 * 60 ms, when it is closed, and as much again when a ring is made or given back. Many of these
 * waits fit beside each other, so each has a thread, which ends when there is nothing left to do.
 */
#pragma once

struct piste;

/* Calls work(arg) in another thread, which is in this process's namespace and has its capabilities,
 * then done(arg) in the loop; done may be NULL. Both are called, also when the switch ends
 * meanwhile: it waits. Context: control thread; work and the control thread share only arg. */
void host_aside(struct piste *p, void (*work)(void *arg), void (*done)(void *arg), void *arg);
/* Closes fd, which is -1 or open and is taken over. Its maps are the caller's, who unmaps them
 * before. */
void host_close(struct piste *p, int fd);
