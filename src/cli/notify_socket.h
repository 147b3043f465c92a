/* Telling systemd how the service is (sd_notify(3)), without its library. */
#ifndef COUNTERSIGN_CLI_NOTIFY_SOCKET_H
#define COUNTERSIGN_CLI_NOTIFY_SOCKET_H

/* Sends `state` ("READY=1") to the socket that NOTIFY_SOCKET names; does nothing where there is none. */
void notify_socket_send(const char *state);

#endif
