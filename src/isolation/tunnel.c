/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/tunnel.h"

#include "base/fd.h"
#include "isolation/net_wire.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEVICE "net0"
#define TUN_MAJOR 10
#define TUN_MINOR 200
#define NAMES_PORT 53
#define NAMES_WAITING 8

/* linux/ipv6.h has it too, but not beside netinet/in.h. */
struct address6_request {
	struct in6_addr address;
	uint32_t bits;
	int index;
};

void tunnel_find_places(struct tunnel_places *ret)
{
	ret->dev_fd = open("/dev/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ret->sysctl_fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void tunnel_places_done(struct tunnel_places *places)
{
	close_keep_errno(TAKE_FD(places->dev_fd));
	close_keep_errno(TAKE_FD(places->sysctl_fd));
}

/* A device is made in the namespace of whoever opens the node. */
static int open_device(int dev_fd, struct appsilo_error *err)
{
	struct ifreq request = {.ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI};
	cleanup_close int fd = openat(dev_fd, "tun", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return error_say(err, -errno,
				 "network: /dev/net/tun is not open to you; run chmod 666 "
				 "/dev/net/tun as root (make setup does), or use --net none");
	if (fd < 0)
		return error_set(err, -errno, "network: /dev/net/tun (modprobe tun as root, or use "
				 "--net none)");
	/* CVE-2025-31133: a node replaced by something else is not used. */
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(TUN_MAJOR, TUN_MINOR))
		return error_say(err, -ENODEV,
				 "network: /dev/net/tun is not the device it should be; repair it");
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return error_set(err, -errno, "network: make the tunnel");
	return TAKE_FD(fd);
}

static struct sockaddr in_sockaddr(uint32_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	struct sockaddr any;

	memcpy(&any, &in, sizeof(any));
	return any;
}

static int set_up(struct appsilo_error *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq mtu = {.ifr_name = DEVICE, .ifr_mtu = NET_TUNNEL_MTU};
	struct ifreq address = {.ifr_name = DEVICE, .ifr_addr = in_sockaddr(NET_INNER_ADDRESS)};
	struct ifreq mask = {.ifr_name = DEVICE, .ifr_netmask = in_sockaddr(0xffffffff)};
	struct ifreq up = {.ifr_name = DEVICE, .ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP};
	struct rtentry route = {.rt_dst = in_sockaddr(0),
				.rt_genmask = in_sockaddr(0),
				.rt_flags = RTF_UP,
				.rt_dev = (char *)DEVICE};

	if (fd < 0 || ioctl(fd, SIOCSIFMTU, &mtu) < 0 || ioctl(fd, SIOCSIFADDR, &address) < 0 ||
	    ioctl(fd, SIOCSIFNETMASK, &mask) < 0 || ioctl(fd, SIOCSIFFLAGS, &up) < 0 ||
	    ioctl(fd, SIOCADDRT, &route) < 0)
		return error_set(err, -errno, "network: set the tunnel up");
	return 0;
}

/* A host without IPv6 has sandboxes without. */
static bool set_up6(void)
{
	cleanup_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int index = (int)if_nametoindex(DEVICE);
	struct address6_request address = {.bits = 128, .index = index};
	struct in6_rtmsg route = {.rtmsg_flags = RTF_UP, .rtmsg_metric = 1, .rtmsg_ifindex = index};

	return fd >= 0 && inet_pton(AF_INET6, NET_INNER_ADDRESS6, &address.address) == 1 &&
	       ioctl(fd, SIOCSIFADDR, &address) == 0 && ioctl(fd, SIOCADDRT, &route) == 0;
}

/* Where /proc/sys cannot be written, it stays as it is. */
static void set_sysctl(int sysctl_fd, const char *name, const char *value)
{
	if (sysctl_fd >= 0)
		(void)!fd_write_file(sysctl_fd, name, value);
}

/* Echo requests without raw sockets are off in a new namespace. */
static void allow_echo(int sysctl_fd, gid_t gid)
{
	char text[32];

	snprintf(text, sizeof(text), "%u %u", gid, gid);
	set_sysctl(sysctl_fd, "net/ipv4/ping_group_range", text);
}

static int open_loopback(int type, uint16_t port)
{
	cleanup_close int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, NAMES_WAITING) < 0))
		return -errno;
	return TAKE_FD(fd);
}

