/* Closing aside: a packet socket waits for a grace period of the kernel's RCU when it is closed,
 * some 60 ms, and as much again for each ring. Many of these waits fit beside each other, so each
 * close that has to wait gets a thread, which ends when there is nothing left to close. */
#pragma once

struct piste;

/* Takes over fd, which is -1 or open; returns at once. Its maps are the caller's, who unmaps them
 * before. When the switch ends, it ends after the last close. Context: control thread. */
void host_close(struct piste *p, int fd);