static int open_names(int type, struct appsilo_error *err)
{
	int fd = open_loopback(type, NAMES_PORT);

	return fd < 0 ? error_set(err, fd, "network: the sandbox's name server") : fd;
}

/* A port that cannot be listened on (the name server's) is one that is not open. */
static int send_loopback(const struct plan *plan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_loopback; i++) {
		cleanup_close int fd = open_loopback(SOCK_STREAM, plan->loopback[i]);

		r = fd_send(plan->net_fd, &plan->loopback[i], sizeof(plan->loopback[i]), &fd, fd >= 0);
	}
	return r;
}

int tunnel_make(const struct tunnel_places *places, gid_t gid, struct tunnel *ret,
		struct appsilo_error *err)
{
	cleanup_close int tunnel_fd = -EBADF;
	cleanup_close int udp_fd = -EBADF;
	cleanup_close int tcp_fd = -EBADF;
	int r;

	/* Nobody answers to a link-local address: without one, and without neighbours (IFF_NOARP),
	 * the kernel sends nothing by itself, and the first packet is the app's. */
	set_sysctl(places->sysctl_fd, "net/ipv6/conf/default/addr_gen_mode", "1");
	r = tunnel_fd = open_device(places->dev_fd, err);
	if (r >= 0)
		r = set_up(err);
	if (r == 0)
		r = udp_fd = open_names(SOCK_DGRAM, err);
	if (r >= 0)
		r = tcp_fd = open_names(SOCK_STREAM, err);
	if (r < 0)
		return r;
	ret->has_ip6 = set_up6();
	allow_echo(places->sysctl_fd, gid);
	ret->fds[NET_HANDOVER_TUNNEL] = TAKE_FD(tunnel_fd);
	ret->fds[NET_HANDOVER_NAMES_UDP] = TAKE_FD(udp_fd);
	ret->fds[NET_HANDOVER_NAMES_TCP] = TAKE_FD(tcp_fd);
	return 0;
}

bool tunnel_is_made(const struct tunnel *tunnel)
{
	return tunnel->fds[NET_HANDOVER_TUNNEL] >= 0;
}

void tunnel_done(struct tunnel *tunnel)
{
	for (size_t i = 0; i < NET_HANDOVER_FDS; i++)
		close_keep_errno(TAKE_FD(tunnel->fds[i]));
}

int tunnel_hand_over(const struct tunnel *tunnel, const struct plan *plan, struct appsilo_error *err)
{
	struct net_handover handover = {.has_ip6 = tunnel->has_ip6,
					.n_loopback = (uint32_t)plan->n_loopback};
	int r = fd_send(plan->net_fd, &handover, sizeof(handover), tunnel->fds, NET_HANDOVER_FDS);

	if (r == 0)
		r = send_loopback(plan);
	/* It says itself, on its way out, what is wrong. */
	return r < 0 ? error_say(err, r, "run: the sandbox's network did not start") : 0;
}

int tunnel_try(const struct tunnel_places *places)
{
	cleanup_close int fd = open_device(places->dev_fd, NULL);

	return fd < 0 ? fd : 0;
}

int tunnel_wait(int socket_fd, struct appsilo_error *err)
{
	ssize_t n;
	char ready;

	do {
		n = read(socket_fd, &ready, 1);
	} while (n < 0 && errno == EINTR);
	close(socket_fd);
	return n == 1 ? 0 : error_say(err, -ENETDOWN, "run: the sandbox's network did not start");
}
